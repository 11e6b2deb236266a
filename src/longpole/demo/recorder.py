"""Watches the demo's run: passes everything on, keeps who did what when, and kills one agent."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from longpole.runner import Kind
from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Event
    from longpole.project import Project
    from longpole.runner import Happening, Opening, Reporter

VICTIM = "search-index"
KILLED_AFTER_S = 0.6
ON_PURPOSE = "killed with -9 on purpose, it comes back"


class Bout(Value):
    """One attempt at a todo by an instance, in seconds since the run began."""

    instance: str
    todo_id: str
    branch: str
    began_s: float
    ended_s: float
    completed: bool


class Recorder:
    """A reporter in front of another one."""

    poll_s = 0.1

    def __init__(self, shown: Reporter, *, victim: str = VICTIM) -> None:
        self._shown, self._victim = shown, victim
        self._began = time.monotonic()
        self._doomed: tuple[int, float] | None = None
        self._started: dict[str, float] = {}
        self.bouts: list[Bout] = []
        self.instances: tuple[str, ...] = ()
        self.killed = False

    def begin(self, project: Project, opening: Opening) -> None:
        """Start the watch."""
        self.instances = opening.instances
        self._began = time.monotonic()
        self._shown.begin(project, opening.replace(logs=""))  # they go with the demo's folder

    def note(self, happening: Happening) -> None:
        """Keep what ended, mark the victim, and pass it on."""
        todo, name = happening.todo, happening.instance
        if todo and name and happening.kind is Kind.STARTED:
            self._started[name] = self._now_s()
            if todo.id == self._victim and not self.killed and happening.process_id:
                self._doomed = (happening.process_id, time.monotonic() + KILLED_AFTER_S)
        elif todo and name and name in self._started:
            self.bouts.append(
                Bout(
                    instance=name,
                    todo_id=todo.id,
                    branch=todo.branch or "",
                    began_s=self._started.pop(name),
                    ended_s=self._now_s(),
                    completed=happening.kind is Kind.COMPLETED,
                )
            )
            if todo.id == self._victim and happening.kind is Kind.FAILED and self.killed:
                happening = happening.replace(detail=ON_PURPOSE)
        self._shown.note(happening)

    def tick(self, events: Sequence[Event]) -> None:
        """Kill the victim once it is in the middle of its work."""
        if self._doomed and time.monotonic() >= self._doomed[1]:
            with suppress(ProcessLookupError):
                os.kill(self._doomed[0], signal.SIGKILL)
                self.killed = True
            self._doomed = None
        self._shown.tick(events)

    def end(self) -> None:
        """Pass it on."""
        self._shown.end()

    def _now_s(self) -> float:
        return time.monotonic() - self._began
