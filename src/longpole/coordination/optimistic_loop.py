"""The specification's optimistic loop: read what is ready, then try one todo after the other until one is unchanged.

It is here to be measured against `optimistic`, which picks and claims in one statement. Whoever reads the same list
tries the same todo first: 8 saturating claimers on PostgreSQL lose 8 of 10 attempts so. Picking at random among the
first of the list makes it bearable. Both end in the same claim as `optimistic`, but not in one transaction: a claim
is completed first, and every attempt is a transaction of its own.
"""

from __future__ import annotations

from longpole.coordination import acts, refusals, taking
from longpole.coordination.acts import HELD_BACK, TAKEN_BACK, TRIES, Outcome
from longpole.errors import InstanceLostError, StorageBusyError, StorageUnavailableError
from longpole.instances import failure
from longpole.model import Reason
from longpole.selection import Selection
from longpole.store import claims, instances, projects, readiness, replies
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from longpole.coordination.acts import Asker, Request
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.claims import Head, Taken
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.readiness import NoWork
    from longpole.strategies import Strategy

MOST_HEADS = 100  # ready todos that are read at once
COMPLETED: dict[str, Any] = {"taken": [], "no_work": None}
"""The answer of a key whose claim is completed and that has claimed nothing yet: a retry goes on from there."""


class Reading(Value):
    """What was ready, best first. One of the first `front` is to be tried next."""

    heads: tuple[Head, ...]
    front: int
    lease_expires_at: int


def allocate(store: Store, asker: Asker, request: Request, *, at_random: bool) -> Outcome:
    """Complete the claims given, if any, and try what is ready in the strategy's order, each todo as it was read.

    With `at_random` it tries one of the first n/2 instead, n being the number of live instances, and reads anew
    after each attempt that it lost. Raises as coordination.allocate does.
    """
    return _Loop(store, asker, request, at_random=at_random).run(request.strategy)


