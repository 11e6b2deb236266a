"""Gates: todos that nobody works on. Once all before a gate is done a person opens it, or it opens itself by its time.

To open is to complete. A gate with a time has a hold until then; what is ready and opens by itself is found by the
index of what is ready, so that whatever was last in its way, the act that ended it opens the gate as well.
"""

from __future__ import annotations

import time

from longpole import limits
from longpole.errors import InvalidInputError, NotReadyError
from longpole.model import EventKind, Kind, Status
from longpole.store import claims, holds, journal, needs, projects, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from longpole.model import Todo
    from longpole.store.dialect import Transaction

APPROVED = "approved"
BY_TIME = "opened by its time"
OPENED = (APPROVED, BY_TIME)
"""Why a gate was completed that somebody did not force."""
MOST = 100  # that are read at once
SHOWN = 5
READY = """
    SELECT number FROM todo WHERE project_id = ? AND status = 'ready' AND need = ? ORDER BY urgency, number LIMIT ?"""
OPEN = """
    UPDATE todo SET status = 'completed', finished_at = ?
    WHERE project_id = ? AND number = ? AND status = 'ready' AND need < 0"""
WAITING = """
    SELECT d.id FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    WHERE t.project_id = ? AND t.status = 'ready' AND t.need = ? ORDER BY t.urgency, t.number LIMIT ?"""
NEXT_TO_OPEN = """
    SELECT d.id, h.until_at FROM hold h
    JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
    JOIN todo_detail d ON d.project_id = h.project_id AND d.number = h.number
    WHERE h.project_id = ? AND h.until_at > 0 AND h.kind = 'gate' AND t.status = 'blocked' AND t.unmet = 1
    ORDER BY h.until_at LIMIT 1"""


def need_of(opens_at: int | None) -> int:
    """Give the need of a gate: nobody meets it."""
    return needs.GATE if opens_at is None else needs.OPENS


def has_to_wait(tx: Transaction, opens_at: int | None) -> bool:
    """Tell whether a gate has to be held until its time."""
    return opens_at is not None and opens_at > tx.now


def set_time(tx: Transaction, number: int, opens_at: int) -> None:
    """Let a gate open by itself at a time, not before. The caller has counted into `unmet` whether it has to wait."""
    if has_to_wait(tx, opens_at):
        holds.add(tx, number, holds.GATE, reason=f"it opens at {spoken(opens_at)}", until_at=opens_at)
        projects.sweep_by(tx, opens_at)
    projects.constrain(tx)  # whoever completes what it waits for has to look whether it opens


def approve(tx: Transaction, todo_id: str, note: str | None) -> None:
    """Open a gate, as a person decides who has seen that all before it is done.

    Raises NotReadyError if something before it is not, InvalidInputError if it is no gate or open already.
    """
    number = todos.number_of(tx, todo_id)
    claims.lock(tx, [number])
    todo = todos.by_number(tx, number)
    if todo.kind != Kind.GATE or todo.status not in (Status.READY, Status.BLOCKED):
        raise InvalidInputError(_misplaced(todo), todo_id=todo_id)
    if not _open(tx, number, APPROVED):
        raise NotReadyError(
            f"the gate '{todo_id}' waits for {_waits_for(tx, number, todo)}; `longpole done {todo_id} --force` opens it"
            " all the same",
            todo_id=todo_id,
        )
    if note is not None:
        claims.set_result(tx, number, note)
    open_due(tx)


def open_due(tx: Transaction) -> None:
    """Open the gates whose time has come and that nothing keeps shut; one may have waited for another."""
    while rows := tx.all(READY, (tx.project_id, needs.OPENS, MOST)):
        for (number,) in rows:
            _open(tx, number, BY_TIME)


def checked_changes(tx: Transaction, number: int, todo_id: str, changes: Mapping[str, object]) -> Mapping[str, object]:
    """Give changes of a todo as its kind allows them. Raises InvalidInputError."""
    row = tx.one("SELECT kind FROM todo_detail WHERE project_id = ? AND number = ?", _at(tx, number))
    if row is None or row[0] != Kind.GATE:
        if changes.get("opens_at") is not None:
            raise InvalidInputError(
                f"'{todo_id}' is no gate and cannot open by itself; add a gate before it", todo_id=todo_id
            )
        return {name: value for name, value in changes.items() if name != "opens_at"}
    for field, value in changes.items():
        limits.refuse_work(field, value, todo=todo_id)
    plain = {name: value for name, value in changes.items() if name not in ("touches", "needs")}  # both empty
    return {name: value or 0.0 if name == "estimate_minutes" else value for name, value in plain.items()}


def reschedule(tx: Transaction, number: int, opens_at: object) -> int:
    """Give an unopened gate another time, None for a person to open it; tell by how many holds it has more or fewer."""
    assert opens_at is None or isinstance(opens_at, int)
    had = tx.run("DELETE FROM hold WHERE project_id = ? AND number = ? AND kind = ?", (*_at(tx, number), holds.GATE))
    if opens_at is not None:
        set_time(tx, number, opens_at)
    tx.run("UPDATE todo SET need = ? WHERE project_id = ? AND number = ?", (need_of(opens_at), *_at(tx, number)))
    return has_to_wait(tx, opens_at) - had


def waiting(tx: Transaction) -> list[str]:
    """Name the gates that wait for a person alone, the most urgent first, a few."""
    return [row[0] for row in tx.all(WAITING, (tx.project_id, needs.GATE, SHOWN))]


def next_to_open(tx: Transaction) -> tuple[str, int] | None:
    """Name the gate that opens by itself next and waits for nothing but its time, with that time."""
    row = tx.one(NEXT_TO_OPEN, (tx.project_id,))
    return None if row is None else (row[0], row[1])


def spoken(at: int) -> str:
    """Say a time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at // 1_000_000))


def _open(tx: Transaction, number: int, why: str) -> bool:
    if not tx.run(OPEN, (tx.now, *_at(tx, number))):
        return False
    claims.satisfy_dependents(tx, number)  # gates among them are found by open_due
    journal.write(tx, EventKind.COMPLETED, todo=number, why=why)
    return True


def _at(tx: Transaction, number: int) -> tuple[int, int]:
    return tx.project_id, number


def _misplaced(todo: Todo) -> str:
    if todo.kind != Kind.GATE:
        return f"'{todo.id}' is no gate: whoever holds it completes it, with `longpole done {todo.id}`"
    if todo.status == Status.COMPLETED:
        return f"the gate '{todo.id}' is open already"
    return f"the gate '{todo.id}' is {todo.status}; `longpole reopen {todo.id}` first"


def _waits_for(tx: Transaction, number: int, todo: Todo) -> str:
    before = [one.id for one in todos.waited_for(tx, number)]
    more = [f"{len(before) - SHOWN} more"] if len(before) > SHOWN else []
    return ", ".join([*before[:SHOWN], *more, *(_held(hold.kind, hold.reason) for hold in todo.holds)])


def _held(kind: str, reason: str) -> str:
    return f"its time ({reason})" if kind == holds.GATE else f"the end of a hold ({reason})"
