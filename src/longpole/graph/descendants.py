"""How many pending todos wait for a todo, directly or through other pending ones, whatever its own status.

One new dependency can change the number for every ancestor, and no cheap difference tells by how much.
So it is counted on demand, for one todo or for all, and not kept up at each edit.
"""

from __future__ import annotations

from longpole.graph.kernel import order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from longpole.graph.kernel import Graph

SEARCH_AT_ONCE = 2_000


def totals(graph: Graph, pending: Sequence[bool]) -> list[int]:
    """Count the pending descendants of every todo, exactly. Raises Cycle.

    A set of todos is one large integer with a bit for each, handed on to the predecessors and dropped then.
    Time and memory grow with the square of the number of todos: a second and some 60 MB for 50,000.
    """
    found = [0] * len(pending)
    behind = [0] * len(pending)
    for place, todo in enumerate(order(graph)):
        seen, behind[todo] = behind[todo], 0
        found[todo] = seen.bit_count()
        if pending[todo] and graph.predecessors[todo]:
            seen |= 1 << place
            for before in graph.predecessors[todo]:
                behind[before] |= seen
    return found


def reach(todo: int, pending_dependents: Callable[[list[int]], Iterable[int]]) -> list[int]:
    """List the pending descendants of one todo, nearest first; the length of the list is its total.

    `pending_dependents` gives the pending todos that wait directly for any of a list of at most 2,000.
    """
    seen = {todo}
    found: list[int] = []
    front = [todo]
    while front:
        batch, front = front[:SEARCH_AT_ONCE], front[SEARCH_AT_ONCE:]
        fresh = [one for one in dict.fromkeys(pending_dependents(batch)) if one not in seen]
        seen.update(fresh)
        found += fresh
        front += fresh
    return found
