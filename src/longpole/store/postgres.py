"""PostgreSQL, through psycopg 3 and its pool: connections, the two doors, and what differs from SQLite.

No session state, ever: PgBouncer may hand the next transaction to another session. What a transaction needs is set
in it, locks end with it, and nothing is prepared where a pooler stands in between.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import time

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolClosed, PoolTimeout

from longpole.clock import JUMP_S, ServerClock
from longpole.errors import InvalidInputError, StorageUnavailableError
from longpole.store import postgres_connection
from longpole.store.postgres_bell import Bell
from longpole.store.postgres_errors import AWAY, CrowdedError, UndoneError, is_lost, reason, translated
from longpole.store.postgres_fate import has_committed
from longpole.store.postgres_step import Function
from longpole.store.postgres_transaction import LOCK_TIMEOUT, PostgresTransaction, Spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from psycopg import Connection

    from longpole.clock import Clock
    from longpole.store.dialect import T

PATIENCE_S = 40.0  # a failover takes 20 to 25 s (Patroni's ttl and a bit): until then an act is tried again
FIRST_PATIENCE_S = 3.0  # at the first transaction of all: a wrong URL is to be told soon
TAKE_S = 3.0
SLOW_S = 0.5  # a connection that takes longer was made as a server came back, or waited for
JUST_S = 10.0  # how long after its return a server counts as just come back, whatever becomes of the first sweep
PAUSE_S = 0.05  # before an act is run anew; doubled each time, up to a second, and spread
IDLE_TIMEOUT = "5min"  # an import of a million todos computes for half a minute between two statements
OLDEST = 150000
# One round trip opens a transaction, bounds it and tells the time. JIT would compile a large statement for 0.2 s.
# A plan that was made while the project was small reads whole tables until autovacuum has seen it grow (a claim after
# an import of 50,000 todos: 315,000 rows); without sequential scans there is no such plan.
TIME = "(EXTRACT(EPOCH FROM transaction_timestamp()) * 1000000)::BIGINT"
BOUNDS = f"""
    SELECT {TIME}, set_config('jit', 'off', TRUE), set_config('enable_seqscan', 'off', TRUE),
        set_config('lock_timeout', '{LOCK_TIMEOUT}', TRUE),
        set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT}', TRUE)"""
BEGIN_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {BOUNDS}"
# Under READ COMMITTED each statement sees what has been committed when it begins, whatever the database defaults to.
BEGIN_WRITE = {
    "full": f"BEGIN ISOLATION LEVEL READ COMMITTED; {BOUNDS}",
    "normal": f"BEGIN ISOLATION LEVEL READ COMMITTED; {BOUNDS}, set_config('synchronous_commit', 'off', TRUE)",
}


