from __future__ import annotations

from longpole.insight.metrics import fold
from longpole.model import Event, EventKind

SECOND = 1_000_000


def _event(at_s, kind, todo="a", *, instance: str | None = "x", token: int | None = 1, data=None):
    return Event(seq=at_s, at=at_s * SECOND, kind=kind, todo=todo, instance=instance, token=token, data=data)


def test_an_empty_journal_has_empty_metrics():
    metrics = fold([], now=0)

    assert (metrics.claimed, metrics.completed, metrics.busy_s, metrics.instances) == (0, 0, 0, ())


def test_claims_and_their_ends_are_counted_by_instance():
    ends = (EventKind.COMPLETED, EventKind.FAILED, EventKind.RELEASED, EventKind.EXPIRED)
    events = [
        event
        for place, end in enumerate(ends)
        for event in (
            _event(10 * place, EventKind.CLAIMED, token=place),
            _event(10 * place + 5, end, token=place),
        )
    ]

    (x,) = fold(events, now=100 * SECOND).instances

    assert (x.claimed, x.completed, x.failed, x.released, x.expired, x.busy_s) == (4, 1, 1, 1, 1, 20)


def test_an_instance_with_two_claims_at_once_is_busy_once():
    # a: 0 ───────── 10
    # b:     5 ───────────── 15
    events = [
        _event(0, EventKind.CLAIMED, "a"),
        _event(5, EventKind.CLAIMED, "b"),
        _event(10, EventKind.COMPLETED, "a"),
        _event(15, EventKind.COMPLETED, "b"),
    ]

    assert fold(events, now=100 * SECOND).busy_s == 15


def test_a_claim_that_goes_on_counts_until_now():
    assert fold([_event(10, EventKind.CLAIMED)], now=25 * SECOND).busy_s == 15


def test_a_clock_that_was_set_back_makes_nobody_busy_for_less_than_nothing():
    events = [_event(100, EventKind.CLAIMED), _event(40, EventKind.COMPLETED)]

    assert fold(events, now=40 * SECOND).busy_s == 0


def test_what_was_done_by_hand_belongs_to_nobody():
    metrics = fold([_event(0, EventKind.COMPLETED, instance=None, token=None)], now=SECOND)

    assert (metrics.completed, metrics.completed_by_hand, metrics.instances) == (1, 1, ())


def test_the_quarantine_after_a_failure_is_not_a_second_failure():
    events = [_event(0, EventKind.CLAIMED), _event(1, EventKind.FAILED), _event(1, EventKind.QUARANTINED)]

    assert fold(events, now=SECOND).failed == 1


def test_contention_is_the_share_of_attempts_that_others_spoiled():
    # x: claims after 3 lost attempts and 2 empty selections, then at once; y: claims after 1 lost attempt
    events = [
        _event(
            0, EventKind.CLAIMED, token=1, data={"lost_attempts": 3, "empty_selections": 2, "news": "of a later day"}
        ),
        _event(1, EventKind.CLAIMED, token=2),
        _event(2, EventKind.CLAIMED, "b", instance="y", data={"lost_attempts": 1}),
    ]

    metrics = fold(events, now=SECOND)

    assert (metrics.claimed, metrics.lost_attempts, metrics.empty_selections) == (3, 4, 2)
    assert metrics.lock_contention_rate == 6 / 9
    assert metrics.lock_contention_rate_spec == 4 / 7
    assert [(one.lost_attempts, one.empty_selections) for one in metrics.instances] == [(3, 2), (1, 0)]


def test_before_the_first_attempt_there_is_no_rate_of_contention():
    document = fold([], now=0).as_document()

    assert (document["lock_contention_rate"], document["lock_contention_rate_spec"]) == (None, None)


def test_claims_that_nobody_was_in_the_way_of_are_without_contention():
    document = fold([_event(0, EventKind.CLAIMED)], now=SECOND).as_document()

    assert (document["lock_contention_rate"], document["lock_contention_rate_spec"]) == (0, 0)
