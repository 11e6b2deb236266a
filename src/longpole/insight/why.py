"""Why a todo is ready, blocked, in somebody's hands, or finished."""

from __future__ import annotations

from longpole.model import PENDING, Status
from longpole.store import claims, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.model import Hold, Todo
    from longpole.store.dialect import Transaction

SHOWN = 10
MAX_DEPTH = 10_000


def explain(tx: Transaction, todo_id: str) -> tuple[Todo, str, tuple[str, ...]]:
    """Give the todo, one sentence that says why it stands where it does, and lines of detail.

    Raises UnknownTodoError.
    """
    number = todos.number_of(tx, todo_id)
    todo = todos.by_number(tx, number)
    summary, lines = _ABOUT[todo.status](tx, number, todo)
    if todo.status not in PENDING:
        return todo, summary, tuple(lines)
    measures = (
        f"critical path {todo.critical_path_minutes:g} min, urgency {todo.urgency}"
        f" (own priority {todo.priority}), todos that wait for it directly: {todo.immediate_dependents}"
    )
    return todo, summary, (*lines, measures)


def _blocked(tx: Transaction, number: int, todo: Todo) -> tuple[str, list[str]]:
    waited_for = todos.waited_for(tx, number)
    lines = [_standing(one) for one in waited_for[:SHOWN]]
    if len(waited_for) > SHOWN:
        lines.append(f"… and {len(waited_for) - SHOWN} more")
    lines += [_held(hold) for hold in todo.holds]
    causes = _causes(tx, waited_for)
    if causes:
        return f"{todo.id} is stuck: {', '.join(causes)} in its way", lines
    if not waited_for:
        return f"{todo.id} is blocked: {'; '.join(hold.reason for hold in todo.holds)}", lines
    return f"{todo.id} is blocked: it waits for {', '.join(one.id for one in waited_for[:SHOWN])}", lines


def _ready(tx: Transaction, number: int, todo: Todo) -> tuple[str, list[str]]:
    ahead = claims.ahead_of(tx, number)
    place = f"{ahead} ready todos come before it" if ahead else "it is the next to be given out"
    return f"{todo.id} is ready: nothing is in its way, and by critical_path {place}", _attempts(todo)


def _in_progress(tx: Transaction, number: int, todo: Todo) -> tuple[str, list[str]]:
    rule = claims.why_given(tx, number, todo.token)
    lines = [f"given by the rule {rule}"] if rule else []
    if todo.progress_percent is not None:
        lines.append(f"{todo.progress_percent} % done")
    return f"{todo.id} is in progress: {todo.holder} holds it with token {todo.token}", [*lines, *_attempts(todo)]


def _failed(_tx: Transaction, _number: int, todo: Todo) -> tuple[str, list[str]]:
    reason = f": {todo.result}" if todo.result else ""
    revive = f"`longpole retry {todo.id}` gives it its attempts again"
    return f"{todo.id} has failed after {todo.attempts} attempts{reason}", [revive]


def _finished(tx: Transaction, number: int, todo: Todo) -> tuple[str, list[str]]:
    lines = [f"result: {todo.result}"] if todo.result else []
    who = claims.last_holder(tx, number) if todo.token else None
    if who:
        lines.append(f"{who} had it last, by the rule {claims.why_given(tx, number, todo.token)}")
    return f"{todo.id} is {todo.status}; `longpole reopen {todo.id}` takes it up again", lines


_ABOUT = {
    Status.BLOCKED: _blocked,
    Status.READY: _ready,
    Status.IN_PROGRESS: _in_progress,
    Status.FAILED: _failed,
    Status.COMPLETED: _finished,
    Status.CANCELLED: _finished,
}


def _causes(tx: Transaction, waited_for: list[Todo]) -> list[str]:
    """Name the failed and the held todos above, nearest first: what will not go away by itself."""
    causes: list[str] = []
    seen, front = {one.id for one in waited_for}, list(waited_for)
    while front and len(causes) < SHOWN and len(seen) < MAX_DEPTH:
        causes += [f"{one.id} (failed)" for one in front if one.status == Status.FAILED]
        causes += [f"{one.id} (held: {hold.reason})" for one in front for hold in one.holds if hold.until_at is None]
        above = todos.all_waited_for(tx, [one.id for one in front if one.status == Status.BLOCKED])
        front = [one for one in above if one.id not in seen]
        seen.update(one.id for one in front)
    return causes


def _standing(todo: Todo) -> str:
    held = f" by {todo.holder}" if todo.holder else ""
    return f"waits for {todo.id} ({todo.status.replace('_', ' ')}{held}): {todo.title}"


def _held(hold: Hold) -> str:
    return f"held ({hold.kind}): {hold.reason}"


def _attempts(todo: Todo) -> list[str]:
    return [f"attempt {todo.attempts}"] if todo.attempts > 1 else []
