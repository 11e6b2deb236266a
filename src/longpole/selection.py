"""The words in which a strategy says what it wants; the store turns each Selection into one statement."""

from __future__ import annotations

from enum import StrEnum

from longpole.value import Value


class Order(StrEnum):
    """In which order ready todos are offered. Urgency (0 first) leads in both."""

    ARRIVAL = "arrival"
    CRITICAL_PATH = "critical_path"


class Selection(Value):
    """Take the first ready todo in this order, and give `why` as the reason in the journal.

    `bonus_minutes` lengthens the critical path of what is offered, where a BestOf compares it with others.
    """

    order: Order
    why: str
    branch: str | None = None  # None: of any branch, or of none
    unheld: bool = False  # only of a branch that no instance keeps to; `branch` is None then
    keep: bool = False  # it keeps to the branch of what it gets unless another does, and to none with nothing ready
    bonus_minutes: float = 0.0


class BestOf(Value):
    """Take the best of what several selections by critical path offer first, each with its bonus."""

    selections: tuple[Selection, ...]
