"""Random histories of edits: after each one, every measure is what its definition says."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from longpole.graph.kernel import Cycle
from tests.graph import oracle
from tests.graph.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from longpole.graph.upkeep import Upkeep

    Pair = tuple[int, int]

MOST = 12
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 1.0, 30.0)  # sums of the tenths are not exact
KINDS = ("add", "link", "unlink", "estimate", "priority", "complete", "cancel", "reopen", "fail", "mixed", "mixed")
CHANGES = ("estimate", "priority", "complete", "cancel", "reopen", "fail", "all")


class History:
    """Draws edits and applies them to a store; a refused one is taken back, as a transaction would."""

    def __init__(self, data: st.DataObject, *, tells_completions: bool = True) -> None:
        self.data = data
        self.tells_completions = tells_completions
        self.store = Stored()

    def run(self) -> None:
        self.store.add({0: []})
        for kind in self.data.draw(
            st.lists(st.sampled_from(("add", "link", "unlink", *CHANGES, "mixed")), max_size=12)
        ):
            self._edit(kind)
            self._compare()
            if self.data.draw(st.booleans()):
                self._close_the_gaps()

    def _begin(self) -> None:
        """Add a plan of eight todos, each waiting for some of the three before it, so that many ways meet again."""
        plan = self.data.draw(st.lists(todos, min_size=8, max_size=8))
        near = self.data.draw(st.lists(st.sets(st.integers(1, 3), min_size=1), min_size=8, max_size=8))
        after = {number: {number - hop for hop in near[number] if hop <= number} for number in range(len(plan))}
        for number, todo in enumerate(plan):
            self.store.insert(number, todo)
        self.store.tie((one, number) for number, before in after.items() for one in before)
        self.store.edit(lambda upkeep: upkeep.add(after))
        self._compare()

    def _close_the_gaps(self) -> None:
        """Store ranks that leave no room between them, which is as good a numbering as any other."""
        heights = oracle.heights(self.store.todos, self.store.pairs)
        self.store.measures = {one: (heights[one], *found[1:]) for one, found in self.store.measures.items()}

    def _edit(self, kind: str) -> None:
        before = copy.deepcopy((self.store.todos, self.store.measures, self.store.dependents, self.store.predecessors))
        try:
            self._edit_mixed() if kind == "mixed" else self._edit_one(kind)
        except Cycle as cycle:
            self._check(cycle)
            self.store.todos, self.store.measures, self.store.dependents, self.store.predecessors = before
        assert not oracle.has_cycle(self.store.pairs)

    def _edit_one(self, kind: str) -> None:
        tell = getattr(self, f"_{kind}", lambda: self._change(kind))()
        self.store.edit(tell)

    def _edit_mixed(self) -> None:
        """Make several edits of all kinds, told in any order but for additions, which come first."""
        gone, added, linked = self._unlink(), self._add(), self._link()
        tells = [gone, linked, *(self._change(kind) for kind in self._some(CHANGES, most=3))]
        tells = self.data.draw(st.permutations(tells))
        self.store.edit(added, *tells)

    def _add(self) -> Callable[[Upkeep], None]:
        first = len(self.store.todos)
        new = range(first, min(MOST, first + self.data.draw(st.integers(1, 3))))
        after = {number: self._some([*self.store.todos, *new], most=3) for number in new}
        for number in new:
            self.store.insert(number, self.data.draw(todos))
        self.store.tie((one, number) for number, before in after.items() for one in before)
        return lambda upkeep: upkeep.add(after)

    def _link(self) -> Callable[[Upkeep], None]:
        numbers = list(self.store.todos)
        possible = [(one, other) for one in numbers for other in numbers if other not in self.store.dependents[one]]
        pairs = self._some(possible, most=3)
        self.store.tie(pairs)
        return lambda upkeep: upkeep.link(pairs)

    def _unlink(self) -> Callable[[Upkeep], None]:
        pairs = self._some(sorted(self.store.pairs), most=3)
        self.store.untie(pairs)
        return lambda upkeep: upkeep.unlink(pairs)

    def _change(self, kind: str) -> Callable[[Upkeep], None]:
        number = self.data.draw(st.sampled_from(list(self.store.todos)))
        was, fresh = self.store.todos[number], self.data.draw(todos)
        changes: dict[str, dict[str, Any]] = {
            "estimate": {"weight": fresh.weight},
            "priority": {"priority": fresh.priority},
            "complete": {"pending": False},  # perhaps by hand, although it is blocked
            "cancel": {"pending": False},
            "reopen": {"pending": True},
            "fail": {},  # a failed todo is pending
            "all": fresh._asdict(),
        }
        is_ready = oracle.unmet(number, self.store.todos, self.store.pairs) == 0
        self.store.replace(number, **changes[kind])
        if kind == "complete" and is_ready and not self.tells_completions:
            return lambda _: None
        told = self.data.draw(st.sampled_from((was.pending, None)))
        return lambda upkeep: upkeep.changed(number, was_pending=told)

    def _some(self, among: Iterable[Any], *, most: int) -> list[Any]:
        possible = list(among)
        return self.data.draw(st.lists(st.sampled_from(possible), max_size=most, unique=True)) if possible else []

    def _check(self, cycle: Cycle) -> None:
        event("a cycle was refused")
        assert oracle.is_cycle(cycle.path, self.store.pairs)

    def _compare(self) -> None:
        wanted = oracle.expected(self.store.todos, self.store.pairs)
        for number, (_, *found) in self.store.measures.items():
            if self.tells_completions or self.store.todos[number].pending:
                assert tuple(found) == wanted[number][:3], number
        ranks = {number: measures[0] for number, measures in self.store.measures.items()}
        assert [pair for pair in self.store.pairs if ranks[pair[0]] <= ranks[pair[1]]] == []


todos = st.builds(oracle.Todo, st.sampled_from(WEIGHTS), st.integers(0, 4), st.sampled_from((True, True, True, False)))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_is_kept_up_is_what_the_definition_says(data):
    History(data).run()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_completions_of_ready_todos_need_not_be_told(data):
    History(data, tells_completions=False).run()
