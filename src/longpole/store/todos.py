"""Reading todos: rows to values, by id, by filter, along the critical path."""

from __future__ import annotations

import json

from longpole.errors import UnknownTodoError
from longpole.model import Status, Todo
from longpole.store import holds, obstacles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.model import Hold
    from longpole.store.dialect import Row, Transaction

SELECT = """
    SELECT t.number, d.id, d.title, d.description, t.status, t.priority, t.urgency, t.branch, t.estimate_minutes,
        t.critical_path_minutes, t.immediate_dependents,
        CASE WHEN p.descendants_version = p.graph_version THEN t.total_descendants ELSE -1 END,
        t.unmet, d.touches, d.needs, t.attempts, t.token, i.name, t.progress_percent, d.result,
        d.created_at, t.claimed_at, t.finished_at, d.former_holder, d.kind, d.opens_at
    FROM todo t
    JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    JOIN project p ON p.project_id = t.project_id
    LEFT JOIN instance i ON i.project_id = t.project_id AND i.number = t.holder
    WHERE t.project_id = ?"""
PAGE = 5000
_PENDING = "t.status IN ('blocked', 'ready', 'in_progress', 'failed')"
_FIRST = "t.critical_path_minutes DESC, t.total_descendants DESC, t.immediate_dependents DESC, t.number LIMIT 1"
LONGEST = f"SELECT t.number FROM todo t WHERE t.project_id = ? AND {_PENDING} ORDER BY {_FIRST}"  # noqa: S608 - constants
LONGEST_BEHIND = f"""
    SELECT t.number FROM dependency e
    JOIN todo t ON t.project_id = e.project_id AND t.number = e.dependent
    WHERE e.project_id = ? AND e.predecessor = ? AND {_PENDING} ORDER BY {_FIRST}"""  # noqa: S608 - constants


def number_of(tx: Transaction, todo_id: str) -> int:
    """Give a todo's number by its id. Raises UnknownTodoError, naming the nearest ids there are."""
    row = tx.one("SELECT number FROM todo_detail WHERE project_id = ? AND id = ?", (tx.project_id, todo_id))
    if row is None:
        raise UnknownTodoError(f"there is no todo '{todo_id}' in this project{_nearest(tx, todo_id)}", todo_id=todo_id)
    return int(row[0])


