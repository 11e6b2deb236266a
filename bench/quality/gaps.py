"""How far the makespans lie above what is proven to be the least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bench.quality.simulation import Setup, ViolationError, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.quality.stg import Cell

HIGH_PERCENT = 95


class Case(NamedTuple):
    """A way to allocate. `switch`: what a change of branch costs, in mean todos of the graph; the rest as in Setup."""

    strategy: str
    batch: int = 1
    topped_up: bool = False
    switch: float = 0.0

    def setup(self, cell: Cell) -> Setup:
        """Give what the simulation of a cell is told."""
        cost = self.switch * cell.graph.mean_minutes
        return Setup(self.strategy, cell.instances, self.batch, topped_up=self.topped_up, switch_minutes=cost)


class Outcome(NamedTuple):
    """What came of a cell."""

    cell: Cell
    minutes: float
    taken_back: int

    @property
    def gap_percent(self) -> float:
        """How much longer it took than the lower bound, in percent."""
        return 100 * (self.minutes / self.cell.bound.minutes - 1)

    @property
    def optimal(self) -> bool:
        """Whether nothing shorter is possible, and that is proven."""
        return self.cell.bound.proven and self.minutes == self.cell.bound.minutes

    def as_json(self) -> list[Any]:
        """Give graph, instances, makespan in minutes, lower bound in minutes."""
        return [self.cell.graph.name, self.cell.instances, self.minutes, self.cell.bound.minutes]


class Summary(NamedTuple):
    """The gaps of several cells, in percent."""

    cells: int
    mean: float
    p95: float
    worst: float
    optimal_percent: float
    taken_back: int


def measure(case: Case, cells: Sequence[Cell], progress: Callable[[int, int], None]) -> list[Outcome]:
    """Simulate all cells. Raises ViolationError, also for a makespan that is proven to be impossible."""
    outcomes = []
    for number, cell in enumerate(cells, start=1):
        course = simulate(cell.graph, case.setup(cell))
        if course.minutes < cell.bound.minutes:
            raise ViolationError(f"{cell.graph.name} on {cell.instances}: shorter than is possible")
        outcomes.append(Outcome(cell, course.minutes, course.taken_back))
        progress(number, len(cells))
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """Sum the gaps up; p95 is the value at index 0.95 n, rounded down, of the gaps in order."""
    gaps = sorted(outcome.gap_percent for outcome in outcomes)
    return Summary(
        cells=len(gaps),
        mean=sum(gaps) / len(gaps),
        p95=gaps[len(gaps) * HIGH_PERCENT // 100],
        worst=gaps[-1],
        optimal_percent=100 * sum(outcome.optimal for outcome in outcomes) / len(gaps),
        taken_back=sum(outcome.taken_back for outcome in outcomes),
    )


def added_percent(before: Iterable[Outcome], after: Iterable[Outcome]) -> float:
    """Tell how much longer the same cells took on average, in percent of what they took before."""
    ratios = [late.minutes / early.minutes for early, late in zip(before, after, strict=True)]
    return 100 * (sum(ratios) / len(ratios) - 1)
