from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

import longpole
from longpole.coordination import MECHANISMS
from longpole.model import Branch, Status
from longpole.selection import Order, Selection
from longpole.store import branches, lines
from tests.project.looking import dump, kinds, plan
from tests.reliability import checker
from tests.reliability.puppet import Puppet

CHAINS = {"long": [60, 60, 60], "middle": [40, 40], "short": [10, 10]}


@pytest.fixture
def project(project):
    """Three branches, each a chain of todos that wait for one another, and a todo that has none.

    long-0 → long-1 → long-2      middle-0 → middle-1      short-0 → short-1      lone
    """
    project.configure(strategy="branch_affinity")
    for branch, minutes in CHAINS.items():
        lay(project, branch, minutes)
    project.add("Lone", id="lone", estimate_minutes=5)
    return project


def lay(project, branch, minutes):
    """Add a chain of todos in one branch."""
    project.add_many(
        {
            "id": f"{branch}-{place}",
            "title": branch,
            "branch": branch,
            "estimate_minutes": one,
            "after": [f"{branch}-{place - 1}"] if place else [],
        }
        for place, one in enumerate(minutes)
    )


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def other(project):
    return project.register("other", heartbeat=False)


def finish_next(instance):
    """The id of the next todo, and the rule that chose it; the todo is done then."""
    (claim,) = instance.claim()
    claim.complete()
    return claim.id, claim.why.partition(":")[0]


def keepers(project):
    return {branch.name: branch.holder for branch in project.branches() if branch.holder}


def named(project, name):
    return next(branch for branch in project.branches() if branch.name == name)


def told(project, *kinds):
    return [(event.kind, event.data["branch"], event.instance) for event in project.journal() if event.kind in kinds]


# Affinity


def test_an_instance_stays_in_its_branch_then_takes_a_free_one_and_at_last_anything(project, me):
    given = [finish_next(me) for _ in range(8)]

    assert given == [
        ("long-0", "branch_affinity, the free branch long"),
        ("long-1", "branch_affinity, its branch long"),
        ("long-2", "branch_affinity, its branch long"),
        ("middle-0", "branch_affinity, the free branch middle"),
        ("middle-1", "branch_affinity, its branch middle"),
        ("short-0", "branch_affinity, the free branch short"),
        ("short-1", "branch_affinity, its branch short"),
        ("lone", "branch_affinity, nothing in short, no branch free"),
    ]


def test_each_instance_has_a_branch_of_its_own(project, me, other):
    mine, theirs = me.claim()[0], other.claim()[0]

    assert (mine.id, theirs.id) == ("long-0", "middle-0")
    assert keepers(project) == {"long": "me", "middle": "other"}


def test_a_branch_with_an_instance_is_left_to_it_while_another_has_something_ready(project, me, other):
    lay(project, "more", [400, 300])
    project.unlink("more-1", after=["more-0"])
    me.claim()

    (theirs,) = other.claim()

    assert keepers(project)["more"] == "me"
    assert theirs.id == "long-0"


def test_where_every_branch_has_an_instance_the_next_works_in_one_without_keeping_to_it(project, me):
    lay(project, "wide", [200, 200, 200])
    for place in (1, 2):
        project.unlink(f"wide-{place}", after=[f"wide-{place - 1}"])
    for branch in CHAINS:
        project.cancel(f"{branch}-0", cascade=True)
    project.cancel("lone")
    me.claim()
    late = project.register("late", heartbeat=False)

    (claim,) = late.claim()

    assert claim.todo.branch == "wide"
    assert claim.why.startswith("branch_affinity, no branch free: ")
    assert keepers(project) == {"wide": "me"}


def test_of_several_branches_with_an_instance_the_most_critical_todo_is_next(project, me):
    project.add("Urgent", id="urgent", branch="urgent", priority=0)
    with project._store.write() as tx:
        for name in ("long", "short", "urgent"):
            branches.turn_to(tx, name, me.number, [0])

    assert [finish_next(me)[0] for _ in range(2)] == ["urgent", "long-0"]


