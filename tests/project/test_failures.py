from __future__ import annotations

import pytest

from longpole.model import Reason
from tests.project.looking import kinds, plan, ready, statuses


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def test_a_failed_attempt_rests_and_comes_back_by_itself(project, me, clock):
    plan(project, {"a": []})
    status = me.claim()[0].fail("flaky test")

    resting = project.todo("a")
    clock.advance(0.9)
    too_early = me.claim()
    clock.advance(0.2)
    (claim,) = me.claim()

    assert status == resting.status == "blocked"
    assert resting.holds[0].reason == "rests after a failed attempt: flaky test"
    assert resting.result == "flaky test"
    assert too_early == []
    assert (claim.attempt, claim.token) == (2, 2)
    assert kinds(project, todo="a") == ["added", "claimed", "failed", "lifted", "claimed"]


def test_each_further_failure_doubles_the_rest(project, me, clock):
    project.configure(max_attempts=10, retry_backoff_s=4, lease_s=3600)
    plan(project, {"a": []})
    rests = []

    for _ in range(4):
        me.claim()[0].fail("again")
        rests.append((project.todo("a").holds[0].until_at - clock.now()) / 1e6)
        clock.advance(rests[-1])

    assert rests == [4, 8, 16, 32]


def test_no_rest_is_longer_than_an_hour(project, me, clock):
    project.configure(max_attempts=10, retry_backoff_s=3000)
    plan(project, {"a": []})

    me.claim()[0].fail("once")
    clock.advance(3000)
    me.claim()[0].fail("twice")

    assert project.todo("a").holds[0].until_at - clock.now() == 3_600_000_000


def test_without_a_backoff_a_failed_attempt_is_ready_at_once(project, me):
    project.configure(retry_backoff_s=0)
    plan(project, {"a": []})

    assert me.claim()[0].fail("flaky") == "ready"
    assert me.claim()[0].attempt == 2


def test_a_todo_that_fails_too_often_is_set_aside_and_strands_its_dependents_visibly(project, me):
    project.configure(max_attempts=2, retry_backoff_s=0)
    plan(project, {"a": [], "b": ["a"]})

    first = me.claim()[0].fail("one")
    second = me.claim()[0].fail("two")

    assert (first, second) == ("ready", "failed")
    assert statuses(project) == {"a": "failed", "b": "blocked"}
    assert kinds(project, todo="a")[-3:] == ["claimed", "failed", "quarantined"]
    assert project.todo("a").finished_at is not None
    assert me.allocate().reason == Reason.STUCK


def test_a_release_does_not_count_as_an_attempt(project, me):
    project.configure(max_attempts=2, retry_backoff_s=0)
    plan(project, {"a": []})

    for _ in range(5):
        assert me.claim()[0].release() == "ready"
    me.claim()[0].fail("one")

    assert (ready(project), project.todo("a").attempts) == (["a"], 1)


def test_an_ended_lease_counts_as_an_attempt(project, clock):
    project.configure(max_attempts=2)
    plan(project, {"a": []})
    for name in ("first", "second"):
        project.register(name, heartbeat=False).claim()
        clock.advance(301)
        project.sweep()

    assert project.todo("a").status == "failed"
    assert kinds(project, todo="a") == ["added", "claimed", "expired", "claimed", "expired", "quarantined"]


def test_a_failure_of_what_was_blocked_again_meanwhile_waits_for_both(project, me, clock):
    plan(project, {"a": [], "b": ["a"]})
    project.complete("a")
    claim = me.claim_todo("b")
    project.reopen("a")

    claim.fail("no foundation")
    waiting = project.todo("b").unmet
    clock.advance(2)
    me.heartbeat()
    project.sweep()

    assert waiting == 2
    assert (project.todo("b").status, project.todo("b").unmet) == ("blocked", 1)


def test_a_claim_may_last_max_hold_s_however_lively_its_instance(project, me, clock):
    project.configure(max_hold_s=60)
    plan(project, {"a": [], "b": []})
    first = me.claim_todo("a")
    clock.advance(40)
    me.claim_todo("b")
    me.heartbeat()
    clock.advance(19)
    me.heartbeat()
    before = statuses(project)
    clock.advance(1)
    me.heartbeat()

    assert before == {"a": "in_progress", "b": "in_progress"}
    assert statuses(project) == {"a": "ready", "b": "in_progress"}
    assert project.todo("a").attempts == 1
    assert "max_hold_s" in next(event.why for event in project.journal(todo=first.id) if event.kind == "expired")
    clock.advance(40)
    me.heartbeat()
    assert statuses(project) == {"a": "ready", "b": "ready"}


def test_a_hold_limit_set_later_counts_for_claims_that_run(project, me, clock):
    plan(project, {"a": []})
    me.claim()
    clock.advance(30)

    project.configure(max_hold_s=20)
    me.heartbeat()

    assert ready(project) == ["a"]
