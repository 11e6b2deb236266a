"""What the drawn formats share: which todos to mark as the critical path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longpole.model import PENDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Todo


def critical_ids(todos: Sequence[Todo]) -> list[str]:
    """The ids along the longest pending path, in the order of work; empty if nothing is pending or measured."""
    pending = {todo.id: todo for todo in todos if todo.status in PENDING and todo.critical_path_minutes > 0}
    dependents: dict[str, list[str]] = {}
    for todo in pending.values():
        for other in todo.depends_on:
            dependents.setdefault(other, []).append(todo.id)
    path: list[str] = []
    candidates = list(pending)
    while candidates and len(path) < len(pending):
        path.append(min(candidates, key=lambda todo_id: (-pending[todo_id].critical_path_minutes, todo_id)))
        candidates = dependents.get(path[-1], [])
    return path
