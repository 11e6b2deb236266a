"""Many claimers at once: how the rate holds, how long a claim takes, and how many attempts are lost to others."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.contenders import Merged, Separate
from bench.figures import Figure
from bench.fleet import Fleet
from bench.postgres.contenders import Raw
from longpole.insight import metrics

if TYPE_CHECKING:
    from bench.contenders import Contender
    from bench.fleet import Slice
    from bench.options import Options
    from bench.postgres.arena import Arena
    from bench.postgres.ground import Ground

SIZE = 100_000
WARM_UP = 3
FEW, MANY = 8, 64
OURS = "optimistic"
COMPARED = ("optimistic_loop", "optimistic_random")  # settings of `coordination` that are there to be compared with
KINDS = {"raw": "raw", "merged": "merged", **dict.fromkeys((OURS, *COMPARED), "separate")}
RATE_KEPT, OF_USUAL, LOST_AT_RANDOM = 0.75, 6.0, 0.25
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class Heat(NamedTuple):
    """A slice, with the claims made meanwhile and the attempts lost, as the journal has them."""

    one: Slice
    claimed: int
    lost: int


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Let more and more processes claim: as longpole does it, and by the settings that are there for comparison."""
    claimers, heats = options.claimers, dict[tuple[str, int], list[Heat]]()
    with ground.arena("layered", options.up_to(SIZE), "contention") as arena:
        contenders: dict[str, Contender] = {
            "raw": Raw(arena.url),
            "merged": Merged(arena.url),
            "separate": Separate(arena.url),
        }
        with Fleet(contenders, max(claimers)) as fleet:
            for turn in range(options.rounds + 1):
                for many in claimers:
                    for kind in KINDS:
                        seconds = options.seconds / (1 if turn else WARM_UP)
                        heat = _heat(fleet, arena, kind, seconds=seconds, many=many)
                        if turn:
                            heats.setdefault((kind, many), []).append(heat)
        deadlocks = arena.ask(DEADLOCKS)
    found = {str(many): {kind: _summed_up(heats[kind, many]) for kind in KINDS} for many in claimers}
    figures = [figure for many in claimers for figure in _figures(found[str(many)], many)]
    figures += [*_kept(found, claimers), Figure("deadlocks", deadlocks, at_most=0)]
    return {"size": options.up_to(SIZE), "claimers": found, "deadlocks": deadlocks}, figures


def _heat(fleet: Fleet, arena: Arena, kind: str, *, seconds: float, many: int) -> Heat:
    project = arena.project
    project.configure(coordination=kind if kind in COMPARED else OURS)
    cursor = project.cursor()
    one = fleet.measure(KINDS[kind], seconds, arena.refill, processes=many)
    counted = metrics.fold(project.journal(after=cursor), now=0)
    return Heat(one, counted.claimed, counted.lost_attempts)


def _summed_up(heats: list[Heat]) -> dict[str, Any]:
    slices = [heat.one for heat in heats]
    claimed, lost = sum(heat.claimed for heat in heats), sum(heat.lost for heat in heats)
    return {
        "rates": [one.rate for one in slices],
        "rate": statistics.median(one.rate for one in slices),
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "worst_ms": 1e3 * max(one.quantile(1.0) for one in slices),
        "claimed": claimed,
        "lost_attempts": lost,
        "lost_share": lost / max(claimed + lost, 1),
    }


def _figures(at: dict[str, Any], many: int) -> list[Figure]:
    """Tell what so many claimers came to; times and rates are judged for the largest fleet alone."""
    ours, where, judged = at[OURS], f"{many} claimers", many == MANY
    figures = [
        Figure(f"raw commits, {where}", at["raw"]["rate"], "/s"),
        Figure(f"merged cycles, {where}", at["merged"]["rate"], "/s", note=f"p99 {at['merged']['p99_ms']:.3g} ms"),
        Figure(f"separate cycles, {where}", ours["rate"], "/s"),
        Figure(f"claim p50, {where}", ours["p50_ms"], "ms"),
        Figure(f"claim p99, {where}", ours["p99_ms"], "ms"),
        Figure(f"claim p99 of p50, {where}", ours["p99_ms"] / ours["p50_ms"], at_most=OF_USUAL if judged else None),
        Figure(f"lost attempts, {where}", ours["lost_attempts"] + at["merged"]["lost_attempts"], at_most=0),
    ]
    for kind in COMPARED:
        limit = LOST_AT_RANDOM if judged and kind == "optimistic_random" else None
        note = f"claim p50 {at[kind]['p50_ms']:.3g}, p99 {at[kind]['p99_ms']:.3g} ms"
        figures.append(Figure(f"{kind}: rate of ours, {where}", at[kind]["rate"] / ours["rate"], note=note))
        figures.append(Figure(f"{kind}: lost share, {where}", at[kind]["lost_share"], at_most=limit))
    return figures


def _kept(found: dict[str, Any], claimers: tuple[int, ...]) -> list[Figure]:
    """Compare the rate of the most claimers with that of 8, of fewer where the run is small."""
    most = max(claimers)
    few = max((many for many in claimers if many <= FEW and many < most), default=most)
    target = RATE_KEPT if most == MANY else None
    pairs = (("merged", "merged cycles", target), (OURS, "separate cycles", None), ("raw", "raw commits", None))
    return [
        Figure(f"{label}, rate at {most} of that at {few}", _share(found, kind, most, few), at_least=target)
        for kind, label, target in pairs
    ]


def _share(found: dict[str, Any], kind: str, this: int, that: int) -> float:
    """Compare round by round."""
    pairs = zip(found[str(this)][kind]["rates"], found[str(that)][kind]["rates"], strict=True)
    return float(statistics.median(a / b for a, b in pairs))
