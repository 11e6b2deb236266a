"""The words in which a strategy says what it wants; the store turns each Selection into one statement."""

from __future__ import annotations

from enum import StrEnum

from longpole.value import Value


class Order(StrEnum):
    """In which order ready todos are offered. Urgency (0 first) leads in both."""

    ARRIVAL = "arrival"
    CRITICAL_PATH = "critical_path"


class Selection(Value):
    """Take the first ready todo in this order, and give `why` as the reason in the journal."""

    order: Order
    why: str
