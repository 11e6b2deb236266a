"""A PgBouncer for the tests, in transaction mode, with two connections for all: so that they are shared."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

POOL_SIZE = 2
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SETTINGS = """
[databases]
* = host={host} port={port} user={user} {password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
server_lifetime = 3600
"""


@contextlib.contextmanager
def in_front_of(server_url: str) -> Iterator[str]:
    """Give the URL of a PgBouncer in front of a server, with the same database."""
    words = conninfo_to_dict(server_url)
    host, own_port = str(words.get("host") or "127.0.0.1"), _free_port()
    password = f"password='{words['password']}'" if words.get("password") else ""
    settings = SETTINGS.format(
        host=host,
        port=words.get("port") or 5432,
        user=words.get("user") or "postgres",
        password=password,
        own_port=own_port,
        size=POOL_SIZE,
    )
    with tempfile.TemporaryDirectory(prefix="longpole-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(settings, encoding="utf-8")
        process = subprocess.Popen([str(PROGRAM), "-q", str(file)], user=_user(host), stderr=subprocess.DEVNULL)
        try:
            _wait_for(own_port)
            yield f"postgresql://postgres@127.0.0.1:{own_port}/{words.get('dbname') or 'postgres'}"
        finally:
            process.kill()
            process.wait(30)


def _user(host: str) -> int | None:
    """Give whom to run as: PgBouncer refuses root, and a Unix socket lies where its server's user alone may go."""
    if os.geteuid() != 0:
        return None
    return Path(host).stat().st_uid if host.startswith("/") else 65534


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