def test_nobody_hoards_a_branch_in_which_nothing_is_ready(project, me):
    project.link("middle-0", after=["lone"])
    #   long-0 → … → long-2      lone → middle-0: when long is done, me goes on with short
    for _ in range(4):
        finish_next(me)

    assert keepers(project) == {"short": "me"}
    assert told(project, "branch_freed") == [("branch_freed", "long", "me")]


def test_an_instance_that_must_leave_its_branch_no_longer_keeps_to_it(project, me, other):
    project.cancel("short-0", cascade=True)
    project.link("long-1", after=["middle-0"])
    other.claim_todo("middle-0")
    finish_next(me)

    assert finish_next(me) == ("lone", "branch_affinity, nothing in long, no branch free")
    assert keepers(project) == {}


def test_what_is_ready_for_others_alone_is_no_reason_to_keep_to_a_branch(project, me):
    gpu = project.register("gpu", heartbeat=False, offers=["gpu"])
    project.edit("long-1", needs=["gpu"])
    finish_next(me)

    assert finish_next(me)[0] == "middle-0"
    assert keepers(project) == {"middle": "me"}
    assert finish_next(gpu) == ("long-1", "branch_affinity, the free branch long")


def test_the_free_branch_is_the_most_critical_among_all_that_an_instance_may_work_in(project):
    gpu = project.register("gpu", heartbeat=False, offers=["gpu"])
    lay(project, "heavy", [500])
    project.edit("heavy-0", needs=["gpu"])

    assert [finish_next(gpu)[0] for _ in range(2)] == ["heavy-0", "long-0"]


def test_an_urgent_todo_in_a_free_branch_goes_first(project, me):
    project.add("Urgent", id="urgent", branch="urgent", priority=0, estimate_minutes=1)

    assert finish_next(me)[0] == "urgent"


def test_a_batch_keeps_to_one_branch(project, me):
    claims = me.claim(count=4)

    assert [claim.id for claim in claims] == ["long-0", "middle-0", "short-0", "lone"]
    assert keepers(project) == {"long": "me"}


def test_each_turn_to_a_branch_has_a_higher_token(project, me, other):
    finish_next(me)
    me.unregister()
    finish_next(other)

    assert named(project, "long").token == 2
    assert told(project, "branch_kept", "branch_freed") == [
        ("branch_kept", "long", "me"),
        ("branch_freed", "long", "me"),
        ("branch_kept", "long", "other"),
    ]


def test_a_third_party_strategy_keeps_to_the_branch_of_what_it_gets(project, me):
    me.claim(strategy=f"{__name__}:oldest_kept")

    assert keepers(project) == {"long": "me"}


def oldest_kept(_fleet):
    return [Selection(order=Order.ARRIVAL, keep=True, why="mine")]


WHO_CHOOSES = sorted(set(MECHANISMS) - {"work_queue"})
"""The mechanisms where it matters who asks."""


@pytest.mark.parametrize("coordination", WHO_CHOOSES)
def test_every_mechanism_lets_an_instance_keep_to_its_branch(project, me, coordination):
    project.configure(coordination=coordination)
    project.settings()

    given = [finish_next(me)[0] for _ in range(4)]

    assert given == ["long-0", "long-1", "long-2", "middle-0"]
    assert keepers(project) == {"middle": "me"}


@pytest.mark.parametrize("coordination", WHO_CHOOSES)
def test_every_mechanism_knows_the_branch_that_an_instance_would_leave(project, me, coordination):
    project.configure(coordination=coordination, strategy="context_aware", switch_bonus_minutes=150)
    project.settings()
    me.claim_todo("short-0").complete()

    given = [(todo, why[why.index("context_aware") :]) for todo, why in (finish_next(me), finish_next(me))]

    # short-1 counts 10 + 150 minutes against the 180 of long-0; long-1 then 120 + 150
    assert given == [
        ("long-0", "context_aware, leaves short, though it counts 150 min longer"),
        ("long-1", "context_aware, stays in long, which counts 150 min longer"),
    ]


# Who is gone


