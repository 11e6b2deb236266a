"""Adding todos: one at a time or a whole plan, in one transaction, each with its measures from the start."""

from __future__ import annotations

import json
import os

from longpole.errors import InvalidInputError, UnknownTodoError
from longpole.model import FINISHED, Kind, Status
from longpole.store import claims, conflicts, gates, holds, journal, measures, needs, pauses, projects, todos, wants
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.graph.upkeep import Upkeep
    from longpole.model import NewTodo
    from longpole.store.dialect import Transaction
    from longpole.store.wants import Wants

LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # without those that are read as one another


class Addition(Value):
    """A todo to add and, for an import, where it stood in the other tracker. `new.id` is set by `add`."""

    new: NewTodo
    status: Status | None = None  # completed or cancelled; None: to be done
    hold: str | None = None  # why it is set aside
    result: str | None = None
    former_holder: str | None = None
    created_at: int | None = None  # None: now
    finished_at: int | None = None


def add(tx: Transaction, additions: Sequence[Addition], *, default_estimate: float) -> list[str]:
    """Add todos and give their ids in the same order; those without an id get a short one.

    Raises InvalidInputError for an id that is taken, UnknownTodoError for a dependency on nothing,
    CycleError where they wait for each other.
    """
    if not additions:
        return []
    tx.lock_project()
    ids = _ids(tx, additions)
    first = projects.next_numbers(tx, len(ids))
    numbers = {todo_id: first + index for index, todo_id in enumerate(ids)}
    pairs = _pairs(tx, additions, ids, numbers)
    unmet = _unmet(tx, additions, pairs, first)
    wanted = _wanted(tx, additions, first)
    for number, waits in conflicts.added(tx, wanted).items():
        unmet[number - first] += waits
    _insert(tx, additions, ids, first=first, unmet=unmet, wanted=wanted)
    tx.insert(
        "dependency",
        "project_id, predecessor, dependent",
        ((tx.project_id, predecessor, dependent) for predecessor, dependent in sorted(pairs)),
    )
    _measure(tx, pairs, first=first, count=len(ids), default_estimate=default_estimate)
    journal.write_added(tx, ((first + index, addition.new.after) for index, addition in enumerate(additions)))
    pauses.hold_new(tx, range(first, first + len(ids)))
    if any(addition.new.opens_at is not None for addition in additions):
        gates.open_due(tx)
    return ids


def _ids(tx: Transaction, additions: Sequence[Addition]) -> list[str]:
    ids = [addition.new.id for addition in additions]
    named = [todo_id for todo_id in ids if todo_id is not None]
    seen: set[str] = set()
    for todo_id in named:
        if todo_id in seen:
            raise InvalidInputError(f"the id '{todo_id}' is given twice; every todo needs its own", todo_id=todo_id)
        seen.add(todo_id)
    for todo_id in todos.numbers_of(tx, named):
        raise InvalidInputError(f"there is a todo '{todo_id}' already; choose another id", todo_id=todo_id)
    fresh = _fresh_ids(tx, len(ids) - len(named), seen)
    return [fresh.pop() if todo_id is None else todo_id for todo_id in ids]


def _fresh_ids(tx: Transaction, count: int, taken: set[str]) -> list[str]:
    """Draw short ids; one letter more whenever a draw hit ids that are taken, so large projects get longer ones."""
    found: list[str] = []
    length = 4
    while len(found) < count:
        drawn = {_drawn(length) for _ in range(count - len(found))} - taken
        drawn -= todos.numbers_of(tx, drawn).keys()
        taken |= drawn
        found += drawn
        length += 1
    return found


def _drawn(length: int) -> str:
    return "".join(LETTERS[byte % len(LETTERS)] for byte in os.urandom(length))


def _pairs(
    tx: Transaction, additions: Sequence[Addition], ids: Sequence[str], numbers: dict[str, int]
) -> set[tuple[int, int]]:
    outside = {after for addition in additions for after in addition.new.after if after not in numbers}
    known = numbers | todos.numbers_of(tx, outside)
    pairs = set()
    for todo_id, addition in zip(ids, additions, strict=True):
        for after in addition.new.after:
            if after not in known:
                who = addition.new.id or addition.new.title
                raise UnknownTodoError(
                    f"'{who}' waits for '{after}', which does not exist; add it first, or drop the dependency",
                    todo_id=after,
                )
            pairs.add((known[after], numbers[todo_id]))
    return pairs


