"""How what a strategy wants becomes claims: the same for every mechanism that lets a strategy choose."""

from __future__ import annotations

from longpole.fleet import Fleet
from longpole.model import Reason
from longpole.selection import BestOf, Selection
from longpole.store import batches, branches, claims, instances, needs, readiness
from longpole.store.claims import Claimer, Taken
from longpole.store.readiness import NoWork
from longpole.transitions import Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longpole.fleet import Workload
    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow
    from longpole.strategies import Strategy

    Pick = Callable[[Transaction, Lease, Claimer, Mapping[str, int] | None], Taken | NoWork | None]
    """One claim for an instance, or None; the last is what was in the way before, for the journal.

    NoWork says why an instance may have nothing of what is ready, where only this way of picking knows.
    A claimer whose place in the batch is above 0 waits for nobody.
    """
    Picker = Callable[[str, Strategy, Settings], Pick]
    """From a strategy, and its name, to how an act picks by it. Raises InvalidInputError for one that will not do."""


class _Reader:
    """What a strategy looks at, as this transaction sees it."""

    def __init__(self, tx: Transaction, lease: Lease, settings: Settings) -> None:
        self._tx, self._lease, self._settings = tx, lease, settings

    def workloads(self) -> tuple[Workload, ...]:
        return instances.workloads(self._tx, self._settings.default_estimate_minutes)

    def branches(self) -> tuple[str, ...]:
        return branches.kept_by(self._tx, self._lease.number)


def fleet_around(tx: Transaction, lease: Lease, settings: Settings) -> Fleet:
    """Give the fleet as an instance sees it in this transaction."""
    return Fleet(lease.name, settings, branch=lease.branch, reader=_Reader(tx, lease, settings))


def claimer(tx: Transaction, lease: Lease) -> Claimer:
    """Give what a claim needs to know of an instance."""
    return Claimer(holder=lease.number, needs=needs.met_by(tx, lease.offers))


def directly(_name: str, choose: Strategy, settings: Settings) -> Pick:
    """Pick what a strategy wants for the instance that asks, there and then."""
    return lambda tx, lease, who, met: first(tx, choose, lease, settings, who=who, met=met)


def several(
    tx: Transaction, choose: Strategy, lease: Lease, state: ProjectRow, *, pick: Pick, count: int, empty: int
) -> tuple[Taken, ...] | NoWork:
    """Claim up to `count` todos that a strategy wants, within the instance's share; empty if there is none.

    The strategy is asked anew for each of them: with one todo more in hand it may want something else, or nothing.
    `empty` counts the selections before this one that found nothing although something was ready.
    """
    who, settings = claimer(tx, lease), state.settings
    room = readiness.room(tx, state, count)
    taken: list[Taken] = []
    refused: NoWork | None = None
    for place in range(batches.allowance(tx, who.needs, room) if room else 0):
        met = None if taken else {"empty_selections": empty}
        one = pick(tx, lease, who.replace(reserved=place) if place else who, met)
        if not isinstance(one, Taken):
            refused = one
            break
        taken.append(one)
        if one.branch and one.branch != lease.branch:
            lease = lease.replace(branch=one.branch)
    return tuple(taken) or taken_back(tx, choose, lease, settings, who=who) or refused or ()


def taken_back(
    tx: Transaction, choose: Strategy, lease: Lease, settings: Settings, *, who: Claimer
) -> tuple[Taken, ...]:
    """Claim what another instance has reserved in a batch and not begun; empty if there is nothing.

    A strategy that holds the instance back now does so here as well.
    """
    held = batches.not_begun(tx, lease.number, who.needs)
    if held is None or not choose(fleet_around(tx, lease, settings)):
        return ()
    claims.give_back(tx, held, Act.RELEASE, why=f"not begun, and {lease.name} was idle", settings=settings)
    taken = claims.take_this(tx, held.number, who, why="taken over, its batch had not come to it")
    if taken:
        settle(tx, lease, taken)
    return (taken,) if taken else ()


def first(
    tx: Transaction,
    choose: Strategy,
    lease: Lease,
    settings: Settings,
    *,
    who: Claimer,
    met: Mapping[str, int] | None = None,
) -> Taken | None:
    """Claim the first todo that a strategy wants for an instance; None if there is none.

    It waits for rows that others have locked only where nothing that it wants is free, and only for the first of a
    batch: two batches could wait for each other in a ring.
    """
    selections = choose(fleet_around(tx, lease, settings))
    several_looks = tx.overlaps and len(selections) > 1 and not who.reserved
    for patient in (False, True) if several_looks else (not who.reserved,):
        for wanted in selections:
            found = certain(tx, wanted, who.needs)
            taken = found and claims.take(tx, found, who, patient=patient, met=met)
            if taken:
                # One branch for a batch: who waits for one that another is about to keep to must have none yet.
                settle(tx, lease, taken, keep=isinstance(wanted, Selection) and wanted.keep and not who.reserved)
                return taken
    return None


def held_back(tx: Transaction, choose: Strategy, lease: Lease, settings: Settings) -> NoWork | None:
    """Say that a strategy gives an instance nothing now, and what there is in hand; None if it wants something."""
    fleet = fleet_around(tx, lease, settings)
    if choose(fleet):
        return None
    mine, loads = fleet.my_workload, fleet.workloads
    todos = sum(one.active_todos for one in loads) / max(len(loads), 1)
    minutes = sum(one.estimated_minutes for one in loads) / max(len(loads), 1)
    return NoWork(
        reason=Reason.AT_CAPACITY,
        detail=f"todos are ready, but the strategy holds them back from you: you have {mine.active_todos} in hand"
        f" ({mine.estimated_minutes:.0f} min), the {len(loads)} live instances have {todos:.1f} on average"
        f" ({minutes:.0f} min)",
        retry_at=0,
    )


def certain(tx: Transaction, wanted: Selection | BestOf, needs: Sequence[int]) -> Selection | BestOf | None:
    """Put the branch that is meant in the place of "one that nobody keeps to"; None if there is none."""
    if not isinstance(wanted, Selection) or not wanted.unheld:
        return wanted
    free = [wanted.replace(branch=one, unheld=False, why=f"{wanted.why} {one}") for one in branches.unheld(tx, needs)]
    return BestOf(selections=tuple(free)) if len(free) > 1 else free[0] if free else None


def settle(tx: Transaction, lease: Lease, taken: Taken, *, keep: bool = False) -> None:
    """Note what follows from a claim for its instance: the branch that it works in now, and keeps to if it shall."""
    if taken.branch is not None and taken.branch != lease.branch:
        instances.note_branch(tx, lease.number, taken.branch)
    if keep:
        branches.turn_to(tx, taken.branch, lease.number, claimer(tx, lease).needs)
