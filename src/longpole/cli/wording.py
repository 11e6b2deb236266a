"""How minutes, moments and statuses are said to a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longpole.cli.text import one_line
from longpole.durations import format_minutes

if TYPE_CHECKING:
    from longpole.model import Todo

HOUR_MINUTES, DAY_MINUTES = 60, 1440


def minutes(value: float | None) -> str:
    """Say a number of minutes as 1d4h, 2h30m, 45m or 20s: to the hour from a day on, to the minute from an hour on."""
    if value is None:
        return ""
    if value >= DAY_MINUTES:
        return format_minutes(float(round(value / HOUR_MINUTES) * HOUR_MINUTES))
    if value >= HOUR_MINUTES:
        return format_minutes(float(round(value)))
    return format_minutes(round(value * 60) / 60)


def seconds(value: float) -> str:
    """Say a number of seconds; below a second it is 0s."""
    return minutes(int(value) / 60) if value >= 1 else "0s"


def moment(at: int | None) -> str:
    """Say a moment in local time, to the second."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at / 1e6))


def spoken(status: str) -> str:
    """Say a status: in progress, not in_progress."""
    return status.replace("_", " ")


def named(todo: Todo) -> str:
    """Say a todo in one line: its id and its title."""
    return f"{todo.id}  {one_line(todo.title)}"


def standing(todo: Todo) -> str:
    """Say a todo in one line with how it stands and who holds it."""
    held = f" by {one_line(todo.holder)}" if todo.holder else ""
    percent = "" if todo.progress_percent is None or not todo.holder else f", {todo.progress_percent} %"
    return f"{named(todo)} ({spoken(todo.status)}{held}{percent})"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Say a count with its noun; `nouns` where more than one are not the noun with an s."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"
