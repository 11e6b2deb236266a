"""What a project must look like by definition: a model without a database, recounted from scratch at every question."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.graph import oracle

if TYPE_CHECKING:
    from collections.abc import Iterable

OPEN = ("blocked", "ready")
PENDING = (*OPEN, "in_progress", "failed")
FINISHED = ("completed", "cancelled")
LEASE_S, MAX_ATTEMPTS, DEFAULT_MINUTES = 300, 2, 30.0
RENEWED_AFTER_S = 30


@dataclass
class Todo:
    number: int
    priority: int
    estimate: float | None
    after: set[str]
    status: str = "ready"
    held: bool = False
    rests_until: float | None = None
    attempts: int = 0
    token: int = 0
    holder: str | None = None
    claimed_at: float = 0.0
    place: int = 0  # in the batch that it was claimed with


@dataclass
class Instance:
    beat_at: float
    ends_at: float
    live: bool = True


@dataclass
class Model:
    """The todos by id, the instances by name, and the time in seconds."""

    todos: dict[str, Todo] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    now: float = 0.0

    def unmet(self, one: str) -> int:
        todo = self.todos[one]
        waits = sum(self.todos[need].status in PENDING for need in todo.after)
        return waits + todo.held + (todo.rests_until is not None)

    def settle(self) -> None:
        """Ready is what waits for nothing, blocked what waits."""
        for one, todo in self.todos.items():
            if todo.status in OPEN:
                todo.status = "blocked" if self.unmet(one) else "ready"

    def would_cycle(self, new: dict[str, set[str]]) -> bool:
        numbers = {one: index for index, one in enumerate({*self.todos, *new})}
        pairs = {
            (numbers[need], numbers[one])
            for one, after in itertools.chain(((one, todo.after) for one, todo in self.todos.items()), new.items())
            for need in after
        }
        return oracle.has_cycle(pairs) or any(first == then for first, then in pairs)

    def measures(self) -> dict[str, oracle.Expected]:
        todos = {
            todo.number: oracle.Todo(
                DEFAULT_MINUTES if todo.estimate is None else todo.estimate, todo.priority, todo.status in PENDING
            )
            for todo in self.todos.values()
        }
        pairs = {(self.todos[need].number, todo.number) for todo in self.todos.values() for need in todo.after}
        found = oracle.expected(todos, pairs)
        return {one: found[todo.number] for one, todo in self.todos.items()}

    def allowed(self, count: int) -> int:
        """How many todos an instance may claim at once: its share of what is ready, and one in any case."""
        live = sum(one.live for one in self.instances.values())
        ready = sum(todo.status == "ready" for todo in self.todos.values())
        return max(1, min(count, ready // live))

    def is_begun(self, one: str) -> bool:
        """Whether nothing is left of what was claimed before it in its batch."""
        todo = self.todos[one]
        return not todo.place or not any(
            (other.status, other.holder, other.claimed_at) == ("in_progress", todo.holder, todo.claimed_at)
            and other.place < todo.place
            for other in self.todos.values()
        )

    def not_begun(self, name: str) -> str | None:
        """What another instance than this one has reserved and not begun, the most critical first."""
        return self.first(
            [
                one
                for one, todo in self.todos.items()
                if todo.status == "in_progress" and todo.holder != name and not self.is_begun(one)
            ],
            "critical_path",
        )

    def next_by(self, strategy: str) -> str | None:
        """The ready todo that comes first."""
        return self.first([one for one, todo in self.todos.items() if todo.status == "ready"], strategy)

    def first(self, among: list[str], strategy: str) -> str | None:
        """The first of some todos in a strategy's order."""
        measures = self.measures()

        def place(one: str) -> tuple[float, ...]:
            found, number = measures[one], self.todos[one].number
            if strategy == "greedy":
                return (found.urgency, number)
            tail = (-found.critical_path_minutes, -found.total_descendants, -found.immediate_dependents)
            return (found.urgency, *tail, number)

        return min(among, key=place, default=None)

    def claim(self, one: str, name: str, place: int = 0) -> None:
        todo = self.todos[one]
        todo.status, todo.holder = "in_progress", name
        todo.token, todo.attempts = todo.token + 1, todo.attempts + 1
        todo.claimed_at, todo.place = self.now, place

    def renew(self, name: str, *, always: bool) -> None:
        instance = self.instances[name]
        if always or self.now - instance.beat_at > RENEWED_AFTER_S:
            instance.beat_at, instance.ends_at = self.now, self.now + LEASE_S

    def give_back(self, one: str, *, failed: bool = False, released: bool = False) -> None:
        todo = self.todos[one]
        todo.holder = None
        if released:
            todo.attempts -= 1
        elif todo.attempts >= MAX_ATTEMPTS:
            todo.status = "failed"
            return
        elif failed:
            todo.rests_until = self.now + 2.0 ** (todo.attempts - 1)
        todo.status = "ready"
        self.settle()

    def finish(self, ones: Iterable[str], status: str) -> None:
        for one in ones:
            self.todos[one].status, self.todos[one].holder = status, None
        self.settle()

    def revive(self, one: str) -> None:
        self.todos[one].status, self.todos[one].attempts = "ready", 0
        self.settle()

    def leave(self, name: str, *, released: bool) -> None:
        self.instances[name].live = False
        held = [one for one, todo in self.todos.items() if todo.holder == name and todo.status == "in_progress"]
        never_begun = {one for one in held if not self.is_begun(one)}
        for one in held:
            self.give_back(one, released=released or one in never_begun)

    def sweep(self) -> list[str]:
        lost = [name for name, one in self.instances.items() if one.live and one.ends_at <= self.now]
        for name in lost:
            self.leave(name, released=False)
        for todo in self.todos.values():
            if todo.rests_until is not None and todo.rests_until <= self.now:
                todo.rests_until = None
        self.settle()
        return lost

    def behind(self, one: str) -> set[str]:
        """All unfinished todos that wait for this one, along unfinished ones."""
        found: set[str] = set()
        front = {one}
        while front:
            front = {then for then, todo in self.todos.items() if todo.after & front and todo.status in PENDING} - found
            found |= front
        return found
