"""Tables and outlines: drawn by rich on a terminal, as plain aligned text everywhere else."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len

from longpole.cli.text import one_line
from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

MANY_ROWS = 400  # rich measures every cell before it draws: 2,000 rows would take seconds
GAP = 2  # between two columns
ROOMY, NARROW = 36, 10  # what a wide column gets before spare ones are left out, and what it gets at least
STATUS_STYLES = {
    "ready": "green",
    "in_progress": "cyan",
    "blocked": "yellow",
    "failed": "bold red",
    "completed": "dim",
    "cancelled": "dim",
    "live": "green",
    "left": "dim",
    "lost": "red",
    "ok": "green",
    "warning": "yellow",
    "problem": "bold red",
}
BAR_STYLES = {
    "completed": "green",
    "in_progress": "cyan",
    "ready": "blue",
    "blocked": "bright_black",
    "failed": "red",
    "cancelled": "black",
}


class Column(Value):
    """A column of a table. On a terminal `wide` is cut to the room that is left, `wraps` fills several lines."""

    title: str
    right: bool = False
    wide: bool = False
    wraps: bool = False
    spare: int = 0  # on a narrow terminal columns are left out, the highest number first; 0: never
    status: bool = False  # coloured by STATUS_STYLES


class Outline(Value):
    """A line of text with lines beneath it."""

    text: str
    beneath: tuple[Outline, ...] = ()
    style: str = ""


def is_drawn() -> bool:
    """Tell whether the answer goes to a terminal, or shall look as if (FORCE_COLOR)."""
    return sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under their titles; `empty` is said where there are none. A column without content is left out."""
    if not rows:
        print(empty)
        return
    used = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    columns = [columns[place] for place in used]
    cleaned = [[one_line(row[place]) for place in used] for row in rows]
    if is_drawn() and len(rows) <= MANY_ROWS:
        _draw_table(columns, cleaned)
    else:
        _print_table(columns, cleaned)


def outline(top: Outline) -> None:
    """Print an outline: as a tree on a terminal, indented elsewhere."""
    if is_drawn():
        _draw(top)
    else:
        _print_outline(top, depth=0)


def bar(parts: Sequence[tuple[str, int]]) -> None:
    """Draw a bar of the terminal's width from counts by status; nothing elsewhere, and nothing of nothing."""
    total = sum(count for _, count in parts)
    if not is_drawn() or not total:
        return
    from rich.text import Text

    out = console()
    drawn, width, seen = Text(), min(out.width, 100), 0
    for status, count in parts:
        begin, seen = round(seen * width / total), seen + count
        drawn.append("█" * (round(seen * width / total) - begin), BAR_STYLES[status])
    out.print(drawn)


def console() -> Console:
    """Make a console that colours nothing by itself: numbers and paths in a title are not to be lit up."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _draw_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    widths = _fitted(columns, rows, room=out.width)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for place in widths:
        column = columns[place]
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
            width=widths[place],
        )
    for row in rows:
        drawn.add_row(*(_cell(columns[place], row[place]) for place in widths))
    out.print(drawn, crop=False)


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, room: int) -> dict[int, int]:
    """Give the columns that fit, by place, with their widths: spare ones go first, then the wide one shrinks."""
    widths = {
        place: max(cell_len(column.title), *(cell_len(row[place]) for row in rows))
        for place, column in enumerate(columns)
    }
    elastic = [place for place, column in enumerate(columns) if column.wide or column.wraps]
    wanted = {place: min(width, ROOMY) if place in elastic else width for place, width in widths.items()}
    for place in sorted((place for place in wanted if columns[place].spare), key=lambda place: -columns[place].spare):
        if _total(wanted) > room:
            del wanted[place]
    for place in elastic:
        others = _total({other: width for other, width in wanted.items() if other != place})
        wanted[place] = min(widths[place], max(room - others - GAP, NARROW))
    return wanted


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _cell(column: Column, text: str) -> Text:
    from rich.text import Text

    return Text(text.replace("_", " ") if column.status else text, STATUS_STYLES.get(text, "") if column.status else "")


def _print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.title for column in columns], *rows]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print("  ".join(_padded(*cell) for cell in zip(line, widths, columns, strict=True)).rstrip())


def _padded(text: str, width: int, column: Column) -> str:
    room = " " * (width - cell_len(text))
    return room + text if column.right else text + room


def _draw(top: Outline) -> None:
    from rich.tree import Tree

    drawn = Tree(_text(top), guide_style="dim")
    _grow(drawn, top.beneath)
    console().print(drawn)


def _grow(tree: Tree, beneath: Sequence[Outline]) -> None:
    for one in beneath:
        _grow(tree.add(_text(one)), one.beneath)


def _text(one: Outline) -> Text:
    from rich.text import Text

    return Text(one.text, one.style)


def _print_outline(one: Outline, *, depth: int) -> None:
    for line in one.text.split("\n"):
        print(f"{'  ' * depth}{line}".rstrip())
    for below in one.beneath:
        _print_outline(below, depth=depth + 1)
