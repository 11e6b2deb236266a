"""Why an instance does not get the one todo that it asks for by its id."""

from __future__ import annotations

import json

from longpole.errors import AlreadyClaimedError, NotReadyError
from longpole.model import Kind, Status
from longpole.store import holds, readiness, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.model import Todo
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow


def barred(tx: Transaction, state: ProjectRow) -> str | None:
    """Say why no todo at all may be claimed now, whatever its status; None if one may."""
    no_work = readiness.withheld(tx, state) or readiness.full(tx, state)
    return no_work.detail if no_work else None


def refusal(
    tx: Transaction, number: int, todo_id: str, lease: Lease, *, bar: str | None
) -> AlreadyClaimedError | NotReadyError:
    """Give the error that says why an instance cannot have a todo; `bar` is what keeps all back, if anything does."""
    todo = todos.by_number(tx, number)
    if todo.status == Status.IN_PROGRESS:
        return AlreadyClaimedError(
            f"'{todo_id}' is held by {todo.holder}; ask for the next todo instead", todo_id=todo_id, held_by=todo.holder
        )
    return NotReadyError(_why_not(todo, lease, bar), todo_id=todo_id)


def _why_not(todo: Todo, lease: Lease, bar: str | None) -> str:
    lacking = [label for label in todo.needs if label not in json.loads(lease.offers)]
    paused = [hold.reason for hold in todo.holds if hold.kind == holds.PAUSED]
    if todo.kind == Kind.GATE and todo.status in (Status.READY, Status.BLOCKED):
        return f"'{todo.id}' is a gate, which nobody works on; a person opens it with `longpole approve {todo.id}`"
    if paused and todo.status == Status.BLOCKED:
        return f"'{todo.id}' is not given out: {paused[0]}; `longpole resume --branch {todo.branch}` goes on"
    if bar and todo.status == Status.READY:
        return f"'{todo.id}' is not given out: {bar}"
    if lacking and todo.status == Status.READY:
        flags = " ".join(f"--offers {label}" for label in (*json.loads(lease.offers), *lacking))
        return (
            f"'{todo.id}' needs {', '.join(lacking)}, which {lease.name} does not offer; if it can do that:"
            f" `longpole claim {todo.id} --as {lease.name} {flags}`"
        )
    return f"'{todo.id}' is {todo.status}; `longpole why {todo.id}` says what it waits for"
