"""What comes after todos that are not finished yet: who waits for them alone, and how far each is."""

from __future__ import annotations

from longpole.store import wants
from longpole.store.picks import ORDERS
from longpole.store.takings import Takings
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from longpole.selection import Order
    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.takings import Obstacle

MEMBERS = """
    SELECT t.number, d.id, t.rank, t.estimate_minutes, t.claimed_at, t.progress_percent, t.holder, t.reserved
    FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    WHERE t.project_id = ? AND t.number IN INTS AND t.status IN ('blocked', 'ready', 'in_progress', 'failed')
    ORDER BY t.number"""
# `unmet` counts everything that a todo waits for, holds included: it is free once as many of these todos are done. Of
# what wants paths or resources more may be in the way, which these todos have taken.
FREED = """
    SELECT f.number, f.unmet, b.predecessor FROM
        (SELECT t.project_id, t.number, t.unmet,
            t.urgency, t.critical_path_minutes, t.total_descendants, t.immediate_dependents
        FROM dependency e JOIN todo t ON t.project_id = e.project_id AND t.number = e.dependent
        WHERE e.project_id = ? AND e.predecessor IN INTS
        AND t.status = 'blocked' AND t.need >= 0 AND NOT t.number IN INTS
        GROUP BY t.project_id, t.number HAVING COUNT(*) = t.unmet OR t.exclusive = 1
        ORDER BY {by_todo} LIMIT ?) AS f
    JOIN dependency b ON b.project_id = f.project_id AND b.dependent = f.number AND b.predecessor IN INTS
    ORDER BY {by_order}, b.predecessor"""
WITHIN = """
    SELECT predecessor, dependent FROM dependency
    WHERE project_id = ? AND predecessor IN INTS AND dependent IN INTS ORDER BY predecessor, dependent"""


class Member(Value):
    """One of the todos that are taken for done, as far as it is now. `claimed_at` None: nobody works on it.

    `rank` is higher than that of all that waits for it; `reserved` is its place in the batch it was claimed with.
    """

    number: int
    id: str
    rank: int
    estimate_minutes: float | None
    claimed_at: int | None
    progress_percent: int | None
    holder: int | None
    reserved: int


def members(tx: Transaction, numbers: Iterable[int]) -> list[Member]:
    """Read those of these todos that are not finished, by number."""
    rows = tx.all(MEMBERS, (tx.project_id, tx.listed(list(numbers))))
    return [Member(**dict(zip(Member._fields, row, strict=True))) for row in rows]


def freed_by(
    tx: Transaction, numbers: Collection[int], *, order: Order, limit: int, settings: Settings
) -> dict[int, list[int]]:
    """Give what is ready once these unfinished todos are done, in order, each with those of them it waits for.

    All of them count together: whoever waits for two of them is there once, and only if nothing else is in its way.
    """
    these, unmet = tx.listed(list(numbers)), {}
    statement = FREED.format(by_todo=_of("t", order), by_order=_of("f", order))
    found: dict[int, list[int]] = {}
    for number, counted, blocker in tx.all(statement, (tx.project_id, these, these, limit, these)):
        found.setdefault(number, []).append(blocker)
        unmet[number] = counted
    more = {number: counted - len(found[number]) for number, counted in unmet.items() if counted > len(found[number])}
    return _where_conflicts_end(tx, found, more, done=frozenset(numbers), settings=settings) if more else found


def _where_conflicts_end(
    tx: Transaction, found: dict[int, list[int]], more: dict[int, int], *, done: frozenset[int], settings: Settings
) -> dict[int, list[int]]:
    """Leave out what waits for more than these todos have taken; `more` counts what each waits for beside them."""
    wanted, taken = wants.of(tx, list(more)), Takings(tx, settings)
    for number, count in more.items():
        obstacles = taken.obstacles(wanted[number]) if number in wanted else []
        if len(obstacles) == count and all(_ends(one, taken, done) for one in obstacles):
            found[number] = sorted(
                {*found[number], *(one for each in obstacles for one in each.taken_by if one in done)}
            )
        else:
            del found[number]
    return found


def _ends(obstacle: Obstacle, taken: Takings, done: frozenset[int]) -> bool:
    """Tell whether nothing is left of an obstacle once these todos are done."""
    freed = [one for one in obstacle.taken_by if one in done]
    if not obstacle.amount:
        return bool(freed)
    left = taken.left().get(obstacle.what, 0) + sum(taken.amount(obstacle.what, one) for one in freed)
    return obstacle.amount <= left


def within(tx: Transaction, numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Give the dependencies among these todos, as (predecessor, dependent)."""
    these = tx.listed(list(numbers))
    return tx.all(WITHIN, (tx.project_id, these, these))


def _of(table: str, order: Order) -> str:
    """Give the columns of an order as those of one table."""
    return ", ".join(f"{table}.{column}" for column in ORDERS[order].split(", "))
