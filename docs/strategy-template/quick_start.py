"""The first todo of an instance is the oldest there is, all others go by critical path in a branch of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longpole.selection import Order, Selection

if TYPE_CHECKING:
    from longpole.fleet import Fleet


def choose(fleet: Fleet) -> list[Selection]:
    """Say what the instance that asks should get, best first; nothing at all holds it back for now."""
    if fleet.branch is None and not fleet.my_workload.active_todos:
        return [Selection(order=Order.ARRIVAL, why="quick_start, the first todo")]
    return [
        *(Selection(order=Order.CRITICAL_PATH, branch=one, why=f"quick_start, in {one}") for one in fleet.branches),
        Selection(order=Order.CRITICAL_PATH, unheld=True, keep=True, why="quick_start, the free branch"),
        Selection(order=Order.CRITICAL_PATH, why="quick_start, anywhere"),
    ]
