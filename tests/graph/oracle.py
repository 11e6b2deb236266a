"""What the measures are by definition, for small graphs: every set is written out, nothing is clever."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Pair = tuple[int, int]


class Todo(NamedTuple):
    """What the measures depend on."""

    weight: float
    priority: int
    pending: bool


class Expected(NamedTuple):
    """What must be found for one todo."""

    critical_path_minutes: float
    urgency: int
    immediate_dependents: int
    total_descendants: int


def expected(todos: Mapping[int, Todo], pairs: Collection[Pair]) -> dict[int, Expected]:
    return {
        number: Expected(
            critical_path_minutes(number, todos, pairs) if todo.pending else 0,
            urgency(number, todos, pairs) if todo.pending else todo.priority,
            len(pending_dependents(number, todos, pairs)),
            len(pending_descendants(number, todos, pairs)),
        )
        for number, todo in todos.items()
    }


def pending_dependents(number: int, todos: Mapping[int, Todo], pairs: Collection[Pair]) -> set[int]:
    return {then for first, then in pairs if first == number and todos[then].pending}


def pending_descendants(number: int, todos: Mapping[int, Todo], pairs: Collection[Pair]) -> set[int]:
    direct = pending_dependents(number, todos, pairs)
    return direct.union(*(pending_descendants(one, todos, pairs) for one in direct))


def critical_path_minutes(number: int, todos: Mapping[int, Todo], pairs: Collection[Pair]) -> float:
    behind = [critical_path_minutes(one, todos, pairs) for one in pending_dependents(number, todos, pairs)]
    return todos[number].weight + max(behind, default=0)


def urgency(number: int, todos: Mapping[int, Todo], pairs: Collection[Pair]) -> int:
    behind = [urgency(one, todos, pairs) for one in pending_dependents(number, todos, pairs)]
    return min([todos[number].priority, *behind])


def heights(todos: Iterable[int], pairs: Collection[Pair]) -> dict[int, int]:
    """Count the most hops from each todo to an end, finished ones included."""

    def height(number: int) -> int:
        return max((height(then) + 1 for first, then in pairs if first == number), default=0)

    return {number: height(number) for number in todos}


def unmet(number: int, todos: Mapping[int, Todo], pairs: Collection[Pair]) -> int:
    return len({first for first, then in pairs if then == number and todos[first].pending})


def has_cycle(pairs: Collection[Pair]) -> bool:
    """Take away todos that nothing waits for until none is left, or none can be taken."""
    left = {number for pair in pairs for number in pair}
    while ends := {one for one in left if not any(first == one and then in left for first, then in pairs)}:
        left -= ends
    return bool(left)


def is_cycle(path: list[int], pairs: Iterable[Pair]) -> bool:
    """Say whether each waits for the next, the last for the first, and nothing occurs twice."""
    known = set(pairs)
    waits = zip(path, [*path[1:], *path[:1]], strict=True)
    return bool(path) and len(set(path)) == len(path) and all((then, one) in known for one, then in waits)
