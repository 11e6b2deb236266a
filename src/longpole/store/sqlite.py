"""SQLite, through apsw: connections, the two doors, and what differs from PostgreSQL.

apsw brings a current SQLite; the interpreter's own is often older than 3.51.3, below which a race at the
reset of the write-ahead log can corrupt the file.
"""

from __future__ import annotations

import os
import time
from _thread import RLock

import apsw

from longpole.errors import InvalidInputError, StorageUnavailableError
from longpole.store import sqlite_statistics
from longpole.store.sqlite_errors import refuse_network, translated
from longpole.store.turnstile import Turnstile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from longpole.clock import Clock
    from longpole.store.dialect import Row, T

TIMEOUT_S = 30.0
SCHEMA_WORDS = {
    "identity": "INTEGER PRIMARY KEY",
    "sorted": "TEXT",
    "domains": "",
    "status": (
        "TEXT NOT NULL CHECK (status IN ('blocked', 'ready', 'in_progress', 'completed', 'failed', 'cancelled'))"
    ),
    "unmet": "INTEGER NOT NULL CHECK (unmet >= 0)",
    "priority": "INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4)",
    "estimate": "DOUBLE PRECISION CHECK (estimate_minutes >= 0)",
    "journal_key": "seq INTEGER PRIMARY KEY",
    "journal_index": "",
    "clustered": "WITHOUT ROWID",
    "clustered_hot": "WITHOUT ROWID",
    "clustered_beaten": "WITHOUT ROWID",
}
# 10,000 pages: a checkpoint writes a page once however often it changed since the last one, so rare ones are cheaper
# (a cycle took 10 % less than with 4,000; a log of 40 MB is read in 50 ms after a crash).
# No mmap_size, ever: it is part of the known corruptions.
PRAGMAS = """
    PRAGMA journal_mode=WAL;
    PRAGMA cache_size=-64000;
    PRAGMA wal_autocheckpoint=10000;
    PRAGMA trusted_schema=OFF;
"""
MEMORY = ":memory:"
OWN_FOLDER = ".longpole"
APPLICATION = 0x4C504F4C  # "LPOL" in the file's header, so that no other program's database is taken for ours
FIRST_SAFE = (3, 51, 3)
SQLITE_VERSION = tuple(map(int, apsw.sqlite_lib_version().split(".")))
MAX_CURSOR = 18  # digits: below 2**63
POLL_S = 0.05  # how often a wait looks whether anybody has committed something


