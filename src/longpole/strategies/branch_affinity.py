"""Each to its own line of work: an instance stays with the branches that it has begun."""

from __future__ import annotations

from longpole.selection import BestOf, Order, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.fleet import Fleet

NAMED = 3


def choose(fleet: Fleet) -> list[Selection | BestOf]:
    """Offer what its branches have ready, then a branch that nobody keeps to, then anything; always by critical path.

    It keeps to a branch from its first todo on, and no longer when it has to go elsewhere: none is hoarded.
    """
    nothing = _nothing_in(fleet.branches)
    anything = Selection(order=Order.CRITICAL_PATH, keep=True, why=f"branch_affinity, {nothing}no branch free")
    free = anything.replace(unheld=True, why="branch_affinity, the free branch")
    mine = tuple(Selection(order=Order.CRITICAL_PATH, branch=one, why=_its(one)) for one in fleet.branches)
    return [*_best_of(mine), free, anything]


def _best_of(mine: tuple[Selection, ...]) -> tuple[Selection | BestOf, ...]:
    """Let the most critical todo decide where an instance keeps to several branches."""
    return (BestOf(selections=mine),) if len(mine) > 1 else mine


def _its(branch: str) -> str:
    return f"branch_affinity, its branch {branch}"


def _nothing_in(branches: tuple[str, ...]) -> str:
    if not branches:
        return ""
    more = f" and {len(branches) - NAMED} more" if len(branches) > NAMED else ""
    return f"nothing in {', '.join(branches[:NAMED])}{more}, "
