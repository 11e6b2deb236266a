"""What stands where among the ready todos: read from the front of the order's index, as far as a limit."""

from __future__ import annotations

from longpole.selection import Selection
from longpole.store import picks, todos
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.selection import Order
    from longpole.store.dialect import Row, Transaction

ASSIGNED = """
    SELECT i.name FROM assignment a JOIN todo t ON t.project_id = a.project_id AND t.number = a.number
    JOIN instance i ON i.project_id = a.project_id AND i.number = a.instance
    WHERE a.project_id = ? AND a.number = ? AND a.accept_by > ? AND a.token = t.token"""
MOST = 50  # ready todos that are looked at, of each need
SHOWN = 5


class Place(Value):
    """How many ready todos come before one (None: more than were looked at), and the ids of the first of them."""

    ahead: int | None
    first: tuple[str, ...]


class Figures(Value):
    """What a ready todo is compared by with others."""

    id: str
    urgency: int
    critical_path_minutes: float


def place(tx: Transaction, number: int, needs: Sequence[int], order: Order) -> Place:
    """Tell what comes before a ready todo for an instance that meets these needs."""
    numbers = [row[4] for row in _front(tx, needs, order, MOST)]
    ahead = numbers.index(number) if number in numbers else None
    first = numbers[: SHOWN if ahead is None else min(ahead, SHOWN)]
    ids = todos.ids_of(tx, first)
    return Place(ahead=ahead, first=tuple(ids[one] for one in first))


def best(tx: Transaction, needs: Sequence[int], order: Order) -> Figures | None:
    """Give what is ready and comes first for an instance that meets these needs; None if nothing is."""
    for urgency, minutes, _, _, number, *_ in _front(tx, needs, order, 1)[:1]:
        return Figures(id=todos.ids_of(tx, [number])[number], urgency=urgency, critical_path_minutes=minutes)
    return None


def assigned_to(tx: Transaction, number: int) -> str | None:
    """Name the instance that a leader has assigned a ready todo to; None if it is assigned to nobody."""
    row = tx.one(ASSIGNED, (tx.project_id, number, tx.now))
    return row[0] if row else None


def _front(tx: Transaction, needs: Sequence[int], order: Order, limit: int) -> list[Row]:
    return picks.read(tx, Selection(order=order, why=""), needs, limit=limit, lock="")
