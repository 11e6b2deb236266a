"""What todos that are in each other's way cost those that are not, and what it takes to claim a path that all want."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import longpole
from bench import graphs
from bench.contenders import Separate
from bench.figures import Figure
from bench.fleet import Fleet
from bench.options import spelled_size

if TYPE_CHECKING:
    from bench.fleet import Slice
    from bench.ground import Arena, Ground
    from bench.options import Options

SIZE = 100_000
FREE = 20_000
WITHOUT_SYNC = "normal"
MOST = 2.0  # of the cost where no todo touches anything
TURNS, NEXT = 3, 10
CASES = {
    "none": (0, False),
    "one": (1, False),
    "many": (SIZE, False),
    "touching": (SIZE, True),
}
"""How many todos wait for a busy path, and whether what is free touches something as well, each a file of its own."""


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Time claiming and completing a free todo, in one process, beside many that wait for a path, one, and none."""
    with ExitStack() as stack:
        arenas = {
            name: stack.enter_context(
                ground.path_arena(
                    options.up_to(behind) if behind > 1 else behind, options.up_to(FREE), touching=touching
                )
            )
            for name, (behind, touching) in CASES.items()
        }
        busy = _take_and_return(arenas["many"])
        for name, (behind, _) in CASES.items():
            if behind:
                arenas[name].claim(graphs.BUSY)
        busy |= _claim_right_after(arenas["many"])
        for arena in arenas.values():
            arena.tidy()  # as autovacuum does within a minute
        found = _cycles(options, arenas)
    return {"size": options.up_to(SIZE), "busy": busy, **found}, _figures(options, found, busy)


def _take_and_return(arena: Arena) -> dict[str, list[float]]:
    """Time the claim of the path that all others want, and the release that lets them go."""
    found: dict[str, list[float]] = {"claims_ms": [], "releases_ms": []}
    with longpole.open(arena.url) as project:
        me = project.register("taker")
        for _ in range(TURNS):
            began = time.monotonic()
            claim = me.claim_todo(graphs.BUSY)
            claimed = time.monotonic()
            claim.release()
            found["claims_ms"].append(1e3 * (claimed - began))
            found["releases_ms"].append(1e3 * (time.monotonic() - claimed))
        me.unregister()
    arena.tidy()
    return found


def _claim_right_after(arena: Arena) -> dict[str, list[float]]:
    """Time the next claims of what is free, before anything has been cleared away."""
    took = []
    with longpole.open(arena.url) as project, project.register("next") as me:
        for _ in range(NEXT):
            began = time.monotonic()
            me.claim()[0].release()
            took.append(1e3 * (time.monotonic() - began))
    return {"next_ms": took}


def _cycles(options: Options, arenas: dict[str, Arena]) -> dict[str, Any]:
    contenders: dict[str, Separate] = {}
    for name, arena in arenas.items():
        contenders |= {
            f"{name}/{durability}": Separate(arena.url, mode=durability, part="both")
            for durability in ("full", WITHOUT_SYNC)
        }
    slices: dict[str, list[Slice]] = {name: [] for name in contenders}
    with Fleet(contenders, 1) as fleet:
        for turn in range(options.rounds + 1):
            for name in contenders:
                again = arenas[name.partition("/")[0]].reopen
                one = fleet.measure(name, options.seconds / 2, again)
                if turn:
                    slices[name].append(one)
    return {name: _summed_up(taken) for name, taken in slices.items()}


def _summed_up(slices: list[Slice]) -> dict[str, Any]:
    return {
        "p50s_ms": [1e3 * one.quantile(0.5) for one in slices],
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "cpu_us": statistics.median(one.cpu_us for one in slices),
    }


def _figures(options: Options, found: dict[str, Any], busy: dict[str, list[float]]) -> list[Figure]:
    most = spelled_size(options.up_to(SIZE))
    figures = [Figure("claim and completion p50 where no todo touches anything", found["none/full"]["p50_ms"], "ms")]
    compared = {
        f"with {most} behind a busy path": ("many", "none", MOST),
        "with one behind a busy path": ("one", "none", None),
        f"{most} behind a busy path, of one": ("many", "one", None),
        f"with {most} behind a busy path, and a free path each": ("touching", "none", None),
    }
    for durability, note in (("full", ""), (WITHOUT_SYNC, ", durability normal")):
        for name, (this, that, limit) in compared.items():
            share = _share(found[f"{this}/{durability}"], found[f"{that}/{durability}"])
            figures.append(Figure(f"{name}, of that{note}", share, at_most=limit))
    figures += [
        Figure(f"claim of the path that {most} want", statistics.median(busy["claims_ms"]), "ms"),
        Figure("its release", statistics.median(busy["releases_ms"]), "ms"),
        Figure("claim and release of a free todo right after it, the first", busy["next_ms"][0], "ms"),
        Figure(f"— the others up to {NEXT}", statistics.median(busy["next_ms"][1:]), "ms"),
    ]
    return figures


def _share(this: dict[str, Any], that: dict[str, Any]) -> float:
    """Compare round by round."""
    return float(statistics.median(a / b for a, b in zip(this["p50s_ms"], that["p50s_ms"], strict=True)))