def test_the_branches_of_a_dead_instance_are_freed_with_its_claims(project, me, other, clock):
    me.claim()
    clock.advance(200)
    other.heartbeat()
    clock.advance(101)

    assert project.sweep() == ["me"]

    assert keepers(project) == {}
    assert kinds(project)[-3:] == ["expired", "branch_freed", "lost"]
    assert finish_next(other) == ("long-0", "branch_affinity, the free branch long")


def test_the_branches_of_whoever_leaves_are_freed(project, me):
    me.claim()

    me.unregister()

    assert keepers(project) == {}
    assert told(project, "branch_freed") == [("branch_freed", "long", "me")]


def test_an_instance_of_the_same_name_does_not_inherit_its_branches(project, me):
    me.claim()
    me.unregister()

    again = project.register("me", heartbeat=False)

    assert again.claim(strategy="critical_path")[0].id == "long-0"
    assert keepers(project) == {}


# Races


@pytest.mark.race
def test_two_never_keep_to_the_same_branch(shared_url):
    with longpole.open(shared_url) as project, ExitStack() as stack:
        project.configure(strategy="branch_affinity", durability="normal")
        project.add_many(
            {"title": "T", "branch": f"branch-{branch}", "estimate_minutes": 1 + (branch + place) % 7}
            for branch in range(30)
            for place in range(6)
        )
        puppets = [stack.enter_context(Puppet(shared_url)) for _ in range(4)]
        for place, puppet in enumerate(puppets):
            puppet.ask("register", name=f"i{place}")
        for puppet in puppets:
            puppet.tell("rush", count=45)
        answers = [puppet.answer() for puppet in puppets]

        events, kept = list(project.journal()), keepers(project)

    assert [answer["refused"] for answer in answers] == [[], [], [], []]
    assert checker.check(events) == []
    numbers = Counter(event.kind.value for event in events)
    assert numbers["branch_kept"] >= 30 - len(puppets)
    assert numbers["branch_kept"] - numbers["branch_freed"] == len(kept)


# Looking


def test_a_branch_is_listed_with_all_that_is_known_of_it(project, me, clock):
    project.configure(**{"cap.short": 2, "cap.later": 1, "cap.none": 0})
    (claim,) = me.claim()
    claim.progress(50)
    project.complete("short-0")

    long, middle, short = (named(project, one) for one in ("long", "middle", "short"))

    assert [branch.name for branch in project.branches()] == ["later", "long", "middle", "short"]
    assert long == Branch(
        name="long",
        todos=("long-0", "long-1", "long-2"),
        counts={"in_progress": 1, "blocked": 2},
        remaining_minutes=150,
        holder="me",
        held_at=clock.now(),
        token=1,
    )
    assert (middle.counts, middle.remaining_minutes, middle.holder) == ({"ready": 1, "blocked": 1}, 80, None)
    assert (short.counts, short.remaining_minutes, short.cap) == ({"completed": 1, "ready": 1}, 10, 2)
    assert named(project, "later") == Branch(name="later", cap=1)


def test_a_todo_without_an_estimate_counts_as_the_project_says(project):
    project.configure(default_estimate_minutes=7)
    project.add("Odd", branch="odd")

    assert named(project, "odd").remaining_minutes == 7


def test_a_paused_branch_says_why(project):
    with project._store.write() as tx:
        tx.run(
            "INSERT INTO branch (project_id, name, pause) VALUES (?, ?, ?)", (tx.project_id, "long", "release first")
        )

    assert named(project, "long").pause == "release first"


def test_a_branch_that_was_kept_to_and_has_no_todos_any_more_is_not_listed(project, me):
    project.edit("lone", branch="lonely", priority=0)
    finish_next(me)
    project.edit("lone", branch=None)
    me.unregister()

    assert [branch.name for branch in project.branches()] == ["long", "middle", "short"]


# Branches from the graph


