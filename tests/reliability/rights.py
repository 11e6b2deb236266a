"""Judges a history by what todos touch and need: a fold over the journal's changes of hands, as the checker is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.project.colliding import clashes
from tests.reliability.checker import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from longpole.model import Event, NewTodo
    from longpole.settings import Settings

ENDS = frozenset({"completed", "failed", "released", "expired"})


def judge(
    events: Iterable[Event], todos: Iterable[NewTodo], offers: Callable[[str], set[str]], settings: Settings
) -> list[Violation]:
    """List the claims of todos that overlap with one in progress, or that need what their instance does not offer.

    `offers` gives the labels of an instance by its name; the settings tell how much there is of resources.
    """
    known, changes = {str(todo.id): todo for todo in todos}, list(events)
    needs = {name: set(todo.needs) for name, todo in known.items()}
    return [*_overlaps(changes, known, settings), *_strangers(changes, needs, offers)]


def _overlaps(events: Iterable[Event], todos: Mapping[str, NewTodo], settings: Settings) -> Iterator[Violation]:
    held: dict[str, NewTodo] = {}
    for event in events:
        if event.kind in ENDS:
            held.pop(str(event.todo), None)
        elif event.kind == "claimed":
            mine = todos[str(event.todo)]
            for clash in clashes(mine, held.values(), settings):
                yield Violation(Rule.OVERLAP, event.seq, f"{event.todo} by {event.instance}: {clash}")
            held[str(event.todo)] = mine


def _strangers(
    events: Iterable[Event], needs: Mapping[str, set[str]], offers: Callable[[str], set[str]]
) -> Iterator[Violation]:
    for event in events:
        if event.kind == "claimed" and not needs[str(event.todo)] <= offers(str(event.instance)):
            yield Violation(Rule.NOT_OFFERED, event.seq, f"{event.todo} by {event.instance}")
