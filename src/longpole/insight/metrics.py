"""What the journal tells of the work of each instance: a pure fold over the events, in commit order."""

from __future__ import annotations

from longpole.model import EventKind
from longpole.store import gates
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from longpole.model import Event

ENDS = {
    EventKind.COMPLETED: "completed",
    EventKind.FAILED: "failed",
    EventKind.RELEASED: "released",
    EventKind.EXPIRED: "expired",
}
"""The events that end a claim, and the count that each of them raises."""
IN_THE_WAY = ("lost_attempts", "empty_selections")
"""What the data of a `claimed` event counts: what its instance met with before it got this todo."""
COUNTS = ("claimed", *ENDS.values(), *IN_THE_WAY)


class InstanceMetrics(Value):
    """What one instance has done; starts of the same name count together. `busy_s`: while it held at least one."""

    name: str
    claimed: int = 0
    completed: int = 0
    failed: int = 0
    released: int = 0
    expired: int = 0
    lost_attempts: int = 0
    empty_selections: int = 0
    busy_s: float = 0.0


class Metrics(Value):
    """What all instances have done, sums and each for itself in the order in which they first claimed.

    An attempt is lost if another instance was quicker to change the todo. A selection is empty in this sense if it
    found nothing although work was ready; to ask while nothing is ready is neither. `lock_contention_rate` is the
    share of both in all attempts, `lock_contention_rate_spec` that of the lost ones as the specification has it,
    failed_claims / total_claim_attempts. None before the first attempt.
    """

    claimed: int
    completed: int
    completed_by_hand: int  # among the completed
    failed: int
    released: int
    expired: int
    lost_attempts: int
    empty_selections: int
    lock_contention_rate: float | None
    lock_contention_rate_spec: float | None
    busy_s: float
    instances: tuple[InstanceMetrics, ...]

    def as_document(self) -> dict[str, Any]:
        """Give the metrics by name, for JSON."""
        return {"v": 1, **self.as_dict(), "instances": [one.as_dict() for one in self.instances]}


class _Tally:
    """The counts of one instance while the journal is read."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self._open: set[tuple[str | None, int | None]] = set()
        self._since = self._busy = 0

    def begin(self, event: Event) -> None:
        self.counts["claimed"] += 1
        for name in IN_THE_WAY:
            self.counts[name] += (event.data or {}).get(name, 0)
        if not self._open:
            self._since = event.at
        self._open.add((event.todo, event.token))

    def end(self, event: Event) -> None:
        self.counts[ENDS[event.kind]] += 1
        claim = (event.todo, event.token)
        if claim in self._open:
            self._open.remove(claim)
            self._busy += 0 if self._open else event.at - self._since

    def closed(self, name: str, now: int) -> InstanceMetrics:
        busy = self._busy + (now - self._since if self._open else 0)
        return InstanceMetrics(name=name, **self.counts, busy_s=max(busy, 0) / 1e6)


def fold(events: Iterable[Event], *, now: int) -> Metrics:
    """Count the claims and their ends by instance, and the time in which each held something, up to `now`."""
    tallies: dict[str, _Tally] = {}
    by_hand = 0
    for event in events:
        if event.kind == EventKind.COMPLETED and event.instance is None:
            by_hand += event.why not in gates.OPENED  # to open a gate is not to do a todo
        elif event.instance is not None and (event.kind == EventKind.CLAIMED or event.kind in ENDS):
            tally = tallies.setdefault(event.instance, _Tally())
            tally.begin(event) if event.kind == EventKind.CLAIMED else tally.end(event)
    instances = tuple(tally.closed(name, now) for name, tally in tallies.items())
    sums = {name: sum(getattr(one, name) for one in instances) for name in COUNTS}
    sums["completed"] += by_hand
    lost, empty = sums["lost_attempts"], sums["empty_selections"]
    return Metrics(
        **sums,
        completed_by_hand=by_hand,
        lock_contention_rate=_share(lost + empty, sums["claimed"]),
        lock_contention_rate_spec=_share(lost, sums["claimed"]),
        busy_s=sum(one.busy_s for one in instances),
        instances=instances,
    )


def _share(in_vain: int, claimed: int) -> float | None:
    attempts = in_vain + claimed
    return in_vain / attempts if attempts else None
