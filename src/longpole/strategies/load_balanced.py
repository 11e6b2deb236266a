"""Even shares: whoever has clearly more in hand than the others gets nothing more for now."""

from __future__ import annotations

from longpole.strategies import critical_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from longpole.fleet import Fleet
    from longpole.selection import Selection


def choose(fleet: Fleet) -> list[Selection]:
    """Offer nothing to an instance above the fleet's average by more than the setting; otherwise the critical path.

    It counts todos (`balance_todos`) and, where that is set, estimated minutes (`balance_minutes`). Only live instances
    count, the one that asks among them. Whoever has nothing in hand is never above the average, so no todo waits while
    an instance idles.
    """
    settings, mine, all_of_them = fleet.settings, fleet.my_workload, fleet.workloads
    todos = _average(one.active_todos for one in all_of_them)
    minutes = _average(one.estimated_minutes for one in all_of_them)
    if mine.active_todos > todos + settings.balance_todos:
        return []
    if settings.balance_minutes and mine.estimated_minutes > minutes + settings.balance_minutes:
        return []
    why = f"load_balanced, {mine.active_todos} in hand and {todos:.1f} on average"
    if settings.balance_minutes:
        why += f", {mine.estimated_minutes:.0f} min and {minutes:.0f} on average"
    return [one.replace(why=why) for one in critical_path.choose(fleet)]


def _average(loads: Iterable[float]) -> float:
    found = list(loads)
    return sum(found) / max(len(found), 1)
