"""The verbs that read and write files of todos: import, export."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from longpole.cli import wording
from longpole.cli.asked import Asked, verb
from longpole.cli.text import one_line
from longpole.interchange import EXPORTS, IMPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from longpole.interchange.values import ImportReport

SHOWN = 10


@verb(
    "import", example="longpole import plan.yaml --dry-run\ncat .beads/issues.jsonl | longpole import - --format beads"
)
@click.argument("file")
@click.option(
    "--format", "form", type=click.Choice(["auto", *IMPORTS]), default="auto", show_default=True, help="of the file"
)
@click.option("--dry-run", is_flag=True, help="only say what would be done")
@click.option("--break-cycles", is_flag=True, help="leave out dependencies that close a circle, instead of refusing")
def _import(asked: Asked, *, file: str, form: str, dry_run: bool, break_cycles: bool) -> None:
    """Read todos from a file (- for standard input).

    Read again, a changed file changes the todos that it has made before.
    """
    from longpole.interchange import safe

    data = sys.stdin.buffer.read(safe.MAX_BYTES + 1) if file == "-" else b""
    text = safe.decode(data, name="standard input") if file == "-" else safe.read_text(file)
    name = "" if file == "-" else file
    with asked.open() as project, _working("importing …", asked):
        report = project.import_text(text, name=name, format=form, dry_run=dry_run, break_cycles=break_cycles)
    asked.tell(report.as_document(), "\n".join(_in_words(report)))


@verb("export", example="longpole export --format mermaid > plan.mmd")
@click.option("--format", "form", type=click.Choice(EXPORTS), default="plan", show_default=True, help="what to write")
def _export(asked: Asked, *, form: str) -> None:
    """Write all todos to standard output. With --json the text stands in a document."""
    with asked.open() as project:
        text = project.export(form)
    if asked.json:
        asked.tell({"format": form, "text": text}, "")
    else:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _working(words: str, asked: Asked) -> AbstractContextManager[object]:
    """Show on a terminal's stderr that longpole is at work."""
    if asked.quiet or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(words)


def _in_words(report: ImportReport) -> Iterator[str]:
    would = "would be " if report.dry_run else ""
    done = {"added": report.added, "changed": report.changed, "completed": report.completed}
    done |= {"cancelled": report.cancelled, "unchanged": report.unchanged}
    parts = ", ".join(f"{count} {would}{what}" for what, count in done.items() if count) or "nothing to do"
    records = wording.plural(report.records, "record")
    yield f"{report.format}: {wording.plural(report.todos, 'todo')} in {records}: {parts}"
    yield f"dependencies: {sum(report.dependencies.values())}; ready todos: {report.ready}"
    yield from _left_out(report)
    yield from _some([f"{todo} left alone: {reason}" for todo, reason in report.left_alone])
    yield from _some([f"warning: {warning}" for warning in report.warnings])


def _left_out(report: ImportReport) -> Iterator[str]:
    if report.holds:
        yield f"{wording.plural(report.holds, 'todo')} held; `longpole edit ID --lift` frees one"
    skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items() if count)
    if skipped:
        yield f"records that are no todos: {skipped}"
    dropped = ", ".join(f"{count} {reason}" for reason, count in report.dropped.items() if count)
    if dropped or report.dangling:
        missing = f"{report.dangling} to something that is not in the file" if report.dangling else ""
        yield f"dependencies left out: {', '.join(part for part in (dropped, missing) if part)}"
    yield from _some([f"left out: {todo} after {after}" for todo, after in report.dropped_dependencies])


def _some(lines: list[str]) -> Iterator[str]:
    yield from (one_line(line) for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"… and {len(lines) - SHOWN} more (--json lists them all)"


COMMANDS = {"import": _import, "export": _export}
