"""What could be wrong with a PostgreSQL server that longpole works on, and what to do next."""

from __future__ import annotations

from longpole.insight.examination import OK, PROBLEM, WARNING, Finding, finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from longpole.settings import Settings
    from longpole.store.postgres_condition import Holder, PostgresCondition, TableState

FAILOVER_S = 60.0  # a standby takes over after 20 to 30 s, and acts are tried again for 40 s
LONG_S = 60.0
MANY_BEHIND = 10_000  # transactions; a claim looks at about one more row for each
MANY_DEAD, DEAD_SHARE = 10_000, 0.2
MANY_UNKNOWN, UNKNOWN_SHARE = 10_000, 0.5
MANY_UPDATES, IN_PLACE_SHARE = 10_000, 0.5
NEARLY_ALL = 0.8
REMEDIES = {
    "session": "end it there, or by pg_terminate_backend",
    "standby": "end the long query on that standby, or set hot_standby_feedback off there",
    "prepared": "COMMIT PREPARED or ROLLBACK PREPARED it",
    "slot": "bring its standby back, or drop the slot by pg_drop_replication_slot",
}


def examine(condition: PostgresCondition, settings: Settings) -> Iterator[Finding]:
    """Judge the server and its replication, what holds dead rows, the tables and the connections."""
    yield finding("server", OK, f"PostgreSQL {condition.server_version}")
    yield _replication(condition)
    yield _lease(settings)
    yield _disk(condition)
    yield _vacuum(condition)
    yield _snapshot(condition)
    yield from _transactions(condition)
    yield from map(_rows, condition.tables)
    yield _connections(condition)
    yield _pooler(condition)
    yield _journal(condition)


def _replication(condition: PostgresCondition) -> Finding:
    names, standbys = condition.synchronous_standbys, condition.standbys
    if condition.is_standby:
        return finding("replication", PROBLEM, "this is a standby, which cannot write; use the address of the primary")
    if condition.synchronous_commit in ("off", "local"):
        what = f"synchronous_commit is {condition.synchronous_commit}"
        said = f"{what}: what was answered last can be lost, and a token given twice; set it to on"
        return finding("replication", WARNING, said)
    if names and not standbys:
        said = f"no standby is connected, and commits wait for one of {names}; bring one back"
        return finding("replication", PROBLEM, said)
    if names:
        return finding("replication", OK, f"synchronous: {names}; standbys connected: {standbys}")
    if standbys:
        said = (
            "asynchronous: after a failover what was answered last can be lost, and a token given twice;"
            " set synchronous_standby_names (Patroni: synchronous_mode)"
        )
        return finding("replication", WARNING, said)
    return finding("replication", OK, "no standby: all depends on this one server and its backups")


def _lease(settings: Settings) -> Finding:
    if settings.lease_s >= FAILOVER_S:
        return finding("lease", OK, f"{settings.lease_s:g} s, outlasts a failover")
    said = f"lease_s {settings.lease_s:g} is shorter than a failover, which would cost every instance its claims"
    return finding("lease", WARNING, f"{said}; `longpole settings lease_s {FAILOVER_S:g}` or more")


def _disk(condition: PostgresCondition) -> Finding:
    if condition.survives_power_cuts:
        return finding("disk", OK, "fsync and full_page_writes are on")
    return finding(
        "disk", WARNING, "fsync or full_page_writes is off: a power cut can destroy the database; set both on"
    )


def _vacuum(condition: PostgresCondition) -> Finding:
    if condition.autovacuum:
        return finding("autovacuum", OK, "on")
    return finding("autovacuum", PROBLEM, "autovacuum is off, and every claim reads more than the last; set it on")


def _snapshot(condition: PostgresCondition) -> Finding:
    holder = condition.holder
    if holder is None or not _is_long(holder):
        return finding("snapshots", OK, "none is held for long")
    since = "" if holder.age_s is None else f" for {holder.age_s:.0f} s"
    said = f"{holder.name} keeps dead rows{since}, through {holder.behind} transactions: each claim reads more of them"
    return finding("snapshots", WARNING, f"{said}; {REMEDIES[holder.kind]}")


def _is_long(holder: Holder) -> bool:
    return holder.behind > MANY_BEHIND or (holder.age_s or 0.0) > LONG_S


def _transactions(condition: PostgresCondition) -> Iterator[Finding]:
    idle = [f"{one.name} for {one.seconds:.0f} s" for one in condition.idle if one.seconds > LONG_S]
    if idle:
        said = f"idle in a transaction: {', '.join(idle)}; what they have locked waits: end them, or by"
        yield finding("transactions", WARNING, f"{said} pg_terminate_backend")
    writer = condition.writer
    if writer and writer.seconds > LONG_S:
        said = f"{writer.name} has written and not committed for {writer.seconds:.0f} s: rows may be locked; look at it"
        yield finding("transactions", WARNING, f"{said} (who follows the journal does not wait for it)")
    elif not idle:
        yield finding("transactions", OK, "none is open for long")
    if not condition.sees_others:
        yield finding("privileges", OK, "not told what others' sessions do; GRANT pg_monitor shows more here")


def _rows(table: TableState) -> Finding:
    check = f"rows of {table.name}"
    share = table.in_place / table.updates if table.updates else 1.0
    vacuumed = "never" if table.vacuumed_s is None else f"{table.vacuumed_s:.0f} s ago"
    in_place = f", {share:.0%} of {table.updates} updates in place" if table.updates else ""
    said = f"{table.live} live, {table.dead} dead, vacuumed {vacuumed}{in_place}"
    if table.dead > max(MANY_DEAD, DEAD_SHARE * table.live):
        return finding(
            check, WARNING, f"{said}; `VACUUM {table.name}` once no snapshot is held, and give it more often"
        )
    if table.unknown > max(MANY_UNKNOWN, UNKNOWN_SHARE * table.live):
        said = f"{said}; {table.unknown} changed since the planner last looked"
        return finding(check, WARNING, f"{said}: `ANALYZE {table.name}`, and see why autovacuum does not come by")
    if table.name == "instance" and table.updates > MANY_UPDATES and share < IN_PLACE_SHARE:
        return finding(check, WARNING, f"{said}: too few; drop the index that somebody has added over what beats write")
    return finding(check, OK, said)


def _connections(condition: PostgresCondition) -> Finding:
    said = f"{condition.connections} of {condition.connections_allowed} in use"
    if condition.connections < NEARLY_ALL * condition.connections_allowed:
        return finding("connections", OK, said)
    return finding("connections", WARNING, f"{said}; put PgBouncer in between, or raise max_connections")


def _pooler(condition: PostgresCondition) -> Finding:
    if not condition.is_pooled:
        return finding("pooler", OK, "none in between")
    if condition.hears_directly:
        return finding("pooler", OK, "one in between; LONGPOLE_DB_DIRECT leads past it for wake-ups")
    said = "one in between, which passes no wake-ups on: who waits asks every 2 s instead"
    return finding("pooler", WARNING, f"{said}; set LONGPOLE_DB_DIRECT to a URL past it")


def _journal(condition: PostgresCondition) -> Finding:
    count = condition.events_from_elsewhere
    if not count:
        return finding("journal", OK, "all events were written on this server")
    said = f"{count} events or more came with a dump of another server: who follows the journal would see them twice"
    return finding("journal", WARNING, f"{said}; `longpole db upgrade` puts them in order")
