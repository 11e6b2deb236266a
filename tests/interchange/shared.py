"""What the tests of import and export share: a stand-in for what the store makes of a parsed file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longpole.interchange.apply import plan_import
from longpole.model import Hold, Status, Todo

if TYPE_CHECKING:
    from longpole.interchange.values import ImportPlan, Parsed

SAMPLE = Path(__file__).parents[1] / "fixtures" / "beads-issues.jsonl"


def as_todos(parsed: Parsed) -> list[Todo]:
    """Give the todos that a project has after importing the file into an empty one."""
    settled = {todo.new.id for todo in parsed.todos if todo.completed or todo.cancelled}
    found = []
    for todo in parsed.todos:
        new = todo.new
        unmet = sum(other not in settled for other in new.after) + (todo.hold is not None)
        found.append(
            Todo(
                id=str(new.id),
                title=new.title,
                description=new.description,
                status=_status(todo.completed, todo.cancelled, unmet),
                priority=new.priority,
                branch=new.branch,
                estimate_minutes=new.estimate_minutes,
                unmet=unmet,
                depends_on=new.after,
                touches=new.touches,
                needs=new.needs,
                holds=(Hold(kind="manual", reason=todo.hold),) if todo.hold else (),
                result=todo.result,
                created_at=todo.created_at or 0,
                finished_at=todo.finished_at,
                former_holder=todo.former_holder,
            )
        )
    return found


def _status(completed: bool, cancelled: bool, unmet: int) -> Status:  # noqa: FBT001
    if completed or cancelled:
        return Status.COMPLETED if completed else Status.CANCELLED
    return Status.BLOCKED if unmet else Status.READY


def changed(todos: list[Todo], todo_id: str, **changes: Any) -> list[Todo]:
    """Give the todos with one of them changed."""
    return [todo.replace(**changes) if todo.id == todo_id else todo for todo in todos]


def imported(
    parsed: Parsed, todos: list[Todo], edited: dict[str, set[str]] | None = None, **options: Any
) -> ImportPlan:
    """Plan the import of a file into a project with these todos."""
    return plan_import(parsed, {todo.id: todo for todo in todos}, edited or {}, **options)


def lines(*records: dict[str, Any]) -> str:
    """Give records as a file of lines."""
    return "".join(json.dumps(record) + "\n" for record in records)


def issue(issue_id: str, *, blocks: tuple[str, ...] = (), parent: str | None = None, **fields: Any) -> dict[str, Any]:
    """Give a beads record; `blocks` are the issues that it waits for."""
    relations = [relation(issue_id, other) for other in blocks]
    relations += [relation(issue_id, parent, "parent-child")] if parent else []
    record = {"id": issue_id, "title": f"Title of {issue_id}", "status": "open", "priority": 2, "issue_type": "task"}
    record |= {"created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:00:00Z", **fields}
    return {**record, "dependencies": relations} if relations else record


def relation(owner: str, target: str, kind: str = "blocks", metadata: str = "{}") -> dict[str, Any]:
    return {
        "issue_id": owner,
        "depends_on_id": target,
        "type": kind,
        "created_at": "2026-01-01T10:00:00Z",
        "created_by": "mayor",
        "metadata": metadata,
    }
