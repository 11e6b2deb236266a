"""What holds of every project at any time: each todo's counter of what it waits for, and the status that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longpole.project import Project

COUNTED = """
    SELECT d.id, t.status, t.unmet,
        (SELECT COUNT(*) FROM hold h WHERE h.project_id = t.project_id AND h.number = t.number)
        + (SELECT COUNT(*) FROM dependency e JOIN todo p ON p.project_id = e.project_id AND p.number = e.predecessor
            WHERE e.project_id = t.project_id AND e.dependent = t.number
            AND p.status NOT IN ('completed', 'cancelled'))
    FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    WHERE t.project_id = ?"""


def unsound(project: Project) -> list[tuple[str, str, int, int]]:
    """Give the todos whose counter is wrong (id, status, counter, what it should be), or that have a wrong status."""
    with project._store.read() as tx:
        rows = tx.all(COUNTED, (tx.project_id,))
    return [
        (todo, status, unmet, count)
        for todo, status, unmet, count in rows
        if unmet != count or (status in {"ready", "blocked"} and (status == "ready") != (unmet == 0))
    ]
