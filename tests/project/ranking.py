"""What tests of the work queue share: todos of a certain length, and what is ranked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from longpole.store import queue

if TYPE_CHECKING:
    from longpole.project import Project


def sized(project: Project, **minutes: float) -> None:
    """Add todos that take so many minutes, in this order."""
    project.add_many([{"id": name, "title": name, "estimate_minutes": one} for name, one in minutes.items()])


def ranked(project: Project) -> tuple[int, list[str]]:
    """Give the edition that is given out, and the todos that are left in it."""
    with project._store.read() as tx:
        edition = queue.ranking(tx).edition
        rows = tx.all(
            "SELECT d.id FROM queue q JOIN todo_detail d ON d.project_id = q.project_id AND d.number = q.number"
            " WHERE q.project_id = ? AND q.edition = ? ORDER BY q.place",
            (tx.project_id, edition),
        )
    return edition, [row[0] for row in rows]


def places(project: Project) -> list[tuple[str | None, str, str]]:
    """Give each claim's todo, and its place in the ranking, or that it had none, as the journal has them."""
    told = [(event.todo, event.why or "") for event in project.journal() if event.kind == "claimed"]
    return [(todo, *place) for todo, why in told for place in re.findall(r"place (\d+)|(not ranked)", why)]
