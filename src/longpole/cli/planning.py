"""The verbs that make a project and fill it: init, add, link, unlink."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from longpole import documents
from longpole.cli.asked import Asked, verb
from longpole.cli.touching import taken_from, touching
from longpole.durations import parse_minutes, parse_moment
from longpole.errors import InvalidInputError, UsageError
from longpole.model import Kind

if TYPE_CHECKING:
    from longpole.project import Project

TIME_HELP = "2026-12-01T09:00Z, or from now on 2h"
AFTER_HELP = "the id of a todo that has to be finished first (may be given again)"


@verb(
    "init",
    example="longpole init\nlongpole --db /var/lib/longpole/work.db init\n"
    "longpole --db postgresql://ann@server/work init",
)
def _init(asked: Asked) -> None:
    """Make the database, or say where it is.

    Other verbs find it from this folder and from those below. It is .longpole/longpole.db at the top of the
    repository, else in this folder; --db and LONGPOLE_DB name another. File and folder are readable by you alone.
    On a PostgreSQL server it makes longpole's tables, where they are missing, and the project.
    """
    project, existed = _made(asked)
    with project:
        name, todos = project.name, sum(project.status().counts.values())
    where = _near(project.place)
    said = f"{where} exists already: project '{name}' with {todos} todos" if existed else f"made {where}"
    hint = "longpole next --as NAME" if todos else 'longpole add "TITLE", or longpole import FILE'
    content = {"database": project.place, "project": name, "created": not existed, "todos": todos}
    asked.tell(content, f"{said}\nnext: {hint}")


@verb(
    "add",
    example='longpole add "Design the schema" --id schema --estimate 30m\n'
    'longpole add "Write the API" --after schema --estimate 2h --branch backend --touches src/api/\n'
    'longpole add "Train the ranking" --takes gpu=2 --reads data/\n'
    'longpole add "Approve the release" --id approval --after api --gate',
)
@click.argument("title")
@click.option("--id", "todo_id", help="its id (default: a short one is made)")
@click.option("--after", multiple=True, metavar="ID", help=AFTER_HELP)
@click.option("--estimate", metavar="DURATION", help="how long it takes: 30m, 2h, 1d, 1h30m")
@click.option("--priority", type=click.IntRange(0, 4), default=2, show_default=True, help="0 is the most urgent")
@click.option("--branch", help="the line of related todos that it belongs to")
@touching
@click.option(
    "--needs", multiple=True, metavar="LABEL", help="what its instance must be able to do (may be given again)"
)
@click.option("--description", default="", help="what an agent has to know to do it")
@click.option("--gate", is_flag=True, help="nobody works on it: `longpole approve` opens it once all before it is done")
@click.option("--opens", metavar="TIME", help=f"a gate that opens by itself: {TIME_HELP}")
def _add(asked: Asked, *, title: str, todo_id: str | None, estimate: str | None, **fields: Any) -> None:
    """Add a todo and print its id."""
    estimate_minutes = None if estimate is None else parse_minutes(estimate)
    is_gate, opens = fields.pop("gate"), fields.pop("opens")
    fields["touches"] = taken_from(fields)
    if opens is not None and not is_gate:
        raise UsageError("only a gate opens by itself: give --gate as well")
    with asked.open() as project:
        fields["opens_at"] = None if opens is None else parse_moment(opens, now_at=project.now())
        kind = Kind.GATE if is_gate else Kind.TODO
        todo = project.add(title, id=todo_id, estimate_minutes=estimate_minutes, kind=kind, **fields)
    asked.tell({"id": todo.id, "todo": documents.todo(todo)}, todo.id)


@verb("link", example="longpole link release --after api --after page")
@click.argument("todo")
@click.option("--after", multiple=True, required=True, metavar="ID", help=AFTER_HELP)
def _link(asked: Asked, *, todo: str, after: tuple[str, ...]) -> None:
    """Let a todo wait for others. A dependency that would close a circle is refused."""
    with asked.open() as project:
        linked = project.link(todo, after=after)
    said = f"{todo} waits for {', '.join(linked)}" if linked else f"{todo} waits for {', '.join(after)} already"
    asked.tell({"todo": todo, "linked": list(linked)}, said)


@verb("unlink", example="longpole unlink release --after page")
@click.argument("todo")
@click.option("--after", multiple=True, required=True, metavar="ID", help="what it waits for no more")
def _unlink(asked: Asked, *, todo: str, after: tuple[str, ...]) -> None:
    """Let a todo wait no longer for others."""
    with asked.open() as project:
        unlinked = project.unlink(todo, after=after)
    said = f"waits no longer for {', '.join(unlinked)}" if unlinked else f"did not wait for {', '.join(after)}"
    asked.tell({"todo": todo, "unlinked": list(unlinked)}, f"{todo} {said}")


def _made(asked: Asked) -> tuple[Project, bool]:
    """Open the project, made if need be; tell whether its database was there before, or on a server the project."""
    from longpole.location import database
    from longpole.project import open as open_project

    url = asked.db or database()
    path = url.removeprefix("sqlite:///")
    if "://" not in path:
        existed = os.path.exists(path)  # noqa: PTH110 - the same test as the store's
        return open_project(url, project=asked.project), existed
    with suppress(InvalidInputError):
        return open_project(url, project=asked.project, create=False), True
    return open_project(url, project=asked.project), False


def _near(place: str) -> str:
    """Spell a path as seen from here if it lies below; else, as a URL, it stays as it is."""
    if "://" in place or os.path.relpath(place).startswith(".."):
        return place
    return os.path.relpath(place)


COMMANDS = {"init": _init, "add": _add, "link": _link, "unlink": _unlink}
