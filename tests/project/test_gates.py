"""Gates: todos that a person opens, or their time."""

from __future__ import annotations

import threading

import pytest

import longpole
from longpole.errors import InvalidInputError, NotReadyError
from longpole.model import Reason
from longpole.settings import SPECS
from longpole.store import gates
from tests.conftest import START_US
from tests.project.looking import kinds, plan, ready, statuses
from tests.project.sound import unsound

MECHANISMS = SPECS["coordination"].choices
HOUR_S = 3600
HOUR_US = HOUR_S * 1_000_000
LONG_S = 30.0


@pytest.fixture
def project(shared_url, clock):
    with longpole.open(shared_url, clock=clock) as opened:
        opened.configure(lease_s=100 * HOUR_S, heartbeat_s=50 * HOUR_S)
        yield opened


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def gated(project):
    """a ── gate ── b, and c"""
    plan(project, {"a": []})
    project.add("Look at it", id="gate", kind="gate", after=["a"])
    plan(project, {"b": ["gate"], "c": []})
    return project


@pytest.fixture
def timed(project):
    """a ── gate (in an hour) ── b"""
    plan(project, {"a": []})
    project.add("Not before nine", id="gate", kind="gate", after=["a"], opens_at=START_US + HOUR_US)
    plan(project, {"b": ["gate"]})
    return project


def ids(claims):
    return [claim.id for claim in claims]


def opened(project):
    return [(event.todo, event.why) for event in project.journal() if event.kind == "completed" and event.why]


# By a person


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_nobody_is_given_a_gate(gated, me, mechanism):
    gated.configure(coordination=mechanism)
    gated.complete("a")

    got = [ids(me.claim(count=5)), ids(me.claim())]

    assert got == [["c"], []]
    assert gated.todo("gate").status == "ready"


def test_approval_lets_what_comes_after_begin(gated, me):
    gated.complete("a")

    gated.approve("gate", note="looks good")

    gate = gated.todo("gate")
    assert (gate.status, gate.result, gate.finished_at) == ("completed", "looks good", START_US)
    assert (sorted(ready(gated)), unsound(gated)) == (["b", "c"], [])
    assert opened(gated)[-1] == ("gate", "approved")


def test_a_gate_is_not_opened_before_all_before_it_is_done(gated):
    gated.hold("gate", "the boss is away")

    with pytest.raises(NotReadyError, match=r"waits for a, the end of a hold \(the boss is away\); .* --force"):
        gated.approve("gate")

    assert gated.todo("gate").status == "blocked"
    gated.complete("gate", result="by force")
    assert sorted(ready(gated)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("prepare", "todo", "said"),
    [
        (lambda _: None, "c", "'c' is no gate: whoever holds it completes it"),
        (lambda project: project.complete("gate"), "gate", "the gate 'gate' is open already"),
        (lambda project: project.cancel("gate"), "gate", "is cancelled; `longpole reopen gate` first"),
    ],
)
def test_only_a_gate_that_is_shut_is_opened(gated, prepare, todo, said):
    prepare(gated)

    with pytest.raises(InvalidInputError, match=said):
        gated.approve(todo)


def test_a_gate_cannot_be_claimed_by_its_id(gated, me):
    with pytest.raises(NotReadyError, match=r"'gate' is a gate, .*`longpole approve gate`"):
        me.claim_todo("gate")
    gated.complete("a")
    with pytest.raises(NotReadyError, match=r"'gate' is a gate, .*`longpole approve gate`"):
        me.claim_todo("gate")


def test_it_is_told_that_a_person_is_needed(gated, me):
    gated.complete("a")
    gated.complete("c")

    told, status, why = me.allocate(), gated.status(), gated.why("gate")

    assert (told.reason, told.retry_after_s) == (Reason.ALL_BLOCKED, None)
    assert told.detail == "the gate gate waits for a person: `longpole approve gate` once all is well"
    assert (status.gates, status.stuck, status.finished) == (("gate",), (), False)
    assert "it is a gate, which a person opens: `longpole approve gate`" in why.summary
    assert gated.why("b").lines[0] == "waits for the gate gate (ready): Look at it"


