"""What the benchmarks measure on PostgreSQL: the suites that SQLite has as well, and those that it alone has."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench import claims, conflicts, coordination, latency, strategies
from bench.postgres import contention, snapshot, space
from bench.postgres.ground import Ground
from bench.postgres.server import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.options import Options

CONNECTIONS_EACH = 5  # of a process: raw, two contenders, and what rings for each of them
RESERVE = 20
SUITES = {
    "claims": claims.measure,
    "latency": latency.measure,
    "contention": contention.measure,
    "conflicts": conflicts.measure,
    "coordination": coordination.measure,
    "strategies": strategies.measure,
    "snapshot": snapshot.measure,
    "space": space.measure,
}


@contextlib.contextmanager
def ground(options: Options, folder: Path) -> Iterator[Ground]:
    """Give a server to measure on, that of the options or one of the bench's own; the databases made are dropped."""
    connections = RESERVE + CONNECTIONS_EACH * max(*options.claimers, *options.processes)
    with contextlib.ExitStack() as stack:
        url = options.db or stack.enter_context(own_server(folder / "postgres", connections))
        found = stack.enter_context(Ground(url))
        found.expect(connections)
        yield found
