"""Failure detection without a daemon: whoever claims or beats also sees to what is due."""

from __future__ import annotations

from longpole.store import batches, branches, claims, gates, holds, instances, leadership, projects, replies
from longpole.transitions import Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow

LATEST_S = 3600.0
# A sweep does not see what has not been committed yet, and whoever commits it meanwhile does not wait for the sweep to
# tell it when the next one is due: that one comes soon, and sees it.
UNSEEN_S = 5.0


def sweep(tx: Transaction, state: ProjectRow) -> list[str]:
    """See to everything whose time has come, and name the instances that were given up.

    After a jump of the clock (the machine slept, or its time was set) every live instance gets one whole lease
    of grace first, since nobody could beat meanwhile, and the time that claims may be held counts anew.
    Where somebody else is sweeping already, there is nothing left to do.
    """
    if not tx.lock_sweep():
        return []
    mark, jumped = tx.clock_jumped(state.clock_mark)
    if jumped:
        instances.grace(tx, state.settings.lease_s)
        holds.grace(tx)
        claims.grace(tx)
        leadership.grace(tx, instances.microseconds(state.settings.leader_lease_s))
    lost = [give_up(tx, lease, state.settings) for lease in instances.expired(tx)]
    _end_long_claims(tx, state.settings)
    for held in claims.orphaned(tx):
        claims.give_back(tx, held, Act.EXPIRE, why="its instance is gone", settings=state.settings)
    for number, kind in holds.due(tx):
        holds.lift(tx, number, kind)
    gates.open_due(tx)
    leadership.tidy(tx, before=tx.now - instances.microseconds(state.settings.lease_s))
    replies.prune(tx, state.pruned_at)
    projects.swept(tx, _next_due(tx, state.settings), mark)
    return lost


def is_due(tx: Transaction, state: ProjectRow, lease: Lease) -> bool:
    """Tell whether a sweep has anything to see to, as the lease that the caller had until now lets it judge.

    A last sign of life that lies in the future tells that the clock was set back: what is due would wait for the
    old time.
    """
    return state.sweep_due_at <= tx.now or lease.heartbeat_at > tx.now


def give_up(tx: Transaction, lease: Lease, settings: Settings) -> str:
    """Return what a silent instance holds and retire it; it is told so when it comes back. Its row is locked."""
    silent_s = (tx.now - lease.heartbeat_at) / 1e6
    why = f"{lease.name} was silent for {silent_s:.0f} s"
    retire(tx, lease.number, Act.EXPIRE, why=why, settings=settings)
    return lease.name


def retire(tx: Transaction, number: int, act: Act, *, why: str, settings: Settings) -> None:
    """End an instance, as lost (EXPIRE) or as left (RELEASE), together with all its claims; its row is locked.

    What it never began has no part in its end, and no attempt is counted for it.
    """
    leadership.leave(tx, number)
    never_begun = batches.not_begun_by(tx, number)
    for held in claims.held_by(tx, number):
        how = Act.RELEASE if held.number in never_begun else act
        claims.give_back(tx, held, how, why=why, settings=settings)
    branches.let_go(tx, number)
    instances.end(tx, number, act, why)


def _end_long_claims(tx: Transaction, settings: Settings) -> None:
    if settings.max_hold_s:
        for held in claims.held_since(tx, tx.now - instances.microseconds(settings.max_hold_s)):
            why = f"held longer than max_hold_s ({settings.max_hold_s:g} s)"
            claims.give_back(tx, held, Act.EXPIRE, why=why, settings=settings)


def _next_due(tx: Transaction, settings: Settings) -> int:
    latest_s = UNSEEN_S if tx.overlaps else LATEST_S
    due = [tx.now + instances.microseconds(latest_s), instances.next_expiry(tx), holds.next_due(tx)]
    oldest = claims.oldest(tx) if settings.max_hold_s else None
    if oldest is not None:
        due.append(oldest + instances.microseconds(settings.max_hold_s))
    return min(at for at in due if at is not None)
