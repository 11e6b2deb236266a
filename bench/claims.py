"""How many claims a second, as a share of what disk and database give a bare one-row commit in the same run."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.figures import Figure
from bench.fleet import Fleet
from bench.options import spelled_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.fleet import Slice
    from bench.ground import Ground
    from bench.options import Options

MORE_ROUNDS = 3
STEADY = 1.5  # a duel counts if its two raw slices differ by less: some disks change their pace under one's hands
FAST = 1000  # raw commits a second by which a disk is called fast; a throttled one hides what an act costs itself
WARM_UP = 3  # the first slice of each contender, this fraction of the others, fills caches and is not counted
OTHER_SHAPE_AT = 100_000
LABELS = {
    "merged": "merged cycles",
    "unkeyed": "merged cycles without a key",
    "separate": "separate cycles",
    "batch": "todos in batches of 10",
    "raw_fair": "raw with fair turns",
}
TARGETS = {
    "sqlite": {
        ("merged", 100_000, 1): 0.7,
        ("merged", 100_000, 8): 0.6,
        ("merged", 1_000_000, 1): 0.45,
        ("merged", 1_000_000, 8): 0.45,
        ("separate", 100_000, 1): 0.38,
        ("separate", 100_000, 8): 0.38,
    },
    "postgresql": {
        (name, size, processes): target
        for name, processes, target in (("merged", 1, 0.50), ("merged", 8, 0.45), ("batch", 8, 0.90))
        for size in (1000, 100_000, 1_000_000)
    },
}


class Duel(NamedTuple):
    """A slice of a contender between two raw ones."""

    name: str
    before: Slice
    one: Slice
    after: Slice

    @property
    def share(self) -> float:
        """The contender's rate as a share of raw."""
        return 2 * self.one.rate / (self.before.rate + self.after.rate)

    @property
    def steady(self) -> bool:
        """Whether the disk kept its pace."""
        slower, faster = sorted((self.before.rate, self.after.rate))
        return faster < STEADY * slower


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Measure every size with every number of processes, and the second shape at one size."""
    cases = [("layered", size) for size in options.sizes] + [("project", options.up_to(OTHER_SHAPE_AT))]
    found = [
        _case(options, ground, shape=shape, size=size, processes=processes)
        for shape, size in cases
        for processes in options.processes
    ]
    targets = TARGETS[ground.engine]
    return {"cases": found}, [figure for case in found for figure in _figures(case, targets)]


def _case(options: Options, ground: Ground, *, shape: str, size: int, processes: int) -> dict[str, Any]:
    with ground.arena(shape, size, "claims") as arena:
        contenders = arena.contenders()
        rivals = [name for name in contenders if name != "raw"]
        with Fleet(contenders, processes) as fleet:
            for name in contenders:
                fleet.measure(name, options.seconds / WARM_UP, arena.refill)
            duels = _duels(fleet, options, rivals, arena.refill)
    return {
        "shape": shape,
        "size": size,
        "processes": processes,
        "built_s": ground.built_s[f"{shape}-{size}"],
        "raw": _summed_up([duel.before for duel in duels]),
        **{name: _judged([duel for duel in duels if duel.name == name]) for name in rivals},
    }


def _duels(fleet: Fleet, options: Options, names: list[str], refill: Callable[[], None]) -> list[Duel]:
    """Run raw, merged, raw, separate, raw, and so on, with more rounds while too few duels are steady."""
    duels: list[Duel] = []
    before = fleet.measure("raw", options.seconds, refill)
    for turn in range(MORE_ROUNDS * options.rounds):
        for name in names:
            one = fleet.measure(name, options.seconds, refill)
            after = fleet.measure("raw", options.seconds, refill)
            duels.append(Duel(name, before, one, after))
            before = after
        if turn + 1 >= options.rounds and all(_steady(duels, name) >= options.rounds for name in names):
            break
    return duels


def _steady(duels: list[Duel], name: str) -> int:
    return sum(duel.steady for duel in duels if duel.name == name)


def _judged(duels: list[Duel]) -> dict[str, Any]:
    """Give a contender's rates and its share of raw: the median of the steady duels, of all if none was."""
    counted = [duel for duel in duels if duel.steady] or duels
    fast = [duel.share for duel in counted if min(duel.before.rate, duel.after.rate) >= FAST]
    return {
        **_summed_up([duel.one for duel in duels]),
        "share": statistics.median(duel.share for duel in counted),
        "share_fast": statistics.median(fast) if fast else None,
        "duels": [
            {"raw": (duel.before.rate, duel.after.rate), "share": duel.share, "steady": duel.steady} for duel in duels
        ],
    }


def _summed_up(slices: list[Slice]) -> dict[str, Any]:
    return {
        "rates": [one.rate for one in slices],
        "rate": statistics.median(one.rate for one in slices),
        "cpu_us": statistics.median(one.cpu_us for one in slices),
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "worst_ms": 1e3 * max(one.quantile(1.0) for one in slices),
    }


def _figures(case: dict[str, Any], targets: Mapping[tuple[str, int, int], float]) -> list[Figure]:
    shape = "" if case["shape"] == "layered" else f", {case['shape']} shape"
    size, processes = case["size"], case["processes"]
    where = f"{spelled_size(size)}{shape}, {processes} process{'es' if processes > 1 else ''}"
    figures = [Figure(f"raw commits, {where}", case["raw"]["rate"], "/s", note=_cpu(case["raw"]))]
    for name in (name for name in LABELS if name in case):
        target = None if shape else targets.get((name, size, processes))
        figures.append(Figure(f"{LABELS[name]} of raw, {where}", case[name]["share"], at_least=target))
        if name != "raw_fair":
            figures.append(Figure("— while the disk was fast", case[name]["share_fast"], note=_cpu(case[name])))
    return figures


def _cpu(found: dict[str, Any]) -> str:
    return f"{found['cpu_us']:.0f} µs cpu each"
