"""Graphs to measure on, the same for the same seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAYERS = 10
BRANCHES = 20
EPIC = 2000
NEAR = 200
TWO = 0.8  # of the todos that wait at all, so many wait for two others: 1.8 dependencies each
FREE = 0.1
HUB = "hub"
BUSY = "busy"
FOLDER = 100


def layered(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Draw ten layers, each todo waiting for one or two of the layer before; a tenth is ready at once."""
    draw = random.Random(seed)  # noqa: S311 - a graph, not a secret
    layer = max(1, count // LAYERS)
    for number in range(count):
        first = (number // layer - 1) * layer
        yield _todo(number, draw, () if number < layer else _several(draw, first, first + layer))


def project(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Draw epics of 2,000 todos, each todo waiting for one or two of the 200 before it; a tenth waits for nothing."""
    draw = random.Random(seed)  # noqa: S311
    for number in range(count):
        first = number - number % EPIC
        free = number == first or draw.random() < FREE
        yield _todo(number, draw, () if free else _several(draw, max(first, number - NEAR), number))


def hub(count: int, free: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Draw a hub that `count` urgent todos wait for, and some less urgent ones that wait for nothing."""
    draw = random.Random(seed)  # noqa: S311
    yield {"id": HUB, "title": "the hub", "priority": 0}
    for number in range(count):
        yield {**_todo(number, draw, ()), "after": (HUB,), "priority": 0}
    for number in range(count, count + free):
        yield _todo(number, draw, ())


def paths(count: int, free: int, *, touching: bool = False, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Draw a todo that touches a folder, `count` urgent ones that touch files in it, and some less urgent free ones.

    What is free touches nothing or, if `touching`, a file that nobody else touches. A count of 0 leaves the first out.
    """
    draw = random.Random(seed)  # noqa: S311
    if count:
        yield {"id": BUSY, "title": "the folder", "priority": 0, "touches": ("src/",)}
    for number in range(count):
        yield {**_todo(number, draw, ()), "priority": 0, "touches": (f"src/{number // FOLDER}/{number}.py",)}
    for number in range(count, count + free):
        touches = (f"lib/{number // FOLDER}/{number}.py",) if touching else ()
        yield {**_todo(number, draw, ()), "touches": touches}


def branched(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Draw the same graph as `layered`, each todo in one of 20 branches."""
    draw = random.Random(f"branches {seed}")  # noqa: S311
    for todo in layered(count, seed):
        yield {**todo, "branch": f"branch-{draw.randrange(BRANCHES)}"}


SHAPES: dict[str, Callable[[int], Iterator[dict[str, Any]]]] = {
    "layered": layered,
    "project": project,
    "branched": branched,
}


def _several(draw: random.Random, low: int, high: int) -> tuple[str, ...]:
    chosen = {draw.randrange(low, high) for _ in range(2 if draw.random() < TWO else 1)}
    return tuple(f"t{number}" for number in sorted(chosen))


def _todo(number: int, draw: random.Random, after: tuple[str, ...]) -> dict[str, Any]:
    return {
        "id": f"t{number}",
        "title": f"Todo {number}",
        "description": f"What is to be done for todo {number}, and how one sees that it is done.",
        "estimate_minutes": float(draw.randrange(5, 121)),
        "after": after,
    }
