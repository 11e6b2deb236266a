"""The verbs that change a todo that is there: edit, cancel, retry, reopen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from longpole import documents
from longpole.cli.asked import Asked, verb
from longpole.cli.planning import TIME_HELP
from longpole.cli.touching import taken_from, touching
from longpole.durations import parse_minutes, parse_moment
from longpole.errors import UsageError

if TYPE_CHECKING:
    from longpole.project import Project

CLEARS = '; "" takes it away'


@verb("edit", example='longpole edit api --estimate 3h --priority 1\nlongpole edit api --hold "waits for a decision"')
@click.argument("todo")
@click.option("--title", help="a new title")
@click.option("--description", help="a new description")
@click.option("--estimate", metavar="DURATION", help=f"how long it takes: 30m, 2h, 1d{CLEARS}")
@click.option("--priority", type=click.IntRange(0, 4), help="0 is the most urgent")
@click.option("--branch", help=f"another branch{CLEARS}")
@touching
@click.option("--needs", multiple=True, metavar="LABEL", help=f"what it needs, in place of the old list{CLEARS}")
@click.option("--opens", metavar="TIME", help=f"another time at which a gate opens by itself: {TIME_HELP}{CLEARS}")
@click.option("--hold", metavar="REASON", help="set it aside for a reason until --lift")
@click.option("--lift", is_flag=True, help="lift a hold")
def _edit(asked: Asked, *, todo: str, hold: str | None, lift: bool, opens: str | None, **given: Any) -> None:
    """Change a todo, set it aside, or lift a hold.

    --touches, --reads and --takes together stand in place of the old list; --touches "" empties it.
    """
    changes = _changes(given)
    if hold is not None and lift:
        raise UsageError("--hold sets a todo aside and --lift takes it back: give one of them")
    if not changes and hold is None and not lift and opens is None:
        raise UsageError("say what to change, for example --estimate 2h; `longpole edit --help` lists all options")
    with asked.open() as project:
        if opens is not None:
            changes["opens_at"] = parse_moment(opens, now_at=project.now()) if opens else None
        _apply(project, todo, changes, hold=hold, lift=lift)
        now = project.todo(todo)
    said = [*changes, *(["held"] if hold is not None else []), *(["lifted"] if lift else [])]
    asked.tell({"todo": documents.todo(now)}, f"{todo}: {', '.join(said)}; it is {_spoken(now.status)}")


@verb("cancel", example="longpole cancel page --cascade")
@click.argument("todo")
@click.option("--cascade", is_flag=True, help="cancel all that depend on it as well")
def _cancel(asked: Asked, *, todo: str, cascade: bool) -> None:
    """Give a todo up. Its dependents no longer wait for it; with --cascade they are given up too."""
    with asked.open() as project:
        cancelled = project.cancel(todo, cascade=cascade)
    more = f" and {len(cancelled) - 1} that depend on it" if len(cancelled) > 1 else ""
    asked.tell({"cancelled": list(cancelled)}, f"{todo}{more} cancelled")


@verb("retry", example="longpole retry api")
@click.argument("todo")
def _retry(asked: Asked, *, todo: str) -> None:
    """Give a failed todo its attempts again."""
    with asked.open() as project:
        project.retry(todo)
        status = project.todo(todo).status
    asked.tell({"retried": todo, "status": status}, f"{todo} has new attempts and is {_spoken(status)}")


@verb("reopen", example="longpole reopen schema")
@click.argument("todo")
def _reopen(asked: Asked, *, todo: str) -> None:
    """Take up a completed or cancelled todo again.

    Those of its dependents that have not begun wait for it; the others are named, to be looked at.
    """
    with asked.open() as project:
        second_look = project.reopen(todo)
        status = project.todo(todo).status
    look = f"; begun or done already, and worth a second look: {', '.join(second_look)}" if second_look else ""
    said = f"{todo} is {_spoken(status)} again{look}"
    asked.tell({"reopened": todo, "status": status, "second_look": list(second_look)}, said)


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Give what edit was told to change, by the names of the fields; an empty text takes a value away."""
    touched = {"touches": taken_from(given)} if any(given[name] for name in ("touches", "reads", "takes")) else {}
    changes = touched | {name: value for name, value in given.items() if value is not None and value != ()}
    if "estimate" in changes:
        text = changes.pop("estimate")
        changes["estimate_minutes"] = parse_minutes(text) if text else None
    if "branch" in changes:
        changes["branch"] = changes["branch"] or None
    if "needs" in changes:
        changes["needs"] = tuple(value for value in changes["needs"] if value)
    return changes


def _apply(project: Project, todo: str, changes: dict[str, Any], *, hold: str | None, lift: bool) -> None:
    if changes:
        project.edit(todo, **changes)
    if hold is not None:
        project.hold(todo, hold)
    if lift:
        project.lift(todo)


def _spoken(status: str) -> str:
    return status.replace("_", " ")


COMMANDS = {"edit": _edit, "cancel": _cancel, "retry": _retry, "reopen": _reopen}
