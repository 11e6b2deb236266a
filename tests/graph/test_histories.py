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
    from random import Random

    from longpole.graph.upkeep import Upkeep

    Pair = tuple[int, int]

MOST = 12
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 1.0, 30.0)  # sums of the tenths are not exact
KINDS = ("add", "link", "unlink", "estimate", "priority", "complete", "cancel", "reopen", "fail", "mixed", "mixed")
CHANGES = ("estimate", "priority", "complete", "cancel", "reopen", "fail", "all")


class History:
    """Draws edits and applies them to a store; a refused one is taken back, as a transaction would."""

    def __init__(self, random: Random, *, tells_completions: bool = True) -> None:
        self.random = random
        self.tells_completions = tells_completions
        self.store = Stored()
        self.todos_before: dict[int, oracle.Todo] = {}

    def run(self) -> None:
        self._begin()
        for kind in self.random.choices(KINDS, k=8):
            self._edit(kind)
            self._compare()
            if self.random.random() < 0.5:
                self._close_the_gaps()

    def _begin(self) -> None:
        """Add a plan of eight todos, each waiting for some of the three before it, so that many ways meet again."""
        plan = [self._todo() for _ in range(8)]
        hops = [self.random.sample((1, 2, 3), k=self.random.randint(1, 3)) for _ in plan]
        after = {number: [number - hop for hop in hops[number] if hop <= number] for number in range(len(plan))}
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
        self.todos_before = before[0]
        try:
            self._edit_mixed() if kind == "mixed" else self._edit_one(kind)
        except Cycle as cycle:
            self._check(cycle)
            self.store.todos, self.store.measures, self.store.dependents, self.store.predecessors = before
        assert not oracle.has_cycle(self.store.pairs)

    def _edit_one(self, kind: str) -> None:
        tell = getattr(self, f"_{kind}", lambda: self._change(kind, alone=True))()
        self.store.edit(tell)

    def _edit_mixed(self) -> None:
        """Make several edits of all kinds, told in any order but for additions, which come first."""
        gone, added, linked = self._unlink(), self._add(), self._link()
        tells = [gone, linked, *(self._change(kind) for kind in self._some(CHANGES, most=3))]
        self.random.shuffle(tells)
        self.store.edit(added, *tells)

    def _add(self) -> Callable[[Upkeep], None]:
        first = len(self.store.todos)
        new = range(first, min(MOST, first + self.random.randint(1, 3)))
        after = {number: self._some([*self.store.todos, *new], most=3) for number in new}
        for number in new:
            self.store.insert(number, self._todo())
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

    def _change(self, kind: str, *, alone: bool = False) -> Callable[[Upkeep], None]:
        number = self.random.choice(list(self.store.todos))
        fresh = self._todo()
        was = self.todos_before.get(number, fresh)  # several changes of one todo make one edit
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
        if kind == "complete" and is_ready and alone and not self.tells_completions:
            return lambda _: None
        told = self.random.choice((was.pending, None))
        return lambda upkeep: upkeep.changed(number, was_pending=told)

    def _some(self, among: Iterable[Any], *, most: int) -> list[Any]:
        possible = list(among)
        return self.random.sample(possible, k=min(len(possible), self.random.randint(0, most)))

    def _todo(self) -> oracle.Todo:
        chosen = self.random
        return oracle.Todo(chosen.choice(WEIGHTS), chosen.randint(0, 4), pending=chosen.random() < 0.8)

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


@settings(max_examples=500, deadline=None)
@given(st.randoms(use_true_random=True))
def test_what_is_kept_up_is_what_the_definition_says(random):
    History(random).run()


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=True))
def test_completions_of_ready_todos_need_not_be_told(random):
    History(random, tells_completions=False).run()
