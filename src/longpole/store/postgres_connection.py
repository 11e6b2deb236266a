"""Connections to PostgreSQL: what libpq is told, and what each one is made ready with."""

from __future__ import annotations

import logging

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool

from longpole.errors import InvalidInputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from psycopg import Connection

MOST_CONNECTIONS = 16
# The pool doubles its pause at each failure: 16 s after a failover of 16 s. When it has given up, the next who asks
# lets it begin anew.
RECONNECT_S = 2.0
# Without these a server that is gone is noticed after many minutes. target_session_attrs leaves standbys aside.
CONNECTION = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "target_session_attrs": "read-write",
    "application_name": "longpole",
    "client_encoding": "UTF8",
}


def conninfo(url: str) -> str:
    """Give what libpq connects with: the URL's own words first, then those that bound waiting."""
    own = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    return make_conninfo(**{**CONNECTION, **own})


def check(url: str) -> None:
    """Raise InvalidInputError for a URL that libpq cannot read, or would read other than it was meant.

    What libpq says of it is left out, and so are its parts: they may be pieces of the password.
    """
    authority, _, path = url.partition("://")[2].partition("/")
    is_split = authority.count("@") > 1 or "@" in path.partition("?")[0]
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        is_split = True
    if is_split:
        raise InvalidInputError(
            "cannot read the database's URL; it is postgresql://USER@HOST:PORT/DATABASE, and a password behind the user"
            " has %40 for @, %2F for /, %3A for :, %3F for ? and %25 for %"
        )


def shown(url: str) -> str:
    """Give a database's URL as it may be printed: without the password."""
    try:
        words = conninfo_to_dict(url)
    except psycopg.Error:
        return "the database"
    port = f":{words['port']}" if words.get("port") else ""
    return f"postgresql://{words.get('host') or ''}{port}/{words.get('dbname') or ''}"


def pool(url: str) -> ConnectionPool[Any]:
    """Give a pool for a database, still closed; it makes a connection when one is asked for."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it would warn of reaches the caller as an error
    return ConnectionPool(
        conninfo(url),
        kwargs={"autocommit": True},
        min_size=0,
        max_size=MOST_CONNECTIONS,
        open=False,
        configure=configure,
        reconnect_timeout=RECONNECT_S,
        num_workers=1,
    )


def configure(connection: Connection) -> None:
    """Make a new connection ready for use."""
    # One type for all whole numbers: by default it would depend on the size, and each type would be prepared apart.
    connection.adapters.register_dumper(int, Int8Dumper)
    if is_pooled(connection):
        connection.prepare_threshold = None  # the next transaction may meet a session that has not prepared it


def is_pooled(connection: Connection) -> bool:
    """Tell whether a pooler such as PgBouncer stands in between: it invents the number of the server's process."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return not row or row[0] != connection.info.backend_pid


def connect(url: str) -> Connection:
    """Open a connection of one's own, outside the pool. Raises psycopg.Error."""
    return psycopg.connect(conninfo(url), autocommit=True)
