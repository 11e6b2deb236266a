"""The verb that looks ahead: predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole.cli import hot, screen, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.screen import Column
from longpole.errors import UsageError

if TYPE_CHECKING:
    from longpole.model import Prediction

COLUMNS = (
    Column(title="id"),
    Column(title="in", right=True),
    Column(title="prio", right=True, spare=2),
    Column(title="path", right=True, spare=1),
    Column(title="branch", spare=3),
    Column(title="after"),
    Column(title="title", wide=True),
)


@verb("predict", example="longpole predict --as claude-1\nlongpole predict api page --json")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--as", "instance", help="the instance that holds them (default: LONGPOLE_INSTANCE)")
def _predict(asked: Asked, *, ids: tuple[str, ...], instance: str | None) -> None:
    """Tell what becomes ready when todos are done: those that an instance holds, or those that are named.

    All of them count together. "in" is how long that may take by their estimates, from now on; "after" names those of
    them that the todo waits for. They come in the order in which the project's strategy gives them out.
    """
    if ids and instance:
        raise UsageError("name an instance with --as, or todos, not both")
    name = "" if ids else hot.name_of({"instance": instance})
    with asked.open() as project:
        found = project.predict_after(ids) if ids else project.predict(name)
    empty = "nothing becomes ready by them alone; `longpole why ID` tells what else a todo waits for"
    content = {"predictions": [documents.prediction(one) for one in found]} if asked.json else {}
    asked.tell(content, lambda: screen.table(COLUMNS, [_row(one) for one in found], empty=empty))


def _row(one: Prediction) -> tuple[str, ...]:
    todo = one.todo
    soon = wording.minutes(one.expected_minutes) if one.expected_minutes else "now"
    path = wording.minutes(todo.critical_path_minutes)
    return (todo.id, soon, str(todo.urgency), path, todo.branch or "", ", ".join(one.after), todo.title)


COMMANDS = {"predict": _predict}