class _Loop:
    """One request on its way through its transactions."""

    def __init__(self, store: Store, asker: Asker, request: Request, *, at_random: bool) -> None:
        self._store, self._asker, self._request, self._at_random = store, asker, request, at_random
        self._name = "optimistic_random" if at_random else "optimistic_loop"
        self._completed = False
        self._taken: tuple[Taken, ...] = ()
        self._lease_expires_at = 0

    def run(self, strategy: str | None) -> Outcome:
        """Read and try in turn, until enough is claimed or there is no work."""
        try:
            for _ in range(TRIES):
                found = self._read(strategy)
                outcome = self._try_each(found) if isinstance(found, Reading) else found
                if outcome:
                    return outcome
        except InstanceLostError:
            if not self._completed:
                raise
            return Outcome(no_work=TAKEN_BACK)  # that it completed its claim is confirmed to it all the same
        except (StorageBusyError, StorageUnavailableError):
            if not self._taken:
                raise  # what was claimed before must be told, or nobody would know of it
        return self._so_far() if self._taken else Outcome(no_work=HELD_BACK)

    def _read(self, strategy: str | None) -> Reading | Outcome:
        """Do what comes before the first attempt, and read what is ready."""
        unknown = ""

        def upon(tx: Transaction) -> Reading | Outcome | None:
            nonlocal unknown
            if again := self._settled(tx):
                return again
            lease, state = acts.present(tx, self._store, self._asker.lease.number)
            unknown = strategy or state.settings.strategy
            choose = self._asker.strategies.get(unknown)
            if choose is None:
                return None
            self._complete(tx)
            if failure.is_due(tx, state, lease):
                failure.sweep(tx, state)
            front = instances.count_live(tx) // 2 if self._at_random else 1
            held_up = readiness.withheld(tx, state) or readiness.full(tx, state)
            heads = () if held_up else _heads(tx, choose, lease, state.settings)
            held_up = held_up or (None if heads else taking.held_back(tx, choose, lease, state.settings))
            if not heads and (outcome := self._no_work(tx, lease, held_up)):
                return outcome
            return Reading(heads=heads, front=front, lease_expires_at=lease.lease_expires_at)

        while (found := acts.keyed(self._store, self._request.key, upon)) is None:
            self._asker.strategies.load(unknown, asked_for=strategy is not None)
        self._completed = bool(self._request.finishes)
        self._lease_expires_at = found.lease_expires_at
        return found

    def _try_each(self, reading: Reading) -> Outcome | None:
        """Try what was read, each todo once; None if there is more to do after another look."""
        heads = list(reading.heads)
        self._asker.empty_selections += not heads
        while heads and len(self._taken) < self._request.count:
            found = self._attempt(heads.pop(_one_of(min(reading.front, len(heads)))))
            if isinstance(found, Outcome):
                return found
            if found is None and self._at_random:
                return None  # the others have claimed as well: with what was read, 64 lost 93 % instead of 47 %
        return self._so_far() if len(self._taken) == self._request.count else None

    def _attempt(self, head: Head) -> Taken | Outcome | None:
        """Claim a todo if it is as it was read; None if it is not. An outcome is what a twin of this request got."""
        asker, taken_before = self._asker, self._taken
        met = {"lost_attempts": asker.lost_attempts, "empty_selections": asker.empty_selections}

        def upon(tx: Transaction) -> Taken | Outcome | None:
            if again := self._settled(tx):
                return again
            lease, state = acts.present(tx, self._store, asker.lease.number)
            if refusals.barred(tx, state):
                return None
            named = head.replace(why=f"{self._name} by {head.why}")
            taken = claims.take_unchanged(tx, named, taking.claimer(tx, lease), met=met)
            if taken:
                taking.settle(tx, lease, taken, keep=head.keeps and not taken_before)
                acts.hold_limit(tx, state)
                self._answer(tx, Outcome(taken=(*taken_before, taken)))
            return taken

        found = self._store.act(upon)
        if found is None:
            asker.lost_attempts += 1
        elif not isinstance(found, Outcome):
            asker.lost_attempts = asker.empty_selections = 0
            asker.remember([found])
            self._taken = (*taken_before, found)
        return found

    def _complete(self, tx: Transaction) -> None:
        request = self._request
        if request.finishes and not self._completed:
            acts.complete_all(tx, self._asker.lease.number, request.finishes)
            replies.keep(tx, request.key, request.act, COMPLETED)

    def _no_work(self, tx: Transaction, lease: Lease, held_up: NoWork | None) -> Outcome | None:
        """Say why nothing is ready, or given out although it is, or give what was claimed before.

        None if something is ready by now.
        """
        if self._taken:
            return self._so_far()
        no_work = held_up if held_up and held_up.reason == Reason.PAUSED else None
        no_work = no_work or readiness.explain(tx, taking.claimer(tx, lease).needs) or held_up
        if no_work is None and tx.overlaps:
            return None
        outcome = Outcome(no_work=no_work or HELD_BACK, ask_again_at=projects.sweep_due(tx))
        if self._request.finishes:
            self._answer(tx, outcome)
        return outcome

    def _so_far(self) -> Outcome:
        return Outcome(taken=self._taken, lease_expires_at=self._lease_expires_at)

    def _settled(self, tx: Transaction) -> Outcome | None:
        """Give the answer that the key got from another call than this one; None if it counts as new."""
        request = self._request
        found = replies.find(tx, request.key, request.act)
        if found == COMPLETED:
            self._completed = True
        if found is None or found in (COMPLETED, acts.answer_of(Outcome(taken=self._taken))):
            return None
        return acts.again(tx, request.key, request.act, self._asker.lease.number, completed=bool(request.finishes))

    def _answer(self, tx: Transaction, outcome: Outcome) -> None:
        if self._request.key is not None:
            replies.forget(tx, self._request.key)  # what an earlier transaction of this request has answered
            replies.keep(tx, self._request.key, self._request.act, acts.answer_of(outcome))


def _heads(tx: Transaction, choose: Strategy, lease: Lease, settings: Settings) -> tuple[Head, ...]:
    found: dict[int, Head] = {}
    needs = taking.claimer(tx, lease).needs
    for wanted in choose(taking.fleet_around(tx, lease, settings)):
        certain = taking.certain(tx, wanted, needs)
        keeps = isinstance(wanted, Selection) and wanted.keep
        for head in claims.heads(tx, certain, needs, MOST_HEADS) if certain else ():
            found.setdefault(head.number, head.replace(keeps=keeps))
    return tuple(found.values())


def _one_of(front: int) -> int:
    if front <= 1:
        return 0
    import random

    return random.randrange(front)  # noqa: S311 - it keeps instances apart, not secrets
