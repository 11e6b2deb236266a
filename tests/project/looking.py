"""Ways to look at a project that tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from longpole.model import Status

if TYPE_CHECKING:
    from longpole.project import Project
    from longpole.store.sqlite import SqliteEngine

TABLES = ("project", "todo", "todo_detail", "dependency", "hold", "instance", "journal", "reply", "source_record")


def dump(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with project._store.read() as tx:
        return {table: sorted(tx.all(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def engine_of(project: Project) -> SqliteEngine:
    """The engine of a project on SQLite."""
    return cast("SqliteEngine", project._store.engine)


def statuses(project: Project) -> dict[str, str]:
    """The status of each todo by id."""
    return {todo.id: todo.status.value for todo in project.todos()}


def ready(project: Project) -> list[str]:
    return [todo.id for todo in project.todos(status=Status.READY)]


def kinds(project: Project, **about: str) -> list[str]:
    """What happened, in order."""
    return [event.kind.value for event in project.journal(**about)]


def plan(project: Project, drawing: dict[str, list[str]], **fields: Any) -> list[str]:
    """Add todos named by the drawing's keys, each after those that its value lists, all with the same fields."""
    return project.add_many(
        [{"id": one, "title": f"Do {one}", "after": after, **fields} for one, after in drawing.items()]
    )
