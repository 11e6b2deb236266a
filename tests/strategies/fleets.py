"""Fleets as strategies see them, made of plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.fleet import Fleet, Workload
from longpole.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longpole.selection import BestOf, Selection


class Known:
    """What there is to be read of a fleet; each part notes that it was looked at."""

    def __init__(self, workloads: tuple[Workload, ...], branches: tuple[str, ...]) -> None:
        self._workloads, self._branches = workloads, branches
        self.looked_at: list[str] = []

    def workloads(self) -> tuple[Workload, ...]:
        self.looked_at.append("workloads")
        return self._workloads

    def branches(self) -> tuple[str, ...]:
        self.looked_at.append("branches")
        return self._branches


def chosen(strategy: Callable[[Fleet], Sequence[Selection | BestOf]], seen: Fleet) -> list[Any]:
    """What a strategy wants, to be looked into."""
    return [*strategy(seen)]


def looked_at(seen: Fleet) -> list[str]:
    """What was read of a fleet."""
    assert isinstance(seen._reader, Known)
    return seen._reader.looked_at


def fleet(
    *todos: int,
    minutes: tuple[float, ...] = (),
    branches: tuple[str, ...] = (),
    branch: str | None = None,
    **settings: Any,
) -> Fleet:
    """The fleet as its first instance sees it: how many todos each has in hand, and how many minutes of work."""
    loads = minutes or tuple(30.0 * count for count in todos)
    workloads = tuple(
        Workload(instance=f"i{place}", active_todos=count, estimated_minutes=load)
        for place, (count, load) in enumerate(zip(todos, loads, strict=True))
    )
    return Fleet("i0", Settings(**settings), branch=branch, reader=Known(workloads, branches))
