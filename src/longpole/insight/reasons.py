"""What holds a todo back: a function for each kind of reason, and the list that has them all."""

from __future__ import annotations

from longpole.model import Kind, Status
from longpole.store import holds as store_holds
from longpole.store import needs, projects, readiness, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.model import Todo
    from longpole.store.dialect import Transaction

    Finder = Callable[[Transaction, int, Todo], list[str]]

SHOWN = 10
SPEAK = (store_holds.CONFLICT, store_holds.SHORTAGE, store_holds.GATE, store_holds.PAUSED)
"""Kinds of holds whose reason says all."""


def in_the_way(tx: Transaction, number: int, todo: Todo) -> list[str]:
    """Say in a line each what keeps a blocked or ready todo from being given out; empty if nothing does."""
    return [line for find in FINDERS for line in find(tx, number, todo)]


def dependencies(tx: Transaction, number: int, todo: Todo) -> list[str]:
    """Name the unfinished todos that it waits for, with how each stands."""
    if todo.status == Status.READY:
        return []
    waited_for = todos.waited_for(tx, number)
    lines = [_standing(one) for one in waited_for[:SHOWN]]
    return lines if len(waited_for) <= SHOWN else [*lines, f"… and {len(waited_for) - SHOWN} more"]


def holds(_tx: Transaction, _number: int, todo: Todo) -> list[str]:
    """Name the holds on it, with their reasons."""
    return [hold.reason if hold.kind in SPEAK else f"held ({hold.kind}): {hold.reason}" for hold in todo.holds]


def gate(_tx: Transaction, _number: int, todo: Todo) -> list[str]:
    """Tell of a gate that a person has to open it."""
    if todo.kind != Kind.GATE or todo.status != Status.READY:
        return []
    return [f"it is a gate, which a person opens: `longpole approve {todo.id}`"]


def labels(tx: Transaction, _number: int, todo: Todo) -> list[str]:
    """Name what it needs if no live instance offers that."""
    if not todo.needs or any(offered.issuperset(todo.needs) for offered in needs.live_offers(tx)):
        return []
    flags = " ".join(f"--offers {label}" for label in todo.needs)
    return [f"no live instance offers {' and '.join(todo.needs)}; start one with `{flags}`"]


def project(tx: Transaction, _number: int, todo: Todo) -> list[str]:
    """Tell what keeps the whole project back: a pause, or its cap."""
    if todo.status != Status.READY or todo.kind == Kind.GATE:
        return []
    state = projects.load(tx, projects.SettingsCache())
    no_work = readiness.withheld(tx, state) or readiness.full(tx, state)
    return [no_work.detail] if no_work else []


FINDERS: tuple[Finder, ...] = (dependencies, holds, gate, labels, project)
"""The kinds of reasons in the order in which they are told. Each gives its lines for a todo by its number.

A line is one line of text that begins with what is in the way. A finder reads by index alone, and as many rows as it
shows; it is asked for blocked and for ready todos, and gives nothing where nothing of its kind is in the way.
"""


def _standing(todo: Todo) -> str:
    held = f" by {todo.holder}" if todo.holder else ""
    what = "the gate " if todo.kind == Kind.GATE else ""
    return f"waits for {what}{todo.id} ({todo.status.replace('_', ' ')}{held}): {todo.title}"
