"""The part of a stored graph that an edit has touched so far, read in as few queries as possible."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol

    class Source(Protocol):
        """Where the graph is stored, as it stands after the edit. Each call is one query, for at most 2,000 todos."""

        def nodes(self, numbers: list[int]) -> Iterable[Node]:
            """Give each of these todos, in any order."""

        def dependents_of(self, numbers: list[int]) -> Iterable[tuple[int, int]]:
            """Give the (predecessor, dependent) pairs whose predecessor is one of these."""

        def predecessors_of(self, numbers: list[int]) -> Iterable[tuple[int, int]]:
            """Give the (predecessor, dependent) pairs whose dependent is one of these."""


ASKED_AT_ONCE = 2_000


class RegionTooLarge(Exception):  # noqa: N818 - not a failure: the caller computes the whole project instead
    """The edit moves more of the graph than it is worth to follow step by step."""


class Node:
    """A todo as the graph sees it: its inputs (weight in minutes, priority, pending) and its stored measures."""

    __slots__ = (
        "critical_path_minutes",
        "immediate_dependents",
        "number",
        "pending",
        "priority",
        "rank",
        "urgency",
        "weight",
    )

    def __init__(
        self,
        *,
        number: int,
        weight: float,
        priority: int,
        pending: bool,
        rank: int,
        critical_path_minutes: float,
        urgency: int,
        immediate_dependents: int,
    ) -> None:
        self.number = number
        self.weight = weight
        self.priority = priority
        self.pending = pending
        self.rank = rank
        self.critical_path_minutes = critical_path_minutes
        self.urgency = urgency
        self.immediate_dependents = immediate_dependents

    def measures(self) -> tuple[int, float, int, int]:
        """Give rank, critical path, urgency and immediate dependents as they are now."""
        return (self.rank, self.critical_path_minutes, self.urgency, self.immediate_dependents)

    def __repr__(self) -> str:
        return f"Node({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class Region:
    """Todos and their neighbours, each read once. Raises RegionTooLarge beyond `cap` todos."""

    def __init__(self, source: Source, cap: int) -> None:
        self._source, self._cap = source, cap
        self._stored: dict[int, tuple[int, float, int, int]] = {}
        self._aside: set[tuple[int, int]] = set()
        self.nodes: dict[int, Node] = {}
        self.dependents: dict[int, list[int]] = {}
        self.predecessors: dict[int, list[int]] = {}

    def read(self, numbers: Iterable[int]) -> None:
        """See to it that `nodes` has these todos."""
        wanted = _missing(numbers, self.nodes)
        if len(self.nodes) + len(wanted) > self._cap:
            raise RegionTooLarge
        for batch in _batches(wanted):
            for node in self._source.nodes(batch):
                self.nodes[node.number] = node
                self._stored[node.number] = node.measures()

    def read_dependents(self, numbers: Iterable[int]) -> None:
        """See to it that `dependents` has the lists of these todos, and `nodes` what stands in them."""
        self._read_side(numbers, self.dependents, self._source.dependents_of, own=0)

    def read_predecessors(self, numbers: Iterable[int]) -> None:
        """See to it that `predecessors` has the lists of these todos, and `nodes` what stands in them."""
        self._read_side(numbers, self.predecessors, self._source.predecessors_of, own=1)

    def expect(self, after: Mapping[int, Collection[int]]) -> None:
        """Take in new todos, given with what each waits for: only others of them wait for a new one."""
        self.read([*after, *(one for before in after.values() for one in before)])
        self.dependents.update((number, []) for number in after)
        for number, before in after.items():
            self.predecessors[number] = list(before)
            for one in before:
                if one in after:
                    self.dependents[one].append(number)

    def set_aside(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Overlook these dependencies, which the source has already, until `take_up` counts each in."""
        for pair in pairs:
            self._aside.add(pair)
            self._forget(pair)

    def take_up(self, pair: tuple[int, int]) -> None:
        """Count in a dependency that was set aside."""
        self._aside.discard(pair)
        self._forget(pair)

    def changed(self) -> list[Node]:
        """List the todos whose measures differ from those stored, by number."""
        found = (node for node in self.nodes.values() if node.measures() != self._stored[node.number])
        return sorted(found, key=lambda node: node.number)

    def _forget(self, pair: tuple[int, int]) -> None:
        self.dependents.pop(pair[0], None)
        self.predecessors.pop(pair[1], None)

    def _read_side(
        self,
        numbers: Iterable[int],
        known: dict[int, list[int]],
        ask: Callable[[list[int]], Iterable[tuple[int, int]]],
        *,
        own: int,
    ) -> None:
        met: dict[int, None] = {}
        for batch in _batches(_missing(numbers, known)):
            known.update((number, []) for number in batch)
            for pair in ask(batch):
                if pair not in self._aside:
                    known[pair[own]].append(pair[1 - own])
                    met[pair[1 - own]] = None
                    if len(met) > self._cap:
                        raise RegionTooLarge
        self.read(met)


def _missing(numbers: Iterable[int], known: Container[int]) -> list[int]:
    return [number for number in dict.fromkeys(numbers) if number not in known]


def _batches(numbers: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), ASKED_AT_ONCE):
        yield list(numbers[start : start + ASKED_AT_ONCE])
