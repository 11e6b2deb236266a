"""The long pole first: the todo with the longest way to the end still before it."""

from __future__ import annotations

from longpole.selection import Order, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.fleet import Fleet


def choose(_fleet: Fleet) -> list[Selection]:
    """Offer the most urgent class first, inside it the longest critical path.

    Ties go to the todo with more descendants, then more dependents, then to the older one. The rule is list
    scheduling by upward rank (Topcuoglu, Hariri, Wu 2002: HEFT), without insertion, which an online allocator
    cannot do.
    """
    return [Selection(order=Order.CRITICAL_PATH, why="critical_path")]
