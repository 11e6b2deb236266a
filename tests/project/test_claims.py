from __future__ import annotations

import pytest

from longpole.errors import (
    AlreadyClaimedError,
    ClaimLostError,
    InstanceLostError,
    InvalidInputError,
    NotReadyError,
    UnknownTodoError,
)
from longpole.model import Reason
from longpole.selection import Order, Selection
from tests.project.looking import dump, kinds, plan, statuses


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def other(project):
    return project.register("other", heartbeat=False)


def given_out(instance, count, **how):
    """The ids in the order in which one claim after another gives them."""
    return [instance.claim(**how)[0].id for _ in range(count)]


def test_critical_path_gives_the_urgent_first_then_the_longest_then_the_one_with_more_behind_it(project, me):
    #   long(60)   wide(20) → w1(10), w2(10)   deep(20) → d1(5) → d2(5)   lone(30)   urgent(1, priority 0)
    project.add_many(
        [
            {"id": "tie-2", "title": "T", "estimate_minutes": 5},
            {"id": "lone", "title": "L", "estimate_minutes": 30},
            {"id": "deep", "title": "D", "estimate_minutes": 20},
            {"id": "wide", "title": "W", "estimate_minutes": 20},
            {"id": "long", "title": "L", "estimate_minutes": 60},
            {"id": "tie-1", "title": "T", "estimate_minutes": 5},
            {"id": "urgent", "title": "U", "estimate_minutes": 1, "priority": 0},
            {"id": "w1", "title": "w1", "estimate_minutes": 10, "after": ["wide"]},
            {"id": "w2", "title": "w2", "estimate_minutes": 10, "after": ["wide"]},
            {"id": "d1", "title": "d1", "estimate_minutes": 5, "after": ["deep"]},
            {"id": "d2", "title": "d2", "estimate_minutes": 5, "after": ["d1"]},
        ]
    )

    order = given_out(me, 7)

    # deep, wide: 30 minutes and two descendants each, wide has the more immediate ones; lone: 30 with none behind it.
    assert order == ["urgent", "long", "wide", "deep", "lone", "tie-2", "tie-1"]


def test_a_todo_is_as_urgent_as_what_waits_for_it(project, me):
    project.add_many(
        [
            {"id": "long", "title": "L", "estimate_minutes": 600},
            {"id": "door", "title": "D", "estimate_minutes": 1, "priority": 4},
            {"id": "urgent", "title": "U", "estimate_minutes": 1, "priority": 0, "after": ["door"]},
        ]
    )

    assert given_out(me, 2) == ["door", "long"]


def test_greedy_gives_the_urgent_first_then_the_oldest(project, me):
    project.add_many(
        [
            {"id": "first", "title": "F", "estimate_minutes": 1},
            {"id": "second", "title": "S", "estimate_minutes": 600},
            {"id": "urgent", "title": "U", "estimate_minutes": 1, "priority": 1},
        ]
    )

    assert given_out(me, 3, strategy="greedy") == ["urgent", "first", "second"]


def test_a_claim_tells_all_that_the_instance_needs(project, me, clock):
    project.add("Do it", id="a", estimate_minutes=90)

    (claim,) = me.claim()

    assert (claim.id, claim.title, claim.token, claim.attempt) == ("a", "Do it", 1, 1)
    assert claim.why == "critical_path: 90 min to the end, urgency 2"
    assert claim.lease_expires_at == clock.now() + 300_000_000
    assert (claim.todo.status, claim.todo.holder, claim.todo.claimed_at) == ("in_progress", "me", clock.now())
    assert project.instances()[0].holding == ("a",)
    told = list(project.journal(todo="a"))[-1]
    assert (told.kind, told.instance, told.token, told.why) == ("claimed", "me", 1, claim.why)


def test_each_claim_of_a_todo_has_a_higher_token(project, me, other):
    plan(project, {"a": []})
    tokens = []

    for instance in (me, other, me):
        (claim,) = instance.claim()
        tokens.append(claim.token)
        claim.release()

    assert tokens == [1, 2, 3]
    assert project.todo("a").token == 3


def test_a_claim_of_several_gives_as_many_as_there_are_in_the_strategys_order(project, me):
    project.add_many([{"id": str(minutes), "title": "T", "estimate_minutes": minutes} for minutes in (10, 30, 20)])

    first = me.claim(count=2)
    rest = me.claim(count=100)

    assert [claim.id for claim in first] == ["30", "20"]
    assert [claim.id for claim in rest] == ["10"]


