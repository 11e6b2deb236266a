"""The long pole first, but to change one's context has a price."""

from __future__ import annotations

from longpole.selection import BestOf, Order, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.fleet import Fleet


def choose(fleet: Fleet) -> list[Selection | BestOf]:
    """Offer the longest critical path, that of its last branch counted longer by `switch_bonus_minutes`.

    Without a bonus this is critical_path. Where a switch of context costs a tenth of a todo or more, 8 to 16 times that
    cost was the best bonus on the standard task graphs, better than 3 times (`python -m bench.quality`).
    """
    branch, bonus = fleet.branch, fleet.settings.switch_bonus_minutes
    if not bonus:
        return [_longest("no bonus for a branch")]
    if branch is None:
        return [_longest("no branch yet")]
    stay = _longest(f"stays in {branch}, which counts {bonus:g} min longer", branch=branch, bonus_minutes=bonus)
    return [BestOf(selections=(stay, _longest(f"leaves {branch}, though it counts {bonus:g} min longer")))]


def _longest(why: str, *, branch: str | None = None, bonus_minutes: float = 0.0) -> Selection:
    why = f"context_aware, {why}"
    return Selection(order=Order.CRITICAL_PATH, why=why, branch=branch, bonus_minutes=bonus_minutes)
