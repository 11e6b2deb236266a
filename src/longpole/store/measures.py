"""The measures that the graph gives each todo, kept true in the transaction of every edit.

rank, critical_path_minutes, urgency and immediate_dependents change along the ancestors of what was edited:
`graph.upkeep` finds them step by step. Where that region is large, the whole project is computed anew,
which is cheaper then. total_descendants is counted for all todos at once, in projects of a size where that is quick.
"""

from __future__ import annotations

from longpole.errors import CycleError
from longpole.graph import descendants, kernel
from longpole.graph.upkeep import Node, RegionTooLarge, Upkeep
from longpole.model import PENDING
from longpole.store import projects, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from longpole.store.dialect import Row, Transaction

MEASURES = "rank, critical_path_minutes, urgency, immediate_dependents"
UPDATE = (
    "UPDATE todo SET rank = ?, critical_path_minutes = ?, urgency = ?, immediate_dependents = ?"
    " WHERE project_id = ? AND number = ?"
)
# One todo costs about five times as much step by step as in a computation of the whole project (34 against 6 µs).
REGION_CAP = 20_000
WORTH_ALL = 0.2  # the share of a project from which on an edit of so many todos computes it anew
FEW = 1_000
COUNTED_AT_EDIT = 1_000
COUNTED_AT_IMPORT = 50_000


class ProjectGraph:
    """The stored graph as graph.upkeep reads it: a query for each set of todos."""

    def __init__(self, tx: Transaction, default_estimate: float) -> None:
        self._tx, self._default = tx, default_estimate

    def nodes(self, numbers: Collection[int]) -> Iterable[Node]:
        """Read the measures of these todos."""
        rows = self._tx.all(
            f"SELECT number, estimate_minutes, priority, status, {MEASURES} FROM todo"  # noqa: S608 - constant
            " WHERE project_id = ? AND number IN INTS",
            (self._tx.project_id, self._tx.listed(numbers)),
        )
        return (_node(row, self._default) for row in rows)

    def dependents_of(self, numbers: Collection[int]) -> Iterable[tuple[int, int]]:
        """Give the (predecessor, dependent) pairs that lead away from these todos."""
        return self._pairs("predecessor", numbers)

    def predecessors_of(self, numbers: Collection[int]) -> Iterable[tuple[int, int]]:
        """Give the (predecessor, dependent) pairs that lead to these todos."""
        return self._pairs("dependent", numbers)

    def _pairs(self, side: str, numbers: Collection[int]) -> list[Row]:
        return self._tx.all(
            f"SELECT predecessor, dependent FROM dependency WHERE project_id = ? AND {side} IN INTS",  # noqa: S608
            (self._tx.project_id, self._tx.listed(numbers)),
        )


def settle(tx: Transaction, default_estimate: float, edit: Callable[[Upkeep], None], *, edited: int = 1) -> None:
    """Bring the measures up to date after an edit of so many todos; `edit` tells the upkeep what was edited.

    Raises CycleError with the ids of the path if the edit closed one; the caller's transaction must not commit then.
    """
    projects.graph_changed(tx)
    try:
        # A cap of nothing at all sends a large edit straight to the computation of the whole.
        large = edited > FEW and edited > projects.size(tx) * WORTH_ALL
        upkeep = Upkeep(ProjectGraph(tx, default_estimate), 0 if large else REGION_CAP)
        edit(upkeep)
        _write(tx, upkeep.settle())
    except RegionTooLarge:
        recompute(tx, default_estimate)
    except kernel.Cycle as cycle:
        raise _named(tx, cycle.path) from None
    count_descendants(tx, COUNTED_AT_EDIT if edited < FEW else COUNTED_AT_IMPORT)


def recompute(tx: Transaction, default_estimate: float) -> int:
    """Compute the measures of the whole project and write those that were not right; tell how many."""
    rows = tx.all(
        f"SELECT number, estimate_minutes, priority, status, {MEASURES} FROM todo"  # noqa: S608 - constant
        " WHERE project_id = ? ORDER BY number",
        (tx.project_id,),
    )
    numbers = [row[0] for row in rows]
    try:
        measured = kernel.measure(
            _graph(tx, numbers),
            weights=[default_estimate if row[1] is None else row[1] for row in rows],
            priorities=[row[2] for row in rows],
            pending=[row[3] in PENDING for row in rows],
        )
    except kernel.Cycle as cycle:
        raise _named(tx, [numbers[position] for position in cycle.path]) from None
    columns = zip(
        measured.rank,
        measured.critical_path_minutes,
        measured.urgency,
        measured.immediate_dependents,
        strict=True,
    )
    wrong = [(*now, tx.project_id, row[0]) for row, now in zip(rows, columns, strict=True) if row[4:] != now]
    tx.many(UPDATE, wrong)
    return len(wrong)


def count_descendants(tx: Transaction, most: int) -> None:
    """Count every todo's descendants, unless the project has more todos than `most`."""
    rows = tx.all(
        "SELECT number, status, total_descendants FROM todo WHERE project_id = ? ORDER BY number LIMIT ?",
        (tx.project_id, most + 1),
    )
    if len(rows) > most:
        return
    totals = descendants.totals(_graph(tx, [row[0] for row in rows]), [row[1] in PENDING for row in rows])
    tx.many(
        "UPDATE todo SET total_descendants = ? WHERE project_id = ? AND number = ?",
        [(now, tx.project_id, row[0]) for row, now in zip(rows, totals, strict=True) if row[2] != now],
    )
    projects.descendants_counted(tx)


def _graph(tx: Transaction, numbers: list[int]) -> kernel.Graph:
    position = {number: index for index, number in enumerate(numbers)}
    pairs = tx.all("SELECT predecessor, dependent FROM dependency WHERE project_id = ?", (tx.project_id,))
    return kernel.Graph.build(len(numbers), ((position[first], position[then]) for first, then in pairs))


def _write(tx: Transaction, nodes: Iterable[Node]) -> None:
    tx.many(
        UPDATE,
        [
            (node.rank, node.critical_path_minutes, node.urgency, node.immediate_dependents, tx.project_id, node.number)
            for node in sorted(nodes, key=lambda node: node.number)
        ],
    )


def _node(row: Row, default_estimate: float) -> Node:
    number, estimate, priority, status, rank, critical, urgency, immediate = row
    return Node(
        number=number,
        rank=rank,
        weight=default_estimate if estimate is None else estimate,
        priority=priority,
        pending=status in PENDING,
        critical_path_minutes=critical,
        urgency=urgency,
        immediate_dependents=immediate,
    )


def _named(tx: Transaction, path: Iterable[int]) -> CycleError:
    numbers = list(path)
    ids = todos.ids_of(tx, numbers)
    return CycleError([ids[number] for number in numbers])