def test_who_waits_goes_on_when_the_gate_is_opened(shared_url):
    with longpole.open(shared_url) as project, longpole.open(shared_url) as other:
        project.add("Look", id="gate", kind="gate")
        plan(project, {"b": ["gate"]})
        answers = []
        me = other.register("me", heartbeat=False)
        thread = threading.Thread(target=lambda: answers.append(me.claim(wait_s=LONG_S)))
        thread.start()

        project.approve("gate")

        thread.join(LONG_S / 2)
        assert [ids(claims) for claims in answers] == [["b"]]


def test_while_others_work_not_everything_is_claimed_if_a_gate_is_left(gated, me):
    gated.complete("a")
    me.claim()

    assert gated.register("other", heartbeat=False).allocate().reason == Reason.ALL_BLOCKED


def test_a_gate_is_not_counted_among_what_comes_before_a_todo(gated):
    gated.edit("gate", priority=0)
    gated.complete("a")

    assert "it is the next to be given out" in gated.why("c").summary


def test_a_gate_behind_a_failed_todo_is_stuck_with_it(gated, me):
    gated.configure(max_attempts=1)
    gated.complete("c")
    me.claim_todo("a").fail("broken")

    assert me.allocate().reason == Reason.STUCK


def test_a_gate_with_a_time_behind_a_failed_todo_is_stuck_with_it(timed, me):
    timed.configure(max_attempts=1)
    me.claim_todo("a").fail("broken")

    assert me.allocate().reason == Reason.STUCK


def test_approval_opens_a_gate_behind_whose_time_is_over(gated):
    gated.add("Over", id="over", kind="gate", after=["gate"], opens_at=START_US)
    gated.complete("a")

    gated.approve("gate")

    assert gated.todo("over").status == "completed"


def test_a_gate_takes_no_time_unless_somebody_says_so(gated):
    assert gated.todo("gate").estimate_minutes == 0
    assert [todo.id for todo in gated.critical_path()] == ["a", "gate", "b"]
    assert gated.status().remaining_minutes == 60

    gated.edit("gate", estimate_minutes=15)
    longer = gated.status().remaining_minutes
    gated.edit("gate", estimate_minutes=None)

    assert (longer, gated.status().remaining_minutes) == (75, 60)


def test_to_open_a_gate_is_not_counted_as_work(gated):
    gated.complete("a")
    gated.approve("gate")

    assert (gated.metrics().completed, gated.metrics().completed_by_hand) == (1, 1)


def test_a_reopened_gate_waits_for_a_person_again(gated, me):
    gated.complete("a")
    gated.approve("gate")
    gated.reopen("gate")

    assert statuses(gated)["b"] == "blocked"
    assert ids(me.claim(count=5)) == ["c"]
    gated.approve("gate")
    assert ids(me.claim()) == ["b"]


@pytest.mark.parametrize(
    "fields", [{"kind": "gate", "needs": ["gpu"]}, {"kind": "gate", "touches": ["src"]}, {"kind": "door"},
               {"opens_at": START_US}, {"kind": "gate", "opens_at": 0}, {"kind": "gate", "opens_at": "2h"}]
)  # fmt: skip
def test_what_makes_no_gate_is_refused(project, fields):
    with pytest.raises(InvalidInputError):
        project.add("Gate", **fields)

    assert project.todos() == []


@pytest.mark.parametrize("change", [{"needs": ["gpu"]}, {"touches": ["src"]}, {"kind": "todo"}])
def test_a_gate_stays_one(gated, change):
    with pytest.raises(InvalidInputError, match=r"gate|kind"):
        gated.edit("gate", **change)


