"""A run as a live picture on a terminal: who holds what for how long, how far all is, and what happened last."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from longpole.runner.lines import opening_words
from longpole.runner.outlook import Outlook
from longpole.runner.report import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import RenderableType

    from longpole.model import Event, Todo
    from longpole.project import Project
    from longpole.runner.report import Happening, Opening

LAST = 5
OTHER_LINES = LAST + 8  # what a picture has beside a line for each instance
STYLES = {
    Kind.STARTED: ("▸", "cyan"),
    Kind.COMPLETED: ("✓", "green"),
    Kind.FAILED: ("✗", "red"),
    Kind.LOST: ("✗", "red"),
    Kind.REPLACED: ("↻", "yellow"),
    Kind.HANDED_BACK: ("↩", "yellow"),
    Kind.RELEASED: ("↩", "yellow"),
    Kind.WAITING: ("…", "dim"),
    Kind.STOPPING: ("■", "yellow"),
}
TROUBLE = (Kind.FAILED, Kind.LOST, Kind.REPLACED, Kind.HANDED_BACK, Kind.RELEASED, Kind.STOPPING)


class Display:
    """A reporter for a terminal. Drawn by the run's own thread, ten times a second at most."""

    poll_s = 0.1

    def __init__(self, stream: TextIO, *, console: Console | None = None) -> None:
        self._console = console or Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._holding: dict[str, tuple[Todo, float]] = {}
        self._last: deque[Text] = deque(maxlen=LAST)
        self._began = time.monotonic()

    def begin(self, project: Project, opening: Opening) -> None:
        """Draw the first picture."""
        self._began = time.monotonic()
        self._title = opening_words(opening)
        self._names = list(opening.instances)
        self._outlook = Outlook(project, len(opening.instances))
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._live.start()
        self.tick(())

    def note(self, happening: Happening) -> None:
        """Keep the newest happenings; what went wrong stays on the screen."""
        self._move(happening)
        line = self._line(happening)
        if happening.kind in TROUBLE or happening.attempt > 1:
            self._console.print(line)
        elif happening.kind is not Kind.STARTED:
            self._last.append(line)

    def tick(self, events: Sequence[Event]) -> None:
        """Draw the picture anew."""
        if self._live:
            self._outlook.fold(events)
            self._live.update(self._picture(), refresh=True)

    def end(self) -> None:
        """Take the picture away; what comes after it is the summary."""
        if self._live:
            self._live.stop()
            self._live = None

    def _move(self, happening: Happening) -> None:
        name = happening.instance
        if happening.kind is Kind.STARTED and happening.todo and name:
            self._holding[name] = (happening.todo, time.monotonic())
        elif name:
            self._holding.pop(name, None)
        if happening.kind is Kind.REPLACED and name:
            seat = name.rpartition(".")[0]
            self._names = [name if one == seat or one.rpartition(".")[0] == seat else one for one in self._names]
        if self._live:
            self._outlook.learn(happening)

    def _picture(self) -> RenderableType:
        head = Table.grid(expand=True)
        head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        head.add_column(justify="right", no_wrap=True)
        head.add_row(Text(self._title, style="bold"), Text(clock(time.monotonic() - self._began)))
        return Group(Text(), head, self._bar(), self._path(), Text(), self._instances(), Text(), *self._last)

    def _bar(self) -> RenderableType:
        outlook = self._outlook
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        failed = f", {outlook.failed} failed" if outlook.failed else ""
        left_s = outlook.left_s
        left = "" if left_s is None or outlook.completed >= outlook.total else f", about {span(left_s)} left"
        bar = ProgressBar(total=max(outlook.total, 1), completed=outlook.completed)
        row.add_row(bar, Text(f"{outlook.completed} of {outlook.total}{failed}{left}"))
        return row

    def _path(self) -> RenderableType:
        line = Text("long pole  ", style="dim", no_wrap=True, overflow="ellipsis")
        held = {todo.id for todo, _ in self._holding.values()}
        for place, todo_id in enumerate(self._outlook.path):
            line.append(" → " if place else "", style="dim")
            line.append(todo_id, style="bold magenta" if todo_id in held else "magenta")
        return line

    def _instances(self) -> RenderableType:
        rows = Table.grid(expand=True, padding=(0, 1))
        for options in ({}, {}, {"ratio": 1}):
            rows.add_column(no_wrap=True, overflow="ellipsis", **options)  # type: ignore[arg-type]
        rows.add_column(justify="right", no_wrap=True)
        shown = max(self._console.height - OTHER_LINES, 1)
        for name in self._names[:shown]:
            rows.add_row(*self._row(name))
        if len(self._names) > shown:
            rows.add_row("…", "", Text(f"and {len(self._names) - shown} more instances", style="dim"), "")
        return rows

    def _row(self, name: str) -> tuple[Text, Text, Text, Text]:
        if name not in self._holding:
            return Text(name), Text("·", style="dim"), Text("nothing to do now", style="dim"), Text()
        todo, since = self._holding[name]
        mark = Text("▸", style="bold magenta" if todo.id in self._outlook.path else "cyan")
        title = Text(todo.title)
        if todo.branch:
            title.append(f"  {todo.branch}", style="dim")
        return Text(name), mark, title, Text(span(time.monotonic() - since))

    def _line(self, happening: Happening) -> Text:
        mark, style = STYLES[happening.kind]
        line = Text(f"{clock(time.monotonic() - self._began)} ", style="dim", no_wrap=True, overflow="ellipsis")
        line.append(f"{mark} ", style=style)
        what = happening.todo.id if happening.todo else str(happening.kind)
        line.append(what, style="default")
        if happening.seconds:
            line.append(f"  {span(happening.seconds)}")
        line.append(f"  {happening.instance or ''}")
        if happening.kind is Kind.STARTED and happening.attempt > 1:
            line.append(f"  attempt {happening.attempt}", style=style)
        if happening.detail:
            line.append(f"  {happening.detail}", style=style)
        return line


def clock(seconds: float) -> str:
    """Show a time since the beginning, as on a stop-watch."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def span(seconds: float) -> str:
    """Show a duration in its usual unit."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004 - 1½ hours
