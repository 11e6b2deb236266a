from __future__ import annotations

import re

import pytest

import longpole
from longpole.errors import InvalidInputError, StorageBusyError
from longpole.model import Reason
from longpole.selection import BestOf, Order, Selection
from longpole.store import projects, queue
from tests.project.looking import statuses
from tests.project.ranking import places, ranked, sized
from tests.store.plans import fill, steps

ANYWHERE = Selection(order=Order.CRITICAL_PATH, why="mine")
REFUSED = (
    "the strategy '{}' depends on who asks, and a work queue ranks for everybody; choose critical_path or greedy, or"
    " another coordination"
)
LOOKING = ("load_balanced", "branch_affinity", "context_aware")


@pytest.fixture
def project(project):
    project.configure(coordination="work_queue", queue_refresh_s=5)
    project.settings()
    return project


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def small(monkeypatch):
    """Rankings of two todos at most, or of one for each need."""
    monkeypatch.setattr(queue, "MOST", 2)
    monkeypatch.setattr(queue, "FEWEST", 1)


def looks(fleet):
    return [ANYWHERE.replace(why=fleet.me)]


def keeps(_fleet):
    return [ANYWHERE.replace(keep=True)]


def wants_unheld(_fleet):
    return [ANYWHERE.replace(unheld=True), ANYWHERE]


def backend_first(_fleet):
    return [ANYWHERE.replace(branch="backend", why="backend first"), ANYWHERE.replace(order=Order.ARRIVAL)]


def backend_sooner(_fleet):
    return [BestOf(selections=(ANYWHERE.replace(branch="backend", bonus_minutes=15.0), ANYWHERE))]


def nothing(_fleet):
    return []


# What is given out


def test_a_claim_tells_its_place_and_when_the_todos_were_ranked(project, me):
    sized(project, short=10, long=60, wide=20)

    claims = me.claim(count=3)

    assert [(claim.id, claim.why) for claim in claims] == [
        ("long", "work_queue by critical_path, place 1 of the ranking of 08:00 UTC: 60 min to the end, urgency 2"),
        ("wide", "work_queue by critical_path, place 2 of the ranking of 08:00 UTC: 20 min to the end, urgency 2"),
        ("short", "work_queue by critical_path, place 3 of the ranking of 08:00 UTC: 10 min to the end, urgency 2"),
    ]


def test_a_ranking_serves_claim_after_claim_and_instance_after_instance(project, me):
    sized(project, a=40, b=30, c=20, d=10)
    (claim,) = me.claim()

    claim.complete_and_claim()
    project.register("other", heartbeat=False).claim()

    assert ranked(project) == (1, ["d"])
    assert places(project) == [("a", "1", ""), ("b", "2", ""), ("c", "3", "")]


@pytest.mark.parametrize(
    ("strategy", "order", "reasons"),
    [
        ("greedy", "abcd", ["greedy"] * 4),
        (f"{__name__}:backend_first", "bdac", ["backend first"] * 2 + ["mine"] * 2),
        (f"{__name__}:backend_sooner", "cbda", ["mine"] * 4),
    ],
)
def test_the_ranking_is_the_strategys(project, strategy, order, reasons):
    me = project.register("me", heartbeat=False)
    minutes = {"a": 10, "b": 20, "c": 40, "d": 15}
    project.add_many(
        [
            {"id": one, "title": one, "estimate_minutes": minutes[one], "branch": "backend" if one in "bd" else None}
            for one in "abcd"
        ]
    )

    claims = [me.claim(strategy=strategy)[0] for _ in range(4)]

    assert "".join(claim.id for claim in claims) == order
    assert [claim.why.split(" of ")[0] for claim in claims] == [
        f"work_queue by {reason}, place {place}" for place, reason in enumerate(reasons, start=1)
    ]


def test_the_branch_of_a_claim_is_the_instances_from_then_on(project, me):
    project.add("A", id="a", branch="backend")
    me.claim()
    project.add_many([{"title": "B", "id": "b"}, {"title": "C", "id": "c", "branch": "backend"}])
    project.configure(switch_bonus_minutes=60)

    (claim,) = me.claim(coordination="optimistic", strategy="context_aware")

    assert claim.id == "c"


def test_an_item_whose_todo_was_claimed_by_its_id_or_set_aside_is_passed_over(project, me):
    sized(project, first=50, a=40, b=30, c=20)
    me.claim()
    project.register("other", heartbeat=False).claim_todo("a")
    project.hold("b", "a decision is missing")

    (claim,) = me.claim()

    assert (claim.id, ranked(project)) == ("c", (1, ["a", "b"]))


def test_a_strategy_that_wants_nothing_is_told_apart_from_no_work(project, me):
    sized(project, a=10)

    reasons = [me.allocate(strategy=f"{__name__}:nothing").reason, me.claim()[0].id, me.allocate().reason]

    assert reasons == [Reason.AT_CAPACITY, "a", Reason.ALL_CLAIMED]


