"""First come, first served."""

from __future__ import annotations

from longpole.selection import Order, Selection


def choose(_instance: str) -> list[Selection]:
    """Offer the most urgent class first, inside it the todo that was added first."""
    return [Selection(order=Order.ARRIVAL, why="greedy")]
