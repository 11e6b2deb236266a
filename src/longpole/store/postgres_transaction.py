"""A transaction on PostgreSQL: the statements in its spelling, and what SQLite does in another way."""

from __future__ import annotations

from longpole.errors import StorageUnavailableError
from longpole.store import postgres_cursor, postgres_schema
from longpole.store.postgres_errors import CrowdedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from longpole.store.dialect import Row
    from longpole.store.postgres import PostgresEngine

MIGRATING = 0x4C504F4C  # the key of the lock under which the schema is changed
TURN = 0x4C50  # the first key of the lock under which a constrained project's acts change hands
LOCK_TIMEOUT = "30s"
MANY = 1000  # new rows, after which what the planner knows of a table may be far from what is in it
AWAY_SINCE = "SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time())::TEXT"


class PostgresTransaction:
    """See dialect.Transaction."""

    overlaps = True

    def __init__(self, connection: Connection, project_id: int, engine: PostgresEngine, server_now: int) -> None:
        self._connection, self._engine, self._spelling = connection, engine, engine.spelling
        self.project_id, self.news, self.grown, self.in_turn = project_id, False, False, False
        self.began_at = server_now
        self._snapshot = ""
        self.now = server_now if engine.server_clock else engine.clock.now()
        if engine.server_clock:
            engine.server_clock.heard(server_now)

    def all(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Give all rows of a statement."""
        return self._connection.execute(self._spelling[sql], parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """Give the first row of a statement, None if there is none."""
        return self._connection.execute(self._spelling[sql], parameters).fetchone()

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement that gives no rows; tell how many rows it changed."""
        return self._connection.execute(self._spelling[sql], parameters).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each row of parameters, without waiting for one before the next is sent."""
        with self._connection.cursor() as cursor:
            cursor.executemany(self._spelling[sql], rows)

    def insert(self, table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Put rows into a table by COPY."""
        statement = f"COPY {table} ({columns}) FROM STDIN"
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
            self.grown = self.grown or cursor.rowcount >= MANY

    def version(self) -> int:
        """Tell the schema's version; 0 for an empty database. Raises StorageUnavailableError for another program's."""
        ours, foreign = self.one(postgres_schema.MADE_HERE) or (False, False)
        if ours:
            row = self.one(postgres_schema.VERSION)
            return int(row[0]) if row and row[0] else 0
        if foreign:
            raise StorageUnavailableError(
                f"{self._engine.where} has a table of another program called todo; name another database, or a schema"
                " of its own (?options=-csearch_path%3Dlongpole)"
            )
        return 0

    def migrate(self, script: str, version: int) -> None:
        """Run a migration's statements and note its number."""
        self._connection.execute(postgres_schema.script(script, version))

    def listed(self, values: Iterable[int] | Iterable[str]) -> object:
        """Give a list as an array."""
        return list(values)

    def lock_project(self) -> None:
        """Lock the project's row, which edits alone write to; without a project, the schema."""
        if self.project_id:
            self.all("SELECT 1 FROM project WHERE project_id = ? FOR UPDATE", (self.project_id,))
        else:
            self.all("SELECT pg_advisory_xact_lock(?)", (MIGRATING,))

    def take_turn(self) -> None:
        """Lock the project's turn."""
        if not self.in_turn:
            self.all("SELECT pg_advisory_xact_lock(CAST(? AS INTEGER), CAST(? AS INTEGER))", (TURN, self.project_id))
            self.in_turn = True

    def require_turn(self) -> None:
        """Undo everything, to be run anew, unless the turn is locked."""
        if not self.in_turn:
            raise CrowdedError("a todo got a constraint as it was claimed; try again")

    def lock_sweep(self) -> bool:
        """Lock the fleet's row, unless somebody has it."""
        row = self.one("SELECT 1 FROM fleet WHERE project_id = ? FOR UPDATE SKIP LOCKED", (self.project_id,))
        return row is not None

    def lock_rows(self, sql: str, parameters: Sequence[object]) -> None:
        """Lock the rows that a SELECT finds, in its order."""
        self.all(f"{sql} FOR UPDATE", parameters)

    def adopt_events(self) -> int:
        """Give the events whose transactions this server has yet to begin the number 0: every cursor is behind them.

        What can be seen here has committed here, below the snapshot's end, or came in a dump of another server.
        """
        return self.run("UPDATE journal SET xid = 0 WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::TEXT::BIGINT")

    def announce(self) -> None:
        """Let the bell ring after the commit."""
        self.news = True

    def clock_jumped(self, mark: str) -> tuple[str, bool]:
        """Tell whether the server was away since the mark: restarted, failed over, or out of this process's reach.

        Nobody could beat meanwhile. Its clock may be another machine's now.
        """
        if self._engine.server_clock is None:
            return self._engine.clock.jumped(self.now, mark)
        row = self.one(AWAY_SINCE)
        started = str(row[0]) if row else ""
        return started, self._engine.was_away() or bool(mark and mark != started)

    def behind(self, cursor: str) -> tuple[str, tuple[object, ...]]:
        """Give the condition for the journal rows behind a cursor; see postgres_cursor."""
        return postgres_cursor.behind(cursor, self._now_seen())

    def cursor_at(self, cursor: str, seq: int | None, *, whole: bool) -> str:
        """Give the cursor behind an event; see postgres_cursor."""
        return postgres_cursor.at(cursor, self._now_seen(), seq, whole=whole)

    def _now_seen(self) -> str:
        """Give this transaction's snapshot: a transaction that only reads has one for all its statements."""
        if not self._snapshot:
            row = self.one(postgres_cursor.SNAPSHOT)
            self._snapshot = str(row[0]) if row else ""
        return self._snapshot


class Spelling(dict[str, str]):
    """Statements as psycopg wants them, each worked out once."""

    def __missing__(self, sql: str) -> str:
        return self.setdefault(sql, with_arrays(sql).replace("%", "%%").replace("?", "%s"))


def with_arrays(sql: str) -> str:
    """Spell the words for a whole list as PostgreSQL has them."""
    return sql.replace(" IN INTS", " = ANY (?)").replace(" IN TEXTS", " = ANY (?)")
