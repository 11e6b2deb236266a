"""Import and export: text in and values out, values in and text out; a format a module, loaded when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longpole.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from longpole.interchange.values import Parsed, SourceRecord
    from longpole.model import Todo

IMPORTS = ("plan", "markdown", "beads", "jsonl")
EXPORTS = ("plan", "beads", "mermaid", "dot", "csv", "jsonl")


def parse(text: str, *, format: str, known_ids: Collection[str] = frozenset()) -> Parsed:  # noqa: A002 - its name outside
    """The todos and records of a text in one of the formats in IMPORTS.

    `known_ids` are the project's todos, which a file that a person wrote may name in its dependencies.
    Raises InvalidInputError for what cannot be used, UsageError for another format.
    """
    if format == "plan":
        from longpole.interchange import plan

        return plan.parse(text, known_ids=known_ids)
    if format == "markdown":
        from longpole.interchange import markdown

        return markdown.parse(text, known_ids=known_ids)
    if format == "beads":
        from longpole.interchange import beads

        return beads.parse(text)
    if format == "jsonl":
        from longpole.interchange import jsonl

        return jsonl.parse(text, known_ids=known_ids)
    raise UsageError(f"{format[:40]!r} cannot be imported; formats are {', '.join(IMPORTS)}")


def export(
    format: str,  # noqa: A002 - its name outside
    todos: Sequence[Todo],
    records: Sequence[SourceRecord] = (),
    *,
    project: str,
) -> str:
    """The todos as a text in one of the formats in EXPORTS; `records` are those kept from imports.

    Raises UsageError for another format.
    """
    if format == "plan":
        from longpole.interchange import plan

        return plan.export(todos, project=project)
    if format == "beads":
        from longpole.interchange import beads_export

        return beads_export.export(todos, records, project=project)
    if format == "mermaid":
        from longpole.interchange import mermaid

        return mermaid.export(todos, project=project)
    if format == "dot":
        from longpole.interchange import dot

        return dot.export(todos, project=project)
    if format == "csv":
        from longpole.interchange import csv

        return csv.export(todos)
    if format == "jsonl":
        from longpole.interchange import jsonl

        return jsonl.export(todos)
    raise UsageError(f"{format[:40]!r} cannot be exported; formats are {', '.join(EXPORTS)}")
