"""Edits of todos that exist: their text and numbers, their dependencies, and what a person decides about them.

Every edit takes the project's lock first, so edits come one after another; claims and completions never wait for it.
Before it decides by what a todo's row says, it locks the row, since a claim or a completion may be about to change it.
`unmet` counts the unfinished predecessors and the holds of a todo, whatever its own status.
"""

from __future__ import annotations

from longpole.errors import AlreadyClaimedError, InvalidInputError
from longpole.graph import descendants
from longpole.model import PENDING, EventKind, Status
from longpole.store import claims, conflicts, gates, holds, journal, measures, needs, pauses, records, todos
from longpole.store.additions import finished_among, listed
from longpole.transitions import TRANSITIONS, Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.graph.upkeep import Upkeep
    from longpole.store.dialect import Transaction

HOT = ("priority", "estimate_minutes", "branch")
DETAIL = ("title", "description", "touches", "needs", "result", "opens_at")
MEASURED = ("priority", "estimate_minutes")
REFUSALS = {
    Act.CANCEL: "finished already",
    Act.RETRY: "not failed; only a failed todo is retried",
    Act.REOPEN: "not finished; only a completed or cancelled todo is reopened",
    Act.COMPLETE_BY_HAND: "finished already",
}


def link(
    tx: Transaction, todo_id: str, after: Iterable[str], *, default_estimate: float, imported: bool = False
) -> list[str]:
    """Let a todo wait for others; give those that it did not wait for yet. An import may link what is completed.

    Raises CycleError, UnknownTodoError, and InvalidInputError if the todo is under way or completed:
    it could not wait any more.
    """
    tx.lock_project()
    wanted = {todos.number_of(tx, predecessor): predecessor for predecessor in after}
    number, status = _locked(tx, todo_id, *wanted)
    if status == Status.IN_PROGRESS or (status == Status.COMPLETED and not imported):
        raise InvalidInputError(
            f"'{todo_id}' is {status.replace('_', ' ')} and cannot wait for anything any more; "
            + ("release its claim first" if status == Status.IN_PROGRESS else "reopen it first"),
            todo_id=todo_id,
        )
    present = _predecessors(tx, number)
    new = sorted(predecessor for predecessor in wanted if predecessor not in present)
    if not new:
        return []
    tx.many(
        "INSERT INTO dependency (project_id, predecessor, dependent) VALUES (?, ?, ?)",
        [(tx.project_id, predecessor, number) for predecessor in new],
    )
    _wait_for_more(tx, number, len(new) - len(finished_among(tx, new)))
    measures.settle(tx, default_estimate, lambda upkeep: upkeep.link([(predecessor, number) for predecessor in new]))
    added = [wanted[predecessor] for predecessor in new]
    records.mark_edited(tx, number, ["after"])
    journal.write(tx, EventKind.LINKED, todo=number, data={"after": added})
    return added


def unlink(tx: Transaction, todo_id: str, after: Iterable[str], *, default_estimate: float) -> list[str]:
    """Let a todo no longer wait for others; give those that it waited for. Raises UnknownTodoError."""
    tx.lock_project()
    wanted = {todos.number_of(tx, predecessor): predecessor for predecessor in after}
    number, _ = _locked(tx, todo_id, *wanted)
    gone = sorted(predecessor for predecessor in wanted if predecessor in _predecessors(tx, number))
    if not gone:
        return []
    tx.many(
        "DELETE FROM dependency WHERE project_id = ? AND predecessor = ? AND dependent = ?",
        [(tx.project_id, predecessor, number) for predecessor in gone],
    )
    _wait_for_more(tx, number, len(finished_among(tx, gone)) - len(gone))
    measures.settle(tx, default_estimate, lambda upkeep: upkeep.unlink([(predecessor, number) for predecessor in gone]))
    removed = [wanted[predecessor] for predecessor in gone]
    records.mark_edited(tx, number, ["after"])
    journal.write(tx, EventKind.UNLINKED, todo=number, data={"after": removed})
    gates.open_due(tx)
    return removed


def edit(tx: Transaction, todo_id: str, changes: Mapping[str, object], *, default_estimate: float) -> None:
    """Change fields of a todo; the values have been checked. Raises UnknownTodoError."""
    tx.lock_project()
    number, status = _locked(tx, todo_id)
    changes = gates.checked_changes(tx, number, todo_id, changes)
    _update(tx, "todo", number, {name: changes[name] for name in HOT if name in changes})
    _update(tx, "todo_detail", number, {name: _stored(changes[name]) for name in DETAIL if name in changes})
    records.mark_edited(tx, number, changes)
    if any(name in changes for name in MEASURED):
        measures.settle(tx, default_estimate, lambda upkeep: upkeep.changed(number, was_pending=status in PENDING))
    if "needs" in changes:
        needs.renew(tx, number)
    if "branch" in changes:
        pauses.keep_to(tx, number)
    if "branch" in changes or "touches" in changes:
        conflicts.edited(tx, number, todo_id, status)
    if "opens_at" in changes:
        _wait_for_more(tx, number, gates.reschedule(tx, number, changes["opens_at"]))
    journal.write(tx, EventKind.EDITED, todo=number, data=changes)
    gates.open_due(tx)


