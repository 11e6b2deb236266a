"""What each strategy costs: the time of a claim and a completion, as a multiple of what it takes by critical_path."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import longpole
from bench.claims import Duel
from bench.contenders import Merged, Separate
from bench.figures import Figure
from bench.fleet import Fleet
from bench.graphs import BRANCHES
from bench.options import spelled_size
from longpole.store import branches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.contenders import Contender
    from bench.fleet import Slice
    from bench.ground import Arena, Ground
    from bench.options import Options
    from longpole.project import Project

SIZE = 100_000
WARM_UP = 3
PLAIN = "critical_path"
STRATEGIES = (PLAIN, "greedy", "load_balanced", "branch_affinity", "context_aware")
CYCLES = {"merged": "merged cycles", "separate": "separate cycles"}
BONUS_MINUTES = 30
AT_MOST = 1.6
LIMITS = {"branch_affinity": AT_MOST, "context_aware": AT_MOST}
CROWDED = "every branch kept to by others"


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Let one process run both kinds of cycle by each strategy between two slices of critical_path, in two sizes.

    In the small one an instance has to turn to another branch at every few todos, in the large one hardly ever. In the
    end others keep to all branches of the large one.
    """
    cases: dict[str, Any] = {}
    for size in sorted({min(options.sizes), options.up_to(SIZE)}):
        with ground.arena("branched", size, f"strategies-{size}") as arena, longpole.open(arena.url) as project:
            project.configure(switch_bonus_minutes=BONUS_MINUTES)
            cases[spelled_size(size)] = _case(options, arena, STRATEGIES)
            if size == options.up_to(SIZE):
                _crowd(project)
                cases[CROWDED] = _case(options, arena, (PLAIN, "branch_affinity"))
    return cases, [figure for where, case in cases.items() for figure in _figures(where, case)]


def _case(options: Options, arena: Arena, strategies: tuple[str, ...]) -> dict[str, Any]:
    contenders: dict[str, Contender] = {}
    for name in strategies:
        contenders[f"{name}/merged"] = Merged(arena.url, strategy=name)
        contenders[f"{name}/separate"] = Separate(arena.url, strategy=name, part="both")
    with Fleet(contenders, 1) as fleet:
        for name in contenders:
            fleet.measure(name, options.seconds / WARM_UP, arena.refill)
        duels = [
            duel
            for _ in range(options.rounds)
            for cycle in CYCLES
            for duel in _duels(fleet, options, cycle, strategies, refill=arena.refill)
        ]
    found = {name: {cycle: _judged(duels, f"{name}/{cycle}") for cycle in CYCLES} for name in strategies[1:]}
    plain = {cycle: _summed_up([one.before for one in duels if one.name.endswith(cycle)]) for cycle in CYCLES}
    return {PLAIN: plain, **found}


def _duels(
    fleet: Fleet, options: Options, cycle: str, strategies: tuple[str, ...], *, refill: Callable[[], None]
) -> Iterator[Duel]:
    """Run critical_path, another strategy, critical_path, the next one, and so on."""
    before = fleet.measure(f"{PLAIN}/{cycle}", options.seconds, refill)
    for name in strategies[1:]:
        one = fleet.measure(f"{name}/{cycle}", options.seconds, refill)
        after = fleet.measure(f"{PLAIN}/{cycle}", options.seconds, refill)
        yield Duel(f"{name}/{cycle}", before, one, after)
        before = after


def _crowd(project: Project) -> None:
    """Let an instance keep to each branch, for as long as the arena stands."""
    keepers = [project.register(f"keeper-{place}") for place in range(BRANCHES)]
    with project._store.write() as tx:  # noqa: SLF001 - by claims it would take as many todos
        for place, keeper in enumerate(keepers):
            branches.turn_to(tx, f"branch-{place}", keeper.number, [0])


def _judged(duels: list[Duel], name: str) -> dict[str, Any]:
    """Give a strategy's figures, and what a cycle costs by those of critical_path right before and after it.

    As the disk may change its pace, the duels in which it kept it count, if there are any.
    """
    mine = [duel for duel in duels if duel.name == name]
    counted = [duel for duel in mine if duel.steady] or mine
    return {
        **_summed_up([duel.one for duel in mine]),
        "cost": statistics.median(1 / duel.share for duel in counted),
        "cost_cpu": statistics.median(2 * duel.one.cpu_us / (duel.before.cpu_us + duel.after.cpu_us) for duel in mine),
        "steady": len([duel for duel in mine if duel.steady]),
    }


def _summed_up(slices: list[Slice]) -> dict[str, Any]:
    return {
        "rates": [one.rate for one in slices],
        "rate": statistics.median(one.rate for one in slices),
        "p50_ms": 1e3 * statistics.median(one.quantile(0.5) for one in slices),
        "p99_ms": 1e3 * statistics.median(one.quantile(0.99) for one in slices),
        "cpu_us": statistics.median(one.cpu_us for one in slices),
    }


def _figures(where: str, case: dict[str, Any]) -> list[Figure]:
    figures = []
    for cycle, label in CYCLES.items():
        plain = case[PLAIN][cycle]
        figures.append(Figure(f"{label} by {PLAIN}, {where}", plain["rate"], "/s", note=_cpu(plain)))
        for name in [name for name in case if name != PLAIN]:
            found = case[name][cycle]
            limit = None if where == CROWDED else LIMITS.get(name)
            note = f"{_cpu(found)}, {found['cost_cpu']:.2f} times"
            figures.append(Figure(f"{label} by {name}: cost, {where}", found["cost"], at_most=limit, note=note))
    return figures


def _cpu(found: dict[str, Any]) -> str:
    return f"{found['cpu_us']:.0f} µs cpu each"
