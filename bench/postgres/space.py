"""What a project takes on disk and in the log, and how many leases a second can be renewed: what to plan with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.contenders import Merged
from bench.figures import Figure
from bench.fleet import Fleet
from bench.postgres.contenders import Beat, Raw, Unkeyed

if TYPE_CHECKING:
    from bench.contenders import Contender
    from bench.options import Options
    from bench.postgres.arena import Arena
    from bench.postgres.ground import Ground

SIZE = 100_000
TABLES = ("todo", "todo_detail", "dependency", "journal", "reply")
TODO_TABLES = ("todo", "todo_detail", "dependency")
BYTES = "SELECT pg_total_relation_size('{table}')"
ROWS = "SELECT count(*) FROM {table}"
LOG = "SELECT (pg_current_wal_lsn() - '0/0')::BIGINT"
CONTENDERS = {"raw": "a raw commit", "merged": "a merged cycle", "unkeyed": "a merged cycle without a key"}


def measure(options: Options, ground: Ground) -> tuple[dict[str, Any], list[Figure]]:
    """Weigh a project as it was added, and what cycles add to it; then beat as fast as can be."""
    with ground.arena("layered", options.up_to(SIZE), "space") as arena:
        todos = arena.ask(ROWS.format(table="todo"))
        fresh = _bytes(arena)
        rows = {table: arena.ask(ROWS.format(table=table)) for table in ("journal", "reply")}
        contenders: dict[str, Contender] = {
            "raw": Raw(arena.url),
            "merged": Merged(arena.url),
            "unkeyed": Unkeyed(arena.url),
            "beat": Beat(arena.url),
        }
        log: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        beats: dict[str, float] = {}
        with Fleet(contenders, max(options.processes)) as fleet:
            for _ in range(1 + options.rounds):
                for name, found in log.items():
                    found.append(_log_each(fleet, arena, name, options.seconds))
            for processes in options.processes:
                slices = [fleet.measure("beat", options.seconds, _nothing, processes=processes) for _ in range(2)]
                beats[str(processes)] = slices[-1].rate
        worn = _bytes(arena)
        grown = {table: arena.ask(ROWS.format(table=table)) - rows[table] for table in rows}
    document = {
        "todos": todos,
        "bytes": fresh,
        "todo_bytes": {table: fresh[table] / todos for table in TODO_TABLES},
        "row_bytes": {table: (worn[table] - fresh[table]) / max(grown[table], 1) for table in grown},
        "rows": grown,
        "todo_growth": worn["todo"] / fresh["todo"],
        "log_bytes": log,
        "beats": beats,
    }
    return document, _figures(document)


def _bytes(arena: Arena) -> dict[str, int]:
    """Weigh tables with their indexes."""
    return {table: int(arena.ask(BYTES.format(table=table))) for table in TABLES}


def _log_each(fleet: Fleet, arena: Arena, name: str, seconds: float) -> float:
    """Run a slice; give the bytes of log for each act, what a claim at the start and the end takes included."""
    before = arena.ask(LOG)
    one = fleet.measure(name, seconds, arena.refill)
    return float((arena.ask(LOG) - before) / len(one.took))


def _nothing() -> None:
    """Beats never run out."""


def _figures(document: dict[str, Any]) -> list[Figure]:
    each = document["todo_bytes"]
    note = ", ".join(f"{table} {size:.0f}" for table, size in each.items())
    figures = [
        Figure("a todo with its dependencies", sum(each.values()), "bytes", note=note),
        *(Figure(f"a {table} row", size, "bytes") for table, size in document["row_bytes"].items()),
        Figure("todo table after the cycles, of what it was", document["todo_growth"]),
    ]
    for name, label in CONTENDERS.items():
        first, *_, last = document["log_bytes"][name]
        figures.append(Figure(f"log of {label}", last, "bytes", note=f"first slice {first:,.0f}"))
    for processes, rate in document["beats"].items():
        figures.append(Figure(f"heartbeats, {processes} process{'es' if processes != '1' else ''}", rate, "/s"))
    return figures
