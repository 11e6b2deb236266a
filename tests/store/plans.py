"""What SQLite does for the statements of an act: recorded while the act runs, explained afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.project.looking import engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longpole.project import Project


class Step(NamedTuple):
    """One line of a query plan, with the statement it belongs to."""

    sql: str
    detail: str


FILL = (
    """INSERT INTO todo (project_id, number, status, unmet, priority, urgency, critical_path_minutes, total_descendants,
        immediate_dependents, rank)
    WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
    SELECT ?3, i, CASE WHEN i % 10 < 4 THEN 'completed' WHEN i % 10 < 7 THEN 'ready' ELSE 'blocked' END,
        i % 10 >= 7, 2, 2, 30 + i % 100, 0, 0, i FROM n""",
    """INSERT INTO todo_detail (project_id, number, id, title, description, created_at)
    SELECT ?3, number, 'filler-' || number, 'Filler', '', 0 FROM todo WHERE number BETWEEN ?1 AND ?2""",
    """INSERT INTO dependency (project_id, predecessor, dependent)
    SELECT ?3, number - 3, number FROM todo WHERE number BETWEEN ?1 + 3 AND ?2 AND status = 'blocked'""",
    """INSERT INTO journal (project_id, at, kind, todo, token)
    SELECT ?3, 0, 'claimed', number, 1 FROM todo WHERE number BETWEEN ?1 AND ?2""",
    """INSERT INTO instance (project_id, number, name, state, registered_at, heartbeat_at, lease_expires_at)
    SELECT ?3, number, 'gone', 'lost', 0, 0, 0 FROM todo WHERE number BETWEEN ?1 AND ?2 AND number % 10 = 0""",
    """INSERT INTO reply (project_id, key, at, act, answer)
    SELECT ?3, 'k' || number, 4e18, '', '' FROM todo WHERE number BETWEEN ?1 AND ?2 AND number % 10 = 0""",
)


def fill(project: Project, count: int) -> None:
    """Give a project this many todos beside those it has, with dependencies, history, former instances and replies.

    SQLite is told nothing of the tables' content (no ANALYZE), as in every database of a user.
    """
    with project._store.write() as tx:
        (first,) = tx.one("SELECT next_todo FROM project WHERE project_id = ?", (tx.project_id,)) or (1,)
        for statement in FILL:
            tx.run(statement, (first, first + count - 1, tx.project_id))
        tx.run("UPDATE project SET next_todo = next_todo + ?", (count,))
        tx.run("UPDATE fleet SET next_instance = next_instance + ?", (2 * count,))


def steps(project: Project, act: Callable[[], object]) -> list[Step]:
    """The query plans of all statements that an act runs on the project's one connection."""
    (connection,) = engine_of(project)._idle
    database = connection.database
    seen: dict[str, object] = {}

    def record(_cursor: object, sql: str, bindings: object) -> bool:
        seen.setdefault(sql, bindings)
        return True

    database.exec_trace = record
    try:
        act()
    finally:
        database.exec_trace = None
    return [step for sql, bindings in seen.items() for step in _explained(database, sql, bindings)]


def _explained(database: object, sql: str, bindings: object) -> Iterator[Step]:
    if sql.split(None, 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
        rows = database.execute(f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall()  # type: ignore[attr-defined]
        yield from (Step(" ".join(sql.split()), row[3]) for row in rows)
