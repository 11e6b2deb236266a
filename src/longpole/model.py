"""The nouns of longpole as plain values; times are microseconds since 1970 in UTC (`…_at`)."""

from __future__ import annotations

from enum import StrEnum

from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_NONE: dict[str, int] = {}


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


class Kind(StrEnum):
    """What a todo is: work for an instance, or a gate, which a person opens or its time."""

    TODO = "todo"
    GATE = "gate"


class Reason(StrEnum):
    """Why there is no work for an instance at this moment."""

    FINISHED = "finished"
    ALL_CLAIMED = "all_claimed"
    ALL_BLOCKED = "all_blocked"
    AT_CAPACITY = "at_capacity"
    CONFLICTS = "conflicts"
    PAUSED = "paused"
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
    PAUSED = "paused"
    RESUMED = "resumed"
    REGISTERED = "registered"
    OFFERED = "offered"
    UNREGISTERED = "unregistered"
    LOST = "lost"
    ELECTED = "elected"
    CONFIGURED = "configured"
    IMPORTED = "imported"
    BRANCH_KEPT = "branch_kept"
    BRANCH_FREED = "branch_freed"


class Hold(Value):
    """One more thing that a todo waits for beside its dependencies."""

    kind: str  # "manual": set aside; "backoff": rests after a failed attempt; "gate": its time; "paused": its branch;
    # "conflict": somebody has what it touches or takes; "shortage": there is too little of that in all
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
    kind: str = Kind.TODO
    opens_at: int | None = None  # when a gate opens by itself; None: a person opens it


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
    kind: str = Kind.TODO
    opens_at: int | None = None  # of a gate: when it opens by itself; None: a person opens it


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
    offers: tuple[str, ...] = ()  # the labels that it registered with
    branch: str | None = None  # that of its last claim that had one
    holding: tuple[str, ...] = ()
    leads_in_term: int | None = None  # None: it does not lead the others
    assigned: str | None = None  # the todo that the leader wants it to take next


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


class Prediction(Value):
    """A todo that becomes ready when others are done: those in `after`, with the last of which nothing is in its way.

    When that may be goes by their estimates, in minutes from now: 0.0 where they are overdue.
    """

    todo: Todo
    expected_minutes: float
    expected_at: int
    after: tuple[str, ...]


class Branch(Value):
    """A line of related todos. One instance at most keeps to it; only strategies that go by branches make one do so.

    `remaining_minutes`: what is left by the estimates of all its todos. `token` goes up each time it is kept to.
    """

    name: str
    todos: tuple[str, ...] = ()  # as they were added
    counts: dict[str, int] = _NONE  # by status; what there is none of is left out
    remaining_minutes: float = 0.0
    holder: str | None = None  # the instance that keeps to it
    held_at: int | None = None  # since when
    token: int = 0
    pause: str | None = None  # why its todos are not given out; None: they are
    cap: int | None = None  # how many of them may be in progress at once; None: no limit


class DerivedBranch(Value):
    """A branch that was found in the graph: a path of todos, first to last, with the sum of their estimates."""

    name: str
    todos: tuple[str, ...]
    minutes: float


class ProjectStatus(Value):
    """How a project stands. `remaining_minutes`: its critical path. `stuck`: what strands others, with the cause.

    `pause`: why nothing is given out, empty if nobody said why; None: it is. `paused_branches`: by name, with the same.
    `gates`: a few that wait for a person. `unoffered`: labels that unfinished todos need and no live instance offers,
    each set with the number of todos; empty as long as no instance is live. `leader`, `term`: None if nobody leads.
    `assigned`: how many todos are assigned and not begun yet.
    """

    project: str
    counts: dict[str, int]
    remaining_minutes: float
    live_instances: int
    stuck: tuple[str, ...]
    finished: bool
    pause: str | None
    draining: bool
    paused_branches: dict[str, str]
    gates: tuple[str, ...]
    unoffered: tuple[tuple[tuple[str, ...], int], ...]
    leader: str | None = None
    term: int | None = None
    assigned: int = 0


class Explanation(Value):
    """Why a todo stands where it does: in one sentence, and in lines of detail."""

    todo: Todo
    summary: str
    lines: tuple[str, ...]


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