# When todos are ranked anew


def test_todos_are_ranked_anew_when_the_graph_has_changed(project, me):
    sized(project, a=40, b=30, c=20, d=10)
    me.claim()
    project.edit("d", priority=0)
    project.edit("b", estimate_minutes=15)

    order = [me.claim()[0].id for _ in range(3)]

    assert (order, ranked(project)[0]) == (["d", "c", "b"], 2)


@pytest.mark.parametrize(("seconds", "then"), [(4.9, (1, "cd")), (5.0, (2, "cdl")), (-5.0, (2, "cdl"))])
def test_todos_are_ranked_anew_after_a_while_and_when_the_clock_was_set_back(project, clock, seconds, then):
    # a, b, c, d, and e → l, the least of all
    sized(project, e=40, a=30, b=20, c=15, d=12, l=10)
    project.link("l", after=["e"])
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim()
    claim.complete_and_claim()
    before = ranked(project)

    clock.step(seconds)
    me.claim()

    assert before == (1, ["b", "c", "d"])
    assert ranked(project) == (then[0], list(then[1]))


def test_todos_are_ranked_anew_when_the_strategy_has_changed(project, me):
    sized(project, a=10, b=40, c=30, d=20)
    me.claim()
    project.configure(strategy="greedy")

    order = [me.claim()[0].id, me.claim(strategy="critical_path")[0].id]

    assert (order, ranked(project)[0]) == (["a", "c"], 3)


def test_todos_are_ranked_anew_when_the_ranking_is_used_up(project, me, small):
    sized(project, a=50, b=40, c=30, d=20, e=10)

    for _ in range(5):
        me.claim()

    assert places(project) == [("a", "1", ""), ("b", "2", ""), ("c", "1", ""), ("d", "2", ""), ("e", "1", "")]
    assert ranked(project) == (3, [])


def test_one_that_became_ready_and_is_more_critical_than_all_that_are_ranked_comes_first(project, me):
    #   door(1) → long(100)    a, b
    sized(project, door=1, long=100, a=20, b=10)
    project.link("long", after=["door"])
    (claim,) = me.claim()

    (then,) = claim.complete_and_claim()

    assert (claim.id, then.id, ranked(project)) == ("door", "long", (2, ["a", "b"]))


def test_one_that_became_ready_and_is_less_critical_waits_for_its_turn(project, me):
    #   door(100) → late(10)    a, b
    sized(project, door=100, late=10, a=30, b=20)
    project.link("late", after=["door"])
    (claim,) = me.claim()

    order = [claim.id, *(claim.complete_and_claim()[0].id for claim in [claim])]
    order += [me.claim()[0].id for _ in range(2)]

    assert order == ["door", "a", "b", "late"]
    assert ranked(project)[0] == 2


def test_a_todo_that_was_given_back_is_next_again(project, me):
    sized(project, a=30, b=20, c=10)
    (claim,) = me.claim()
    claim.release()

    (again,) = me.claim()

    assert (again.id, again.token, ranked(project)) == ("a", 2, (2, ["b", "c"]))


def test_a_poll_that_finds_nothing_ranks_nothing(project, me, clock):
    sized(project, a=10)
    me.claim()
    clock.advance(60)

    reasons = [me.allocate().reason for _ in range(3)]

    assert reasons == [Reason.ALL_CLAIMED] * 3
    assert ranked(project) == (1, [])


def test_former_editions_are_forgotten(project, me, clock):
    sized(project, a=50, b=40, c=30, d=20)
    for _ in range(4):
        me.claim()
        clock.advance(6)

    with project._store.read() as tx:
        editions = {row[0] for row in tx.all("SELECT DISTINCT edition FROM queue")}

    assert ranked(project)[0] == 4
    assert editions <= {3, 4}


# Roles


def test_a_todo_is_for_whoever_meets_its_need_and_keeps_nobody_else_waiting(project, small):
    project.add_many(
        [{"title": "G", "id": f"g{n}", "estimate_minutes": 90 - n, "needs": ["gpu"]} for n in range(4)]
        + [{"title": "P", "id": f"p{n}", "estimate_minutes": 40 - n} for n in range(4)]
    )
    plain = project.register("plain", heartbeat=False)
    gpu = project.register("gpu", heartbeat=False, offers=["gpu"])

    order = [plain.claim()[0].id]
    at_first = ranked(project)
    order += [one.claim()[0].id for one in (gpu, plain, gpu, plain, gpu, plain, gpu)]

    assert order == ["p0", "g0", "p1", "g1", "p2", "g2", "p3", "g3"]
    assert at_first == (1, ["g0"])
    assert plain.allocate().claims == ()
    assert ranked(project)[0] <= 4


