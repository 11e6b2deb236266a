"""Where contenders meet on PostgreSQL: a copy of a project's database, with a table for raw commits in it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

import longpole
from bench import databases, graphs
from bench.contenders import Merged, Separate
from bench.postgres.contenders import RAW_TABLE, Batch, Raw, Unkeyed
from bench.postgres.server import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from bench.contenders import Contender


class Arena:
    """See bench.ground.Arena. `project`: opened in this process."""

    def __init__(self, url: str, drop: Callable[[], None]) -> None:
        self.url, self._drop = url, drop
        with connected(url) as connection:
            connection.execute(RAW_TABLE)
            connection.execute("VACUUM ANALYZE raw")
        self.project = longpole.open(url)

    def contenders(self) -> dict[str, Contender]:
        """Give the raw commits, both kinds of cycle, cycles with longpole's own keys, and batches."""
        return {
            "raw": Raw(self.url),
            "merged": Merged(self.url),
            "unkeyed": Unkeyed(self.url),
            "separate": Separate(self.url),
            "batch": Batch(self.url),
        }

    def claim_hub(self) -> None:
        """Let an instance hold the hub for as long as the arena stands."""
        self.claim(graphs.HUB)

    def claim(self, todo: str) -> None:
        """Let an instance hold a todo for as long as the arena stands."""
        self.project.register("keeper").claim_todo(todo)

    def reopen(self) -> None:
        """Put what was completed back to where it began, and clear away its former versions."""
        databases.reopen(self.project)
        self.tidy()

    def tidy(self) -> None:
        """Clear away the former versions of all rows."""
        self.vacuum()

    def refill(self) -> None:
        """Put the todos back to where they began, and clear away their former versions."""
        databases.refill(self.project)
        self.vacuum()

    def vacuum(self) -> None:
        """Clear away the former versions of all rows."""
        with connected(self.url) as connection:
            connection.execute("VACUUM")

    def ask(self, statement: str) -> Any:
        """Give the only value of a statement."""
        with connected(self.url) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None

    @contextlib.contextmanager
    def held_snapshot(self) -> Iterator[int]:
        """Hold a snapshot on a connection of its own, as a forgotten transaction does; give its server process."""
        with connected(self.url) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT 1 FROM project").fetchall()
            yield connection.info.backend_pid

    def close(self) -> None:
        """Close the project and drop the copy."""
        self.project.close()
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
