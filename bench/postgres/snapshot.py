"""What a forgotten transaction does to claims, and whether they recover once it has ended."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from bench.contenders import Separate
from bench.figures import Figure
from bench.fleet import Fleet

if TYPE_CHECKING:
    from bench.fleet import Slice
    from bench.options import Options
    from bench.postgres.arena import Arena
    from bench.postgres.ground import Ground

SIZE = 100_000
CLAIMS = 15_000
CLAIMERS = 2
MOST_S = 300.0
RECOVERED = 2.0
DEAD = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'todo'"


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Time claims before a snapshot is held, while it is, and after its release and a VACUUM."""
    with (
        ground.arena("layered", options.up_to(SIZE), "snapshot") as arena,
        Fleet({"separate": Separate(arena.url)}, CLAIMERS) as fleet,
    ):
        fleet.measure("separate", options.seconds, arena.refill)
        before = _slices(fleet, arena, options)
        with arena.held_snapshot() as pid:
            held = _claimed(fleet, arena, options)
            dead = arena.ask(DEAD)
            named = [one.finding for one in arena.project.examine() if str(pid) in one.finding]
        arena.vacuum()
        after = _slices(fleet, arena, options)
    found = {
        "claims": sum(sum(one.acts) for one in held),
        "held_s": sum(one.window_s for one in held),
        "dead_rows": dead,
        "before_ms": _p50_ms(before),
        "held_ms": [1e3 * one.quantile(0.5) for one in held],
        "after_ms": _p50_ms(after),
        "named": named,
    }
    return found, _figures(found)


def _slices(fleet: Fleet, arena: Arena, options: Options) -> list[Slice]:
    return [fleet.measure("separate", options.seconds, arena.refill) for _ in range(options.rounds)]


def _claimed(fleet: Fleet, arena: Arena, options: Options) -> list[Slice]:
    """Claim as often as the run is meant to; less if that would take very long."""
    slices: list[Slice] = []
    wanted, began = options.up_to(CLAIMS), time.monotonic()
    while sum(sum(one.acts) for one in slices) < wanted and time.monotonic() - began < MOST_S:
        slices.append(fleet.measure("separate", options.seconds, arena.refill))
    return slices


def _p50_ms(slices: list[Slice]) -> float:
    return 1e3 * statistics.median(one.quantile(0.5) for one in slices)


def _figures(found: dict[str, Any]) -> list[Figure]:
    before, end = found["before_ms"], found["held_ms"][-1]
    where = f"{found['claims']:,} claims under a held snapshot"
    return [
        Figure("claim p50 before", before, "ms"),
        Figure(f"claim p50 after {where}", end, "ms", note=f"{found['dead_rows']:,} dead rows"),
        Figure("— of that before", end / before),
        Figure("claim p50 after release and VACUUM of that before", found["after_ms"] / before, at_most=RECOVERED),
        Figure("findings of examine() that name the holder", len(found["named"]), at_least=1),
    ]