def test_a_todo_gets_no_time_to_open_at(gated, me):
    with pytest.raises(InvalidInputError, match="no gate and cannot open by itself"):
        gated.edit("c", opens_at=START_US)

    gated.edit("c", opens_at=None)
    assert sorted(ids(me.claim(count=5))) == ["a", "c"]


# By its time


def test_a_gate_opens_at_its_time(timed, me, clock):
    timed.complete("a")
    told = me.allocate()
    clock.advance(HOUR_S)

    got = me.claim()

    assert (told.reason, told.retry_after_s) == (Reason.ALL_BLOCKED, HOUR_S)
    assert told.detail == "what is left waits for the gate gate, which opens at 2027-01-15 09:00:00 UTC"
    assert (ids(got), opened(timed)[-1]) == (["b"], ("gate", "opened by its time"))
    assert timed.todo("gate").finished_at == START_US + HOUR_US


def test_whoever_completes_the_last_todo_before_it_opens_a_gate_whose_time_has_come(timed, me, clock):
    (claim,) = me.claim()
    clock.advance(2 * HOUR_S)
    timed.sweep()
    shut = timed.todo("gate").status

    got = claim.complete_and_claim()

    assert shut == "blocked"
    assert ids(got) == ["b"]
    assert [event.todo for event in timed.journal() if event.kind == "completed"] == ["a", "gate"]


def test_the_way_of_one_round_trip_does_not_pass_a_gate_by(timed, me, clock):
    clock.advance(2 * HOUR_S)
    timed.sweep()
    (claim,) = me.claim()

    claim.complete()

    assert statuses(timed) == {"a": "completed", "gate": "completed", "b": "ready"}


def test_gates_one_behind_the_other_open_together(project, me):
    project.add("First", id="g0", kind="gate", opens_at=START_US + 1)
    for n in range(1, 120):
        project.add("Next", id=f"g{n}", kind="gate", after=[f"g{n - 1}"], opens_at=START_US)
    plan(project, {"b": ["g119"]})

    project._store.engine.clock.advance(1)

    assert ids(me.claim()) == ["b"]


def test_a_gate_whose_time_is_over_already_opens_with_what_is_before_it(project, me):
    project.add("Over", id="over", kind="gate", opens_at=START_US)
    plan(project, {"a": [], "b": ["over"]})

    assert statuses(project) == {"over": "completed", "a": "ready", "b": "ready"}


@pytest.mark.parametrize(
    "act",
    [
        lambda project: project.cancel("a"),
        lambda project: project.unlink("gate", after=["a"]),
        lambda project: project.complete("a"),
    ],
)
def test_whatever_ends_the_last_wait_opens_a_gate_whose_time_has_come(timed, clock, act):
    clock.advance(2 * HOUR_S)
    timed.sweep()

    act(timed)

    assert (timed.todo("gate").status, timed.todo("b").status) == ("completed", "ready")
    assert unsound(timed) == []


@pytest.mark.parametrize(
    ("shut", "let_go"),
    [
        (lambda project: project.hold("gate", "wait"), lambda project: project.lift("gate")),
        (lambda project: project.pause(branch="api"), lambda project: project.resume(branch="api")),
    ],
)
def test_a_gate_that_is_held_when_its_time_comes_opens_with_the_end_of_the_hold(timed, clock, shut, let_go):
    timed.complete("a")
    timed.edit("gate", branch="api")
    shut(timed)
    clock.advance(2 * HOUR_S)
    timed.sweep()
    before = timed.todo("gate").status

    let_go(timed)

    assert (before, timed.todo("gate").status) == ("blocked", "completed")


def test_a_person_does_not_open_a_gate_before_its_time_but_by_force(timed):
    timed.complete("a")

    with pytest.raises(NotReadyError, match=r"waits for its time \(it opens at 2027-01-15 09:00:00 UTC\)"):
        timed.approve("gate")

    timed.complete("gate")
    assert ready(timed) == ["b"]


