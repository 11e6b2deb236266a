"""How much PostgreSQL reads for an act: rows and pages, by its own counters, whatever the plan and whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import psycopg

from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.project import Project

TABLES = ("todo", "todo_detail", "dependency", "journal", "instance", "reply", "hold", "fleet", "project")
# As tests/store/plans.py fills SQLite: of ten todos four are completed, three ready, three blocked by one each.
FILL = (
    """INSERT INTO todo (project_id, number, status, unmet, priority, urgency, critical_path_minutes, total_descendants,
        immediate_dependents, rank)
    SELECT %(project)s, i, CASE WHEN i %% 10 < 4 THEN 'completed' WHEN i %% 10 < 7 THEN 'ready' ELSE 'blocked' END,
        CASE WHEN i %% 10 >= 7 THEN 1 ELSE 0 END, 2, 2, 30 + i %% 100, 0, 0, i
    FROM generate_series(%(first)s::BIGINT, %(last)s::BIGINT) i""",
    """INSERT INTO todo_detail (project_id, number, id, title, description, created_at)
    SELECT %(project)s, i, 'filler-' || i, 'Filler', '', 0
    FROM generate_series(%(first)s::BIGINT, %(last)s::BIGINT) i""",
    """INSERT INTO dependency (project_id, predecessor, dependent)
    SELECT %(project)s, i - 3, i FROM generate_series(%(first)s::BIGINT + 3, %(last)s::BIGINT) i WHERE i %% 10 >= 7""",
    """INSERT INTO journal (project_id, at, kind, todo, token)
    SELECT %(project)s, 0, 'claimed', i, 1 FROM generate_series(%(first)s::BIGINT, %(last)s::BIGINT) i""",
    """INSERT INTO instance (project_id, number, name, state, registered_at, heartbeat_at, lease_expires_at)
    SELECT %(project)s, 1000 + i, 'gone', 'lost', 0, 0, 0 FROM generate_series(1, %(former)s::BIGINT) i""",
    """INSERT INTO reply (project_id, key, at, act, answer)
    SELECT %(project)s, 'k' || i, 4e18, '', '' FROM generate_series(1, %(last)s::BIGINT / 10) i""",
)
COUNTED = """
    SELECT (SELECT SUM(seq_tup_read) FROM pg_stat_user_tables WHERE schemaname = current_schema()),
        (SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = current_schema()),
        (SELECT SUM(heap_blks_hit + heap_blks_read + COALESCE(idx_blks_hit + idx_blks_read, 0))
            FROM pg_statio_user_tables WHERE schemaname = current_schema())"""


class Reading(Value):
    """What was read: rows of whole tables, entries of indexes, pages of both."""

    rows: int
    entries: int
    pages: int


def pool_of(project: Project) -> Any:
    """The connections of a project on PostgreSQL."""
    return cast("Any", project._store.engine)._pool


def count(project: Project) -> None:
    """Let the server's counters have what the project's connection has done."""
    with pool_of(project).connection() as own:
        own.execute("SELECT pg_stat_force_next_flush()")


def alone(project: Project) -> None:
    """Keep a project that has just been opened to one connection, which counts all that it reads, and to no vacuum."""
    pool_of(project).resize(0, 1)
    with psycopg.connect(project.url) as connection:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


def fill(project: Project, count: int, *, former: int) -> None:
    """Give a project this many todos beside those it has, with history, and former instances, in one transaction."""
    with psycopg.connect(project.url) as connection:
        row = connection.execute("SELECT project_id, next_todo FROM project").fetchone()
        assert row is not None
        where = {"project": row[0], "first": row[1], "last": row[1] + count - 1, "former": former}
        for statement in FILL:
            connection.execute(statement, where)
        connection.execute("UPDATE project SET next_todo = next_todo + %s", (count,))


def analyze(project: Project) -> None:
    """Let the planner know what the tables hold, as autovacuum does after a while."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def read_by(project: Project, act: Callable[[], object]) -> Reading:
    """Tell what an act reads, in the project's own connection."""
    before = _counted(project)
    act()
    after = _counted(project)
    return Reading(rows=after[0] - before[0], entries=after[1] - before[1], pages=after[2] - before[2])


def _counted(project: Project) -> tuple[int, int, int]:
    count(project)
    with psycopg.connect(project.url, autocommit=True) as connection:
        row = connection.execute(COUNTED).fetchone()
        assert row is not None
        return int(row[0]), int(row[1]), int(row[2])
