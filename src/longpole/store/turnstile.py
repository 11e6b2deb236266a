"""Fair turns at SQLite's single write lock, among processes.

SQLite lets whoever asks at the right moment write next: with 8 saturating processes one of them waited for
3.6 of 5 seconds. Here a process that has waited long takes the turnstile, a lock file, and while it stands
in it nobody else may ask; so the worst wait stays near PATIENCE_S, and short waits cost nothing
(docs/decisions/0007 has the figures).
"""

from __future__ import annotations

import fcntl
import os
import time

PATIENCE_S = 0.1
POLL_S = 0.01  # reached by doubling, from FIRST_POLL_S on: many that ask often cost the one that writes its processor
FIRST_POLL_S = 0.001
FRONT_POLL_S = 0.0003


class Turnstile:
    """One connection's place at the turnstile."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._file = -1
        self._entered = False
        self._standing = False
        self._since = 0.0

    def enter(self) -> bool:
        """Wait until nobody stands in the turnstile; False if the time is up first."""
        self._entered, self._since = True, time.monotonic()
        count = 0
        while not self._pass():
            if self._waited() > self._timeout_s:
                return False
            time.sleep(_pause_s(count))
            count += 1
        return True

    def wait(self, count: int) -> bool:
        """Wait a little for a lock: SQLite's busy handler. False if the time is up.

        Who opens or reads meets a lock too, now and then (recovery, the change to the write-ahead log); its time
        begins with its `count` of 0, and it has no business in the turnstile.
        """
        if not count and not self._entered:
            self._since = time.monotonic()
        waited = self._waited()
        if waited > PATIENCE_S and self._entered and not self._standing:
            self._standing = self._take()
        time.sleep(FRONT_POLL_S if self._standing else _pause_s(count))
        return waited < self._timeout_s

    def leave(self) -> None:
        """Make room: the write lock is held now, or given up on."""
        self._entered = False
        if self._standing:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._standing = False

    def close(self) -> None:
        """Give the lock file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _waited(self) -> float:
        return time.monotonic() - self._since

    def _pass(self) -> bool:
        if not self._take():
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def _take(self) -> bool:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _pause_s(count: int) -> float:
    return min(FIRST_POLL_S * (1 << min(count, 16)), POLL_S)