def cancel(tx: Transaction, todo_id: str, *, cascade: bool, default_estimate: float) -> list[str]:
    """Cancel a todo, and with `cascade` all that waits for it; give the ids of those cancelled.

    Otherwise its dependents no longer wait for it. Raises AlreadyClaimedError if one of them is in progress.
    """
    tx.lock_project()
    number = todos.number_of(tx, todo_id)
    affected = [number, *(_pending_descendants(tx, number) if cascade else ())]
    claims.lock(tx, affected)
    ids = todos.ids_of(tx, affected)
    for one in affected:
        _refuse(ids[one], _status(tx, one), Act.CANCEL)
    for one in affected:
        _finish(tx, one, Status.CANCELLED)
        journal.write(tx, EventKind.CANCELLED, todo=one, why=None if one == number else f"waited for {todo_id}")
    _settle_all(tx, affected, default_estimate, was_pending=True)
    gates.open_due(tx)
    return [ids[one] for one in affected]


def complete_by_hand(tx: Transaction, todo_id: str, *, result: str | None, default_estimate: float) -> None:
    """Note that a todo was done outside: nobody holds it, and it may even be blocked.

    Raises AlreadyClaimedError if an instance holds it, InvalidInputError if it is finished.
    """
    tx.lock_project()
    number, status = _locked(tx, todo_id)
    _refuse(todo_id, status, Act.COMPLETE_BY_HAND)
    _finish(tx, number, Status.COMPLETED)
    if result is not None:
        claims.set_result(tx, number, result)
    journal.write(tx, EventKind.COMPLETED, todo=number, why="by hand")
    _settle_all(tx, [number], default_estimate, was_pending=True)
    gates.open_due(tx)


def retry(tx: Transaction, todo_id: str) -> None:
    """Give a failed todo its attempts again. Raises InvalidInputError if it has not failed."""
    tx.lock_project()
    number, status = _locked(tx, todo_id)
    _refuse(todo_id, status, Act.RETRY)
    _revive(tx, number)
    journal.write(tx, EventKind.RETRIED, todo=number)


def reopen(tx: Transaction, todo_id: str, *, default_estimate: float) -> list[str]:
    """Take up a completed or cancelled todo again; give the dependents that need a second look.

    Dependents that have not begun wait for it again; those in progress or completed stay as they are.
    Raises InvalidInputError if it is not finished.
    """
    tx.lock_project()
    number, status = _locked(tx, todo_id)
    _refuse(todo_id, status, Act.REOPEN)
    conflicts.revived(tx, number)
    _revive(tx, number)
    needs.renew(tx, number)
    pauses.keep_to(tx, number)
    claims.lock_dependents(tx, [number])
    second_look = _second_look(tx, number)
    tx.run(
        "UPDATE todo SET unmet = unmet + 1, status = CASE WHEN status = 'ready' THEN 'blocked' ELSE status END"
        " WHERE project_id = ? AND number IN"
        " (SELECT dependent FROM dependency WHERE project_id = ? AND predecessor = ?)",
        (tx.project_id, tx.project_id, number),
    )
    _settle_all(tx, [number], default_estimate, was_pending=False)
    journal.write(tx, EventKind.REOPENED, todo=number, data={"second_look": second_look})
    return second_look


def hold(tx: Transaction, todo_id: str, reason: str) -> None:
    """Set a todo aside until somebody lifts the hold.

    Raises AlreadyClaimedError if it is in progress, InvalidInputError if it is finished or held already.
    """
    tx.lock_project()
    number, status = _locked(tx, todo_id)
    if status not in (Status.BLOCKED, Status.READY):
        _refuse(todo_id, status, Act.CANCEL)
        raise InvalidInputError(f"'{todo_id}' is {status}; `longpole retry {todo_id}` first", todo_id=todo_id)
    if any(found.kind == holds.MANUAL for found in holds.of(tx, [number]).get(number, ())):
        raise InvalidInputError(f"'{todo_id}' is held already", todo_id=todo_id)
    holds.add(tx, number, holds.MANUAL, reason=reason)
    _wait_for_more(tx, number, 1)
    records.mark_edited(tx, number, ["hold"])
    journal.write(tx, EventKind.HELD, todo=number, why=reason)


