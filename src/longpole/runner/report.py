"""What a run tells while it goes on, and to whom."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from longpole.model import Todo  # noqa: TC001 - a Value's field
from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Event
    from longpole.project import Project


def counted(count: int, noun: str) -> str:
    """Put a number before a noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Kind(StrEnum):
    """What happened to one of a run's instances."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"  # the claim is somebody else's by now: the command was killed, its work is void
    HANDED_BACK = "handed back"  # the command itself gave the todo back
    RELEASED = "released"  # the run was told to stop
    REPLACED = "replaced"  # the instance was given up by the others; a new one took its seat
    WAITING = "waiting"  # nothing to do for any instance, and not finished
    STOPPING = "stopping"


class Happening(Value):
    """One thing that happened. `seconds`: how long the command ran; `attempt`: counted from 1."""

    kind: Kind
    instance: str | None = None
    todo: Todo | None = None
    attempt: int = 0
    process_id: int | None = None
    seconds: float = 0.0
    detail: str = ""


class Opening(Value):
    """What a run begins with."""

    project: str
    instances: tuple[str, ...]
    strategy: str
    logs: str  # the folder where the output of the commands is kept; empty: not worth a word


class Reporter(Protocol):
    """Whoever wants to know how a run goes. All calls come from the run's own thread; none may block."""

    poll_s: float
    """How often `tick` is wanted at least."""

    def begin(self, project: Project, opening: Opening) -> None:
        """The instances are registered."""

    def note(self, happening: Happening) -> None:
        """Something happened."""

    def tick(self, events: Sequence[Event]) -> None:
        """Time has passed; `events` are the journal's since the last tick, those of others included."""

    def end(self) -> None:
        """The run is over, however it ended. Called once, also without `begin`."""


class Silence:
    """A reporter that tells nobody anything."""

    poll_s = 60.0

    def begin(self, project: Project, opening: Opening) -> None:
        """Say nothing."""

    def note(self, happening: Happening) -> None:
        """Say nothing."""

    def tick(self, events: Sequence[Event]) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""