@pytest.mark.parametrize("count", [0, -1, 101, True])
def test_a_claim_of_no_sensible_number_is_refused(project, me, count):
    plan(project, {"a": []})
    before = dump(project)

    with pytest.raises(InvalidInputError):
        me.claim(count=count)

    assert dump(project) == before


def test_no_todo_is_given_to_two(project, me, other):
    plan(project, {"a": [], "b": []})

    both = {me.claim()[0].id, other.claim()[0].id}

    assert both == {"a", "b"}
    assert me.claim() == other.claim() == []


def test_completing_frees_those_that_waited_for_it_alone(project, me):
    #   a → c ← b      a → d
    plan(project, {"a": [], "b": [], "c": ["a", "b"], "d": ["a"]})
    (claim,) = [claim for claim in me.claim(count=2) if claim.id == "a"]

    claim.complete("done")

    assert statuses(project) == {"a": "completed", "b": "in_progress", "c": "blocked", "d": "ready"}
    assert (project.todo("a").result, project.todo("a").holder) == ("done", None)
    assert project.todo("c").unmet == 1


def test_complete_and_claim_gives_what_has_just_become_ready(project, me):
    plan(project, {"a": [], "b": ["a"]})
    (claim,) = me.claim()

    (then,) = claim.complete_and_claim("done")

    assert then.id == "b"
    assert then.complete_and_claim() == []
    assert kinds(project)[-4:] == ["claimed", "completed", "claimed", "completed"]


def test_progress_is_shown_and_forgotten_at_the_next_claim(project, me):
    plan(project, {"a": []})
    (claim,) = me.claim()

    claim.progress(40, note="half of it")
    shown = project.todo("a").progress_percent
    claim.release()
    me.claim()

    assert shown == 40
    assert project.todo("a").progress_percent is None
    assert [event.data for event in project.journal(todo="a") if event.kind == "progressed"] == [
        {"percent": 40, "note": "half of it"}
    ]


@pytest.mark.parametrize("percent", [-1, 101, True])
def test_progress_outside_its_range_is_refused(project, me, percent):
    plan(project, {"a": []})
    (claim,) = me.claim()
    before = dump(project)

    with pytest.raises(InvalidInputError):
        claim.progress(percent)

    assert dump(project) == before


ACTS = {
    "complete": lambda instance, todo, token: instance.complete(todo, token, result="late"),
    "complete_and_allocate": lambda instance, todo, token: instance.complete_and_allocate(todo, token),
    "fail": lambda instance, todo, token: instance.fail(todo, token, "late"),
    "release": lambda instance, todo, token: instance.release(todo, token),
    "progress": lambda instance, todo, token: instance.progress(todo, token, 50, note="late"),
}


def refused(project, error, act, *arguments):
    before = dump(project)
    with pytest.raises(error) as told:
        act(*arguments)
    assert dump(project) == before
    return told.value


@pytest.fixture(params=ACTS)
def act(request):
    return ACTS[request.param]


def test_an_act_with_a_former_token_is_refused_and_changes_nothing(project, me, act):
    plan(project, {"a": [], "b": []})
    (former,) = me.claim()
    former.release()
    now = me.claim_todo(former.id)

    error = refused(project, ClaimLostError, act, me, former.id, former.token)

    assert (error.code, error.exit_code, error.todo_id) == ("claim_lost", 4, former.id)
    assert project.todo(now.id).token == now.token


def test_an_act_with_a_token_from_the_future_is_refused_and_changes_nothing(project, me, act):
    plan(project, {"a": []})
    (claim,) = me.claim()

    refused(project, ClaimLostError, act, me, claim.id, claim.token + 1)


def test_an_act_of_who_does_not_hold_the_todo_is_refused_and_changes_nothing(project, me, other, act):
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()

    error = refused(project, ClaimLostError, act, other, claim.id, claim.token)

    assert "me holds it" in str(error)


def test_an_act_on_what_is_completed_already_is_refused_and_changes_nothing(project, me, act):
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()
    claim.complete("first")

    refused(project, ClaimLostError, act, me, claim.id, claim.token)


