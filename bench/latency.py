"""Whether a claim costs the same however large the project is, what blocks it, and which strategy picks."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.arena import Arena
from bench.contenders import Separate
from bench.figures import Figure
from bench.fleet import Fleet
from bench.options import spelled_size

if TYPE_CHECKING:
    from bench.arena import Templates
    from bench.fleet import Slice
    from bench.options import Options

FREE = 20_000
STRATEGIES_AT = 100_000
WITHOUT_SYNC = "normal"


def measure(options: Options, templates: Templates) -> tuple[dict[str, Any], list[Figure]]:
    """Time claims in projects of all sizes, behind a hub, and by both strategies, in turns in one process."""
    with ExitStack() as stack:
        arenas = _arenas(options, templates, stack)
        contenders: dict[str, Separate] = {}
        places: dict[str, Arena] = {}
        for durability in ("full", WITHOUT_SYNC):
            for name, (arena, strategy) in arenas.items():
                contenders[f"{name}/{durability}"] = Separate(arena.path, mode=durability, strategy=strategy)
                places[f"{name}/{durability}"] = arena
        slices: dict[str, list[Slice]] = {name: [] for name in contenders}
        with Fleet(contenders, 1) as fleet:
            for turn in range(options.rounds + 1):
                for name in contenders:
                    one = fleet.measure(name, options.seconds / 2, places[name].refill)
                    if turn:
                        slices[name].append(one)
    found = {name: _summed_up(taken) for name, taken in slices.items()}
    return found, _figures(options, found)


def _arenas(options: Options, templates: Templates, stack: ExitStack) -> dict[str, tuple[Arena, str | None]]:
    arenas: dict[str, tuple[Arena, str | None]] = {}
    for size in options.sizes:
        arena = stack.enter_context(Arena(templates.shape("layered", size), f"latency-{size}"))
        arenas[spelled_size(size)] = (arena, None)
    most = max(options.sizes)
    hub = stack.enter_context(Arena(templates.hub(most, options.up_to(FREE)), "latency-hub"))
    hub.claim_hub()
    arenas["hub"] = (hub, None)
    size = options.up_to(STRATEGIES_AT)
    both = stack.enter_context(Arena(templates.shape("layered", size), "latency-strategies"))
    return arenas | {name: (both, name) for name in ("greedy", "critical_path")}


def _summed_up(slices: list[Slice]) -> dict[str, Any]:
    return {
        "p50s_ms": [1e3 * one.quantile(0.5) for one in slices],
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "worst_ms": 1e3 * max(one.quantile(1.0) for one in slices),
    }


def _figures(options: Options, found: dict[str, Any]) -> list[Figure]:
    least, most = spelled_size(min(options.sizes)), spelled_size(max(options.sizes))
    compared = [
        (f"claim p50 at {most} of that at {least}", most, least, 1.3),
        (f"claim p50 with {most} behind a hub of that at {least}", "hub", least, 1.3),
        ("claim p50, critical_path of greedy", "critical_path", "greedy", 1.25),
    ]
    figures = [Figure(f"claim p50 at {least}", found[f"{least}/full"]["p50_ms"], "ms")]
    for durability, note in (("full", ""), (WITHOUT_SYNC, ", durability normal")):
        for name, this, that, limit in compared:
            share = _share(found[f"{this}/{durability}"], found[f"{that}/{durability}"])
            figures.append(Figure(name + note, share, at_most=None if note else limit))
    return figures


def _share(this: dict[str, Any], that: dict[str, Any]) -> float:
    """Compare round by round: the machine's mood changes more from round to round than within one."""
    return float(statistics.median(a / b for a, b in zip(this["p50s_ms"], that["p50s_ms"], strict=True)))
