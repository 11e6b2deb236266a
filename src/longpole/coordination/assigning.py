"""What a leader wants to assign: it reads who is idle and what is ready, and matches the two.

The strategy is asked for each idle instance as if that had asked itself, and what it says is the cost of a pair: first
its order of preference, then urgency, then the critical path. Where that leaves a choice, instances stay in their
branches.
"""

from __future__ import annotations

from longpole.coordination import matching, taking
from longpole.selection import Order, Selection
from longpole.store import leadership, needs, paths, picks, readiness, wants
from longpole.store.leadership import Pair
from longpole.store.takings import Takings
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.selection import BestOf
    from longpole.settings import Settings
    from longpole.store.dialect import Row, Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow
    from longpole.store.wants import Wants
    from longpole.strategies import Strategy

MOST_IDLE = 32  # at a time: to match 32 instances with 64 todos takes 9 ms, 64 with 128 take 70
SPARE = 2  # todos that are looked at for each idle instance where some may be in each other's way


class Offer(Value):
    """A todo that an idle instance could get. `cost`: what makes it less wanted, what counts most first."""

    pair: Pair
    cost: tuple[int, ...]


class Choice(Value):
    """What there is to be matched, as it was read.

    `offers`: by idle instance, and then by todo. `wanted`: what each of these todos, and of those that are `given`
    (assigned already), wants to itself. `left`: of each resource that they want.
    """

    offers: tuple[dict[int, Offer], ...]
    given: tuple[int, ...]
    wanted: dict[int, Wants]
    left: dict[str, int]


def choice(tx: Transaction, me: int, choose: Strategy, state: ProjectRow, *, asks: bool) -> Choice | None:
    """Read what could be assigned; None if nobody but the instance `me` is idle, or nothing may be given out.

    `asks`: this instance is about to ask for work, so what it is assigned does not wait.
    """
    idle = leadership.idle(tx, readiness.room(tx, state, MOST_IDLE))
    if all(one.number == me for one in idle) or readiness.withheld(tx, state):
        return None
    given = tuple(one.number for one in leadership.assigned(tx) if one.in_force)
    candidates = len(idle) * (SPARE if state.is_constrained else 1)
    reader = _Reader(tx, choose, state.settings, given=given, limit=candidates + len(given))
    ready = [reader.ready_for(one) for one in idle]
    numbers = {number for found in ready for number in found}
    if not numbers:
        return None
    branches = leadership.branches_of(tx, numbers) if any(one.branch for one in idle) else {}
    wanted = wants.of(tx, [*numbers, *given]) if state.is_constrained else {}
    return Choice(
        offers=tuple(
            {
                number: _offer(lease, one, branch=branches.get(number), asks=asks and lease.number == me)
                for number, one in found.items()
            }
            for lease, found in zip(idle, ready, strict=True)
        ),
        given=given,
        wanted=wanted,
        left=_left(tx, wanted.values(), state.settings) if wanted else {},
    )


def pairs(found: Choice) -> list[Pair]:
    """Match instances with todos of which none is in the way of another."""
    numbers = sorted({number for offers in found.offers for number in offers})
    while numbers:
        costs = [[offers[number].cost if number in offers else None for number in numbers] for offers in found.offers]
        columns = matching.matched(matching.combined(costs))
        matched = [
            offers[numbers[column]] for offers, column in zip(found.offers, columns, strict=True) if column is not None
        ]
        in_the_way = _Room(found).without(sorted(matched, key=lambda offer: offer.cost))
        if not in_the_way:
            return [offer.pair for offer in matched]
        numbers = [number for number in numbers if number not in in_the_way]
    return []


class _Ready(Value):
    """A ready todo as an instance's strategy wants it: by which of its selections, and as picks.py reads it."""

    rank: int
    keeps: bool
    row: Row


class _Reader:
    """Reads what is ready, as the strategy wants it for one instance after the other; each list is read once."""

    def __init__(
        self, tx: Transaction, choose: Strategy, settings: Settings, *, given: Sequence[int], limit: int
    ) -> None:
        self._tx, self._choose, self._settings = tx, choose, settings
        self._given, self._limit = given, limit
        self._rows: dict[tuple[Selection | BestOf, tuple[int, ...]], list[Row]] = {}

    def ready_for(self, lease: Lease) -> dict[int, _Ready]:
        """Give what an instance could get, by todo, each as the strategy wants it most."""
        found: dict[int, _Ready] = {}
        met = needs.met_by(self._tx, lease.offers)
        for rank, wanted in enumerate(self._choose(taking.fleet_around(self._tx, lease, self._settings))):
            keeps = isinstance(wanted, Selection) and wanted.keep
            for row in self._ready(taking.certain(self._tx, wanted, met), met):
                if row[4] not in self._given:
                    found.setdefault(row[4], _Ready(rank=rank, keeps=keeps, row=row))
        return found

    def _ready(self, wanted: Selection | BestOf | None, met: tuple[int, ...]) -> list[Row]:
        if wanted is None:
            return []
        if (wanted, met) not in self._rows:
            rows = picks.read(self._tx, wanted, met, limit=self._limit, lock="")
            self._rows[wanted, met] = rows[: self._limit]
        return self._rows[wanted, met]


class _Room:
    """What may still be taken beside what was assigned before."""

    def __init__(self, found: Choice) -> None:
        self._wanted, self._left = found.wanted, dict(found.left)
        self._touched: list[tuple[str, int]] = []
        for number in found.given:
            self._take(number)

    def without(self, offers: Sequence[Offer]) -> set[int]:
        """Name the todos that are in the way of others, those that are wanted least."""
        numbers = [offer.pair.number for offer in offers]
        return {number for number in numbers if not (self._has_room_for(number) and self._take(number))}

    def _has_room_for(self, number: int) -> bool:
        mine = self._wanted.get(number)
        return mine is None or not (
            any(amount > self._left[resource] for resource, amount in mine.amounts.items())
            or any(
                (writes or others_write) and paths.overlap(key, other)
                for key, writes in mine.paths.items()
                for other, others_write in self._touched
            )
        )

    def _take(self, number: int) -> bool:
        if mine := self._wanted.get(number):
            self._touched += mine.paths.items()
            for resource, amount in mine.amounts.items():
                self._left[resource] -= amount
        return True


def _left(tx: Transaction, wanted: Iterable[Wants], settings: Settings) -> dict[str, int]:
    """Give what is left of each resource that somebody wants."""
    resources = {resource for one in wanted for resource in one.amounts}
    return {resource: wants.capacity(settings, resource) for resource in resources} | Takings(tx, settings).left()


def _offer(lease: Lease, one: _Ready, *, branch: str | None, asks: bool) -> Offer:
    """Tell what it costs an instance to get a todo: after what its strategy says, whether it would leave its branch.

    Last, but for ties, comes whether it is not known to ask for work soon.
    """
    urgency, minutes, descendants, dependents, number, token, selection = one.row
    if selection.order == Order.ARRIVAL:
        length, ties = number, (0, 0, 0)
    else:
        length, ties = -round((minutes + selection.bonus_minutes) * 1000), (-descendants, -dependents, number)
    is_away = lease.branch is not None and branch != lease.branch
    return Offer(
        pair=Pair(instance=lease.number, number=number, token=token, keeps=one.keeps),
        cost=(one.rank, urgency, length, int(is_away), int(not asks), *ties),
    )
