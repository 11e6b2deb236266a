"""Which ready todo a selection means: the statements that pick and claim, or pick for comparison, by index alone."""

from __future__ import annotations

from functools import lru_cache

from longpole.selection import BestOf, Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.selection import Selection
    from longpole.store.dialect import Row, Transaction

# The tail of each names the index that serves it; a test holds the query plans to that.
ORDERS = {
    Order.CRITICAL_PATH: (
        "urgency, critical_path_minutes DESC, total_descendants DESC, immediate_dependents DESC, number"
    ),
    Order.ARRIVAL: "urgency, number",
}
TAKE = """
    UPDATE todo SET status = 'in_progress', holder = ?, token = token + 1, attempts = attempts + 1,
        claimed_at = ?, progress_percent = NULL, reserved = ?
    WHERE project_id = ? AND {pick}"""
RETURNING = " RETURNING number, token, attempts, urgency, critical_path_minutes, branch, exclusive"
OF_BRANCH = {False: "", True: "branch = ? AND "}
READY = "project_id = ? AND status = 'ready' AND {of_branch}need = ?"
# The row is locked as it is ready. To ask for the status again in the UPDATE itself would let PostgreSQL look the
# number up in an index over all ready todos (15 to 17 read it whole: 15,000 entries for a claim).
FIRST = "number = (SELECT number FROM todo WHERE {ready} ORDER BY {columns} LIMIT 1 {lock})"
FREE = "FOR UPDATE SKIP LOCKED"
WAIT = "FOR UPDATE"  # for whoever has the row locked: another claim, or an edit that writes the todo's measures
KINDS = [(Order.CRITICAL_PATH, False), (Order.CRITICAL_PATH, True), (Order.ARRIVAL, False), (Order.ARRIVAL, True)]
"""An order, and whether the selection names a branch: each is a statement of its own."""


def _take(order: Order, lock: str, *, of_branch: bool) -> str:
    ready = READY.format(of_branch=OF_BRANCH[of_branch])
    return TAKE.format(pick=FIRST.format(ready=ready, columns=ORDERS[order], lock=lock))


FIRST_FREE = {(order, of_branch): _take(order, FREE, of_branch=of_branch) for order, of_branch in KINDS}
FIRST_READY = {kind: take + RETURNING for kind, take in FIRST_FREE.items()}
FIRST_HELD_UP = {(order, of_branch): _take(order, WAIT, of_branch=of_branch) + RETURNING for order, of_branch in KINDS}
BY_NUMBER = TAKE.format(pick="status = 'ready' AND number = ? AND need IN INTS") + RETURNING
UNCHANGED = TAKE.format(pick="status = 'ready' AND number = ? AND token = ? AND need IN INTS") + RETURNING
PLACE = "urgency, critical_path_minutes, total_descendants, immediate_dependents, number, token"
MOST_LOOKS = 200  # in one statement: SQLite puts 500 together at most
HEADS = """
    SELECT {place}, {of} AS look FROM todo
    WHERE {ready} ORDER BY {columns} LIMIT ? {lock}"""


ALONE = "SELECT * FROM ({}) AS h"  # a part of a UNION may not be ordered, bounded or locked by itself


@lru_cache(maxsize=256)
def heads(kinds: tuple[tuple[Order, bool], ...], lock: str) -> str:
    """Give the statement that reads the first ready todos of several kinds, each row with its kind's place last."""
    parts = [_heads(kind, place, lock) for place, kind in enumerate(kinds)]
    return parts[0] if len(parts) == 1 else " UNION ALL ".join(map(ALONE.format, parts))


def _heads(kind: tuple[Order, bool], place: int, lock: str) -> str:
    order, of_branch = kind
    ready = READY.format(of_branch=OF_BRANCH[of_branch])
    return HEADS.format(place=PLACE, of=place, ready=ready, columns=ORDERS[order], lock=lock)


def of_branch(selection: Selection) -> tuple[str, ...]:
    """Give the parameter for a selection's branch, if it names one."""
    return () if selection.branch is None else (selection.branch,)


def kind(selection: Selection) -> tuple[Order, bool]:
    """Give the kind of statement that a selection needs."""
    return selection.order, selection.branch is not None


def read(tx: Transaction, wanted: Selection | BestOf, needs: Iterable[int], *, limit: int, lock: str) -> list[Row]:
    """Read what each selection offers first for each need, best first: PLACE, and the selection as the last column.

    The first of them are locked where `lock` says so. A bonus counts in the order, not in the rows.
    """
    selections = wanted.selections if isinstance(wanted, BestOf) else (wanted,)
    looks = [(selection, need) for selection in selections for need in needs]
    parts = (looks[start : start + MOST_LOOKS] for start in range(0, len(looks), MOST_LOOKS))
    return sorted((row for part in parts for row in _looked_up(tx, part, limit=limit, lock=lock)), key=_place)


def _looked_up(tx: Transaction, looks: Sequence[tuple[Selection, int]], *, limit: int, lock: str) -> list[Row]:
    statement = heads(tuple(kind(selection) for selection, _ in looks), lock)
    parameters = [value for selection, need in looks for value in (tx.project_id, *of_branch(selection), need, limit)]
    return [(*row[:-1], looks[row[-1]][0]) for row in tx.all(statement, parameters)]


def _place(row: Row) -> tuple[float, ...]:
    """Give what ORDERS sorts by, the selection's bonus counted in."""
    urgency, minutes, descendants, dependents, number, _, selection = row
    if selection.order == Order.ARRIVAL:
        return urgency, number
    return urgency, -(minutes + selection.bonus_minutes), -descendants, -dependents, number
