"""Finding and breaking circles among dependencies that other tools let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PASSES = 50


class Broken(Value):
    """Which dependencies (todo, what it waits for) to leave out, and a cycle that this does not break, if any."""

    dropped: tuple[tuple[str, str], ...]
    cycle: tuple[str, ...]  # each waits for the next; empty: no cycle is left


def break_cycles(after: Mapping[str, Sequence[str]], may_drop: Callable[[str, str], bool]) -> Broken:
    """The dependencies that close a cycle when the todos are walked in the mapping's order.

    Only those that `may_drop(todo, dependency)` allows are dropped. Ids that are no keys wait for nothing.
    Depth-first search, without recursion; linear unless cycles of droppable and other dependencies interlock.
    """
    dropped: dict[tuple[str, str], None] = {}
    cycle: tuple[str, ...] = ()
    for _ in range(_PASSES):
        before = len(dropped)
        cycle = _Walk(after, may_drop, dropped).run()
        if len(dropped) == before:
            break
    return Broken(dropped=tuple(dropped), cycle=cycle)


class _Walk:
    """One depth-first walk; adds to `dropped` an edge of each cycle that it meets."""

    def __init__(
        self,
        after: Mapping[str, Sequence[str]],
        may_drop: Callable[[str, str], bool],
        dropped: dict[tuple[str, str], None],
    ) -> None:
        self._after, self._may_drop, self._dropped = after, may_drop, dropped
        self._path: list[str] = []
        self._rest: list[Iterator[str]] = []
        self._droppable: list[int] = []  # for each place on the path: the last place entered over a droppable edge
        self._place: dict[str, int] = {}  # place on the path, or -1 for what is done
        self._cycle: tuple[str, ...] = ()

    def run(self) -> tuple[str, ...]:
        """The first cycle that nothing may break; empty if there is none (known after the last pass only)."""
        for root in self._after:
            if root not in self._place:
                self._enter(root, droppable=0)
                self._descend()
        return self._cycle

    def _enter(self, todo: str, *, droppable: int) -> None:
        self._place[todo] = len(self._path)
        self._path.append(todo)
        self._droppable.append(droppable)
        self._rest.append(iter(self._after.get(todo, ())))

    def _descend(self) -> None:
        while self._path:
            todo = self._path[-1]
            dependency = next(self._rest[-1], None)
            if dependency is None:
                self._place[todo] = -1
                self._path.pop()
                self._rest.pop()
                self._droppable.pop()
            elif (todo, dependency) not in self._dropped:
                self._follow(todo, dependency)

    def _follow(self, todo: str, dependency: str) -> None:
        place = self._place.get(dependency)
        if place is None:
            free = self._may_drop(todo, dependency)
            self._enter(dependency, droppable=len(self._path) if free else self._droppable[-1])
        elif place >= 0:
            self._close(todo, dependency, place)

    def _close(self, todo: str, dependency: str, place: int) -> None:
        last = self._droppable[-1]
        if self._may_drop(todo, dependency):
            self._dropped[todo, dependency] = None
        elif last > place:
            self._dropped[self._path[last - 1], self._path[last]] = None
        elif not self._cycle:
            self._cycle = tuple(self._path[place:])
