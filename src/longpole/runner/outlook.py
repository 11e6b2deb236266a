"""How far a project is and when it may be done: counted once, then carried on by folding the journal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longpole.model import EventKind
from longpole.runner.report import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Event
    from longpole.project import Project
    from longpole.runner.report import Happening

RECOUNT_AFTER_S = 1.0
EDITS = frozenset(
    (
        EventKind.ADDED,
        EventKind.LINKED,
        EventKind.UNLINKED,
        EventKind.EDITED,
        EventKind.IMPORTED,
        EventKind.CANCELLED,
        EventKind.REOPENED,
        EventKind.RETRIED,
    )
)


class Outlook:
    """The figures of the live display. Only edits, which are rare, make it count anew."""

    def __init__(self, project: Project, instances: int) -> None:
        self._project, self._instances = project, instances
        self._done_s = self._done_minutes = 0.0
        self._done = 0
        self._stale, self._path_is_stale = False, True
        self._looked_at = 0.0
        self.total = self.completed = self.failed = 0
        self.path: list[str] = []
        self.path_minutes = 0.0
        self._recount()

    def fold(self, events: Sequence[Event]) -> None:
        """Carry on with what the journal has."""
        for event in events:
            if event.kind == EventKind.COMPLETED:
                self.completed = min(self.completed + 1, self.total)
            elif event.kind == EventKind.QUARANTINED:
                self.failed += 1
            self._stale |= event.kind in EDITS
            self._path_is_stale |= event.kind in EDITS or event.kind == EventKind.COMPLETED
        if time.monotonic() - self._looked_at > RECOUNT_AFTER_S:
            self._refresh()

    def learn(self, happening: Happening) -> None:
        """Learn from a completed todo how long an estimated minute takes."""
        if happening.kind is Kind.COMPLETED and happening.todo:
            self._done += 1
            self._done_s += happening.seconds
            self._done_minutes += happening.todo.estimate_minutes or self._default_minutes

    @property
    def left_s(self) -> float | None:
        """Seconds until the end: the longer of the critical path and of the work shared out; None: nobody knows yet."""
        if not self._done_minutes or not self._done_s:
            return None
        on_path_s = self.path_minutes * self._done_s / self._done_minutes
        shared_s = (self.total - self.completed) * self._done_s / self._done / self._instances
        return max(on_path_s, shared_s)

    def _refresh(self) -> None:
        if self._stale:
            self._recount()
        if self._path_is_stale:
            path = self._project.critical_path()
            self.path = [todo.id for todo in path]
            self.path_minutes = path[0].critical_path_minutes if path else 0.0
            self._path_is_stale = False
            self._looked_at = time.monotonic()

    def _recount(self) -> None:
        # Cancelled todos do not count. What is committed between this and the next events is seen twice: `completed`
        # is bounded therefore, and the next edit puts it right.
        counts = self._project.status().counts
        self.completed, self.failed = counts["completed"], counts["failed"]
        self.total = sum(counts.values()) - counts["cancelled"]
        self._default_minutes = self._project.settings().default_estimate_minutes
        self._stale = False