class SqliteEngine:
    """One SQLite database. Connections are pooled: each door has one of its own, so threads may share the engine."""

    steps = False

    def __init__(self, path: str, clock: Clock, *, durability: str = "full") -> None:
        self.path, self.clock, self._durability = path, clock, durability
        self.where = path
        self.url = path if path == MEMORY else f"sqlite:///{path}"
        self.spelling = _Spelling()
        self._idle: list[_Connection] = []
        self._watcher: _Connection | None = None
        self._closed = False
        self._turn = RLock()  # at the watcher, and for ":memory:" at the one connection that all doors share
        self._inherited: list[object] = []
        self._process_id = os.getpid()
        if path != MEMORY:
            refuse_network(path)
        self._give(self._open())

    def read(self, project_id: int) -> _Door:
        """Open a transaction that only reads; it never waits for a writer."""
        return _Door(self, project_id, begin="BEGIN")

    def write(self, project_id: int) -> _Door:
        """Open a transaction that writes; BEGIN IMMEDIATE, since SQLite cannot wait when a read turns into a write."""
        return _Door(self, project_id, begin="BEGIN IMMEDIATE")

    def set_durability(self, durability: str) -> None:
        """Choose synchronous=FULL (full) or NORMAL (normal) for all connections from now on."""
        self._durability = durability

    def patiently(self, transact: Callable[[], T]) -> T:
        """Run a transaction, once: whoever has the write lock loses it to nobody."""
        return transact()

    def hurry(self) -> None:
        """Nothing to do: a file is not away."""

    def step(self, project_id: int, finished: int, parameters: Sequence[object]) -> None:
        """Leave it to the statements: there are no round trips to save."""

    def fresh_key(self) -> None:
        """Give no key: an answer cannot be lost on the way."""

    def wait(self, project_id: int, mark: int, at_most_s: float) -> None:
        """Sleep until anybody has committed something since the mark was given, or for so long."""
        end = time.monotonic() + at_most_s
        while self.mark(project_id) == mark and (left_s := end - time.monotonic()) > 0:
            time.sleep(min(POLL_S, left_s))

    def mark(self, project_id: int = 0) -> int:  # noqa: ARG002 - one number for the whole file
        """Give a number that changes when anybody has committed a change, in this process or in another.

        SQLite's data version leaves out what its own connection commits, hence a connection that does nothing else.
        """
        self._leave_the_parents()
        with self._turn:
            if self._closed:
                raise self._was_closed()
            if self.path == MEMORY:
                return self._idle[0].database.total_changes()
            try:
                self._watcher = self._watcher or self._open()
                return int(self._watcher.database.pragma("data_version"))
            except apsw.Error as error:
                raise translated(error, self.path) from error

    def back_up(self, path: str) -> None:
        """Write a consistent, compact copy to a new file, readable by its owner alone."""
        if os.path.exists(path):
            raise InvalidInputError(f"{path} exists already; name a new file")
        connection = self._take()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            connection.database.execute("VACUUM INTO ?", (path,))
        except (apsw.Error, OSError) as error:
            if os.path.exists(path):
                os.unlink(path)  # an empty file or half a copy is no backup
            raise translated(error, self.path) from error
        finally:
            self._give(connection)

    def replace_with(self, path: str) -> None:
        """Put the content of another database in the place of this one; whoever has this one open sees it whole."""
        connection = self._take()
        try:
            source = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
            with connection.database.backup("main", source, "main") as copy:
                copy.step()
            source.close()
        except (apsw.Error, OSError) as error:
            raise translated(error, path) from error
        finally:
            self._give(connection)

    def problems(self) -> list[str]:
        """Give the lines of SQLite's quick_check that are not "ok"."""
        connection = self._take()
        try:
            rows = connection.database.execute("PRAGMA quick_check").fetchall()
            return [str(row[0]) for row in rows if row[0] != "ok"]
        except apsw.Error as error:
            return [str(error)]
        finally:
            self._give(connection)

    def close(self) -> None:
        """Close the idle connections, and each of the others as its transaction ends."""
        self._leave_the_parents()
        with self._turn:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            if self._watcher:
                self._watcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> _Connection:
        if self.path == MEMORY:
            return self._take_the_one()
        self._leave_the_parents()
        if self._closed:
            raise self._was_closed()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        connection.set_durability(self._durability)
        return connection

    def _take_the_one(self) -> _Connection:
        self._turn.acquire()
        if self._closed:
            self._turn.release()
            raise self._was_closed()
        return self._idle[0]

    def _was_closed(self) -> StorageUnavailableError:
        return StorageUnavailableError(f"{self.path} was closed; open it again")

    def _leave_the_parents(self) -> None:
        """After a fork, leave the parent's connections be, open and kept, and begin with none of one's own.

        SQLite forbids a connection to cross a fork; to close it here would be to use it.
        """
        if self._process_id != os.getpid() and self.path != MEMORY:
            self._inherited += [*self._idle, self._watcher]
            self._idle, self._watcher, self._turn, self._process_id = [], None, RLock(), os.getpid()

    def _give(self, connection: _Connection) -> None:
        if self.path == MEMORY and self._idle:
            self._turn.release()
        elif self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _open(self) -> _Connection:
        try:
            return _Connection(self.path)
        except (apsw.Error, OSError) as error:
            raise translated(error, self.path) from error


