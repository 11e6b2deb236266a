from __future__ import annotations

from longpole.insight.metrics import fold
from longpole.model import Event, EventKind

SECOND = 1_000_000


def _event(at_s, kind, todo="a", *, instance: str | None = "x", token: int | None = 1):
    return Event(seq=at_s, at=at_s * SECOND, kind=kind, todo=todo, instance=instance, token=token)


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
