"""First come, first served."""

from __future__ import annotations

from longpole.selection import Order, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.fleet import Fleet


def choose(_fleet: Fleet) -> list[Selection]:
    """Offer the most urgent class first, inside it the todo that was added first."""
    return [Selection(order=Order.ARRIVAL, why="greedy")]
