"""What an edit moves in a stored graph, found step by step: exactly the todos whose measures change.

The measures are those of `kernel.measure`. They change only towards what an edited todo waits for, so the edit is
followed there in the order of rank, each todo once, and no further where nothing moves. The effort is that of the
region that changes, times a logarithm (after Alpern and others, "Incremental evaluation of computational circuits").
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import islice

from longpole.graph import ranks
from longpole.graph.region import ASKED_AT_ONCE, Node, Region, RegionTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from longpole.graph.region import Source

__all__ = ["Node", "RegionTooLarge", "Upkeep"]


class Upkeep:
    """One edit: say what changed in the source, in as many calls as it takes, then `settle` once.

    The source shows the graph as it is after the edit, and the measures as they were before it. Those of finished
    todos may be out of date there; those of pending ones may not. Every call may raise RegionTooLarge, when more
    than `cap` todos had to be read.
    """

    def __init__(self, source: Source, cap: int) -> None:
        self._region = Region(source, cap)
        self._due: dict[int, _Due] = {}
        self._was_pending: dict[int, bool | None] = {}
        self._linked: set[tuple[int, int]] = set()
        self._unlinked: set[tuple[int, int]] = set()
        self._heap: list[tuple[int, int]] = []
        self._ahead = ranks.AHEAD

    def add(self, after: Mapping[int, Iterable[int]]) -> None:
        """Take in new todos, each with all that it waits for, new or not. Only new todos wait for new ones.

        Call it before `link`. Raises kernel.Cycle if new todos wait for each other.
        """
        all_after = {number: tuple(dict.fromkeys(before)) for number, before in after.items()}
        self._region.expect(all_after)
        ranks.rank_new(self._region, all_after)
        for number, before in all_after.items():
            self._mark(number).whole = True
            self._linked.update((one, number) for one in before)

    def link(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take in (predecessor, dependent) pairs that were not there before; all new ones in one call.

        Raises kernel.Cycle: its path begins with the dependent and what it now waits for.
        """
        new = list(dict.fromkeys(pairs))
        self._region.read(number for pair in new for number in pair)
        self._region.set_aside(new)
        for pair in new:
            ranks.admit(self._region, *pair)
            self._region.take_up(pair)
            self._linked.add(pair)

    def unlink(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take note of (predecessor, dependent) pairs that were there before and are no more."""
        gone = set(pairs)
        self._region.read(number for pair in gone for number in pair)
        self._unlinked.update(gone)

    def changed(self, number: int, *, was_pending: bool | None = None) -> None:
        """Take note of a todo whose weight, priority or status is another than before.

        `was_pending` is what it was before the edit; None if that is not known, which costs reading all that waits
        for its predecessors.
        """
        self._region.read([number])
        self._was_pending.setdefault(number, was_pending)
        self._mark(number).inputs = True

    def settle(self) -> list[Node]:
        """Follow the edit to its end; the todos whose rank or measures are now others than stored, by number."""
        for pair in self._unlinked:
            self._part(*pair)
        for pair in self._linked:
            self._join(*pair)
        self._heap = [(self._region.nodes[number].rank, number) for number in self._due]
        heapify(self._heap)
        while self._heap:
            _, number = heappop(self._heap)
            self._settle_one(self._region.nodes[number])
        return self._region.changed()

    def _settle_one(self, node: Node) -> None:
        due = self._due.pop(node.number)
        minutes, urgency = node.critical_path_minutes, node.urgency
        was_pending = self._was_pending.get(node.number, node.pending)
        if due.needs_all(node):
            self._compute(node)
        else:
            self._adjust(node, due)
        same = not node.pending or (minutes, urgency) == (node.critical_path_minutes, node.urgency)
        if was_pending == node.pending and same:
            return
        self._read_predecessors(node.number)
        for number in self._region.predecessors[node.number]:
            before = self._region.nodes[number]
            if number in self._due and self._due[number].whole:
                continue
            if was_pending != node.pending:
                self._count(before, was_pending, node.pending)
            if before.pending:
                self._hand_on(node, before, was_pending=was_pending, minutes=minutes, urgency=urgency)

    def _compute(self, node: Node) -> None:
        """Work out a todo's measures from all that wait for it."""
        nodes = self._region.nodes
        if node.number not in self._region.dependents:
            others = (other for _, other in self._heap if self._due[other].needs_all(nodes[other]))
            self._region.read_dependents([node.number, *self._next(others, self._region.dependents)])
        waiting = [nodes[one] for one in self._region.dependents[node.number] if nodes[one].pending]
        node.immediate_dependents = len(waiting)
        node.critical_path_minutes, node.urgency = 0.0, node.priority
        if node.pending:
            node.critical_path_minutes = node.weight + max((one.critical_path_minutes for one in waiting), default=0.0)
            node.urgency = min([node.priority, *(one.urgency for one in waiting)])

    def _adjust(self, node: Node, due: _Due) -> None:
        """Take into a todo's measures what has risen among those that wait for it; nothing that counted fell."""
        node.immediate_dependents += due.more
        if not node.pending:
            node.critical_path_minutes, node.urgency = 0.0, node.priority
            return
        for number in due.risen:
            one = self._region.nodes[number]
            node.critical_path_minutes = max(node.critical_path_minutes, node.weight + one.critical_path_minutes)
            node.urgency = min(node.urgency, one.urgency)

    def _count(self, before: Node, was_pending: bool | None, is_pending: bool) -> None:  # noqa: FBT001 - a pair
        """Let a predecessor count a todo whose status changed."""
        due = self._above(before)
        due.more += is_pending - bool(was_pending)
        due.whole |= was_pending is None or due.relinked

    def _hand_on(self, node: Node, before: Node, *, was_pending: bool | None, minutes: float, urgency: int) -> None:
        """Tell a pending predecessor what has become of a todo that had these minutes and this urgency."""
        fell = node.critical_path_minutes < minutes
        eased = not node.pending or node.urgency > urgency
        if was_pending and ((fell and _lengthens(minutes, before)) or (eased and _urges(urgency, before))):
            self._above(before).whole = True
        elif node.pending and (
            before.weight + node.critical_path_minutes > before.critical_path_minutes or node.urgency < before.urgency
        ):
            self._above(before).risen.add(node.number)

    def _join(self, predecessor: int, dependent: int) -> None:
        due, node = self._mark(predecessor), self._region.nodes[dependent]
        due.relinked = True
        if node.pending:
            due.more += 1
            due.risen.add(dependent)

    def _part(self, predecessor: int, dependent: int) -> None:
        due, node, before = self._mark(predecessor), self._region.nodes[dependent], self._region.nodes[predecessor]
        due.relinked = True
        if dependent in self._was_pending:
            due.whole = True
        elif node.pending:
            due.more -= 1
            due.whole |= _lengthens(node.critical_path_minutes, before) or _urges(node.urgency, before)

    def _read_predecessors(self, number: int) -> None:
        if number not in self._region.predecessors:
            others = (other for _, other in self._heap)
            self._region.read_predecessors([number, *self._next(others, self._region.predecessors)])

    def _next(self, numbers: Iterable[int], known: Container[int]) -> list[int]:
        """Choose what to read along with the todo whose turn it is: at each miss twice as many that are due soon."""
        chosen = list(islice((number for number in numbers if number not in known), self._ahead))
        self._ahead = min(2 * self._ahead, ASKED_AT_ONCE - 1)
        return chosen

    def _above(self, node: Node) -> _Due:
        if node.number not in self._due:
            heappush(self._heap, (node.rank, node.number))
        return self._mark(node.number)

    def _mark(self, number: int) -> _Due:
        due = self._due.get(number)
        if due is None:
            due = self._due[number] = _Due()
        return due


class _Due:
    """What is to be done for a todo once all that waits for it is settled."""

    __slots__ = ("inputs", "more", "relinked", "risen", "whole")

    def __init__(self) -> None:
        self.inputs = False  # its own weight, priority or status changed
        self.whole = False  # work it out from all that wait for it
        self.relinked = False  # others wait for it than before, so a change of status cannot be told by difference
        self.more = 0  # change of immediate_dependents
        self.risen: set[int] = set()  # those waiting for it that may lengthen or urge it now

    def needs_all(self, node: Node) -> bool:
        return self.whole or (self.inputs and node.pending)


def _lengthens(minutes: float, before: Node) -> bool:
    """Whether a dependent with so many minutes may be what makes a todo's critical path as long as it is."""
    return before.pending and before.weight + minutes >= before.critical_path_minutes


def _urges(urgency: int, before: Node) -> bool:
    """Whether a dependent of such urgency may be what makes a todo more urgent than its own priority."""
    return before.pending and urgency <= before.urgency < before.priority
