"""How long a process may wait for SQLite's single write lock while others hammer at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.contenders import Merged, Raw
from bench.figures import Figure
from bench.fleet import Fleet

if TYPE_CHECKING:
    from bench.arena import Templates
    from bench.contenders import Contender
    from bench.fleet import Slice
    from bench.options import Options

SIZE = 100_000
SLICES = 10.0 / 1.5  # the run is to last 10 s where a slice lasts its usual 1.5 s


def measure(options: Options, templates: Templates) -> tuple[dict[str, Any], list[Figure]]:
    """Let all processes saturate the lock for 10 s: with longpole, and raw with SQLite's own turns."""
    processes = max(options.processes)
    with templates.arena("layered", options.up_to(SIZE), "contention") as arena:
        contenders: dict[str, Contender] = {
            "raw": Raw(arena.raw_path, waits=True),
            "longpole": Merged(arena.url, waits=True),
        }
        with Fleet(contenders, processes) as fleet:
            for name in contenders:
                fleet.measure(name, options.seconds / 3, arena.refill)
            found = {
                name: _summed_up(fleet.measure(name, options.seconds * SLICES, arena.refill)) for name in contenders
            }
    ours = found["longpole"]
    where = f"{processes} processes"
    return {"processes": processes, **found}, [
        Figure(f"worst wait for the write lock, {where}", ours["worst_ms"], "ms", at_most=300),
        Figure(f"p99 wait, {where}", ours["p99_ms"], "ms"),
        Figure(f"worst wait of raw commits, {where}", found["raw"]["worst_ms"], "ms"),
        Figure(f"least of most acts of a process, {where}", min(ours["acts"]) / max(ours["acts"])),
    ]


def _summed_up(one: Slice) -> dict[str, Any]:
    return {
        "seconds": one.window_s,
        "rate": one.rate,
        "acts": one.acts,
        "p50_ms": 1e3 * one.quantile(0.5),
        "p99_ms": 1e3 * one.quantile(0.99),
        "worst_ms": 1e3 * one.quantile(1.0),
    }
