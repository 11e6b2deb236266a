"""A way to a server that a test can cut: a port of the loopback device, with a look at what clients send over it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

QUERY, PARSE, BIND, SYNC = b"Q", b"P", b"B", b"S"
ANSWERED = b"Z\x00\x00\x00\x05"
GENTLE = {"sslmode": "disable", "gssencmode": "disable"}  # what is encrypted cannot be looked at


class Link:
    """Leads to the server of a URL by its Unix socket or port.

    `at_commit` is called instead of passing on the next COMMIT, or a function that is a transaction of its own; that
    connection is cut when it returns.
    """

    def __init__(self, server_url: str) -> None:
        words = conninfo_to_dict(server_url)
        self._host, self._port = str(words.get("host")), int(words.get("port") or 5432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[Wire] = set()
        self._away = False
        self.at_commit: Callable[[Wire], None] | None = None
        self._thread = threading.Thread(target=self._accept, name="link")
        self._thread.start()

    def url(self, database_url: str, **words: str) -> str:
        """Give the URL of a database of the server, over this link."""
        port = self._listening.getsockname()[1]
        options = {"user": "postgres", **GENTLE, **conninfo_to_dict(database_url), **words}
        database = options.pop("dbname")
        options = {name: value for name, value in options.items() if name not in {"host", "port", "password"}}
        return f"postgresql://127.0.0.1:{port}/{database}?{urlencode(options, quote_via=quote)}"

    def cut(self) -> None:
        """Cut all connections, and each new one, until `mend`."""
        self._away = True
        for wire in list(self._open):
            wire.cut()

    def mend(self) -> None:
        """Let connections through again."""
        self._away = False

    def close(self) -> None:
        """Close the port and all connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._away:
                client.close()
                continue
            try:
                self._open.add(Wire(self, client, self._connected()))
            except OSError:
                client.close()

    def _connected(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        except OSError:
            server.close()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Wire:
    """One connection over the link."""

    def __init__(self, link: Link, client: socket.socket, server: socket.socket) -> None:
        self._link, self._client, self._server = link, client, server
        self._commits: set[bytes] = set()  # the prepared statements that commit
        self._withheld = b""
        self._answered = threading.Event()
        for carry in (self._to_server, self._to_client):
            threading.Thread(target=self._carry, args=(carry,), name="wire", daemon=True).start()

    def forward(self) -> None:
        """Pass on the COMMIT, and wait until the server has answered it or is gone; the client never hears."""
        with contextlib.suppress(OSError):
            self._server.sendall(self._withheld)
            assert self._answered.wait(30)

    def cut_client(self) -> None:
        """Cut the client's half."""
        _end(self._client)

    def cut(self) -> None:
        """Cut both halves."""
        _end(self._client)
        _end(self._server)

    def _carry(self, carry: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            carry()
        if not self._withheld:
            self.cut()

    def _to_server(self) -> None:
        messages = self._messages()
        for message in messages:
            if self._is_commit(message) and self._link.at_commit:
                at_commit, self._link.at_commit = self._link.at_commit, None
                self._withheld = message if message[:1] == QUERY else _up_to_sync(message, messages)
                at_commit(self)
                self.cut_client()
                return
            self._server.sendall(message)

    def _to_client(self) -> None:
        while heard := self._server.recv(65536):
            if not self._withheld:
                self._client.sendall(heard)
            elif ANSWERED in heard:
                break
        self._answered.set()

    def _messages(self) -> Iterator[bytes]:
        """Give the client's messages, whole; the first has no letter."""
        sent = self._client.makefile("rb")
        letter = b""
        while size := sent.read(4):
            yield letter + size + sent.read(int.from_bytes(size, "big") - 4)
            letter = sent.read(1)
            if not letter:
                return

    def _is_commit(self, message: bytes) -> bool:
        letter, words = message[:1], message[5:].split(b"\0")
        if letter == PARSE:
            (self._commits.add if _commits(words[1]) else self._commits.discard)(words[0])
        return (letter == QUERY and _commits(words[0])) or (letter == BIND and words[1] in self._commits)


def _commits(statement: bytes) -> bool:
    return statement == b"COMMIT" or b"SELECT longpole_step" in statement


def _up_to_sync(first: bytes, messages: Iterator[bytes]) -> bytes:
    """Take along what is sent together with a prepared statement: its execution."""
    together = [first]
    while together[-1][:1] != SYNC:
        together.append(next(messages))
    return b"".join(together)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
