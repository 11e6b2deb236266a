"""The verb that tells what happened: journal."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole.cli import hot, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.text import one_line

if TYPE_CHECKING:
    from longpole.model import Event
    from longpole.project import Project

POLL_S = 0.3


@verb("journal", example="longpole journal --todo api\nlongpole journal --follow --json")
@click.option("--follow", is_flag=True, help="go on with every act as it happens; without --after it begins now")
@click.option("--after", metavar="CURSOR", help="only what came after this position: the seq of an event")
@click.option("--todo", metavar="ID", help="only what happened to this todo")
def _journal(asked: Asked, *, follow: bool, after: str | None, todo: str | None) -> None:
    """Tell what happened, one act a line.

    With --json each line is a document. Its seq is a position for --after.
    """
    with asked.open() as project:
        cursor = project.cursor() if follow and after is None else after
        cursor = _print_from(project, cursor, todo=todo, asked=asked)
        while follow:
            time.sleep(POLL_S)
            cursor = _print_from(project, cursor, todo=todo, asked=asked)


def _print_from(project: Project, cursor: str | None, *, todo: str | None, asked: Asked) -> str | None:
    """Print what came after a position, and give the position of the last act printed."""
    for event in project.journal(after=cursor, todo=todo):
        if asked.json:
            hot.put(documents.event(event))
        elif not asked.quiet:
            print(_in_words(event))
        cursor = event.cursor
    sys.stdout.flush()
    return cursor


def _in_words(event: Event) -> str:
    parts = [wording.moment(event.at), f"{event.kind:<12}"]
    parts += [event.todo] if event.todo else []
    parts += [f"by {one_line(event.instance)}" if event.todo else one_line(event.instance)] if event.instance else []
    parts += [f"token {event.token}"] if event.token is not None else []
    said = "  ".join(parts).rstrip()
    why = f": {one_line(event.why)}" if event.why else ""
    data = f"  {one_line(json.dumps(event.data, ensure_ascii=False))}" if event.data else ""
    return f"{said}{why}{data}"


COMMANDS = {"journal": _journal}
