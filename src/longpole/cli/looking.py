"""The verbs that show todos: list, show, why, critical-path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole.cli import screen, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.screen import Column, Outline
from longpole.cli.text import many_lines, one_line
from longpole.errors import UnknownTodoError
from longpole.model import PENDING, EventKind, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longpole.model import Event, Todo
    from longpole.project import Project

SHOWN = 20
LIST_COLUMNS = (
    Column(title="id"),
    Column(title="status", status=True),
    Column(title="prio", right=True, spare=2),
    Column(title="estimate", right=True, spare=3),
    Column(title="path", right=True, spare=1),
    Column(title="branch", spare=4),
    Column(title="holder"),
    Column(title="title", wide=True),
)
ATTEMPT_KINDS = frozenset(
    (
        EventKind.CLAIMED,
        EventKind.COMPLETED,
        EventKind.FAILED,
        EventKind.RELEASED,
        EventKind.EXPIRED,
        EventKind.QUARANTINED,
    )
)


@verb("list", example="longpole list --status ready\nlongpole list --branch backend --json")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="only those of this status")
@click.option("--branch", help="only those of this branch")
def _list(asked: Asked, *, status: str | None, branch: str | None) -> None:
    """List the todos in the order in which they were added.

    "path" is the critical path: how long the longest chain takes that begins with the todo.
    """
    with asked.open() as project:
        todos = project.todos(status=status, branch=branch)
    filtered = status is not None or branch is not None
    empty = "no todo is like that" if filtered else 'no todos yet; `longpole add "TITLE"` or `longpole import FILE`'

    def table() -> None:
        screen.table(LIST_COLUMNS, [_row(todo) for todo in todos], empty=empty)

    asked.tell({"todos": [documents.todo(todo) for todo in todos]} if asked.json else {}, table)


@verb("show", example="longpole show api")
@click.argument("todo")
def _show(asked: Asked, *, todo: str) -> None:
    """Show all that is known of a todo.

    That is also what it waits for, what holds it back, and who has tried it.
    """
    with asked.open() as project:
        found = project.todo(todo)
        top = None if asked.json else _shown(project, found)
    asked.tell({"todo": documents.todo(found)}, lambda: screen.outline(top or Outline(text=todo)))


@verb("why", example="longpole why release")
@click.argument("todo")
def _why(asked: Asked, *, todo: str) -> None:
    """Say why a todo is ready, blocked, given to somebody, or finished."""
    with asked.open() as project:
        told = project.why(todo)
    content = {"id": told.todo.id, "status": told.todo.status, "summary": told.summary, "lines": list(told.lines)}
    lines = tuple(Outline(text=one_line(line)) for line in told.lines)
    asked.tell(content, lambda: screen.outline(Outline(text=one_line(told.summary), beneath=lines)))


@verb("critical-path", example="longpole critical-path")
def _critical_path(asked: Asked) -> None:
    """Show the chain of todos that decides when all is done.

    Before each stands the time that is left from its beginning on.
    """
    with asked.open() as project:
        path = project.critical_path()
    remaining = path[0].critical_path_minutes if path else 0.0
    content = {"remaining_minutes": documents.number(remaining), "todos": [documents.todo(one) for one in path]}
    asked.tell(content, lambda: _draw_path(path, remaining))


def _row(todo: Todo) -> tuple[str, ...]:
    return (
        todo.id,
        todo.status,
        str(todo.urgency) if todo.urgency == todo.priority else f"{todo.priority}→{todo.urgency}",
        wording.minutes(todo.estimate_minutes),
        wording.minutes(todo.critical_path_minutes) if todo.status in PENDING else "",
        todo.branch or "",
        todo.holder or "",
        f"gate: {todo.title}" if todo.kind == Kind.GATE else todo.title,
    )


def _draw_path(path: Sequence[Todo], remaining: float) -> None:
    if not path:
        print("nothing is left to do")
        return
    steps = tuple(
        Outline(text=f"{wording.minutes(one.critical_path_minutes):>7}  {wording.standing(one)}", style=_style(one))
        for one in path
    )
    title = f"{wording.minutes(remaining)} left, {wording.plural(len(path), 'todo')} one after the other"
    screen.outline(Outline(text=title, beneath=steps, style="bold"))


def _style(todo: Todo) -> str:
    return "" if todo.status == Status.BLOCKED else screen.STATUS_STYLES[todo.status]


def _shown(project: Project, todo: Todo) -> Outline:
    return Outline(text=wording.standing(todo), beneath=tuple(_about(project, todo)), style="bold")


def _about(project: Project, todo: Todo) -> Iterator[Outline]:
    yield from (Outline(text=f"{name}: {value}") for name, value in _facts(todo) if value)
    if todo.depends_on:
        yield Outline(text="waits for" if todo.unmet else "waited for", beneath=tuple(_waits(project, todo)))
    if todo.holds:
        yield Outline(text="held", beneath=tuple(Outline(text=_hold(todo, place)) for place in range(len(todo.holds))))
    attempts = tuple(Outline(text=_attempt(event)) for event in _attempts(project, todo))
    if attempts:
        yield Outline(text="history", beneath=attempts)
    if todo.description:
        yield Outline(text="description", beneath=(Outline(text=many_lines(todo.description.strip())),))


def _facts(todo: Todo) -> Iterator[tuple[str, str]]:
    yield "gate", _opens(todo) if todo.kind == Kind.GATE and todo.status in PENDING else ""
    inherited = f", inherits {todo.urgency}" if todo.urgency != todo.priority else ""
    yield "estimate", wording.minutes(todo.estimate_minutes) or "none (the project's default counts)"
    yield "critical path", wording.minutes(todo.critical_path_minutes) if todo.status in PENDING else ""
    yield "priority", f"{todo.priority}{inherited}"
    yield "branch", one_line(todo.branch or "")
    yield "touches", ", ".join(one_line(str(touched)) for touched in todo.touches)
    yield "needs", ", ".join(one_line(need) for need in todo.needs)
    yield "blocks", _blocks(todo)
    yield "token", str(todo.token) if todo.holder else ""
    yield "result", many_lines(todo.result or "")
    yield "added", wording.moment(todo.created_at)
    yield "claimed", wording.moment(todo.claimed_at) if todo.holder else ""
    yield "finished", wording.moment(todo.finished_at)
    yield "held before the import by", one_line(todo.former_holder or "")


def _opens(todo: Todo) -> str:
    if todo.opens_at is not None and any(hold.kind == "gate" for hold in todo.holds):
        return f"opens by itself on {wording.moment(todo.opens_at)}, if all before it is done then"
    return f"a person opens it once all before it is done: `longpole approve {todo.id}`"


def _blocks(todo: Todo) -> str:
    if not todo.immediate_dependents or todo.status not in PENDING:
        return ""
    total = "" if todo.total_descendants is None else f", {todo.total_descendants} in all"
    return f"{wording.plural(todo.immediate_dependents, 'todo')} directly{total}"


def _waits(project: Project, todo: Todo) -> Iterator[Outline]:
    for todo_id in todo.depends_on[:SHOWN]:
        try:
            found = project.todo(todo_id)
        except UnknownTodoError:  # gone since the todo was read
            continue
        yield Outline(text=wording.standing(found), style=screen.STATUS_STYLES[found.status])
    if len(todo.depends_on) > SHOWN:
        yield Outline(text=f"… and {len(todo.depends_on) - SHOWN} more")


def _hold(todo: Todo, place: int) -> str:
    hold = todo.holds[place]
    by_hand = {"manual": f"edit {todo.id} --lift", "paused": f"resume --branch {todo.branch}"}.get(hold.kind)
    until = wording.moment(hold.until_at) if hold.until_at else f"`longpole {by_hand}`" if by_hand else ""
    return one_line(f"{hold.kind}: {hold.reason}{f' (until {until})' if until else ''}")


def _attempts(project: Project, todo: Todo) -> list[Event]:
    events = [event for event in project.journal(todo=todo.id) if event.kind in ATTEMPT_KINDS]
    return events[-SHOWN:]


def _attempt(event: Event) -> str:
    by = f" by {one_line(event.instance)}" if event.instance else ""
    token = f", token {event.token}" if event.token and event.kind == EventKind.CLAIMED else ""
    why = f": {one_line(event.why)}" if event.why else ""
    return f"{wording.moment(event.at)}  {event.kind}{by}{token}{why}"


COMMANDS = {"list": _list, "show": _show, "why": _why, "critical-path": _critical_path}