class PostgresEngine:
    """One PostgreSQL database, in one process. Safe to use from several threads."""

    steps = True

    def __init__(self, url: str, clock: Clock | None) -> None:
        self.url, self.where = url, postgres_connection.shown(url)
        self.server_clock = None if clock else ServerClock()
        self.clock = clock or self.server_clock or ServerClock()
        self.spelling = Spelling()
        self._function = Function()
        self._durability = "full"
        self._closed = self._is_hurried = False
        self._inherited: list[object] = []
        self._away_since: float | None = None
        self._was_away_s = self._back_at = 0.0
        self._begin()

    def _begin(self) -> None:
        """Start with no connection of one's own; a forked child does so as well, and leaves the parent's be."""
        self._process_id = os.getpid()
        self._key_prefix, self._keys = f"{time.time_ns() // 1000:x}-{os.urandom(6).hex()}-", itertools.count()
        self._pool = postgres_connection.pool(self.url)
        self._patience_s = FIRST_PATIENCE_S
        self.bell = Bell(self.url, self._pool)

    def read(self, project_id: int) -> _Door:
        """Open a transaction that only reads, on one consistent state."""
        return _Door(self, project_id, BEGIN_READ)

    def write(self, project_id: int) -> _Door:
        """Open a transaction that may write."""
        return _Door(self, project_id, BEGIN_WRITE[self._durability])

    def set_durability(self, durability: str) -> None:
        """Choose the server's own synchronous_commit (full) or none (normal) for transactions from now on."""
        self._durability = durability

    def patiently(self, transact: Callable[[], T]) -> T:
        """Run a transaction, and again while the server is away or others are in the way, for PATIENCE_S at most."""
        began, pause_s = time.monotonic(), PAUSE_S
        while True:
            try:
                return transact()
            except UndoneError as error:
                passed_s = time.monotonic() - began
                if passed_s > self._patience_s or self._closed:
                    raise
                if not isinstance(error, CrowdedError):
                    self._is_away(began)
                time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - it spreads the load
                pause_s = min(pause_s * 2, 1.0)

    def was_reached(self) -> None:
        """Take note that the server answers: the URL is right, it is waited for patiently from now on."""
        if not self._is_hurried:
            self._patience_s = PATIENCE_S
        if self._away_since is not None:
            self._was_away_s, self._back_at = time.monotonic() - self._away_since, time.monotonic()
            self._away_since = None

    def hurry(self) -> None:
        """Wait for a server that is away no longer than at the first transaction of all."""
        self._is_hurried, self._patience_s = True, FIRST_PATIENCE_S

    def was_away(self) -> bool:
        """Tell whether the server has just come back after so long that others could not beat either."""
        return self._was_away_s > JUMP_S and time.monotonic() - self._back_at < JUST_S

    def _is_away(self, since: float) -> None:
        """Take note that the server has not answered since a time."""
        self._away_since = since if self._away_since is None else min(self._away_since, since)

    def step(self, project_id: int, finished: int, parameters: Sequence[object]) -> str | None:
        """Complete so many claims and claim others in one round trip, where the case is plain; see steps.take."""
        now = None if self.server_clock else self.clock.now()
        connection = self.take()
        try:
            durable = self._durability == "full"
            answer = self._function.call(connection, finished, (project_id, now, durable, *parameters))
        except BaseException as error:
            self.leave(connection, error)
            raise
        self.give(connection)
        if answer and finished:
            self.bell.ring(project_id)
        return answer

    def fresh_key(self) -> str:
        """Give a key for an act whose answer may be lost on the way. Those of one process lie together in the index."""
        self._leave_the_parents()  # a forked child has keys of its own
        return f"{self._key_prefix}{next(self._keys):x}"

    def mark(self, project_id: int) -> int:
        """Give the number of wake-ups that this process has heard for a project."""
        self._leave_the_parents()
        return self.bell.heard(project_id)

    def wait(self, project_id: int, mark: int, at_most_s: float) -> None:
        """Sleep until a wake-up comes, or for so long, or until it is time to ask all the same."""
        self.bell.wait(project_id, mark, at_most_s)

    def back_up(self, path: str) -> None:
        """Refuse: a backup of a server is the server's own."""
        raise InvalidInputError(
            f"a PostgreSQL database is backed up by pg_dump; `longpole db copy {self.where} {path}` copies a project"
        )

    def replace_with(self, path: str) -> None:
        """Refuse: others share the server."""
        raise InvalidInputError(f"`longpole db copy {path} {self.where}` brings a project into PostgreSQL")

    def problems(self) -> list[str]:
        """Give the checksum failures that the server has counted."""
        with self.read(0) as tx:
            row = tx.one("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()")
        failures = row[0] if row else None
        return [f"PostgreSQL has found {failures} damaged pages; restore a backup"] if failures else []

    def close(self) -> None:
        """Send what wake-up is still to be sent, and close the connections."""
        was_closed, self._closed = self._closed, True
        if self._process_id == os.getpid() and not was_closed:
            self.bell.close()
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self) -> Connection:
        """Give a connection of the pool. Raises UndoneError if there is none to be had."""
        if self._closed:
            raise self._was_closed()
        self._leave_the_parents()
        began = time.monotonic()
        try:
            self._pool.open()
            connection: Connection = self._pool.getconn(timeout=min(TAKE_S, self._patience_s))
        except PoolTimeout as error:
            self._is_away(began)
            raise UndoneError(self._why_not(error)) from error
        except PoolClosed as error:  # by another thread, as this one was waiting
            raise self._was_closed() from error
        if time.monotonic() - began > SLOW_S:
            self._is_away(began)
        return connection

    def give(self, connection: Connection, *, lost: bool = False) -> None:
        """Take a connection back. Where one was lost, the others of its time are not relied on either.

        To look at them would take as long as libpq waits for a server that is silent, for each of them.
        """
        if lost:
            connection.close()
        self._pool.putconn(connection)
        if lost and not self._closed:
            self._pool.drain()

    def leave(self, connection: Connection, error: BaseException | None) -> None:
        """Undo what was done, give the connection back, and raise what an error of the database means."""
        known = translated(error, connection, self.where) if isinstance(error, psycopg.Error) else None
        try:
            if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
        finally:
            usable = connection.info.transaction_status == TransactionStatus.IDLE
            self.give(connection, lost=not usable or type(known) is UndoneError)
        if known:
            raise known from error

    def _leave_the_parents(self) -> None:
        """After a fork, keep the parent's pool and bell as they are, untouched, and begin with one's own."""
        if self._process_id != os.getpid():
            self._inherited += [self._pool, self.bell]
            self._begin()

    def _was_closed(self) -> StorageUnavailableError:
        return StorageUnavailableError(f"{self.where} was closed; open it again")

    def _why_not(self, error: PoolTimeout) -> str:
        """Ask once without the pool, which keeps to itself why it cannot connect."""
        try:
            postgres_connection.connect(self.url).close()
        except psycopg.Error as cause:
            return f"{self.where} cannot be reached: {reason(cause)}; check the URL, and that the server runs"
        return f"no connection to {self.where} was free in time ({reason(error)}); try again"


