"""The nouns of longpole as plain values; times are microseconds since 1970 in UTC (`…_at`)."""

from __future__ import annotations

from enum import StrEnum

from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Status(StrEnum):
    """Where a todo stands; `docs/state-machine.md` draws the moves between them."""

    BLOCKED = "blocked"
    READY = "ready"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


PENDING = frozenset({Status.BLOCKED, Status.READY, Status.IN_PROGRESS, Status.FAILED})
"""What still has to happen: a todo in one of these keeps its dependents waiting."""

FINISHED = frozenset({Status.COMPLETED, Status.CANCELLED})
"""What keeps nobody waiting any more."""


class Reason(StrEnum):
    """Why there is no work for an instance at this moment."""

    FINISHED = "finished"
    ALL_CLAIMED = "all_claimed"
    ALL_BLOCKED = "all_blocked"
    AT_CAPACITY = "at_capacity"
    STUCK = "stuck"


class EventKind(StrEnum):
    """What happened, one line of the journal each; `docs/journal.md` explains them."""

    ADDED = "added"
    LINKED = "linked"
    UNLINKED = "unlinked"
    EDITED = "edited"
    CLAIMED = "claimed"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    RETRIED = "retried"
    REOPENED = "reopened"
    CANCELLED = "cancelled"
    HELD = "held"
    LIFTED = "lifted"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    LOST = "lost"
    CONFIGURED = "configured"
    IMPORTED = "imported"


class Hold(Value):
    """One more thing that a todo waits for beside its dependencies."""

    kind: str  # "manual": somebody set it aside; "backoff": a failed attempt rests
    reason: str
    until_at: int | None = None  # None: until somebody lifts it


class Todo(Value):
    """A todo with all that is known of it."""

    id: str
    title: str
    description: str = ""
    status: Status = Status.READY
    priority: int = 2  # 0 is the most urgent, 4 the least
    urgency: int = 2  # the priority it inherits: the most urgent of its own and of all that waits for it
    branch: str | None = None
    estimate_minutes: float | None = None  # None: unknown, the project's default counts
    critical_path_minutes: float = 0.0
    immediate_dependents: int = 0
    total_descendants: int | None = None  # None: not computed for a project this large
    unmet: int = 0
    depends_on: tuple[str, ...] = ()
    touches: tuple[str | dict[str, Any], ...] = ()
    needs: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    attempts: int = 0
    token: int = 0
    holder: str | None = None
    progress_percent: int | None = None
    result: str | None = None  # what the last holder said: the outcome, or why it failed
    created_at: int = 0
    claimed_at: int | None = None
    finished_at: int | None = None
    former_holder: str | None = None  # who held it in the tracker that it was imported from


class NewTodo(Value):
    """A todo as somebody wants it added; `after` may name todos of the same batch or of the project."""

    title: str
    id: str | None = None  # None: longpole makes a short one
    description: str = ""
    after: tuple[str, ...] = ()
    estimate_minutes: float | None = None
    priority: int = 2
    branch: str | None = None
    touches: tuple[str | dict[str, Any], ...] = ()
    needs: tuple[str, ...] = ()


class InstanceInfo(Value):
    """A registered agent session. `state` is live, left (unregistered) or lost (given up after its lease)."""

    number: int
    name: str
    state: str
    registered_at: int
    heartbeat_at: int
    lease_expires_at: int
    host: str | None = None
    process_id: int | None = None  # None: nobody watches a process for it (command-line calls)
    holding: tuple[str, ...] = ()


class ClaimedTodo(Value):
    """A todo in the hands of an instance; `token` proves it at every later act."""

    todo: Todo
    token: int
    attempt: int
    why: str
    lease_expires_at: int


class Allocation(Value):
    """The answer to a request for work: claims in the strategy's order, or the reason why there are none."""

    claims: tuple[ClaimedTodo, ...] = ()
    reason: Reason | None = None  # None exactly when there are claims
    detail: str | None = None
    retry_after_s: float | None = None  # None: asking again will not help by itself


class Event(Value):
    """One act, as the journal keeps it. `data` holds what only this kind of act has.

    `seq` names the act: what it made possible has a larger number, but smaller numbers may still come after it.
    `cursor` is the place behind it in the journal, opaque.
    """

    seq: int
    at: int
    kind: EventKind
    todo: str | None = None
    instance: str | None = None
    token: int | None = None
    why: str | None = None
    data: dict[str, Any] | None = None
    cursor: str = ""


class Copied(Value):
    """What was copied of one project. `given_up`: the instances at work in the original, which the copy gives up."""

    project: str
    todos: int
    dependencies: int
    instances: int
    events: int
    given_up: tuple[str, ...] = ()


class Copy(Value):
    """What was copied from one database into another, both as they may be printed."""

    source: str
    target: str
    projects: tuple[Copied, ...]