@pytest.fixture
def bare(url, clock):
    """A project without branches.

    a(30) → b(60) → e(10)      a → c(20) → d(20) → e      f(5)      done → g(1)
    """
    with longpole.open(url, clock=clock) as opened:
        plan(opened, {"done": []}, estimate_minutes=99)
        drawing = {"a": ([], 30), "b": (["a"], 60), "c": (["a"], 20), "d": (["c"], 20), "e": (["b", "d"], 10)}
        for one, (after, minutes) in {**drawing, "f": ([], 5), "g": (["done"], 1)}.items():
            opened.add(one, id=one, after=after, estimate_minutes=minutes)
        opened.complete("done")
        yield opened


def branch_of(project):
    return {todo.id: todo.branch for todo in project.todos()}


def test_todos_without_a_branch_get_one_chain_by_chain(bare):
    derived = bare.derive_branches()

    assert [(one.name, one.todos, one.minutes) for one in derived] == [
        ("a", ("a", "b", "e"), 100),
        ("c", ("c", "d"), 40),
        ("f", ("f",), 5),
        ("g", ("g",), 1),
    ]
    expected = {one: derived[place].name for place, ids in enumerate(["abe", "cd", "f", "g"]) for one in ids}
    assert branch_of(bare) == {"done": None, **expected}
    assert bare.derive_branches() == []


def test_a_dry_run_tells_the_same_and_changes_nothing(bare):
    before = dump(bare)

    told = bare.derive_branches(dry_run=True)

    assert dump(bare) == before
    assert told == bare.derive_branches()


def test_what_has_a_branch_keeps_it_and_is_no_part_of_a_chain(bare):
    bare.edit("b", branch="mine")

    derived = bare.derive_branches()

    assert [one.todos for one in derived] == [("a", "c", "d", "e"), ("f",), ("g",)]
    assert branch_of(bare)["b"] == "mine"


def test_a_new_branch_never_gets_the_name_of_one_that_is_there_paused_or_capped(bare):
    bare.edit("b", branch="f")
    bare.configure(**{"cap.a": 1})
    with bare._store.write() as tx:
        tx.run("INSERT INTO branch (project_id, name, pause) VALUES (?, 'g', 'later')", (tx.project_id,))

    assert [one.name for one in bare.derive_branches()] == ["a-2", "f-2", "g-2"]


def test_each_todo_that_gets_a_branch_has_its_line_in_the_journal(bare):
    bare.derive_branches()

    told = [(event.todo, event.data, event.why) for event in bare.journal() if event.kind == "edited"]

    assert told[0] == ("a", {"branch": "a"}, "a longest path of todos without a branch")
    assert [todo for todo, _, _ in told] == ["a", "b", "c", "d", "e", "f", "g"]


def test_an_import_does_not_take_the_branches_away_again(url, clock):
    text = '{"todos": [{"id": "a", "title": "A"}, {"id": "b", "title": "B", "after": ["a"], "estimate": "5m"}]}'
    with longpole.open(url, clock=clock) as project:
        project.import_text(text)
        project.edit("a", title="Renamed")
        project.derive_branches()

        project.import_text(text)

        assert branch_of(project) == {"a": "a", "b": "a"}
        assert project.todo("a").title == "Renamed"


def test_progress_is_told_of_long_derivations(bare, monkeypatch):
    monkeypatch.setattr(lines, "PAGE", 3)
    told: list[int] = []

    bare.derive_branches(progress=told.append)

    assert told == [3, 6, 7]
    assert None not in {todo.branch for todo in bare.todos() if todo.id != "done"}


def test_derived_branches_are_worked_through_like_others(bare):
    bare.derive_branches()
    bare.configure(strategy="branch_affinity")
    me = bare.register("me", heartbeat=False)

    given = [finish_next(me)[0] for _ in range(7)]

    assert given == ["a", "b", "c", "d", "e", "f", "g"]


def test_claims_go_on_while_branches_are_derived(shared_url):
    with longpole.open(shared_url) as project, longpole.open(shared_url) as other:
        plan(project, {one: [] for one in "abc"})
        me = other.register("me", heartbeat=False)
        (claim,) = me.claim()

        project.derive_branches()

        assert project.todo(claim.id).status == Status.IN_PROGRESS
        claim.complete()
        assert project.todo(claim.id).branch == claim.id