def test_an_act_after_the_lease_has_ended_is_refused_and_changes_nothing(project, me, other, clock, *, act):
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()
    clock.advance(200)
    other.heartbeat()
    clock.advance(101)
    assert project.sweep() == ["me"]

    error = refused(project, InstanceLostError, act, me, claim.id, claim.token)

    assert (error.code, error.exit_code) == ("instance_lost", 4)


def test_an_act_after_another_has_the_todo_is_refused_and_changes_nothing(project, me, other, clock, *, act):
    plan(project, {"a": []})
    (claim,) = me.claim()
    clock.advance(200)
    other.heartbeat()
    clock.advance(101)
    (theirs,) = other.claim()

    refused(project, InstanceLostError, act, me, claim.id, claim.token)
    assert (theirs.id, theirs.token, theirs.attempt) == ("a", 2, 2)


def test_an_act_after_unregistering_is_refused_and_changes_nothing(project, me, act):
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()
    me.unregister()

    refused(project, InstanceLostError, act, me, claim.id, claim.token)


def test_an_act_on_a_todo_that_does_not_exist_is_refused(project, me, act):
    plan(project, {"a": []})

    refused(project, UnknownTodoError, act, me, "nowhere", 1)


@pytest.mark.parametrize("end", ["unregister", "expire"])
def test_an_instance_that_is_gone_is_given_nothing(project, me, other, clock, *, end):
    plan(project, {"a": []})
    if end == "unregister":
        me.unregister()
    else:
        clock.advance(200)
        other.heartbeat()
        clock.advance(101)
        project.sweep()

    refused(project, InstanceLostError, me.claim)
    refused(project, InstanceLostError, me.claim_todo, "a")
    refused(project, InstanceLostError, me.heartbeat)


def test_a_certain_todo_can_be_claimed_whatever_its_place(project, me):
    project.add_many([{"id": "long", "title": "L", "estimate_minutes": 99}, {"id": "short", "title": "S"}])

    claim = me.claim_todo("short")

    assert (claim.id, claim.token, claim.why.split(":")[0]) == ("short", 1, "asked for by me")


def test_a_certain_todo_that_cannot_be_claimed_says_why(project, me, other):
    plan(project, {"a": [], "b": ["a"], "done": []})
    project.complete("done")
    me.claim_todo("a")

    held = refused(project, AlreadyClaimedError, other.claim_todo, "a")
    assert held.held_by == "me"
    assert "why b" in str(refused(project, NotReadyError, other.claim_todo, "b"))
    refused(project, NotReadyError, other.claim_todo, "done")
    assert refused(project, UnknownTodoError, other.claim_todo, "c").todo_id == "c"


def test_a_certain_todo_of_a_silent_instance_can_be_claimed_at_once(project, me, other, clock):
    plan(project, {"a": []})
    me.claim()
    clock.advance(200)
    other.heartbeat()
    clock.advance(101)

    assert other.claim_todo("a").attempt == 2


def reason(instance):
    told = instance.allocate()
    assert told.claims == ()
    return told.reason


def test_no_work_has_a_reason_and_says_whether_to_ask_again(project, me, other):
    plan(project, {"a": [], "b": ["a"]})
    (claim,) = me.claim()
    waiting = other.allocate()
    (last,) = claim.complete_and_claim()
    claimed = other.allocate()
    last.complete()
    finished = other.allocate()

    assert (waiting.reason, claimed.reason, finished.reason) == (
        Reason.ALL_BLOCKED,
        Reason.ALL_CLAIMED,
        Reason.FINISHED,
    )
    assert waiting.retry_after_s is not None
    assert claimed.retry_after_s is not None
    assert finished.retry_after_s is None


def test_an_empty_project_has_no_work(project, me):
    assert reason(me) == Reason.FINISHED
    assert "no todos yet" in me.allocate().detail


def test_what_a_failed_todo_strands_is_stuck_and_names_it(project, me):
    project.configure(max_attempts=1)
    plan(project, {"a": [], "b": ["a"]})
    me.claim()[0].fail("compiler missing")

    told = me.allocate()

    assert (told.reason, told.retry_after_s) == (Reason.STUCK, None)
    assert "a (failed: compiler missing" in told.detail
    assert project.status().stuck[0].startswith("a (failed: compiler missing")


