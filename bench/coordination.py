"""What each mechanism of coordination costs: the time of a cycle, as a multiple of what it takes under optimistic."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import longpole
from bench.contenders import Merged, Separate
from bench.figures import Figure
from bench.fleet import Fleet

if TYPE_CHECKING:
    from bench.contenders import Contender
    from bench.fleet import Slice
    from bench.ground import Arena, Ground
    from bench.options import Options

SIZE = 100_000
WARM_UP = 3
PLAIN = "optimistic"
MECHANISMS = (PLAIN, "work_queue", "leader")
CYCLES = {"merged": "merged cycles", "separate": "separate cycles"}
TWICE = 2.0
TARGETS = {("leader", "merged"): TWICE, ("leader", "separate"): TWICE}


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Let the same processes run both kinds of cycle under one mechanism after the other, round by round."""
    size = options.up_to(SIZE)
    with ground.arena("layered", size, "coordination") as arena:
        cases = {str(many): _case(options, arena, many) for many in options.processes}
    figures = [figure for many in options.processes for figure in _figures(cases[str(many)], many)]
    return {"size": size, "processes": cases}, figures


def _case(options: Options, arena: Arena, processes: int) -> dict[str, Any]:
    contenders: dict[str, Contender] = {"merged": Merged(arena.url), "separate": Separate(arena.url, part="both")}
    slices: dict[tuple[str, str], list[Slice]] = {(name, cycle): [] for name in MECHANISMS for cycle in CYCLES}
    with longpole.open(arena.url) as project, Fleet(contenders, processes) as fleet:
        for turn in range(options.rounds + 1):
            for (name, cycle), measured in slices.items():
                project.configure(coordination=name)
                seconds = options.seconds / (1 if turn else WARM_UP)
                one = fleet.measure(cycle, seconds, arena.refill)
                if turn:
                    measured.append(one)
        project.configure(coordination=None)
    return {
        name: {cycle: _summed_up(slices[name, cycle], slices[PLAIN, cycle]) for cycle in CYCLES} for name in MECHANISMS
    }


def _summed_up(slices: list[Slice], plain: list[Slice]) -> dict[str, Any]:
    """Give the figures of a mechanism's slices, and what a cycle costs by those of optimistic in the same round."""
    pairs = list(zip(slices, plain, strict=True))
    return {
        "rates": [one.rate for one in slices],
        "rate": statistics.median(one.rate for one in slices),
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "cpu_us": statistics.median(one.cpu_us for one in slices),
        "cost": statistics.median(other.rate / one.rate for one, other in pairs),
        "cost_cpu": statistics.median(one.cpu_us / other.cpu_us for one, other in pairs),
    }


def _figures(case: dict[str, Any], processes: int) -> list[Figure]:
    where = f"{processes} process{'es' if processes > 1 else ''}"
    figures = []
    for cycle, label in CYCLES.items():
        plain = case[PLAIN][cycle]
        figures.append(Figure(f"{label} by {PLAIN}, {where}", plain["rate"], "/s", note=_cpu(plain)))
        for name in MECHANISMS[1:]:
            found = case[name][cycle]
            note = f"{_cpu(found)}, {found['cost_cpu']:.2f} times"
            limit = TARGETS.get((name, cycle))
            figures.append(Figure(f"{label} by {name}: cost, {where}", found["cost"], at_most=limit, note=note))
    return figures


def _cpu(found: dict[str, Any]) -> str:
    return f"{found['cpu_us']:.0f} µs cpu each"
