"""The whole graph at once: order, cycles, critical paths and ranks of every todo, linear in todos + dependencies.

Todos are positions 0 … count-1; a dependency is (predecessor, dependent): the dependent waits for the predecessor.
`pending` marks what is neither completed nor cancelled.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RANK_STEP = 1 << 20
"""What lies between two heights, so that a todo inserted in between finds a free rank."""

_NONE: tuple[int, ...] = ()  # shared by all todos without neighbours


class Cycle(Exception):  # noqa: N818 - the store names the todos and raises CycleError
    """Todos that wait for each other: `path` lists them, each waits for the next and the last for the first."""

    def __init__(self, path: Sequence[int]) -> None:
        self.path = list(path)
        super().__init__(" → ".join(map(str, [*self.path, *self.path[:1]])))


class Graph:
    """Who waits for whom. `predecessors[x]` is what x waits for, `blocked[x]` how many wait for x directly."""

    __slots__ = ("_dependents", "blocked", "predecessors")

    def __init__(self, predecessors: list[Sequence[int]], blocked: list[int]) -> None:
        self.predecessors = predecessors
        self.blocked = blocked
        self._dependents: list[Sequence[int]] | None = None

    @classmethod
    def build(cls, count: int, pairs: Iterable[tuple[int, int]]) -> Graph:
        """Make the graph of so many todos from (predecessor, dependent) pairs, each given once, in any order."""
        blocked = [0] * count
        return cls(_gather(count, pairs, blocked), blocked)

    @property
    def dependents(self) -> list[Sequence[int]]:
        """Those that wait for x directly, for each todo x; made when it is first asked for."""
        if self._dependents is None:
            turned = ((then, first) for then, before in enumerate(self.predecessors) for first in before)
            self._dependents = _gather(len(self.predecessors), turned)
        return self._dependents


class Measures:
    """What the graph says about each todo, by position; see `measure`."""

    __slots__ = ("critical_path_minutes", "immediate_dependents", "rank", "urgency")

    def __init__(
        self,
        *,
        rank: list[int],
        critical_path_minutes: list[float],
        urgency: list[int],
        immediate_dependents: list[int],
    ) -> None:
        self.rank = rank
        self.critical_path_minutes = critical_path_minutes
        self.urgency = urgency
        self.immediate_dependents = immediate_dependents


def order(graph: Graph) -> list[int]:
    """Every todo behind all that wait for it: dependents first, by height (the longest number of hops to an end).

    Kahn's algorithm from the ends. Raises Cycle.
    """
    left = graph.blocked.copy()
    predecessors = graph.predecessors
    found = [todo for todo, waiting in enumerate(left) if not waiting]
    for todo in found:  # grows while it is read
        for before in predecessors[todo]:
            left[before] -= 1
            if not left[before]:
                found.append(before)
    if len(found) < len(left):
        raise Cycle(_cycle(graph, left))
    return found


def measure(graph: Graph, *, weights: Sequence[float], priorities: Sequence[int], pending: Sequence[bool]) -> Measures:
    """Rank, critical path, urgency and number of immediate dependents of every todo. Raises Cycle.

    rank: above the rank of everything that waits for the todo, whatever its status.
    critical_path_minutes: the todo's weight and the longest among its pending dependents; 0 once finished.
    urgency: the smallest of its priority and its pending dependents' urgency; its own priority once finished.
    immediate_dependents: how many pending todos wait for it directly.
    """
    predecessors = graph.predecessors
    count = len(predecessors)
    rank, immediate = [0] * count, [0] * count
    minutes, urgency = [0.0] * count, list(priorities)
    for todo in order(graph):
        before = predecessors[todo]
        above = rank[todo] + RANK_STEP
        for one in before:
            rank[one] = above  # the order is by height, so the last one that writes is the highest
        if not pending[todo]:
            minutes[todo], urgency[todo] = 0.0, priorities[todo]
            continue
        minutes[todo] = length = minutes[todo] + weights[todo]
        urgent = urgency[todo]
        for one in before:
            immediate[one] += 1
            if length > minutes[one]:  # noqa: PLR1730 - calling max() for each dependency costs half as much again
                minutes[one] = length
            if urgent < urgency[one]:  # noqa: PLR1730 - see above
                urgency[one] = urgent
    return Measures(rank=rank, critical_path_minutes=minutes, urgency=urgency, immediate_dependents=immediate)


def unmet(graph: Graph, pending: Sequence[bool]) -> list[int]:
    """How many pending todos each one waits for directly."""
    return [sum([pending[one] for one in before]) if before else 0 for before in graph.predecessors]


def longest_path(
    graph: Graph, measures: Measures, *, pending: Sequence[bool], total_descendants: Sequence[int] | None = None
) -> list[int]:
    """The critical path: from the pending todo with the most minutes ahead, always on to its longest dependent.

    Ties go to more descendants (where known), then more immediate dependents, then the smaller position.
    Empty if nothing is pending.
    """
    minutes, immediate = measures.critical_path_minutes, measures.immediate_dependents
    totals = total_descendants or immediate

    def longest(among: Iterable[int]) -> int | None:
        left = (todo for todo in among if pending[todo])
        return max(left, key=lambda todo: (minutes[todo], totals[todo], immediate[todo], -todo), default=None)

    path: list[int] = []
    todo = longest(range(len(minutes)))
    while todo is not None:
        path.append(todo)
        todo = longest(graph.dependents[todo])
    return path


def _gather(count: int, pairs: Iterable[tuple[int, int]], sources: list[int] | None = None) -> list[Sequence[int]]:
    """List the first members of the pairs by their second; counts in `sources` how often each one is a first."""
    gathered: list[list[int] | tuple[int, ...]] = [_NONE] * count
    counts = [0] * count if sources is None else sources
    for first, then in pairs:
        counts[first] += 1
        found = gathered[then]
        if found:
            found.append(first)  # type: ignore[union-attr]  # only lists are not empty
        else:
            gathered[then] = [first]
    return gathered  # type: ignore[return-value]  # lists and tuples are sequences


def _cycle(graph: Graph, left: Sequence[int]) -> list[int]:
    """A cycle among the todos that the ordering left over: each of them blocks another of them."""
    todo = next(todo for todo, waiting in enumerate(left) if waiting)
    place: dict[int, int] = {}
    while todo not in place:
        place[todo] = len(place)
        todo = next(then for then in graph.dependents[todo] if left[then])
    return list(place)[place[todo] :][::-1]
