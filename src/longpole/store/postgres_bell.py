"""Wake-ups across processes: NOTIFY tells who waits that there may be work. A hint; who waits asks anyway by itself.

A transaction that notifies takes a lock of the whole server as it commits, so none of the acts does. A thread rings
for them afterwards, at most ten times a second. Another listens, on a connection of its own, while somebody waits.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading

import psycopg

from longpole.store.postgres_connection import connect, is_pooled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from psycopg import Connection
    from psycopg_pool import ConnectionPool

CHANNEL = "longpole"
DEBOUNCE_S = 0.1
POLL_S = (1.5, 2.5)  # a wait that has heard nothing ends in between: the guarantee, spread over the fleet
LISTEN_S = 0.5  # how soon the listener notices that it is no longer wanted
RETRY_S = 2.0
DIRECT = "LONGPOLE_DB_DIRECT"
"""The environment variable with a URL that goes past the pooler, for listening alone."""


class Bell:
    """Rings for other processes and hears them ring, by project."""

    def __init__(self, url: str, pool: ConnectionPool[Any]) -> None:
        self._url, self._pool = url, pool
        self._changed = threading.Condition()  # of those who wait for work alone: every ring wakes them all
        self._rung, self._stop = threading.Event(), threading.Event()
        self._heard: dict[int, int] = {}
        self._due: set[int] = set()
        self._ringer: threading.Thread | None = None
        self._listener: threading.Thread | None = None

    def ring(self, project_id: int) -> None:
        """Wake those who wait for work of a project: here at once, elsewhere within DEBOUNCE_S."""
        with self._changed:
            self._hear(project_id)
            if project_id in self._due:
                return  # it is about to ring elsewhere anyway
            self._due.add(project_id)
            self._rung.set()
            if self._ringer is None and not self._stop.is_set():
                self._ringer = threading.Thread(target=self._ring, name="longpole-bell", daemon=True)
                self._ringer.start()

    def heard(self, project_id: int) -> int:
        """Give the number of rings heard for a project, and begin to listen."""
        with self._changed:
            if self._listener is None and not self._stop.is_set():
                self._listener = threading.Thread(target=self._listen, name="longpole-listener", daemon=True)
                self._listener.start()
            return self._heard.get(project_id, 0)

    def wait(self, project_id: int, heard: int, at_most_s: float) -> None:
        """Sleep until more rings were heard than these, for so long or until it is time to ask anyway."""
        longest_s = min(at_most_s, random.uniform(*POLL_S))  # noqa: S311 - it spreads the load
        with self._changed:
            self._changed.wait_for(lambda: self._heard.get(project_id, 0) != heard or self._stop.is_set(), longest_s)

    def close(self) -> None:
        """Ring for what is due, and stop."""
        with self._changed:
            self._stop.set()
            self._rung.set()
            self._changed.notify_all()
            threads = [thread for thread in (self._ringer, self._listener) if thread]
        for thread in threads:
            thread.join()

    def _hear(self, project_id: int) -> None:
        self._heard[project_id] = self._heard.get(project_id, 0) + 1
        self._changed.notify_all()

    def _ring(self) -> None:
        """Send what is due, then rest, until the bell is closed. Nothing depends on it: a failure is let be."""
        while due := self._next_due():
            with contextlib.suppress(psycopg.Error), self._pool.connection(timeout=RETRY_S) as connection:
                for project_id in due:
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(project_id)))
            self._stop.wait(DEBOUNCE_S)

    def _next_due(self) -> set[int]:
        self._rung.wait()
        with self._changed:
            due, self._due = self._due, set()
            if not self._stop.is_set():
                self._rung.clear()
            return due

    def _listen(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(psycopg.Error), connect(os.environ.get(DIRECT) or self._url) as connection:
                if is_pooled(connection):
                    return  # LISTEN would stay with a session that is another's the next moment
                connection.execute(f"LISTEN {CHANNEL}")
                self._hear_all(connection)
            self._stop.wait(RETRY_S)

    def _hear_all(self, connection: Connection) -> None:
        while not self._stop.is_set():
            for notice in connection.notifies(timeout=LISTEN_S, stop_after=1):
                with self._changed:
                    self._hear(int(notice.payload) if notice.payload.isdecimal() else 0)
