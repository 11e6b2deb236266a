"""What an operator of PostgreSQL has to know, read from the server's own views; see condition.py."""

from __future__ import annotations

import os

from longpole.store import journal
from longpole.store.condition import Condition
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from longpole.store import Store
    from longpole.store.dialect import Row, Transaction

SHOWN = 5
MOST_EVENTS = 1000  # counted of those that come from another server
SERVER = """
    SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('synchronous_commit'),
        current_setting('synchronous_standby_names'), (SELECT COUNT(*) FROM pg_stat_replication),
        current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
        current_setting('autovacuum') = 'on', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"""
CONNECTIONS = """
    SELECT (SELECT SUM(numbackends) FROM pg_stat_database)::BIGINT,
        current_setting('max_connections')::INTEGER - current_setting('superuser_reserved_connections')::INTEGER"""
WHO = "concat('session ', pid, ' (', concat_ws(', ', NULLIF(application_name, ''), usename, state), ')')"
# A transaction's own number keeps dead rows of all databases, a snapshot those of its own database, a standby's of all.
# A VACUUM has a snapshot that counts for nothing.
HOLDERS = f"""
    SELECT kind, name, age_s, behind FROM (
        SELECT CASE WHEN backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS kind, {WHO} AS name,
            EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::DOUBLE PRECISION AS age_s,
            GREATEST(age(backend_xid), CASE WHEN datname = current_database() OR datname IS NULL
                THEN age(backend_xmin) END) AS behind
        FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
        UNION ALL
        SELECT 'prepared', concat('prepared transaction ', gid),
            EXTRACT(EPOCH FROM clock_timestamp() - prepared)::DOUBLE PRECISION, age(transaction) FROM pg_prepared_xacts
        UNION ALL
        SELECT 'slot', concat('replication slot ', slot_name, CASE WHEN active THEN '' ELSE ' (inactive)' END), NULL,
            age(xmin) FROM pg_replication_slots
    ) holder WHERE behind IS NOT NULL ORDER BY behind DESC, age_s DESC NULLS LAST LIMIT 1"""  # noqa: S608 - constants
IDLE = f"""
    SELECT {WHO}, EXTRACT(EPOCH FROM clock_timestamp() - state_change)::DOUBLE PRECISION AS idle_s FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%' ORDER BY idle_s DESC LIMIT ?"""  # noqa: S608
WRITER = f"""
    SELECT {WHO}, EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::DOUBLE PRECISION AS age_s FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL AND xact_start IS NOT NULL
    ORDER BY age_s DESC LIMIT 1"""  # noqa: S608
TABLES = """
    SELECT relname, n_live_tup, n_dead_tup, n_mod_since_analyze, n_tup_upd, n_tup_hot_upd,
        EXTRACT(EPOCH FROM clock_timestamp() - GREATEST(last_vacuum, last_autovacuum))::DOUBLE PRECISION
    FROM pg_stat_user_tables
    WHERE relid IN (to_regclass('todo'), to_regclass('instance'), to_regclass('fleet'), to_regclass('journal'))
    ORDER BY relname"""
FROM_ELSEWHERE = """
    SELECT COUNT(*) FROM (SELECT 1 FROM journal
        WHERE project_id = ? AND xid >= pg_snapshot_xmax(pg_current_snapshot())::TEXT::BIGINT LIMIT ?) event"""


class Holder(Value):
    """Who keeps dead rows from being cleared away. `kind`: session, standby, prepared or slot."""

    kind: str
    name: str
    age_s: float | None  # None: there is no telling, or this user is not told
    behind: int  # transactions begun since


class Session(Value):
    """A session, and for how long it has been in the state that is spoken of."""

    name: str
    seconds: float


class TableState(Value):
    """What the server has counted of a table since its statistics were last reset."""

    name: str
    live: int
    dead: int
    unknown: int  # rows changed since the planner last looked
    updates: int
    in_place: int
    vacuumed_s: float | None  # ago; None: never


class PostgresCondition(Condition):
    """What can be seen of a PostgreSQL server."""

    server_version: str
    is_standby: bool
    synchronous_commit: str
    synchronous_standbys: str  # synchronous_standby_names; empty: none is waited for
    standbys: int
    survives_power_cuts: bool
    autovacuum: bool
    sees_others: bool  # whether this user is told what the sessions of others do
    connections: int
    connections_allowed: int
    holder: Holder | None
    idle: tuple[Session, ...]  # in transaction; the longest first, a few
    writer: Session | None  # that of the oldest open transaction that has written
    tables: tuple[TableState, ...]
    is_pooled: bool
    hears_directly: bool  # whether LONGPOLE_DB_DIRECT is set
    events_from_elsewhere: int  # with numbers of transactions that this server has yet to begin; MOST_EVENTS at most


def gather(store: Store) -> PostgresCondition:
    """Look at the server."""
    is_pooled, hears_directly = _way(store)
    with store.read() as tx:
        version, is_standby, commit, names, standbys, survives, autovacuum, sees = _row(tx, SERVER)
        connections, allowed = _row(tx, CONNECTIONS)
        holder, writer = tx.one(HOLDERS), tx.one(WRITER)
        return PostgresCondition(
            place=store.engine.where,
            schema_version=tx.version(),
            now=tx.now,
            newest_event_at=journal.newest_at(tx),
            server_version=version,
            is_standby=is_standby,
            synchronous_commit=commit,
            synchronous_standbys=names,
            standbys=standbys,
            survives_power_cuts=survives,
            autovacuum=autovacuum,
            sees_others=sees,
            connections=connections,
            connections_allowed=allowed,
            holder=Holder(kind=holder[0], name=holder[1], age_s=holder[2], behind=holder[3]) if holder else None,
            idle=tuple(Session(name=name, seconds=seconds) for name, seconds in tx.all(IDLE, (SHOWN,))),
            writer=Session(name=writer[0], seconds=writer[1]) if writer else None,
            tables=_tables(tx),
            is_pooled=is_pooled,
            hears_directly=hears_directly,
            events_from_elsewhere=_row(tx, FROM_ELSEWHERE, (tx.project_id, MOST_EVENTS))[0],
        )


def _way(store: Store) -> tuple[bool, bool]:
    """Tell whether a pooler stands in between, and whether there is a way past it."""
    from longpole.store.postgres_bell import DIRECT
    from longpole.store.postgres_connection import is_pooled

    engine: Any = store.engine  # that of postgres.py
    connection = engine.take()
    try:
        pooled = is_pooled(connection)
    except BaseException as error:
        engine.leave(connection, error)
        raise
    engine.give(connection)
    return pooled, bool(os.environ.get(DIRECT))


def _row(tx: Transaction, sql: str, parameters: tuple[object, ...] = ()) -> Row:
    row = tx.one(sql, parameters)
    assert row is not None
    return row


def _tables(tx: Transaction) -> tuple[TableState, ...]:
    names = ("name", "live", "dead", "unknown", "updates", "in_place", "vacuumed_s")
    return tuple(TableState(**dict(zip(names, row, strict=True))) for row in tx.all(TABLES))
