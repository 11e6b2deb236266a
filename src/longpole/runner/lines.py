"""A run as plain lines on the standard error: one for each start and each end."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from longpole.runner.report import Kind, counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from longpole.model import Event
    from longpole.project import Project
    from longpole.runner.report import Happening, Opening


class Lines:
    """A reporter for files, pipes and logs."""

    poll_s = 60.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = time.monotonic()

    def begin(self, project: Project, opening: Opening) -> None:  # noqa: ARG002 - see Reporter
        """Say who begins, and where the output goes."""
        self._say(opening_words(opening))
        if opening.logs:
            self._say(f"the output of the commands is kept in {opening.logs}")

    def note(self, happening: Happening) -> None:
        """Say what happened, and when."""
        self._say(f"{time.monotonic() - self._began:7.1f} s  {words(happening)}")

    def tick(self, events: Sequence[Event]) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""

    def _say(self, line: str) -> None:
        """A reader that went away is no reason to stop the run."""
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()


def opening_words(opening: Opening) -> str:
    """Say in one line what a run begins with."""
    names = opening.instances
    several = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{opening.project}: {counted(len(names), 'instance')} ({several}), {opening.strategy}"


def words(happening: Happening) -> str:
    """Say in one line what happened."""
    todo, detail = happening.todo, happening.detail
    if todo is None:
        return f"{happening.instance or 'all'}  {happening.kind}: {detail}"
    if happening.kind is Kind.STARTED:
        again = f" (attempt {happening.attempt})" if happening.attempt > 1 else ""
        title = "" if todo.title == todo.id else f": {todo.title}"
        return f"{happening.instance}  started {todo.id}{title}{again}"
    after = f"{happening.instance}  {happening.kind} {todo.id} after {happening.seconds:.1f} s"
    return f"{after}: {detail}" if detail else after
