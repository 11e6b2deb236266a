"""One todo a line with all that is known of it, its state included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole import documents
from longpole.errors import InvalidInputError
from longpole.interchange.ids import resolved
from longpole.interchange.safe import dump_json, load_json, plain_text
from longpole.interchange.times import read_time
from longpole.interchange.values import Parsed, ParsedTodo
from longpole.limits import checked, checked_count, checked_id, checked_reason, checked_text
from longpole.model import NewTodo, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from longpole.model import Todo

FORMAT = "jsonl"
_TAKEN = ("title", "id", "description", "estimate_minutes", "priority", "branch", "touches", "needs", "kind")


def export(todos: Sequence[Todo]) -> str:
    """A line for each todo, in the order given, with the fields of `show --json`."""
    return "".join(f"{dump_json(documents.todo(todo))}\n" for todo in todos)


def parse(text: str, *, known_ids: Collection[str] = frozenset()) -> Parsed:
    """The todos of such lines, completed and cancelled ones as such; nobody holds any, failed ones are on hold.

    Fields that longpole computes, and unknown ones, are passed over. `known_ids` are those of the project.
    Raises InvalidInputError naming the line, and CycleError for a todo that waits for itself.
    """
    lines = plain_text(text, name="the file").split("\n")
    rows = [(number, _row(line, number)) for number, line in enumerate(lines, start=1) if line.strip()]
    checked_count(len(rows))
    places: dict[str, int] = {}
    for number, row in rows:
        if places.setdefault(row["id"], number) != number:
            raise InvalidInputError(
                f"lines {places[row['id']]} and {number} have the same id {row['id']!r}; keep one of them",
                todo_id=row["id"],
            )
    counts = {"records": len(rows), "todos": len(rows)}
    known = {*places, *known_ids}
    todos = [_parsed(number, row, known, counts) for number, row in rows]
    counts["completed"] = sum(todo.completed for todo in todos)
    counts["holds"] = sum(todo.hold is not None for todo in todos)
    counts["dependencies.depends_on"] = sum(len(todo.new.after) for todo in todos)
    return Parsed(format=FORMAT, todos=tuple(todos), counts=counts)


def _row(line: str, number: int) -> dict[str, Any]:
    row = load_json(line, where=f"line {number}")
    if not isinstance(row, dict):
        raise InvalidInputError(f"line {number} is no JSON object; each line holds one todo")
    try:
        checked_id(row.get("id"))
        row["depends_on"] = [checked_id(other) for other in _list(row.get("depends_on"))]
    except InvalidInputError as error:
        raise InvalidInputError(f"line {number}: the id {error}") from None
    return row


def _parsed(number: int, row: dict[str, Any], known: Collection[str], counts: dict[str, int]) -> ParsedTodo:
    after = resolved(row["id"], row["depends_on"], known=known, counts=counts)
    given = {"title": "", **{name: row[name] for name in _TAKEN if row.get(name) is not None}}
    given["opens_at"] = read_time(row.get("opens_at"))
    try:
        new = checked(NewTodo(**given)).replace(after=after)
        status = Status(row.get("status", "ready"))
        result = checked_text(row["result"]) if row.get("result") else None
        hold = _hold(row, status, result)
        holder = row.get("holder") or row.get("former_holder")
        former_holder = checked_reason(holder) if holder else None
    except ValueError as error:  # InvalidInputError is one
        raise InvalidInputError(f"line {number}: {error}", todo_id=row["id"]) from None
    return ParsedTodo(
        new=new,
        completed=status is Status.COMPLETED,
        cancelled=status is Status.CANCELLED,
        hold=hold,
        result=result,
        former_holder=former_holder,
        finished_at=read_time(row.get("finished_at")),
        created_at=read_time(row.get("created_at")),
    )


def _hold(row: dict[str, Any], status: Status, result: str | None) -> str | None:
    if status in (Status.COMPLETED, Status.CANCELLED):
        return None
    for hold in _list(row.get("holds")):
        if isinstance(hold, dict) and hold.get("kind") == "manual" and hold.get("reason"):
            return checked_reason(hold["reason"])
    if status is not Status.FAILED:
        return None
    return checked_reason(" ".join(f"failed before: {result or 'no reason given'}".split())[:200])


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise InvalidInputError("stands where a list should; write a list")
    return value or []
