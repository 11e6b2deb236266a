"""The todos as a table with one line each; written only."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from longpole.interchange.safe import dump_json
from longpole.interchange.times import write_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Todo

COLUMNS = (
    "id",
    "title",
    "status",
    "priority",
    "branch",
    "estimate_minutes",
    "critical_path_minutes",
    "depends_on",
    "touches",
    "needs",
    "holder",
    "attempts",
    "result",
    "created_at",
    "claimed_at",
    "finished_at",
    "description",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(todos: Sequence[Todo]) -> str:
    """A header and a line for each todo, as RFC 4180 has it; lists are joined by a space, times are UTC.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(name, getattr(todo, name)) for name in COLUMNS] for todo in todos)
    return table.getvalue()


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        value = " ".join(item if isinstance(item, str) else dump_json(item, spaced=False) for item in value)
    elif name.endswith("_at"):
        return write_time(value) if value else ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else str(value)
    return "" if value is None else value
