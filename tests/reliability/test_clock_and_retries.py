"""What the simulation found, each as the shortest story that shows it."""

from __future__ import annotations

import pytest

import longpole
from longpole.errors import InstanceLostError
from longpole.model import Status
from tests.reliability.world import VirtualClock

LEASE_S = 10.0


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def project(clock):
    with longpole.open(":memory:", clock=clock) as opened:
        opened.configure(lease_s=LEASE_S, heartbeat_s=2.0)
        yield opened


def pass_s(clock, seconds):
    clock.pass_until(clock.seconds + seconds)


@pytest.mark.parametrize("and_claim", [False, True])
def test_a_retry_of_a_completion_is_confirmed_even_if_the_instance_was_given_up_meanwhile(project, clock, and_claim):
    project.add("the only one", id="a")
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim()
    complete = claim.complete_and_claim if and_claim else claim.complete
    complete("done", key="k")  # and the answer is lost
    pass_s(clock, 2 * LEASE_S)
    assert project.sweep() == ["me"]

    complete("done", key="k")

    assert project.todo("a").status is Status.COMPLETED


def test_a_claim_that_came_with_a_retried_completion_is_still_refused_after_its_instance_was_given_up(project, clock):
    # a ──▶ b
    project.add("first", id="a")
    project.add("second", id="b", after=["a"])
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim()
    claim.complete_and_claim(key="k")
    pass_s(clock, 2 * LEASE_S)
    project.sweep()

    old = claim.complete_and_claim(key="k")

    with pytest.raises(InstanceLostError):
        [one.complete() for one in old] or me.heartbeat()
    assert project.todo("b").status is Status.READY


@pytest.mark.parametrize("ask", ["heartbeat", "claim", "sweep"])
def test_a_silent_instance_is_given_up_in_time_although_the_clock_was_set_back(project, clock, ask):
    project.add("the only one", id="a")
    dead, alive = (project.register(name, heartbeat=False) for name in ("dead", "alive"))
    dead.claim()
    pass_s(clock, 1.0)
    alive.heartbeat()
    clock.jump(-400.0)

    for _ in range(15):
        pass_s(clock, 2.0)
        alive.heartbeat()
        {"heartbeat": alive.heartbeat, "claim": alive.claim, "sweep": project.sweep}[ask]()

    assert [instance.name for instance in project.instances()] == ["alive"]


@pytest.mark.parametrize("jump_s", [30.0, 400.0, 86_400.0])
@pytest.mark.parametrize("after_s", [0.0, 0.0006, 5.0])
def test_nobody_is_given_up_because_the_clock_was_set_forward(project, clock, jump_s, after_s):
    pass_s(clock, 0.0006)  # off the whole millisecond
    instances = [project.register(name, heartbeat=False) for name in ("one", "two")]
    pass_s(clock, after_s)
    clock.jump(jump_s)

    lost = project.sweep()

    assert lost == []
    assert [instance.heartbeat() > clock.now() for instance in instances] == [True, True]


def test_a_todo_that_rests_after_a_failure_rests_an_hour_at_most_although_the_clock_was_set_back(project, clock):
    project.add("the only one", id="a")
    project.register("me", heartbeat=False).claim()[0].fail("it did not work")
    clock.jump(-30 * 86_400.0)
    project.sweep()
    pass_s(clock, 3_600.0)

    project.sweep()

    assert project.todo("a").status is Status.READY


def test_a_retried_completion_is_confirmed_even_if_the_heartbeat_knows_that_the_instance_is_lost(project, clock):
    project.add("the only one", id="a")
    me = project.register("me")
    (claim,) = me.claim()
    claim.complete(key="k")  # and the answer is lost
    pass_s(clock, 2 * LEASE_S)
    project.sweep()
    me._heartbeat.lost = True  # what its thread learns at the next beat

    claim.complete(key="k")

    assert me.is_lost
    assert project.todo("a").status is Status.COMPLETED
    me.unregister()


def test_the_time_that_a_claim_may_be_held_counts_anew_after_a_sleep(project, clock):
    project.configure(max_hold_s=60.0)
    project.add("the only one", id="a")
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim()
    pass_s(clock, 1.0)
    me.heartbeat()

    clock.jump(3600.0)
    me.heartbeat()

    claim.complete()
    assert project.todo("a").status is Status.COMPLETED


def test_the_journal_tells_what_an_added_todo_waits_for(project):
    project.add("first", id="a")
    project.add("second", id="b", after=["a"])

    added = {event.todo: event.data for event in project.journal() if event.kind == "added"}

    assert added == {"a": None, "b": {"after": ["a"]}}
