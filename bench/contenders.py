"""What is measured against each other: each contender repeats one act on one database."""

from __future__ import annotations

import random
import time
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import apsw

import longpole
from bench.databases import RAW_ROWS, durability
from longpole.store.sqlite import PRAGMAS, TIMEOUT_S
from longpole.store.turnstile import Turnstile

if TYPE_CHECKING:
    from pathlib import Path

    from longpole.handles import Claim, Instance

UPDATE = "UPDATE raw SET value = value + 1 WHERE id = ? RETURNING value"


class Contender(Protocol):
    """One kind of act. It travels to a process unopened; `begin` and `end` are outside of the time measured."""

    def open(self) -> None:
        """Open the database in the process that is going to act."""

    def begin(self) -> None:
        """Get ready to act."""

    def act(self) -> float | None:
        """Act once; give the seconds of the part whose latency is asked for, None if there is no work left."""

    def end(self) -> None:
        """Leave nothing in hand."""

    def close(self) -> None:
        """Close the database."""


class Raw:
    """The limit: change one row and commit, with longpole's own settings of the connection.

    Processes take turns by SQLite's busy timeout or, if `fair`, as longpole's do. Latency: of the act, or of the
    wait for the write lock.
    """

    def __init__(self, path: Path, *, fair: bool = False, waits: bool = False) -> None:
        self._path, self._fair, self._waits = str(path), fair, waits

    def open(self) -> None:
        """Open the file of the raw commits."""
        self._database = apsw.Connection(self._path)
        self._database.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self._turnstile = Turnstile(f"{self._path}-turn", TIMEOUT_S)
        if self._fair:
            self._database.set_busy_handler(self._turnstile.wait)
        else:
            self._database.set_busy_timeout(int(1000 * TIMEOUT_S))
        self._database.execute(PRAGMAS).fetchall()
        self._database.execute("PRAGMA synchronous=FULL").fetchall()
        self._draw = random.Random()  # noqa: S311 - which row does not matter

    def begin(self) -> None:
        """Nothing to get ready."""

    def act(self) -> float:
        """Change a row and commit."""
        began = time.monotonic()
        if self._fair:
            self._turnstile.enter()
        self._database.execute("BEGIN IMMEDIATE")
        if self._fair:
            self._turnstile.leave()
        got_in = time.monotonic()
        self._database.execute(UPDATE, (self._draw.randrange(RAW_ROWS),)).fetchall()
        self._database.execute("COMMIT")
        return (got_in if self._waits else time.monotonic()) - began

    def end(self) -> None:
        """Nothing is in hand."""

    def close(self) -> None:
        """Close the file."""
        self._turnstile.close()
        self._database.close()


class Longpole:
    """What the contenders that use longpole have in common. Only while it acts is a process a live instance."""

    def __init__(self, url: str, *, mode: str = "full", strategy: str | None = None, waits: bool = False) -> None:
        self._url, self._mode, self._strategy, self._waits = url, mode, strategy, waits

    def open(self) -> None:
        """Open the project."""
        self._project = longpole.open(self._url)
        durability(self._project, self._mode)
        self._lock = _LockWait(self._project._store.engine) if self._waits else None  # noqa: SLF001 - see _LockWait

    def begin(self) -> None:
        """Register."""
        self._me: Instance = self._project.register()

    def end(self) -> None:
        """Unregister."""
        self._me.unregister()

    def close(self) -> None:
        """Close the project."""
        self._project.close()

    def _next(self) -> Claim | None:
        claims = self._me.claim(strategy=self._strategy, key=drawn_key())
        return claims[0] if claims else None


class Merged(Longpole):
    """Complete a todo and claim the next, in one transaction. Latency: of the cycle, or of the wait for the lock."""

    def begin(self) -> None:
        """Register and claim a first todo."""
        super().begin()
        self._claim = self._next()

    def act(self) -> float | None:
        """Go from one todo to the next."""
        if self._claim is None:
            return None
        began = time.monotonic()
        claims = self._claim.complete_and_claim(strategy=self._strategy, key=drawn_key())
        took = time.monotonic() - began
        self._claim = claims[0] if claims else None
        return self._lock.seconds if self._lock else took

    def end(self) -> None:
        """Complete the last todo and unregister."""
        if self._claim:
            self._claim.complete()
        super().end()


class Separate(Longpole):
    """Claim a todo, then complete it, in two transactions. Latency: of the claim, the completion, or both."""

    def __init__(self, url: str, *, mode: str = "full", strategy: str | None = None, part: str = "claim") -> None:
        super().__init__(url, mode=mode, strategy=strategy)
        self._part = part

    def act(self) -> float | None:
        """Claim and complete one todo."""
        began = time.monotonic()
        claim = self._next()
        claimed = time.monotonic()
        if claim is None:
            return None
        claim.complete(key=drawn_key())
        completed = time.monotonic()
        return {"claim": claimed - began, "completion": completed - claimed, "both": completed - began}[self._part]


class _LockWait:
    """Times how long the last write transaction of an engine waited for its lock."""

    def __init__(self, engine: Any) -> None:
        self.seconds = 0.0
        self._write = engine.write
        engine.write = self._timed

    def _timed(self, project_id: int) -> Any:
        return _TimedDoor(self, self._write(project_id))


class _TimedDoor:
    def __init__(self, lock: _LockWait, door: Any) -> None:
        self._lock, self._door = lock, door

    def __enter__(self) -> Any:
        began = time.monotonic()
        transaction = self._door.__enter__()
        self._lock.seconds = time.monotonic() - began
        return transaction

    def __exit__(self, *exception: object) -> None:
        self._door.__exit__(*exception)


def drawn_key() -> str:
    """Draw an idempotency key as a caller would, random: it lands on a random page, which costs more than a counter."""
    return uuid.uuid4().hex
