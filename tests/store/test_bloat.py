"""What PostgreSQL leaves behind: changes in place where they are many, and dead rows that go away again."""

from __future__ import annotations

import psycopg
import pytest

import longpole
from tests.store.reading import alone, analyze, count, read_by

WRITTEN = {
    "todo": {"unmet", "progress_percent", "token", "attempts", "claimed_at", "finished_at"},
    "instance": {"heartbeat_at", "lease_expires_at"},
    "fleet": {"next_instance", "due_at", "clock_mark", "pruned_at"},
    "project": {"settings", "graph_version", "descendants_version", "next_todo"},
}
"""What changes all the time, by table: an index over one of these would need an entry for each change."""
INDEXED = """
    SELECT a.attname, pg_get_expr(x.indpred, x.indrelid) FROM pg_index x
    JOIN pg_attribute a ON a.attrelid = x.indexrelid OR (a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey))
    WHERE x.indrelid = %s::regclass"""


@pytest.fixture
def project(postgres_url):
    with longpole.open(postgres_url) as opened:
        alone(opened)
        yield opened


def updates(project, table):
    """How many updates the table has had, and how many of them changed the row in place."""
    count(project)
    with psycopg.connect(project.url, autocommit=True) as connection:
        return connection.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = %s::regclass", (table,)
        ).fetchone()


def in_place(project, table, act):
    """What the act's updates of a table come to: how many, and how many in place."""
    before = updates(project, table)
    act()
    after = updates(project, table)
    return after[0] - before[0], after[1] - before[1]


def test_heartbeats_change_their_rows_in_place(project):
    fleet = [project.register(f"agent-{number}", heartbeat=False) for number in range(40)]

    count, hot = in_place(project, "instance", lambda: [one.heartbeat() for _ in range(15) for one in fleet])

    assert count == 600
    assert hot >= 0.9 * count


def test_notes_of_progress_change_their_rows_in_place(project):
    project.add_many([{"title": "Some"}] * 100)
    claims = project.register("me", heartbeat=False).claim(count=20)

    count, hot = in_place(project, "todo", lambda: [one.progress(percent) for percent in range(20) for one in claims])

    assert count == 400
    assert hot >= 0.9 * count


def test_counters_of_what_a_todo_waits_for_go_down_in_place(project):
    """first-0 … first-99, each of them before every one of last-0 … last-19."""
    firsts = project.add_many([{"id": f"first-{number}", "title": "First"} for number in range(100)])
    project.add_many([{"id": f"last-{number}", "title": "Last", "after": firsts} for number in range(20)])
    claims = [claim for _ in firsts for claim in project.register(heartbeat=False).claim()]

    count, hot = in_place(project, "todo", lambda: [claim.complete() for claim in claims])

    moved = len(claims) + 20  # completed, and ready at the end: these leave or enter an index
    assert count == len(claims) * 21
    assert hot >= 0.7 * (count - moved)


def test_no_index_holds_what_changes_all_the_time(project):
    with psycopg.connect(project.url) as connection:
        indexed = {table: connection.execute(INDEXED, (table,)).fetchall() for table in WRITTEN}

    columns = {table: {row[0] for row in rows} for table, rows in indexed.items()}
    conditions = {table: " ".join(row[1] or "" for row in rows) for table, rows in indexed.items()}
    assert all(columns.values())
    assert [name for table, written in WRITTEN.items() for name in written & columns[table]] == []
    assert [name for table, written in WRITTEN.items() for name in written if name in conditions[table]] == []


def test_the_claim_after_a_held_snapshot_and_a_vacuum_reads_as_little_as_before(project):
    project.add_many([{"title": "Some"}] * 800)
    analyze(project)
    me = project.register("me", heartbeat=False)
    me.claim()
    fresh = read_by(project, me.claim)

    with psycopg.connect(project.url) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1 FROM todo")
        for _ in range(500):
            me.claim()
        held = read_by(project, me.claim)
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("VACUUM todo")
    me.claim()
    after = read_by(project, me.claim)

    print(f"a claim: {fresh} at first, {held} under a snapshot, {after} after the vacuum")
    assert held.entries > 400 > 10 * fresh.entries
    assert after.entries + after.rows <= 2 * (fresh.entries + fresh.rows)
    assert after.pages <= 2 * fresh.pages