def lift(tx: Transaction, todo_id: str) -> None:
    """Lift a hold that somebody put on a todo. Raises InvalidInputError if there is none."""
    tx.lock_project()
    number, _ = _locked(tx, todo_id)
    if not holds.lift(tx, number, holds.MANUAL):
        raise InvalidInputError(f"'{todo_id}' is not held; `longpole why {todo_id}` says what it waits for")
    records.mark_edited(tx, number, ["hold"])
    gates.open_due(tx)


def _locked(tx: Transaction, todo_id: str, *others: int) -> tuple[int, Status]:
    """Give a todo's number and status, both its row and those of other todos locked."""
    number = todos.number_of(tx, todo_id)
    claims.lock(tx, {number, *others})
    return number, _status(tx, number)


def _status(tx: Transaction, number: int) -> Status:
    row = tx.one("SELECT status FROM todo WHERE project_id = ? AND number = ?", (tx.project_id, number))
    assert row is not None
    return Status(row[0])


def _refuse(todo_id: str, status: Status, act: Act) -> None:
    if (status, act) in TRANSITIONS:
        return
    if status == Status.IN_PROGRESS and act is not Act.RETRY and act is not Act.REOPEN:
        raise AlreadyClaimedError(
            f"'{todo_id}' is in progress; let its instance release it first (`longpole show {todo_id}` names it)",
            todo_id=todo_id,
        )
    raise InvalidInputError(f"'{todo_id}' is {status.replace('_', ' ')}: {REFUSALS[act]}", todo_id=todo_id)


def _predecessors(tx: Transaction, number: int) -> set[int]:
    rows = tx.all("SELECT predecessor FROM dependency WHERE project_id = ? AND dependent = ?", (tx.project_id, number))
    return {row[0] for row in rows}


def _pending_descendants(tx: Transaction, number: int) -> list[int]:
    """List the unfinished todos that wait for this one, directly or not, nearest first."""

    def waiting_for(numbers: list[int]) -> list[int]:
        rows = tx.all(
            "SELECT DISTINCT e.dependent FROM dependency e"
            " JOIN todo t ON t.project_id = e.project_id AND t.number = e.dependent"
            " WHERE e.project_id = ? AND e.predecessor IN INTS AND t.status NOT IN ('completed', 'cancelled')"
            " ORDER BY e.dependent",
            (tx.project_id, tx.listed(numbers)),
        )
        return [row[0] for row in rows]

    return descendants.reach(number, waiting_for)


def _finish(tx: Transaction, number: int, status: Status) -> None:
    row = tx.one(
        "UPDATE todo SET status = ?, finished_at = ? WHERE project_id = ? AND number = ? RETURNING exclusive",
        (status, tx.now, tx.project_id, number),
    )
    if row and row[0]:
        conflicts.finished(tx, number)
    claims.satisfy_dependents(tx, number)


def _revive(tx: Transaction, number: int) -> None:
    tx.run(
        "UPDATE todo SET attempts = 0, finished_at = NULL, claimed_at = NULL,"
        " status = CASE WHEN unmet > 0 THEN 'blocked' ELSE 'ready' END WHERE project_id = ? AND number = ?",
        (tx.project_id, number),
    )


def _wait_for_more(tx: Transaction, number: int, more: int) -> None:
    tx.run(
        "UPDATE todo SET unmet = unmet + ?, status = CASE WHEN status NOT IN ('blocked', 'ready') THEN status"
        " WHEN unmet + ? > 0 THEN 'blocked' ELSE 'ready' END WHERE project_id = ? AND number = ?",
        (more, more, tx.project_id, number),
    )


def _second_look(tx: Transaction, number: int) -> list[str]:
    rows = tx.all(
        "SELECT d.id FROM dependency e JOIN todo t ON t.project_id = e.project_id AND t.number = e.dependent"
        " JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number"
        " WHERE e.project_id = ? AND e.predecessor = ? AND t.status IN ('in_progress', 'completed') ORDER BY t.number",
        (tx.project_id, number),
    )
    return [row[0] for row in rows]


def _settle_all(tx: Transaction, numbers: Sequence[int], default_estimate: float, *, was_pending: bool) -> None:
    def edit(upkeep: Upkeep) -> None:
        for number in numbers:
            upkeep.changed(number, was_pending=was_pending)

    measures.settle(tx, default_estimate, edit, edited=len(numbers))


def _update(tx: Transaction, table: str, number: int, values: Mapping[str, object]) -> None:
    if values:
        columns = ", ".join(f"{name} = ?" for name in values)  # names are HOT's and DETAIL's own
        tx.run(
            f"UPDATE {table} SET {columns} WHERE project_id = ? AND number = ?",  # noqa: S608
            (*values.values(), tx.project_id, number),
        )


def _stored(value: object) -> object:
    return listed(value) if isinstance(value, tuple | list) else value
