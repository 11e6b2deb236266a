"""The command line of the quality benchmark; docs/benchmarks.md explains its figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import table
from bench.quality import goals
from bench.quality.gaps import Case, measure, summary
from bench.quality.stg import SETS, BrokenDataError, Data
from longpole.errors import LongpoleError
from longpole.strategies import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.quality.gaps import Outcome, Summary

DATA = "LONGPOLE_BENCH_DATA"
PROGRESS_EVERY = 90  # cells, a few seconds
HEADER = ("strategy", "instances", "cells", "mean %", "p95 %", "max %", "optimal %", "taken back")
EPILOG = f"""
python -m bench.quality                                                  what is promised, judged
python -m bench.quality --strategy all --instances 4,8 --switch 0.25     a table of your own choice

The data: a folder with stg/optima.csv (graph, m, best_known, lower_bound, status) and the graphs in stg/50 and
stg/100, given by --data or {DATA}.
"""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table, write the JSON document if asked; give the document."""
    parser = _parser()
    told = parser.parse_args(arguments)
    if not told.data:
        parser.error(f"where are the graphs? give --data FOLDER or set {DATA}")
    try:
        found = _table(told) if told.strategy else _goals(told)
    except (BrokenDataError, OSError, LongpoleError) as error:
        parser.error(str(error))
    document = {"v": 1, "at": datetime.now(UTC).isoformat(timespec="seconds"), **found}
    if told.json:
        told.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def _goals(told: argparse.Namespace) -> dict[str, Any]:
    """Measure what is promised."""
    figures = [figure for goal in goals.GOALS for figure in goal(_data(told), _progress)]
    sys.stdout.write(f"{table(figures)}\n")
    return {"figures": [figure.as_json() for figure in figures]}


def _table(told: argparse.Namespace) -> dict[str, Any]:
    """Measure the strategies that were asked for and print a line for each, and for each number of instances."""
    cells = _data(told).cells(told.sets, told.instances)
    names = [*BUILT_IN] if told.strategy == "all" else told.strategy.split(",")
    document: dict[str, Any] = {"switch": told.switch, "batch": told.batch, "topped_up": told.top_up, "strategies": {}}
    rows = [HEADER, ("---",) * len(HEADER)]
    for name in names:
        case = Case(name, told.batch, topped_up=told.top_up, switch=told.switch)
        outcomes = measure(case, cells, partial(_progress, name))
        summaries = _summaries(outcomes, told.instances)
        rows += [(name, where, *_spelled(one)) for where, one in summaries.items()]
        document["strategies"][name] = {
            "summaries": {where: one._asdict() for where, one in summaries.items()},
            "cells": [outcome.as_json() for outcome in outcomes],
        }
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in rows))
    return document


def _data(told: argparse.Namespace) -> Data:
    return Data(told.data / "stg", told.limit)


def _summaries(outcomes: list[Outcome], instances: tuple[int, ...]) -> dict[str, Summary]:
    """Sum up by number of instances, and all together where there are several."""
    found = {str(m): summary([one for one in outcomes if one.cell.instances == m]) for m in instances}
    return found if len(instances) == 1 else {**found, "all": summary(outcomes)}


def _spelled(one: Summary) -> tuple[str, ...]:
    percents = (f"{one.mean:.3f}", f"{one.p95:.1f}", f"{one.worst:.1f}", f"{one.optimal_percent:.1f}")
    return (str(one.cells), *percents, str(one.taken_back))


def _progress(label: str, done: int, total: int) -> None:
    """Say now and then how far it is."""
    if done % PROGRESS_EVERY == 0 or done == total:
        sys.stderr.write(f"{label}: {done} of {total}\n")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = os.environ.get(DATA)
    parser.add_argument("--data", type=Path, default=Path(data) if data else None, metavar="FOLDER")
    parser.add_argument("--strategy", metavar="S", help="one, several with commas, or all; without it: the promises")
    parser.add_argument("--instances", type=_numbers, default=(2, 4, 8, 16), help="2,4,8,16 unless told")
    parser.add_argument("--sets", type=lambda text: tuple(text.split(",")), default=SETS, help="50,100 unless told")
    parser.add_argument("--switch", type=float, default=0.0, help="cost of a change of branch, in mean todos")
    parser.add_argument("--batch", type=int, default=1, help="how many todos an instance asks for at once")
    parser.add_argument("--top-up", action="store_true", help="ask as soon as fewer than --batch are held")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N graphs of each set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    return parser


if __name__ == "__main__":
    main()
