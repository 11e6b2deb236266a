"""Rank, the guard against cycles: every todo stands above all that wait for it, finished ones included.

A dependency that agrees with the ranks closes no cycle. For one that does not, only the todos between the two ranks
are searched, from both ends; if it closes none, the predecessor and what is above it are raised. Ranks are never
lowered. After Bender, Fineman, Gilbert and Tarjan (arXiv 1112.0784) and Haeupler and others (arXiv 1105.2397).
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice

from longpole.graph.kernel import RANK_STEP, Cycle, Graph, order
from longpole.graph.region import ASKED_AT_ONCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from longpole.graph.region import Region

AHEAD = 16  # how many todos the first query asks for; each one doubles it


def rank_new(region: Region, after: Mapping[int, Collection[int]]) -> None:
    """Rank new todos below all that they wait for, so that adding at the end moves nothing else. Raises Cycle."""
    for number in _predecessors_first(after):
        above = [region.nodes[one].rank for one in after[number]]
        region.nodes[number].rank = min(above) - RANK_STEP if above else 0


def admit(region: Region, predecessor: int, dependent: int) -> None:
    """Make the ranks agree with one more dependency, which the region still overlooks. Raises Cycle."""
    region.read([predecessor, dependent])
    if region.nodes[predecessor].rank > region.nodes[dependent].rank:
        return
    path = _path(region, dependent, predecessor)
    if path:
        raise Cycle([dependent, *reversed(path[1:])])
    _raise(region, predecessor, region.nodes[dependent].rank + 1)


def _predecessors_first(after: Mapping[int, Collection[int]]) -> list[int]:
    numbers = list(after)
    position = {number: index for index, number in enumerate(numbers)}
    inner = ((position[one], position[number]) for number in numbers for one in after[number] if one in position)
    try:
        found = order(Graph.build(len(numbers), inner))
    except Cycle as cycle:
        raise Cycle([numbers[index] for index in cycle.path]) from None
    return [numbers[index] for index in reversed(found)]


def _path(region: Region, start: int, goal: int) -> list[int]:
    """A way from one todo over its dependents to the other; empty if there is none. The smaller front advances."""
    if start == goal:
        return [start]
    nodes = region.nodes
    low, high = nodes[goal].rank, nodes[start].rank
    came, goes = {start: start}, {goal: goal}
    ahead, behind = [start], [goal]
    while ahead and behind:
        if len(ahead) <= len(behind):
            region.read_dependents(ahead)
            ahead, met = _advance(ahead, region.dependents, came, goes, within=lambda one: nodes[one].rank > low)
        else:
            region.read_predecessors(behind)
            behind, met = _advance(behind, region.predecessors, goes, came, within=lambda one: nodes[one].rank < high)
        if met is not None:
            return [*reversed(_trail(came, met)), *_trail(goes, met)[1:]]
    return []


def _advance(
    front: list[int],
    neighbours: Mapping[int, list[int]],
    mine: dict[int, int],
    theirs: Mapping[int, int],
    *,
    within: Callable[[int], bool],
) -> tuple[list[int], int | None]:
    """The next front, and the todo that the other side has reached as well, if any. Notes in `mine` where from."""
    fresh = []
    for todo in front:
        for one in neighbours[todo]:
            if one in mine:
                continue
            if one in theirs:
                mine[one] = todo
                return [], one
            if within(one):
                mine[one] = todo
                fresh.append(one)
    return fresh, None


def _trail(steps: Mapping[int, int], todo: int) -> list[int]:
    trail = [todo]
    while steps[trail[-1]] != trail[-1]:
        trail.append(steps[trail[-1]])
    return trail


def _raise(region: Region, number: int, rank: int) -> None:
    """Raise a todo to a rank, and what it waits for above it, in the order of the old ranks: each once."""
    nodes = region.nodes
    wanted = {number: rank}
    heap = [(nodes[number].rank, number)]
    ahead = AHEAD
    while heap:
        _, todo = heappop(heap)
        nodes[todo].rank = rank = wanted[todo]
        if todo not in region.predecessors:
            others = (other for _, other in heap if other not in region.predecessors)
            region.read_predecessors([todo, *islice(others, ahead)])
            ahead = min(2 * ahead, ASKED_AT_ONCE - 1)
        for before in region.predecessors[todo]:
            if nodes[before].rank <= rank:
                if before not in wanted:
                    heappush(heap, (nodes[before].rank, before))
                wanted[before] = max(wanted.get(before, rank + 1), rank + 1)
