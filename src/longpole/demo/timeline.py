"""Who did what when, drawn in characters: a row for each instance, a letter for each branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from longpole.demo.recorder import Bout

COLORS = ("cyan", "green", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_yellow", "bright_blue")
STEPS_S = (0.5, 1, 2, 5, 10, 30, 60, 300, 600)
MARKS = 8  # at most so many times beneath the rows


class Signs(Value):
    """The characters that are not letters."""

    begin: str = "▏"
    idle: str = "·"
    killed: str = "✗"
    between: str = "→"
    more: str = "…"


PLAIN = Signs(begin="|", idle=".", killed="!", between="->", more="...")


class Timeline:
    """A drawing of bouts. The critical path stands in capitals on a coloured ground, so it reads in grey too."""

    def __init__(self, bouts: Sequence[Bout], *, critical: Collection[str], width: int, signs: Signs) -> None:
        self._bouts, self._critical, self._signs = bouts, critical, signs
        self._names = sorted({bout.instance for bout in bouts}, key=_by_number)
        self._indent = max(len(name) for name in self._names) + 1
        self._room = max(width - self._indent, 20)
        self._end_s = max(bout.ended_s for bout in bouts)
        branches = list(dict.fromkeys(bout.branch for bout in sorted(bouts, key=lambda bout: bout.began_s)))
        self._styles = {branch: COLORS[place % len(COLORS)] for place, branch in enumerate(branches)}

    def lines(self) -> list[Text]:
        """Give the rows, the seconds beneath them, and what the letters mean."""
        return [*(self._row(name) for name in self._names), self._axis(), *self._legend()]

    def _row(self, name: str) -> Text:
        cells: list[tuple[str, str]] = [(self._signs.idle, "dim")] * self._room
        for bout in self._bouts:
            if bout.instance == name:
                begin = min(self._place(bout.began_s), self._room - 1)
                end = max(self._place(bout.ended_s), begin + 1)
                cells[begin:end] = self._bar(bout, end - begin)
        return Text(name.ljust(self._indent), no_wrap=True).append_text(_joined(cells[: self._room]))

    def _bar(self, bout: Bout, length: int) -> list[tuple[str, str]]:
        color, letter = self._styles[bout.branch], bout.branch[:1] or "?"
        is_critical = bout.completed and bout.todo_id in self._critical
        style = f"bold black on {color}" if is_critical else color
        cell = (letter.upper() if is_critical else letter.lower(), style)
        bar = [(self._signs.begin, style), *[cell] * (length - 1)] if length > 1 else [cell]
        return bar if bout.completed else [*bar[:-1], (self._signs.killed, "bold red")]

    def _axis(self) -> Text:
        step_s = next((step for step in STEPS_S if self._end_s / step <= MARKS), STEPS_S[-1])
        axis = [" "] * (self._indent + self._room)
        for mark in range(int(self._end_s / step_s) + 1):
            label = f"{mark * step_s:g} s"
            at = self._indent + self._place(mark * step_s)
            if at + len(label) <= len(axis):
                axis[at : at + len(label)] = label
        return Text("".join(axis).rstrip(), style="dim", no_wrap=True)

    def _legend(self) -> Iterable[Text]:
        line = Text(" " * self._indent, no_wrap=True)
        for branch, color in self._styles.items():
            if line.cell_len + len(branch) + 1 > self._indent + self._room:
                yield line
                line = Text(" " * self._indent, no_wrap=True)
            line.append(" " if line.plain.strip() else "").append(branch[:1], style=f"bold {color}").append(branch[1:])
        yield line
        meaning = f"by first letter; CAPITALS are the critical path, {self._signs.killed} was killed"
        yield Text(f"{' ' * self._indent}{meaning}", style="dim", no_wrap=True)

    def _place(self, seconds: float) -> int:
        return round(seconds / self._end_s * self._room) if self._end_s else 0


def _by_number(name: str) -> tuple[int, str]:
    number = name.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0, name)


def _joined(cells: Iterable[tuple[str, str]]) -> Text:
    row = Text(no_wrap=True)
    for letter, style in cells:
        row.append(letter, style=style)
    return row
