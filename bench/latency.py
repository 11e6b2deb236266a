"""Whether a claim and a completion cost the same however large the project is, and what else could matter to them."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bench.contenders import Separate
from bench.figures import Figure
from bench.fleet import Fleet
from bench.options import spelled_size

if TYPE_CHECKING:
    from bench.fleet import Slice
    from bench.ground import Arena, Ground
    from bench.options import Options

FREE = 20_000
STRATEGIES_AT = 100_000
WITHOUT_SYNC = "normal"
SIZE_LIMIT = {"sqlite": 1.3, "postgresql": 1.5}
HUB_LIMIT = {"sqlite": 1.3, "postgresql": 2.0}
STRATEGY_LIMIT = 1.25
COMPLETION_LIMIT = {"sqlite": None, "postgresql": 1.5}


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Time claims and completions in projects of all sizes, behind a hub, and by both strategies, in one process."""
    with ExitStack() as stack:
        arenas = _arenas(options, ground, stack)
        contenders: dict[str, Separate] = {}
        places: dict[str, Arena] = {}
        for durability in ("full", WITHOUT_SYNC):
            for name, (arena, strategy) in arenas.items():
                contenders[f"{name}/{durability}"] = Separate(arena.url, mode=durability, strategy=strategy)
                places[f"{name}/{durability}"] = arena
        for name in map(spelled_size, options.sizes):
            contenders[f"completion/{name}"] = Separate(arenas[name][0].url, part="completion")
            places[f"completion/{name}"] = arenas[name][0]
        slices: dict[str, list[Slice]] = {name: [] for name in contenders}
        with Fleet(contenders, 1) as fleet:
            for turn in range(options.rounds + 1):
                for name in contenders:
                    one = fleet.measure(name, options.seconds / 2, places[name].refill)
                    if turn:
                        slices[name].append(one)
    found = {name: _summed_up(taken) for name, taken in slices.items()}
    return found, _figures(options, found, ground.engine)


def _arenas(options: Options, ground: Ground, stack: ExitStack) -> dict[str, tuple[Arena, str | None]]:
    arenas: dict[str, tuple[Arena, str | None]] = {}
    for size in options.sizes:
        arena = stack.enter_context(ground.arena("layered", size, f"latency-{size}"))
        arenas[spelled_size(size)] = (arena, None)
    most = max(options.sizes)
    hub = stack.enter_context(ground.hub_arena(most, options.up_to(FREE), "latency-hub"))
    hub.claim_hub()
    arenas["hub"] = (hub, None)
    both = stack.enter_context(ground.arena("layered", options.up_to(STRATEGIES_AT), "latency-strategies"))
    return arenas | {name: (both, name) for name in ("greedy", "critical_path")}


def _summed_up(slices: list[Slice]) -> dict[str, Any]:
    return {
        "p50s_ms": [1e3 * one.quantile(0.5) for one in slices],
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "worst_ms": 1e3 * max(one.quantile(1.0) for one in slices),
    }


def _figures(options: Options, found: dict[str, Any], engine: str) -> list[Figure]:
    least, most = spelled_size(min(options.sizes)), spelled_size(max(options.sizes))
    compared = [
        (f"claim p50 at {most} of that at {least}", most, least, SIZE_LIMIT[engine]),
        (f"claim p50 with {most} behind a hub of that at {least}", "hub", least, HUB_LIMIT[engine]),
        ("claim p50, critical_path of greedy", "critical_path", "greedy", STRATEGY_LIMIT),
    ]
    figures = [Figure(f"claim p50 at {least}", found[f"{least}/full"]["p50_ms"], "ms")]
    for durability, note in (("full", ""), (WITHOUT_SYNC, ", durability normal")):
        for name, this, that, limit in compared:
            share = _share(found[f"{this}/{durability}"], found[f"{that}/{durability}"])
            figures.append(Figure(name + note, share, at_most=None if note else limit))
    share = _share(found[f"completion/{most}"], found[f"completion/{least}"])
    name = f"completion p50 at {most} of that at {least}"
    figures.append(Figure(f"completion p50 at {least}", found[f"completion/{least}"]["p50_ms"], "ms"))
    return [*figures, Figure(name, share, at_most=COMPLETION_LIMIT[engine])]


def _share(this: dict[str, Any], that: dict[str, Any]) -> float:
    """Compare round by round: the machine's mood changes more from round to round than within one."""
    return float(statistics.median(a / b for a, b in zip(this["p50s_ms"], that["p50s_ms"], strict=True)))
