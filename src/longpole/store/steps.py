"""Completing and claiming at once, where the engine can do both in one round trip; see postgres_step.sql."""

from __future__ import annotations

import json

from longpole.selection import BestOf
from longpole.store import todos
from longpole.store.claims import Taken
from longpole.store.instances import microseconds
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from longpole.model import Todo
    from longpole.selection import Selection
    from longpole.store import Store


class Finish(Value):
    """The claim that an instance completes, and what came of it."""

    todo_id: str
    token: int
    result: str | None = None


class Step(Value):
    """What is to be done: complete claims, claim the first todos of a selection (None: none), or both.

    `key` and `act` are those of replies.py.
    """

    instance: int
    finishes: Sequence[Finish]
    selection: Selection | BestOf | None
    count: int
    key: str | None
    act: str


class Stepped(Value):
    """What was claimed, and the todos as they are then."""

    taken: tuple[Taken, ...]
    todos: tuple[Todo, ...]
    lease_expires_at: int


def can_take(wanted: Selection | BestOf) -> bool:
    """Tell whether a step can take what a strategy wants: one look-up, or its branch against all others."""
    if isinstance(wanted, BestOf):
        stay, *anywhere = wanted.selections
        return (
            len(anywhere) == 1
            and stay.branch is not None
            and anywhere[0].branch is None
            and not anywhere[0].bonus_minutes
        )
    return not (wanted.unheld or wanted.keep)


def take(store: Store, step: Step) -> Stepped | None:
    """Take a step in one round trip; None, and nothing is changed, if it has to go the long way."""
    settings_text, settings = store.settings_seen()
    parameters = (
        step.instance,
        settings_text,
        microseconds(settings.beat_every_s / 2),
        *(finish.todo_id for finish in step.finishes),
        *(finish.token for finish in step.finishes),
        *(finish.result for finish in step.finishes),
        *_wanted(step.selection),
        *(step.count, step.key, step.act),
    )
    answer = store.engine.patiently(lambda: store.engine.step(store.project_id, len(step.finishes), parameters))
    return None if answer is None else _stepped(json.loads(answer))


def _wanted(wanted: Selection | BestOf | None) -> tuple[object, ...]:
    """Give order, branch, bonus (None: of the branch alone), why, and why if it is not of the branch."""
    if wanted is None:
        return None, None, None, None, None
    if isinstance(wanted, BestOf):
        stay, anywhere = wanted.selections
        return stay.order.value, stay.branch, float(stay.bonus_minutes), stay.why, anywhere.why
    return wanted.order.value, wanted.branch, None, wanted.why, wanted.why


def _stepped(answer: dict[str, Any]) -> Stepped:
    return Stepped(
        taken=tuple(Taken(**taken) for taken in answer["taken"]),
        todos=tuple(todos.of_row(row, after) for row, after in zip(answer["rows"], answer["after"], strict=True)),
        lease_expires_at=answer["lease_expires_at"],
    )