def numbers_of(tx: Transaction, ids: Iterable[str]) -> dict[str, int]:
    """Give the numbers of those ids that exist."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = tx.all(
        "SELECT id, number FROM todo_detail WHERE project_id = ? AND id IN TEXTS", (tx.project_id, tx.listed(wanted))
    )
    return dict(rows)


def ids_of(tx: Transaction, numbers: Iterable[int]) -> dict[int, str]:
    """Give the ids of these numbers."""
    rows = tx.all(
        "SELECT number, id FROM todo_detail WHERE project_id = ? AND number IN INTS",
        (tx.project_id, tx.listed(list(numbers))),
    )
    return dict(rows)


def by_number(tx: Transaction, number: int) -> Todo:
    """Read one todo by its number, which must exist."""
    row = tx.one(f"{SELECT} AND t.number = ?", (tx.project_id, number))
    assert row is not None
    predecessors = tx.all(
        "SELECT d.id FROM dependency e JOIN todo_detail d ON d.project_id = e.project_id AND d.number = e.predecessor"
        " WHERE e.project_id = ? AND e.dependent = ? ORDER BY e.predecessor",
        (tx.project_id, number),
    )
    held = _held(tx, [number]) if row[12] and row[4] != Status.READY else {}
    return _todo(row, tuple(found[0] for found in predecessors), held.get(number, ()))


def by_id(tx: Transaction, todo_id: str) -> Todo:
    """Read one todo. Raises UnknownTodoError."""
    return by_number(tx, number_of(tx, todo_id))


def listing(tx: Transaction, *, status: Status | None = None, branch: str | None = None) -> list[Todo]:
    """List todos in the order of their arrival, all or those of one status, of one branch, or both."""
    filters = ("" if status is None else " AND t.status = ?") + ("" if branch is None else " AND t.branch = ?")
    wanted = [value for value in (status, branch) if value is not None]
    rows = tx.all(f"{SELECT}{filters} ORDER BY t.number", (tx.project_id, *wanted))
    return _with_lists(tx, rows)


def by_numbers(tx: Transaction, numbers: Sequence[int]) -> list[Todo]:
    """Read todos by number, in the order given."""
    rows = tx.all(f"{SELECT} AND t.number IN INTS", (tx.project_id, tx.listed(numbers)))
    found = {todo_row[0]: todo for todo_row, todo in zip(rows, _with_lists(tx, rows), strict=True)}
    return [found[number] for number in numbers]


def critical_path(tx: Transaction) -> list[int]:
    """Give the numbers along the longest remaining path: from the todo that leads it to the last that waits for it.

    At each step the dependent that the critical path runs through; ties as in a claim.
    """
    row = tx.one(LONGEST, (tx.project_id,))
    path = []
    while row is not None:
        path.append(row[0])
        row = tx.one(LONGEST_BEHIND, (tx.project_id, row[0]))
    return path


def counts(tx: Transaction) -> dict[Status, int]:
    """Count the todos of each status; every status is there. It reads the whole project: not for each poll."""
    rows = tx.all("SELECT status, COUNT(*) FROM todo WHERE project_id = ? GROUP BY status", (tx.project_id,))
    return dict.fromkeys(Status, 0) | {Status(name): count for name, count in rows}


def of_row(row: Row, depends_on: Iterable[str]) -> Todo:
    """Give the claimed todo that a row of SELECT stands for: nothing holds it."""
    return _todo(row, tuple(depends_on), ())


def waited_for(tx: Transaction, number: int) -> list[Todo]:
    """Read the unfinished todos that a todo waits for directly."""
    return _waited_for(tx, [number])


def all_waited_for(tx: Transaction, ids: Iterable[str]) -> list[Todo]:
    """Read the unfinished todos that any of these todos waits for directly."""
    return _waited_for(tx, list(numbers_of(tx, ids).values()))


def _waited_for(tx: Transaction, numbers: list[int]) -> list[Todo]:
    rows = tx.all(
        "SELECT DISTINCT e.predecessor FROM dependency e"
        " JOIN todo t ON t.project_id = e.project_id AND t.number = e.predecessor"
        " WHERE e.project_id = ? AND e.dependent IN INTS AND t.status NOT IN ('completed', 'cancelled')"
        " ORDER BY e.predecessor",
        (tx.project_id, tx.listed(numbers)),
    )
    return by_numbers(tx, [row[0] for row in rows])


def _with_lists(tx: Transaction, rows: list[Row]) -> list[Todo]:
    todos: list[Todo] = []
    for start in range(0, len(rows), PAGE):
        part = rows[start : start + PAGE]
        numbers = [row[0] for row in part]
        after, held = _predecessors(tx, numbers), _held(tx, numbers)
        todos += [_todo(row, tuple(after.get(row[0], ())), held.get(row[0], ())) for row in part]
    return todos


def _held(tx: Transaction, numbers: list[int]) -> dict[int, tuple[Hold, ...]]:
    """Give what these todos wait for beside their dependencies, whether it has a row or follows from others' claims."""
    found = holds.of(tx, numbers)
    for number, more in obstacles.holds(tx, numbers).items():
        found[number] = (*found.get(number, ()), *more)
    return found


def _predecessors(tx: Transaction, numbers: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for dependent, todo_id in tx.all(
        "SELECT e.dependent, d.id FROM dependency e"
        " JOIN todo_detail d ON d.project_id = e.project_id AND d.number = e.predecessor"
        " WHERE e.project_id = ? AND e.dependent IN INTS ORDER BY e.dependent, e.predecessor",
        (tx.project_id, tx.listed(numbers)),
    ):
        found.setdefault(dependent, []).append(todo_id)
    return found


def _todo(row: Row, depends_on: tuple[str, ...], held: tuple[Hold, ...]) -> Todo:
    (_, todo_id, title, description, status, priority, urgency, branch, estimate, critical, immediate, total, unmet,
     touches, needs, attempts, token, holder, percent, result, created, claimed, finished, former,
     kind, opens) = row  # fmt: skip
    return Todo(
        id=todo_id,
        title=title,
        description=description,
        status=Status(status),
        priority=priority,
        urgency=urgency,
        branch=branch,
        estimate_minutes=estimate,
        critical_path_minutes=critical,
        immediate_dependents=immediate,
        total_descendants=None if total < 0 else total,
        unmet=unmet,
        depends_on=depends_on,
        touches=() if touches == "[]" else tuple(json.loads(touches)),
        needs=() if needs == "[]" else tuple(json.loads(needs)),
        holds=held,
        attempts=attempts,
        token=token,
        holder=holder,
        progress_percent=percent,
        result=result,
        created_at=created,
        claimed_at=claimed,
        finished_at=finished,
        former_holder=former,
        kind=kind,
        opens_at=opens,
    )


def _nearest(tx: Transaction, todo_id: str) -> str:
    """Suggest ids that begin alike: reading all ids to compare them would not suit a large project."""
    for length in range(len(todo_id), 1, -1):
        start = todo_id[:length]
        rows = tx.all(
            "SELECT id FROM todo_detail WHERE project_id = ? AND id >= ? AND id < ? ORDER BY id LIMIT 3",
            (tx.project_id, start, start + "\uffff"),
        )
        if rows:
            return f"; did you mean {', '.join(row[0] for row in rows)}?"
    return "; `longpole list` shows them all"
