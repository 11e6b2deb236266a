"""The journal read from its beginning: what it says about each todo must be what the rows say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.model import Event, Todo

ENDS = ("released", "failed", "expired")


class Story:
    """What the journal has told of one todo so far."""

    def __init__(self) -> None:
        self.status, self.holds, self.token = "open", 0, 0
        self.holder: str | None = None

    def hear(self, event: Event, following: Event | None) -> None:
        if event.kind == "claimed":
            assert (self.status, self.holder) == ("open", None)
            assert event.token == self.token + 1
            self.status, self.holder, self.token = "in_progress", event.instance, event.token
        elif event.kind in ENDS or (event.kind == "completed" and event.instance):
            assert (self.holder, self.token) == (event.instance, event.token)
            self.holder = None
            self.status = "completed" if event.kind == "completed" else "open"
            set_aside = following and (following.kind, following.todo) == ("quarantined", event.todo)
            self.holds += event.kind == "failed" and not set_aside
        elif event.kind in ("completed", "cancelled"):
            self.status = str(event.kind.value)
        elif event.kind == "quarantined":
            self.status = "failed"
        elif event.kind in ("retried", "reopened"):
            self.status = "open"
        self.holds += (event.kind == "held") - (event.kind == "lifted")


def replayed(events: Iterable[Event], rows: Sequence[Todo]) -> dict[str, str]:
    """The status of each todo as the journal tells it; for what waits, `rows` tell the dependencies."""
    stories = {row.id: Story() for row in rows}
    told = list(events)
    for event, following in zip(told, [*told[1:], None], strict=True):
        if event.todo is not None:
            stories[event.todo].hear(event, following)
    finished = {one for one, story in stories.items() if story.status in ("completed", "cancelled")}
    waits = {row.id for row in rows if stories[row.id].holds or set(row.depends_on) - finished}
    return {
        one: story.status if story.status != "open" else "blocked" if one in waits else "ready"
        for one, story in stories.items()
    }
