"""What is promised about the makespans, and whether it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import Figure
from bench.quality.gaps import Case, added_percent, measure, summary
from bench.quality.stg import SETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.quality.gaps import Outcome
    from bench.quality.stg import Cell, Data

    Progress = Callable[[str, int, int], None]

DEFAULT = "critical_path"
LARGE = ("100",)
ALL_INSTANCES = (2, 4, 8, 16)
SWITCH = 0.25
SWITCH_AT_MOST = {4: 16.0, 8: 8.2}


def default(data: Data, progress: Progress) -> list[Figure]:
    """The default strategy on all cells."""
    found = summary(_measured(Case(DEFAULT), data.cells(SETS, ALL_INSTANCES), progress))
    return [
        Figure(f"{DEFAULT}, mean gap over the bound", found.mean, "%", at_most=0.40, note=f"{found.cells} cells"),
        Figure("— p95", found.p95, "%", at_most=2.4),
        Figure("— proven optimal", found.optimal_percent, "%", at_least=72.0),
    ]


def switching(data: Data, progress: Progress) -> list[Figure]:
    """context_aware where a change of branch costs a quarter of a mean todo, over the bound without that cost."""
    figures = []
    for m, most in SWITCH_AT_MOST.items():
        for name, at_most in (("context_aware", most), (DEFAULT, None)):
            found = summary(_measured(Case(name, switch=SWITCH), data.cells(LARGE, (m,)), progress))
            figures.append(
                Figure(f"{name}, a switch costs {SWITCH}, m={m}, mean gap", found.mean, "%", at_most=at_most)
            )
    return figures


def batches(data: Data, progress: Progress) -> list[Figure]:
    """What it adds that instances ask for two todos at once, and do them one after another."""
    cells = data.cells(LARGE, (8,))
    single = _measured(Case(DEFAULT), cells, progress)
    twos = _measured(Case(DEFAULT, batch=2), cells, progress)
    note = f"{summary(twos).taken_back} claims were taken back"
    return [Figure("batches of 2, m=8, added makespan", added_percent(single, twos), "%", at_most=2.0, note=note)]


GOALS = (default, switching, batches)


def _measured(case: Case, cells: Sequence[Cell], progress: Progress) -> list[Outcome]:
    return measure(case, cells, lambda done, total: progress(case.strategy, done, total))