class _Door:
    """See dialect.Door."""

    def __init__(self, engine: PostgresEngine, project_id: int, begin: str) -> None:
        self._engine, self._project_id, self._begin = engine, project_id, begin
        self._connection: Connection | None = None
        self._transaction: PostgresTransaction | None = None

    def __enter__(self) -> PostgresTransaction:
        connection = self._connection = self._engine.take()
        try:
            cursor = connection.execute(self._begin, prepare=False)  # two statements in one cannot be prepared
            cursor.nextset()
            row = cursor.fetchone()
            self._refuse_old(connection)
            self._transaction = PostgresTransaction(connection, self._project_id, self._engine, row[0] if row else 0)
            self._engine.was_reached()
        except BaseException as error:  # an interrupt as well: the connection must not stay in a transaction
            self._engine.leave(connection, error)
            raise
        return self._transaction

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        connection, transaction = self._connection, self._transaction
        assert connection is not None
        assert transaction is not None
        if error is not None:
            self._engine.leave(connection, None if _is_of_another(error, connection) else error)
            return
        self._commit(connection, transaction)
        if transaction.news:
            self._engine.bell.ring(self._project_id)

    def _commit(self, connection: Connection, transaction: PostgresTransaction) -> None:
        xid = None
        try:
            xid = self._xid(connection)
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if xid and (isinstance(error, AWAY) or is_lost(error, connection)):
                self._engine.give(connection, lost=True)
                if not has_committed(self._engine, transaction, xid):
                    raise UndoneError(f"{self._engine.where} went away before it could commit; try again") from error
            else:
                self._engine.leave(connection, error)
        except BaseException as error:
            self._engine.leave(connection, error)
            raise
        else:
            try:
                if transaction.grown:
                    _learn(connection)
            finally:
                self._engine.give(connection)

    def _refuse_old(self, connection: Connection) -> None:
        version = connection.info.server_version
        if version < OLDEST:
            raise StorageUnavailableError(
                f"{self._engine.where} is PostgreSQL {version // 10000}; longpole needs 15 or newer"
            )

    def _xid(self, connection: Connection) -> str | None:
        """Give the transaction's number, by which it can be asked after; None if it has written nothing."""
        if self._begin == BEGIN_READ:
            return None
        row = connection.execute("SELECT pg_current_xact_id_if_assigned()::TEXT").fetchone()
        return row[0] if row else None


def _is_of_another(error: BaseException, connection: Connection) -> bool:
    """Tell whether a server's error comes from another connection: it leaves this one's transaction as it was."""
    in_order = connection.info.transaction_status == TransactionStatus.INTRANS and not connection.closed
    reported = isinstance(error, psycopg.OperationalError) or (isinstance(error, psycopg.Error) and error.sqlstate)
    return in_order and bool(reported)


def _learn(connection: Connection) -> None:
    """Let the planner know of an import now: plans made for a small project would stay until autovacuum comes by.

    A claim right after 50,000 todos read 300,000 rows until then. Whom it is not allowed leaves it to autovacuum.
    """
    with contextlib.suppress(psycopg.Error):
        connection.execute("ANALYZE (SKIP_LOCKED) todo, todo_detail, dependency, touch, demand, journal")


def open_postgres(url: str, clock: Clock | None) -> PostgresEngine:
    """Open a database by its URL; no connection is made yet. Raises InvalidInputError for a URL that cannot be read."""
    postgres_connection.check(url)
    return PostgresEngine(url, clock)