class _Connection:
    """An apsw connection and its place at the turnstile."""

    def __init__(self, path: str) -> None:
        self.path, self._durability = path, ""
        if path != MEMORY and not os.path.exists(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # -wal and -shm take the file's mode over
        self.database = apsw.Connection(path)
        self.turnstile = Turnstile(f"{path}-turn", TIMEOUT_S)
        # Without this guarantee SQLite prepares a statement anew whenever a value is bound that its planner might
        # want to look at: a claim took 44 µs instead of 10, reading a todo 38 instead of 8.
        self.database.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self.database.set_busy_handler(self.turnstile.wait)
        _refuse_foreign(self.database)  # before a pragma could change it
        self.database.execute(PRAGMAS).fetchall()

    def set_durability(self, durability: str) -> None:
        if durability != self._durability:
            self.database.execute(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
            self._durability = durability

    def begin(self, statement: str) -> None:
        if statement == "BEGIN" or self.path == MEMORY:
            self.database.execute(statement)
            return
        try:
            if not self.turnstile.enter():
                raise apsw.BusyError(f"BusyError: no turn within {TIMEOUT_S:g} s")
            self.database.execute(statement)
        finally:
            self.turnstile.leave()

    def close(self) -> None:
        self.turnstile.close()
        self.database.close()


class _Door:
    """See dialect.Door. The transaction object is the door itself's connection with the statements' methods."""

    def __init__(self, engine: SqliteEngine, project_id: int, *, begin: str) -> None:
        self._engine, self._project_id, self._begin = engine, project_id, begin
        self._connection: _Connection | None = None

    def __enter__(self) -> SqliteTransaction:
        connection = self._engine._take()  # noqa: SLF001 - a door is the engine's own
        try:
            connection.begin(self._begin)
            transaction = SqliteTransaction(connection.database, self._project_id, self._engine)
        except BaseException as error:  # an interrupt as well: the write lock must not stay with us
            self._leave(connection)
            if isinstance(error, apsw.Error | OSError):
                raise translated(error, self._engine.path) from error
            raise
        self._connection = connection
        return transaction

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        try:
            if error is None:
                connection.database.execute("COMMIT")
        except apsw.Error as failed:
            error = failed
        finally:
            self._leave(connection)
        if isinstance(error, apsw.Error):
            raise translated(error, self._engine.path) from error

    def _leave(self, connection: _Connection) -> None:
        try:
            if connection.database.in_transaction:
                connection.database.execute("ROLLBACK")
        finally:
            self._engine._give(connection)  # noqa: SLF001


class SqliteTransaction:
    """See dialect.Transaction."""

    overlaps = False
    in_turn = True

    def __init__(self, database: apsw.Connection, project_id: int, engine: SqliteEngine) -> None:
        self._database, self._spelling, self._clock = database, engine.spelling, engine.clock
        self.project_id, self.now = project_id, engine.clock.now()

    def all(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Give all rows of a statement."""
        return self._database.execute(self._spelling[sql], parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """Give the first row of a statement, None if there is none."""
        rows = self._database.execute(self._spelling[sql], parameters).fetchall()
        return rows[0] if rows else None

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement that gives no rows; tell how many rows it changed."""
        self._database.execute(self._spelling[sql], parameters)
        return self._database.changes()

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each row of parameters."""
        self._database.executemany(self._spelling[sql], rows)

    def insert(self, table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Put rows into a table."""
        marks = ", ".join("?" * (columns.count(",") + 1))
        self._database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - ours

    def version(self) -> int:
        """Tell the schema's version; 0 for an empty database."""
        return int(self._database.pragma("user_version"))

    def migrate(self, script: str, version: int) -> None:
        """Run a migration's statements and note its number."""
        self._database.execute(script.format(**SCHEMA_WORDS)).fetchall()
        self._database.execute(f"PRAGMA user_version={version:d}; PRAGMA application_id={APPLICATION}").fetchall()
        sqlite_statistics.keep(self._database)

    def listed(self, values: Iterable[int] | Iterable[str]) -> object:
        """Give a list as JSON, which the statement opens with json_each."""
        import json

        return json.dumps(list(values))

    def lock_project(self) -> None:
        """Nothing to do: BEGIN IMMEDIATE keeps all other writers out."""

    def take_turn(self) -> None:
        """Nothing to do, as above."""

    def require_turn(self) -> None:
        """Nothing to do, as above."""

    def lock_sweep(self) -> bool:
        """Nothing to do, as above."""
        return True

    def lock_rows(self, sql: str, parameters: Sequence[object]) -> None:
        """Nothing to do, as above."""

    def adopt_events(self) -> int:
        """Nothing to do: an event bears nothing of the place where it was written."""
        return 0

    def announce(self) -> None:
        """Nothing to do: whoever waits sees the data version change."""

    def behind(self, cursor: str) -> tuple[str, tuple[object, ...]]:
        """Take a cursor for the number of the last event seen: numbers are given and committed in one order here."""
        if not cursor.isdecimal() or len(cursor) > MAX_CURSOR:
            raise InvalidInputError(f"'{cursor}' is no journal cursor; use one that longpole gave")
        return "j.seq > ?", (int(cursor),)

    def cursor_at(self, cursor: str, seq: int | None, *, whole: bool) -> str:  # noqa: ARG002 - see dialect
        """Give the number of the last event seen."""
        return cursor if seq is None else str(seq)

    def clock_jumped(self, mark: str) -> tuple[str, bool]:
        """Compare the wall clock with the seconds since boot, which stand still while the machine sleeps."""
        return self._clock.jumped(self.now, mark)


def _refuse_foreign(database: apsw.Connection) -> None:
    if database.pragma("application_id") == APPLICATION:
        return
    for sign in ("PRAGMA application_id", "PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_schema"):
        if database.execute(sign).fetchall() != [(0,)] and database.pragma("application_id") != APPLICATION:
            # asked again, since another process may have made it ours in between
            path = database.filename
            raise StorageUnavailableError(f"{path} is the database of another program; name another file with --db")


class _Spelling(dict[str, str]):
    """Statements as SQLite spells them, each worked out once."""

    def __missing__(self, sql: str) -> str:
        spelled = sql
        for word, meaning in _WORDS:
            spelled = spelled.replace(word, meaning)
        return self.setdefault(sql, spelled)


_EACH = " IN (SELECT value FROM json_each(?))"
_WORDS = (
    (" IN INTS", _EACH),
    (" IN TEXTS", _EACH),
    (" FOR UPDATE SKIP LOCKED", ""),
    (" FOR UPDATE", ""),
    (" FOR KEY SHARE", ""),
)


def _make(folder: str) -> None:
    """Make a folder that its owner alone may enter; one of our own name keeps out of version control by itself."""
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        if os.path.basename(folder) == OWN_FOLDER:
            with open(os.path.join(folder, ".gitignore"), "w", encoding="utf-8") as ignored:
                ignored.write("*\n")
    except OSError as error:
        raise translated(error, folder) from error


def open_sqlite(path: str, clock: Clock, *, create: bool) -> SqliteEngine:
    """Open a database file, or a new one in memory.

    Raises StorageUnavailableError where the file is missing (and create is off), unreadable or no database.
    """
    if SQLITE_VERSION < FIRST_SAFE:
        raise StorageUnavailableError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a database; install apsw 3.51.3 or newer"
        )
    if path != MEMORY:
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.exists(path) and not create:
            raise StorageUnavailableError(f"there is no longpole database at {path}; `longpole init` makes one")
        if create and not os.path.isdir(folder):
            _make(folder)
        path = os.path.abspath(path)
    return SqliteEngine(path, clock)


def look_at(path: str) -> tuple[int, list[str]]:
    """Give the schema version of a database file and what is wrong with it, without changing a byte of it.

    Raises StorageUnavailableError if it cannot be read or is no database.
    """
    try:
        database = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            rows = database.execute("PRAGMA quick_check").fetchall()
            return int(database.pragma("user_version")), [str(row[0]) for row in rows if row[0] != "ok"]
        finally:
            database.close()
    except apsw.Error as error:
        raise translated(error, path) from error
