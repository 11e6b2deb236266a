"""The moves of a todo between its statuses: the state machine that docs/state-machine.md draws."""

from __future__ import annotations

from enum import StrEnum

from longpole.model import Status


class Act(StrEnum):
    """What may change a todo's status."""

    UNBLOCK = "unblock"
    BLOCK = "block"
    CLAIM = "claim"
    COMPLETE = "complete"
    COMPLETE_BY_HAND = "complete_by_hand"
    FAIL = "fail"
    RELEASE = "release"
    EXPIRE = "expire"
    RETRY = "retry"
    REOPEN = "reopen"
    CANCEL = "cancel"


_WAITING = frozenset({Status.BLOCKED, Status.READY})

TRANSITIONS: dict[tuple[Status, Act], frozenset[Status]] = {
    (Status.BLOCKED, Act.UNBLOCK): frozenset({Status.READY}),
    (Status.READY, Act.BLOCK): frozenset({Status.BLOCKED}),
    (Status.READY, Act.CLAIM): frozenset({Status.IN_PROGRESS}),
    (Status.IN_PROGRESS, Act.COMPLETE): frozenset({Status.COMPLETED}),
    (Status.IN_PROGRESS, Act.FAIL): _WAITING | {Status.FAILED},
    (Status.IN_PROGRESS, Act.EXPIRE): _WAITING | {Status.FAILED},
    (Status.IN_PROGRESS, Act.RELEASE): _WAITING,
    (Status.FAILED, Act.RETRY): _WAITING,
    (Status.COMPLETED, Act.REOPEN): _WAITING,
    (Status.CANCELLED, Act.REOPEN): _WAITING,
    (Status.BLOCKED, Act.COMPLETE_BY_HAND): frozenset({Status.COMPLETED}),
    (Status.READY, Act.COMPLETE_BY_HAND): frozenset({Status.COMPLETED}),
    (Status.FAILED, Act.COMPLETE_BY_HAND): frozenset({Status.COMPLETED}),
    (Status.BLOCKED, Act.CANCEL): frozenset({Status.CANCELLED}),
    (Status.READY, Act.CANCEL): frozenset({Status.CANCELLED}),
    (Status.FAILED, Act.CANCEL): frozenset({Status.CANCELLED}),
}
"""Where each act may lead; an act that is not listed for a status is refused there."""
