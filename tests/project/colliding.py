"""Which todos are in each other's way, by definition: compared pair by pair, from the todos' own fields."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from longpole.model import FINISHED, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from longpole.model import NewTodo, Todo
    from longpole.project import Project
    from longpole.settings import Settings

    Touches = Sequence[str | dict[str, Any]]

DERIVED = ("conflict", "shortage")
"""Kinds of holds that are no rows."""


def untrue(project: Project) -> list[str]:
    """Name what a project says wrongly of what its todos wait for."""
    rows, settings = project.todos(), project.settings()
    done = {row.id for row in rows if row.status in FINISHED}
    busy = [row for row in rows if row.status == Status.IN_PROGRESS]
    return [
        text for row in rows for text in wrong(row, sum(need not in done for need in row.depends_on), busy, settings)
    ]


def wrong(row: Todo, open_dependencies: int, busy: Sequence[Todo], settings: Settings) -> Iterator[str]:
    """Name what one row says wrongly: `unmet` counts dependencies, holds, and what is in the way of a waiting todo."""
    own = sum(hold.kind not in DERIVED for hold in row.holds)
    waiting = row.status not in (*FINISHED, Status.IN_PROGRESS)
    in_the_way = obstacles(row, busy, settings) if waiting else 0
    truth = open_dependencies + own + in_the_way
    counted = f"{open_dependencies} dependencies, {own} holds, {in_the_way} in its way"
    if row.unmet != truth:
        yield f"{row.id} counts {row.unmet}, but has {counted}"
    if len(row.holds) - own != in_the_way:
        yield f"{row.id} tells of {row.holds}, but has {counted}"
    if row.status in (Status.BLOCKED, Status.READY) and row.status != ("blocked" if truth else "ready"):
        yield f"{row.id} is {row.status}, but has {counted}"


def obstacles(row: Todo, busy: Sequence[Todo], settings: Settings) -> int:
    """Count those in progress that a waiting todo conflicts with, and the resources of which too little is left."""
    wanted = amounts(row, settings)
    taken = {name: sum(amounts(other, settings).get(name, 0) for other in busy) for name in wanted}
    short = sum(amount > capacity(name, settings) - taken[name] for name, amount in wanted.items())
    return short + sum(collide(row.touches, other.touches) for other in busy)


def colliding(rows: Iterable[Todo]) -> list[tuple[str, str]]:
    """Give the pairs of todos in progress of which one touches what the other does."""
    busy = [row for row in rows if row.status == Status.IN_PROGRESS]
    pairs = itertools.combinations(busy, 2)
    return [(one.id, other.id) for one, other in pairs if collide(one.touches, other.touches)]


def clashes(one: Todo | NewTodo, held: Iterable[Todo | NewTodo], settings: Settings) -> Iterator[str]:
    """Say what is wrong with a todo being in progress beside those that are."""
    others = list(held)
    for other in others:
        if collide(one.touches, other.touches):
            yield f"it touches what {other.id} does"
    for name, amount in amounts(one, settings).items():
        if amount > capacity(name, settings) - sum(amounts(other, settings).get(name, 0) for other in others):
            yield f"it takes {amount} of {name}, which is not left"


def collide(one: Touches, other: Touches) -> bool:
    """Tell whether two todos conflict by their paths."""
    return any(
        parts[: len(others)] == others[: len(parts)] and (writes or theirs)
        for parts, writes in _paths(one)
        for others, theirs in _paths(other)
    )


def amounts(row: Todo | NewTodo, settings: Settings) -> dict[str, int]:
    """Give how much a todo takes of each resource; of its branch, where that is limited, 1."""
    found: dict[str, int] = {}
    for touch in row.touches:
        if isinstance(touch, dict) and "resource" in touch:
            found[touch["resource"]] = found.get(touch["resource"], 0) + touch.get("amount", 1)
    if row.branch and settings.branch_caps.get(row.branch) and row.kind != Kind.GATE:
        found[f"branch: {row.branch}"] = 1
    return found


def capacity(name: str, settings: Settings) -> int:
    """Tell how much there is of a resource."""
    if name.startswith("branch: "):
        return settings.branch_caps[name.removeprefix("branch: ")]
    return settings.resources.get(name, 1)


def _paths(touches: Touches) -> list[tuple[list[str], bool]]:
    """Give the paths as lists of names, a pattern as the folder it stands in, each with whether it is written to."""
    found = []
    for touch in touches:
        path = touch if isinstance(touch, str) else touch.get("path")
        if path is not None:
            parts: list[str] = []
            for part in path.split("/"):
                if any(letter in part for letter in "*?{"):
                    break
                parts += [part] if part not in ("", ".") else []
            found.append((parts, isinstance(touch, str) or touch.get("mode", "write") == "write"))
    return found


def add_touching(project: Project, **touches: Any) -> None:
    """Add todos by id, each with what it touches."""
    for todo, touched in touches.items():
        project.add(todo.title(), id=todo, touches=touched if isinstance(touched, list) else [touched])


def gpu(amount: int = 1) -> dict[str, Any]:
    """Give what a todo touches that takes so much of a resource."""
    return {"resource": "gpu", "amount": amount}
