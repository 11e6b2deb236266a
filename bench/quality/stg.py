"""Graphs of the Standard Task Graph Set, and what is proven about their makespans."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SETS = ("50", "100")
COLUMNS = {"graph", "m", "best_known", "lower_bound", "status"}
PROVEN = "optimal"
STATUSES = (PROVEN, "open")


class BrokenDataError(Exception):
    """A file does not hold what its format says; the message names the place."""


class Graph(NamedTuple):
    """Todos 0, 1, …: `minutes` and `after`, the numbers that each waits for, all of them smaller than its own."""

    name: str
    minutes: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]

    @property
    def mean_minutes(self) -> float:
        """How long a todo takes on average."""
        return sum(self.minutes) / len(self.minutes)


class Bound(NamedTuple):
    """No schedule is shorter than `minutes`; if `proven`, one is as short."""

    minutes: int
    proven: bool


class Cell(NamedTuple):
    """A graph, a number of instances, and what is the best that they can do."""

    graph: Graph
    instances: int
    bound: Bound


class Data(NamedTuple):
    """A folder with optima.csv and a folder of graphs for each set; `limit`: only the first of each set are read."""

    folder: Path
    limit: int | None = None

    def cells(self, sets: Iterable[str], instances: Iterable[int]) -> list[Cell]:
        """Read the cells of these sets and numbers of instances. Raises BrokenDataError, also where a bound lacks."""
        bounds = parsed_bounds((self.folder / "optima.csv").read_text(encoding="utf-8"))
        graphs = [graph for name in sets for graph in self._graphs(name)]
        wanted = [(graph, m) for m in instances for graph in graphs]
        for graph, m in wanted:
            if (graph.name, m) not in bounds:
                raise BrokenDataError(
                    f"optima.csv has no line for {graph.name} on {m} instances; leave that number out"
                )
        return [Cell(graph, m, bounds[graph.name, m]) for graph, m in wanted]

    def _graphs(self, name: str) -> Iterator[Graph]:
        paths = sorted((self.folder / name).glob("*.stg"))[: self.limit]
        if not paths:
            raise BrokenDataError(f"there are no .stg files in the folder {name} of the data")
        for path in paths:
            yield parsed_graph(path.read_text(encoding="utf-8"), f"{name}/{path.name}")


def parsed_graph(text: str, name: str) -> Graph:
    """Read a graph: a count n, then n + 2 lines of id, duration, number of predecessors, predecessors.

    The first and the last stand for begin and end and take no time; they are left out. Raises BrokenDataError.
    """
    rows = [_numbers(line, name) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not rows or len(rows[0]) != 1 or len(rows) != rows[0][0] + 3 or rows[0][0] < 1:
        raise BrokenDataError(f"{name}: the first line must be a count n, and n + 2 lines must follow")
    checked = [_checked(row, number, name) for number, row in enumerate(rows[1:])]
    begin, *todos, end = checked
    if begin[1] or end[1] or not all(row[1] for row in todos):
        raise BrokenDataError(f"{name}: the first and the last line take no time, all others some")
    after = tuple(tuple(sorted({number - 1 for number in row[3:] if number})) for row in todos)
    return Graph(name, tuple(row[1] for row in todos), after)


def parsed_bounds(text: str) -> dict[tuple[str, int], Bound]:
    """Read what is proven about each graph and number of instances. Raises BrokenDataError.

    The column of published values is never read: some of them are below what is proven to be possible.
    """
    rows = csv.DictReader(text.splitlines())
    if COLUMNS - set(rows.fieldnames or ()):
        raise BrokenDataError(f"optima.csv needs the columns {', '.join(sorted(COLUMNS))}")
    found: dict[tuple[str, int], Bound] = {}
    for row in rows:
        graph, instances, bound = _bound(row, rows.line_num)
        if (graph, instances) in found:
            raise BrokenDataError(f"optima.csv:{rows.line_num}: {graph} on {instances} instances stands there twice")
        found[graph, instances] = bound
    return found


def _numbers(line: str, name: str) -> list[int]:
    if not all(word.isdecimal() for word in line.split()):
        raise BrokenDataError(f"{name}: not whole numbers: {line.strip()[:60]}")
    return [int(word) for word in line.split()]


def _checked(row: list[int], number: int, name: str) -> list[int]:
    """Check one line; a predecessor must stand above, which rules out cycles too."""
    if len(row) < 3 or row[0] != number or row[2] != len(row) - 3:  # noqa: PLR2004 - id, duration, count
        raise BrokenDataError(f"{name}: line of {number}: id, duration, count, and as many predecessors expected")
    if not all(other < number for other in row[3:]):
        raise BrokenDataError(f"{name}: line of {number}: waits for one that does not stand above it")
    return row


def _bound(row: dict[str, str], line: int) -> tuple[str, int, Bound]:
    try:
        instances, best, lower = int(row["m"]), int(row["best_known"]), int(row["lower_bound"])
    except (TypeError, ValueError):
        raise BrokenDataError(f"optima.csv:{line}: m, best_known and lower_bound must be whole numbers") from None
    proven = row["status"] == PROVEN
    if row["status"] not in STATUSES or not 0 < lower <= best or proven != (lower == best):
        raise BrokenDataError(f"optima.csv:{line}: {lower} and {best} cannot be the bounds of a cell {row['status']}")
    return row["graph"], instances, Bound(lower, proven)