def test_a_gate_that_is_reopened_before_its_time_waits_for_it(timed, clock):
    timed.complete("a")
    timed.complete("gate")
    timed.reopen("gate")
    before = statuses(timed)["gate"]
    clock.advance(HOUR_S)
    timed.sweep()

    assert (before, statuses(timed)["gate"]) == ("blocked", "completed")


def test_a_gate_that_is_reopened_after_its_time_waits_for_a_person(timed, me, clock):
    timed.complete("a")
    clock.advance(HOUR_S)
    timed.sweep()
    timed.reopen("gate")
    timed.sweep()

    assert me.claim() == []
    timed.approve("gate")
    assert ids(me.claim()) == ["b"]


def test_a_gates_time_may_be_changed(timed, clock):
    timed.complete("a")
    timed.edit("gate", opens_at=START_US + 3 * HOUR_US)
    clock.advance(2 * HOUR_S)
    timed.sweep()
    later = timed.todo("gate")
    timed.edit("gate", opens_at=None)
    by_hand = timed.todo("gate")
    timed.edit("gate", opens_at=START_US)

    assert (later.status, later.opens_at, len(later.holds)) == ("blocked", START_US + 3 * HOUR_US, 1)
    assert (by_hand.status, by_hand.opens_at, by_hand.holds) == ("ready", None, ())
    assert (timed.todo("gate").status, unsound(timed)) == ("completed", [])


def test_a_step_of_the_clock_does_not_bring_a_gates_time_forward(project, me, clock):
    project.add("Much later", id="gate", kind="gate", opens_at=START_US + 100 * HOUR_US)
    project.sweep()
    clock.step(-2 * HOUR_S)
    project.sweep()
    clock.advance(4 * HOUR_S)
    project.sweep()

    assert project.todo("gate").status == "blocked"


def test_a_gate_that_opens_much_later_does_not_put_off_those_who_wait_for_others(timed, me):
    me.claim()

    told = timed.register("other", heartbeat=False).allocate()

    assert (told.reason, told.retry_after_s) == (Reason.ALL_BLOCKED, 1.0)


def test_a_gate_that_nobody_was_there_to_open_is_opened_by_whoever_asks(timed, me):
    with timed._store.write() as tx:
        tx.run("DELETE FROM hold WHERE kind = 'gate'")
        tx.run("UPDATE todo SET unmet = 0, status = 'ready' WHERE need = -2")
        tx.run("UPDATE todo SET status = 'completed' WHERE number = 1")

    told = me.allocate()

    assert (told.reason, told.detail) == (Reason.ALL_BLOCKED, "a gate is about to open")
    assert ids(me.claim()) == ["b"]


def test_a_gate_is_opened_once_by_those_who_complete_what_is_before_it_at_once(shared_url):
    with longpole.open(shared_url) as project:
        plan(project, {f"t{n}": [] for n in range(4)})
        project.add("Over", id="gate", kind="gate", opens_at=1, after=[f"t{n}" for n in range(4)])
        plan(project, {"b": ["gate"]})
        claims = [project.register(f"i{n}", heartbeat=False).claim()[0] for n in range(4)]
        threads = [threading.Thread(target=claim.complete) for claim in claims]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (statuses(project)["b"], unsound(project)) == ("ready", [])
        assert [event.todo for event in project.journal() if event.kind == "completed"][-1] == "gate"
        assert kinds(project).count("completed") == 5


def test_only_gates_with_a_time_make_acts_of_instances_take_turns(gated):
    with gated._store.read() as tx:
        before = tx.one("SELECT constrained FROM project")
    gated.add("Later", kind="gate", opens_at=START_US + HOUR_US)
    with gated._store.read() as tx:
        after = tx.one("SELECT constrained FROM project")

    assert (before, after) == ((0,), (1,))


def test_a_time_is_said_in_utc():
    assert gates.spoken(START_US) == "2027-01-15 08:00:00 UTC"
