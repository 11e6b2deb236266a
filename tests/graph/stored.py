"""A graph in memory, stored as a database would: rows with their measures, read through counted queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.graph.kernel import Graph, measure
from longpole.graph.region import ASKED_AT_ONCE
from longpole.graph.upkeep import Node, Upkeep
from tests.graph import oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    Pair = tuple[int, int]
    Measures = tuple[int, float, int, int]


class Stored:
    """The store: change `todos` and `pairs`, tell it to `edit`, and it writes what the upkeep found."""

    def __init__(self, cap: int = 1_000_000) -> None:
        self.cap = cap
        self.todos: dict[int, oracle.Todo] = {}
        self.measures: dict[int, Measures] = {}
        self.dependents: dict[int, list[int]] = {}
        self.predecessors: dict[int, list[int]] = {}
        self.queries = 0
        self.read = 0

    @property
    def pairs(self) -> set[Pair]:
        return {(first, then) for first, after in self.dependents.items() for then in after}

    def insert(self, number: int, todo: oracle.Todo) -> None:
        self.todos[number] = todo
        self.measures[number] = (0, 0.0, todo.priority, 0)
        self.dependents[number], self.predecessors[number] = [], []

    def remove(self, number: int) -> None:
        for kept in (self.todos, self.measures, self.dependents, self.predecessors):
            del kept[number]

    def tie(self, pairs: Iterable[Pair]) -> None:
        for first, then in pairs:
            self.dependents[first].append(then)
            self.predecessors[then].append(first)

    def untie(self, pairs: Iterable[Pair]) -> None:
        for first, then in pairs:
            self.dependents[first].remove(then)
            self.predecessors[then].remove(first)

    def replace(self, number: int, **changes: Any) -> None:
        self.todos[number] = self.todos[number]._replace(**changes)

    def add(self, after: Mapping[int, Collection[int]], *, weight: float = 1) -> set[int]:
        """Add todos with what they wait for; give the numbers of those written."""
        for number in after:
            self.insert(number, oracle.Todo(weight, 2, pending=True))
        self.tie((one, number) for number, before in after.items() for one in before)
        return self.edit(lambda upkeep: upkeep.add(after))

    def load(self, after: Mapping[int, Collection[int]]) -> None:
        """Fill an empty store with todos 0, 1, … of one minute each, as an import does: measured all at once."""
        count = len(after)
        for number in after:
            self.insert(number, oracle.Todo(1, 2, pending=True))
        self.tie((one, number) for number, before in after.items() for one in before)
        graph = Graph.build(count, self.pairs)
        found = measure(graph, weights=[1] * count, priorities=[2] * count, pending=[True] * count)
        columns = zip(found.rank, found.critical_path_minutes, found.urgency, found.immediate_dependents, strict=True)
        self.measures = dict(enumerate(columns))

    def change(self, number: int, **changes: Any) -> set[int]:
        """Change a todo; give the numbers of those written."""
        was_pending = self.todos[number].pending
        self.replace(number, **changes)
        return self.edit(lambda upkeep: upkeep.changed(number, was_pending=was_pending))

    def edit(self, *tells: Callable[[Upkeep], None]) -> set[int]:
        """Run one edit and write its outcome; give the numbers of those written, all of which differed."""
        self.queries = self.read = 0
        upkeep = Upkeep(self, self.cap)
        for tell in tells:
            tell(upkeep)
        found = {node.number: node.measures() for node in upkeep.settle()}
        assert [number for number, measures in found.items() if self.measures[number] == measures] == []
        self.measures.update(found)
        return set(found)

    def nodes(self, numbers: list[int]) -> list[Node]:
        self._ask(numbers)
        self.read += len(numbers)
        return [self._node(number) for number in numbers]

    def dependents_of(self, numbers: list[int]) -> Iterable[Pair]:
        self._ask(numbers)
        return ((number, one) for number in numbers for one in self.dependents[number])

    def predecessors_of(self, numbers: list[int]) -> Iterable[Pair]:
        self._ask(numbers)
        return ((one, number) for number in numbers for one in self.predecessors[number])

    def _ask(self, numbers: list[int]) -> None:
        assert 0 < len(numbers) == len(set(numbers)) <= ASKED_AT_ONCE
        self.queries += 1

    def _node(self, number: int) -> Node:
        rank, minutes, urgency, immediate = self.measures[number]
        todo = self.todos[number]
        return Node(
            number=number,
            weight=todo.weight,
            priority=todo.priority,
            pending=todo.pending,
            rank=rank,
            critical_path_minutes=minutes,
            urgency=urgency,
            immediate_dependents=immediate,
        )
