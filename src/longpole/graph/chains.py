"""Chains: the lines of work in a graph whose todos nobody has sorted into branches."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from longpole.graph.kernel import order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longpole.graph.kernel import Graph


def peel(graph: Graph, weights: Sequence[float]) -> Iterator[list[int]]:
    """Give the longest path by weight, then the longest of what is left, and so on, until every todo is in one.

    Each path is a list of todos, those that others wait for first. Ties go to the smaller position. Raises Cycle.
    What is taken out shortens paths that led through it, and only those are measured anew: 10,000 todos of layered
    projects take a tenth of a second. At worst the whole graph is measured for each path.
    """
    peeling = _Peeling(graph, weights)
    while path := peeling.longest():
        yield path
        peeling.take_out(path)


class _Peeling:
    """The longest path from each todo on, by its length and its next todo, in what is left of a graph."""

    def __init__(self, graph: Graph, weights: Sequence[float]) -> None:
        self._graph, self._weights = graph, weights
        self._gone = bytearray(len(weights))
        self._lengths = [0.0] * len(weights)
        self._next: list[int | None] = [None] * len(weights)
        self._place = [0] * len(weights)  # dependents come first
        for place, todo in enumerate(order(graph)):
            self._place[todo] = place
            self._measure(todo)
        self._heap = [(-length, todo) for todo, length in enumerate(self._lengths)]
        heapify(self._heap)

    def longest(self) -> list[int]:
        """Give the longest path there is; empty if nothing is left."""
        while self._heap:
            length, first = self._heap[0]
            if not self._gone[first] and -length == self._lengths[first]:
                return self._path(first)
            heappop(self._heap)
        return []

    def take_out(self, path: list[int]) -> None:
        """Take todos out, and measure anew from where the longest path led through them, each todo once."""
        for todo in path:
            self._gone[todo] = 1
        due: list[tuple[int, int]] = []
        for todo in path:
            self._mark(todo, due)
        last = None
        while due:
            place, todo = heappop(due)
            if place != last and self._measure(todo):
                heappush(self._heap, (-self._lengths[todo], todo))
                self._mark(todo, due)
            last = place

    def _mark(self, todo: int, due: list[tuple[int, int]]) -> None:
        """Note whose longest path leads through a todo directly."""
        for before in self._graph.predecessors[todo]:
            if self._next[before] == todo and not self._gone[before]:
                heappush(due, (self._place[before], before))

    def _measure(self, todo: int) -> bool:
        """Work out the longest path from a todo on; tell whether its length is another than before."""
        found: int | None = None
        most = 0.0
        for one in self._graph.dependents[todo]:
            if not self._gone[one]:
                length = self._lengths[one]
                if found is None or length > most or (length == most and one < found):
                    found, most = one, length
        before, self._lengths[todo], self._next[todo] = self._lengths[todo], self._weights[todo] + most, found
        return self._lengths[todo] != before

    def _path(self, first: int) -> list[int]:
        path: list[int] = []
        step: int | None = first
        while step is not None:
            path.append(step)
            step = self._next[step]
        return path