def test_what_is_held_alone_is_stuck_and_what_others_are_working_on_is_not(project, me, other):
    plan(project, {"a": [], "b": [], "c": ["b"]})
    project.hold("b", "ask the customer")
    (claim,) = me.claim()

    meanwhile = reason(other)
    claim.complete()

    assert meanwhile == Reason.ALL_BLOCKED
    assert reason(other) == Reason.STUCK
    assert "b (held: ask the customer" in project.status().stuck[0]


def test_a_failed_attempt_that_rests_says_when_to_ask_again(project, me):
    project.configure(retry_backoff_s=30)
    plan(project, {"a": []})
    me.claim()[0].fail("flaky")

    told = me.allocate()

    assert (told.reason, told.retry_after_s) == (Reason.ALL_BLOCKED, 30.0)


@pytest.mark.parametrize("finish", ["complete", "cancel"])
def test_a_finished_todo_that_would_still_rest_does_not_keep_the_project_from_its_end(project, me, finish):
    plan(project, {"a": []})
    me.claim()[0].fail("flaky")

    getattr(project, finish)("a")

    assert reason(me) == Reason.FINISHED


def test_what_is_done_by_hand_can_never_be_claimed(project, me):
    plan(project, {"a": [], "b": []})
    project.complete("a")
    project.cancel("b")

    assert reason(me) == Reason.FINISHED


def shortest(fleet):
    """A strategy as a user writes one."""
    assert fleet.me == "me"
    return [Selection(order=Order.ARRIVAL, why="mine")]


not_a_function = 3


def test_a_strategy_of_ones_own_is_named_by_module_and_function(project, me):
    project.add_many([{"id": "old", "title": "O", "estimate_minutes": 1}, {"id": "long", "title": "L"}])

    (claim,) = me.claim(strategy=f"{__name__}:shortest")

    assert claim.id == "old"
    assert claim.why.startswith("mine: ")


def test_an_installed_strategy_is_found_by_its_name(project, me, tmp_path, monkeypatch):
    folder = tmp_path / "theirs-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[longpole.strategies]\ntheirs = their_strategy:choose\n")
    (tmp_path / "their_strategy.py").write_text(
        "from longpole.selection import Order, Selection\n"
        "def choose(fleet): return [Selection(order=Order.ARRIVAL, why='theirs')]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plan(project, {"a": []})

    project.configure(strategy="theirs")

    assert me.claim()[0].why.startswith("theirs: ")


@pytest.mark.parametrize(
    "name", ["fastest", "no_such_module:choose", f"{__name__}:missing", f"{__name__}:not_a_function", ":", "longpole:"]
)
def test_a_strategy_that_nothing_provides_is_refused_everywhere(project, me, name):
    plan(project, {"a": []})

    refused(project, InvalidInputError, lambda: me.claim(strategy=name))
    refused(project, InvalidInputError, lambda: project.configure(strategy=name))


def test_the_projects_strategy_counts_unless_the_claim_names_one(project, me):
    project.add_many([{"id": "old", "title": "O", "estimate_minutes": 1}, {"id": "long", "title": "L"}])
    project.configure(strategy="greedy")

    by_setting = me.claim()[0]
    by_setting.release()

    assert by_setting.id == "old"
    assert me.claim(strategy="critical_path")[0].id == "long"


def test_completing_what_runs_while_its_predecessor_is_open_again_shortens_the_path_before_it(project, me):
    #   a(10) → b(50)
    plan(project, {"a": []}, estimate_minutes=10)
    plan(project, {"b": ["a"]}, estimate_minutes=50)
    project.complete("a")
    claim = me.claim_todo("b")
    project.reopen("a")

    claim.complete()

    a = project.todo("a")
    assert (a.critical_path_minutes, a.immediate_dependents, a.total_descendants) == (10, 0, 0)
    assert [todo.id for todo in project.critical_path()] == ["a"]


def test_who_completes_a_second_time_is_told_that_it_is_done_and_not_to_discard_it(project):
    project.add("A", id="a")
    me = project.register("me", heartbeat=False)
    other = project.register("other", heartbeat=False)
    (claim,) = me.claim()
    claim.complete()

    with pytest.raises(ClaimLostError, match="completed 'a' with this token already") as mine:
        claim.complete()
    with pytest.raises(ClaimLostError, match="discard"):
        other.complete("a", claim.token)

    assert "discard" not in str(mine.value)