def _unmet(tx: Transaction, additions: Sequence[Addition], pairs: Iterable[tuple[int, int]], first: int) -> list[int]:
    """Count for each new todo what it waits for: unfinished predecessors, new and old, a hold, and a gate's time."""
    unmet = [(addition.hold is not None) + _is_shut(tx, addition) for addition in additions]
    outside = {predecessor for predecessor, _ in pairs if predecessor < first}
    claims.lock(tx, outside)
    finished = {first + index for index, addition in enumerate(additions) if addition.status in FINISHED}
    finished |= finished_among(tx, outside)
    for predecessor, dependent in pairs:
        unmet[dependent - first] += predecessor not in finished
    return unmet


def finished_among(tx: Transaction, numbers: Iterable[int]) -> set[int]:
    """Give those of these todos that are completed or cancelled: they keep nobody waiting."""
    wanted = list(numbers)
    if not wanted:
        return set()
    rows = tx.all(
        "SELECT number FROM todo WHERE project_id = ? AND number IN INTS AND status IN ('completed', 'cancelled')",
        (tx.project_id, tx.listed(wanted)),
    )
    return {row[0] for row in rows}


def _wanted(tx: Transaction, additions: Sequence[Addition], first: int) -> dict[int, Wants]:
    """Give what new todos want to themselves while they are worked on. Raises InvalidInputError where it cannot be."""
    settings, found = projects.settings_of(tx), {}
    for number, addition in enumerate(additions, first):
        new = addition.new
        if addition.status is None and (new.touches or new.branch in settings.branch_caps):
            one = wants.meant(new.touches, settings, branch=new.branch, kind=new.kind)
            wants.refuse_too_much(one.amounts, settings, todo=new.id or new.title)
            found[number] = one
    return {number: one for number, one in found.items() if one}


def _insert(
    tx: Transaction,
    additions: Sequence[Addition],
    ids: Sequence[str],
    *,
    first: int,
    unmet: Sequence[int],
    wanted: Mapping[int, Wants],
) -> None:
    numbered = list(enumerate(additions, first))
    tx.insert(
        "todo",
        "project_id, number, status, unmet, priority, urgency, estimate_minutes, branch, finished_at,"
        " need, exclusive, critical_path_minutes, total_descendants, immediate_dependents, rank",
        (
            (
                *(tx.project_id, number, _status(addition, waits), waits, addition.new.priority, addition.new.priority),
                *(addition.new.estimate_minutes, addition.new.branch, addition.finished_at),
                *(need, int(number in wanted), 0, 0, 0, 0),
            )
            for (number, addition), waits, need in zip(numbered, unmet, _needs(tx, additions), strict=True)
        ),
    )
    tx.insert(
        "todo_detail",
        "project_id, number, id, title, description, touches, needs, result, former_holder, created_at, kind, opens_at",
        (
            (
                *(tx.project_id, number, todo_id, addition.new.title, addition.new.description),
                *(listed(addition.new.touches), listed(addition.new.needs), addition.result, addition.former_holder),
                *(tx.now if addition.created_at is None else addition.created_at, addition.new.kind),
                addition.new.opens_at,
            )
            for (number, addition), todo_id in zip(numbered, ids, strict=True)
        ),
    )
    for number, addition in numbered:
        if addition.hold is not None:
            holds.add(tx, number, holds.MANUAL, reason=addition.hold)
        if addition.new.opens_at is not None and addition.status is None:
            gates.set_time(tx, number, addition.new.opens_at)


def _needs(tx: Transaction, additions: Sequence[Addition]) -> list[int]:
    found = needs.numbers_of(tx, (addition.new.needs for addition in additions))
    return [
        gates.need_of(addition.new.opens_at) if addition.new.kind == Kind.GATE else need
        for addition, need in zip(additions, found, strict=True)
    ]


def _is_shut(tx: Transaction, addition: Addition) -> bool:
    return addition.status is None and gates.has_to_wait(tx, addition.new.opens_at)


def listed(values: Sequence[object]) -> str:
    """Spell a list as it is stored."""
    return json.dumps(values, ensure_ascii=False) if values else "[]"


def _status(addition: Addition, unmet: int) -> Status:
    return addition.status or (Status.BLOCKED if unmet else Status.READY)


def _measure(
    tx: Transaction, pairs: Iterable[tuple[int, int]], *, first: int, count: int, default_estimate: float
) -> None:
    after: dict[int, list[int]] = {number: [] for number in range(first, first + count)}
    for predecessor, dependent in pairs:
        after[dependent].append(predecessor)

    def edit(upkeep: Upkeep) -> None:
        upkeep.add(after)

    measures.settle(tx, default_estimate, edit, edited=count)