def test_who_meets_several_needs_gets_the_best_of_all(project):
    sized(project, p=50)
    project.add_many(
        [
            {"title": "G", "id": "g", "estimate_minutes": 60, "needs": ["gpu"]},
            {"title": "R", "id": "r", "estimate_minutes": 40, "needs": ["reviewer"]},
            {"title": "B", "id": "both", "estimate_minutes": 30, "needs": ["gpu", "reviewer"]},
        ]
    )
    both = project.register("both", heartbeat=False, offers=["reviewer", "gpu"])

    order = [both.claim()[0].id for _ in range(4)]

    assert order == ["g", "p", "r", "both"]
    assert ranked(project)[0] == 1


# Strategies that ask who asks


@pytest.mark.parametrize("strategy", LOOKING)
def test_the_pair_is_refused_when_it_is_set_whichever_comes_first(url, strategy):
    with longpole.open(url) as project:
        project.configure(coordination="work_queue")
        with pytest.raises(InvalidInputError, match=re.escape(REFUSED.format(strategy))):
            project.configure(strategy=strategy, cap=7)
        project.configure(coordination="optimistic", strategy=strategy)
        with pytest.raises(InvalidInputError, match=re.escape(REFUSED.format(strategy))):
            project.configure(coordination="work_queue", cap=7)

        settings = project.settings()

    assert (settings.coordination, settings.strategy, settings.cap) == ("optimistic", strategy, 0)


@pytest.mark.parametrize("strategy", [*LOOKING, *(f"{__name__}:{own}" for own in ("looks", "keeps", "wants_unheld"))])
def test_a_call_by_such_a_strategy_is_refused_and_changes_nothing(project, me, strategy):
    sized(project, a=20, b=10)
    (claim,) = me.claim()
    before = [event.kind for event in project.journal()]

    with pytest.raises(InvalidInputError, match=re.escape(REFUSED.format(strategy))):
        claim.complete_and_claim(strategy=strategy)

    assert [event.kind for event in project.journal()] == before
    assert statuses(project) == {"a": "in_progress", "b": "ready"}


def test_a_claim_by_a_pair_that_came_about_in_another_way_is_refused(project, me):
    with project._store.write() as tx:
        projects.configure(tx, {"strategy": "context_aware"})

    with pytest.raises(InvalidInputError, match=re.escape(REFUSED.format("context_aware"))):
        me.claim()
    project.configure(lease_s=600)
    project.configure(strategy=None)

    assert me.allocate().reason == Reason.FINISHED


# Another mechanism for a call


def test_a_call_may_go_by_another_mechanism_than_the_project(project, me):
    sized(project, a=40, b=30, c=20, d=10)
    project.configure(coordination="optimistic")
    project.settings()

    (first,) = me.claim(coordination="work_queue")
    (second,) = first.complete_and_claim(coordination="work_queue")
    third = me.complete_and_allocate("b", second.token, coordination="work_queue").claims[0]
    (fourth,) = me.complete_many([], count=1)

    assert [claim.why.split(",")[0] for claim in (first, second, third)] == ["work_queue by critical_path"] * 3
    assert fourth.why.startswith("critical_path:")
    assert project.settings().coordination == "optimistic"


def test_a_call_by_an_unknown_mechanism_is_refused(project, me):
    sized(project, a=10)
    (claim,) = me.claim()

    with pytest.raises(InvalidInputError, match="coordination must be optimistic or work_queue or"):
        claim.complete_and_claim(coordination="anarchy")

    assert statuses(project) == {"a": "in_progress"}


# What a claim leaves behind, and what it reads


def test_an_item_whose_claim_does_not_come_about_is_back_in_its_place(project, me, monkeypatch):
    sized(project, a=30, b=20)
    me.claim()[0].complete()
    take = queue.drop

    def interrupted(tx, item):
        take(tx, item)
        raise StorageBusyError

    monkeypatch.setattr(queue, "drop", interrupted)
    with pytest.raises(StorageBusyError):
        me.claim()

    assert ranked(project) == (1, ["b"])


def test_what_is_left_of_a_ranking_is_found_by_its_key(file_url):
    with longpole.open(file_url) as project:
        project.configure(coordination="work_queue", queue_refresh_s=1000)
        fill(project, 1000)
        me = project.register("me", heartbeat=False)
        (claim,) = me.claim()

        found = [*steps(project, me.claim), *steps(project, lambda: (claim.release(), me.claim()))]

    of_the_queue = {step.detail for step in found if step.detail.startswith(("SEARCH q ", "SEARCH t ", "SCAN q"))}
    assert of_the_queue == {
        "SEARCH q USING PRIMARY KEY (project_id=? AND edition=?)",
        "SEARCH t USING PRIMARY KEY (project_id=? AND number=?)",
    }
