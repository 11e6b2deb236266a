"""The databases of a run on one server: one for each graph, built once, and copies of them to measure on."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import sql

import longpole
from bench import graphs
from bench.postgres import server
from bench.postgres.arena import Arena

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

CREATE = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")  # the default would copy through the log
DROP = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
EMPTY = "template1"


class Ground:
    """See bench.ground.Ground."""

    engine = "postgresql"

    def __init__(self, url: str) -> None:
        self.url = url
        self.built_s: dict[str, float] = {}
        self._prefix = f"longpole_bench_{uuid.uuid4().hex[:8]}"
        self._made: set[str] = set()

    def expect(self, connections: int) -> None:
        """Raise RuntimeError if the server does not let so many connect."""
        most = int(server.facts(self.url)["max_connections"])
        if most < connections:
            raise RuntimeError(f"{connections} connections are needed, {most} allowed: raise max_connections")

    def arena(self, shape: str, size: int, name: str) -> Arena:
        """Give an arena with a graph of this shape and size."""
        return self._arena(f"{shape}-{size}", lambda: graphs.SHAPES[shape](size), name)

    def hub_arena(self, size: int, free: int, name: str) -> Arena:
        """Give an arena where so many todos wait for one hub, and some are free."""
        return self._arena(f"hub-{size}", lambda: graphs.hub(size, free), name)

    def path_arena(self, behind: int, free: int, *, touching: bool) -> Arena:
        """Give an arena where so many todos want a path that another one touches, and some are free."""
        name = f"paths-{behind}{'-touching' if touching else ''}"
        return self._arena(name, lambda: graphs.paths(behind, free, touching=touching), name)

    def drop(self, name: str) -> None:
        """Drop a database of this run, whoever is still connected."""
        with server.connected(self.url) as connection:
            connection.execute(DROP.format(sql.Identifier(name)))
        self._made.discard(name)

    def close(self) -> None:
        """Drop all databases of this run."""
        for name in tuple(self._made):
            self.drop(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _arena(self, template: str, todos: Callable[[], Iterable[dict[str, Any]]], name: str) -> Arena:
        if template not in self.built_s:
            self.built_s[template] = _build(self._create(template, EMPTY), todos())
        copy = self._create(f"arena-{name}", self._named(template))
        return Arena(copy, lambda: self.drop(self._named(f"arena-{name}")))

    def _create(self, name: str, template: str) -> str:
        with server.connected(self.url) as connection:
            connection.execute(CREATE.format(sql.Identifier(self._named(name)), sql.Identifier(template)))
        self._made.add(self._named(name))
        return server.in_database(self.url, self._named(name))

    def _named(self, name: str) -> str:
        return f"{self._prefix}_{name}".replace("-", "_")


def _build(url: str, todos: Iterable[dict[str, Any]]) -> float:
    """Make a project of these todos, as PostgreSQL likes to have it; give the seconds that adding took."""
    began = time.monotonic()
    with longpole.open(url) as project:
        project.add_many(todos)
    took = time.monotonic() - began
    with server.connected(url) as connection:
        connection.execute("VACUUM ANALYZE")
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")
    return took
