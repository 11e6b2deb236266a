"""The verb that takes projects from one database to another: db copy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from longpole.cli import wording
from longpole.cli.asked import Asked, verb
from longpole.cli.progress import Progress
from longpole.cli.text import one_line
from longpole.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longpole.model import Copy


@verb(
    "copy",
    example="longpole db copy .longpole/longpole.db postgresql://ann@server/work\n"
    "longpole db copy postgresql://ann@server/work snapshot.db --project site --anyway",
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--anyway", is_flag=True, help="even while instances are at work in FROM; the copy gives them up")
def _copy(asked: Asked, *, source: str, target: str, anyway: bool) -> None:
    """Copy a project from one database to another, between SQLite and PostgreSQL as well.

    All that belongs to it goes along: todos with their tokens and times, claims, instances, settings and the journal.
    Without --project or LONGPOLE_PROJECT every project is copied. TO must not have it yet, or have it empty; it gets
    all, or nothing at all.

    FROM stays as it is, so it could go on handing out the todos that TO hands out too. That is why nothing is copied
    while an instance is live in FROM: let them end first, then call everybody to TO (LONGPOLE_DB), and put FROM away.
    With --anyway they are given up in TO: their claims go back to the pool there, and tokens jump by a million, so
    that no token of FROM is ever valid in TO.
    """
    if asked.db is not None:
        raise UsageError("longpole db copy names its databases as FROM and TO; leave --db out")
    from longpole.project import copy as copy_projects

    name = asked.project or os.environ.get("LONGPOLE_PROJECT") or None
    progress = Progress(is_quiet=asked.quiet)
    try:
        copy = copy_projects(
            source,
            target,
            project=name,
            anyway=anyway,
            progress=lambda project, rows: progress.say(f"copying {one_line(project)}: {rows:,} rows"),
        )
    finally:
        progress.end()
    projects = [{**one.as_dict(), "given_up": list(one.given_up)} for one in copy.projects]
    asked.tell({"from": copy.source, "to": copy.target, "projects": projects}, "\n".join(_in_words(copy)))


def _in_words(copy: Copy) -> Iterator[str]:
    for one in copy.projects:
        counts = [wording.plural(one.todos, "todo"), wording.plural(one.instances, "instance")]
        counts.append(wording.plural(one.events, "event"))
        yield f"copied {one_line(one.project)}: {', '.join(counts)}"
        if one.given_up:
            names = ", ".join(map(one_line, one.given_up))
            yield f"  given up in the copy, and still at work in the original: {names}"
    yield f"next: call everybody to {one_line(copy.target)} (LONGPOLE_DB), and let nobody work in the original"


COPY = _copy
