"""What SQLite's planner is told of the tables, once and for all: the proportions of a large project.

Every key leads with the project, and without statistics SQLite takes ten rows for all that a project has. It then
reads a whole project by its primary key where an index would give it three rows (50,000 todos: 15 ms in each sweep
and in each look-up of an id). Figures of its own (ANALYZE) would change plans as a project grows, and cost a scan.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import apsw

# Table, index (that of a WITHOUT ROWID table's key has the table's name), and: rows in all, rows for one value of
# the first column, of the first two, and so on.
STATISTICS = (
    ("todo", "todo", "1000000 1000000 1"),
    ("todo", "todo_by_critical_path", "10000 10000 8000 4000 500 100 50 1"),
    ("todo", "todo_by_arrival", "10000 10000 8000 4000 1"),
    ("todo", "todo_by_branch", "10000 10000 100 90 50 20 10 5 1"),
    ("todo", "todo_by_holder", "100 100 10 1"),
    ("todo", "todo_failed", "100 100 1"),
    ("todo_detail", "todo_detail", "1000000 1000000 1"),
    ("todo_detail", "sqlite_autoindex_todo_detail_2", "1000000 1000000 1"),
    ("dependency", "dependency", "2000000 2000000 4 1"),
    ("dependency", "dependency_by_dependent", "2000000 2000000 4 1"),
    ("hold", "hold", "1000 1000 2 1"),
    ("hold", "hold_by_until", "100 100 1"),
    ("hold", "hold_without_end", "1000 1000 500 1"),
    ("instance", "instance", "10000 10000 1"),
    ("instance", "instance_live", "100 100 1"),
    ("branch", "branch", "1000 1000 1"),
    ("branch", "branch_by_holder", "100 100 2 1"),
    ("need", "need", "100 100 1"),
    ("need", "sqlite_autoindex_need_2", "100 100 1"),
    ("touch", "touch", "100000 100000 10 1"),
    ("touch", "touch_by_todo", "100000 100000 2"),
    ("demand", "demand", "100000 100000 1000 500 1"),
    ("demand", "demand_by_todo", "100000 100000 2"),
    ("queue", "queue", "1000 1000 500 1"),
    ("ranking", "ranking", "10 1"),
    ("leader", "leader", "10 1"),
    ("assignment", "assignment", "100 100 1"),
    ("reply", "reply", "100000 100000 1"),
    ("fleet", "fleet", "10 1"),
)


def keep(database: apsw.Connection) -> None:
    """Put the figures in the place of those there are; they count for every connection from now on."""
    database.execute("ANALYZE sqlite_schema").fetchall()  # makes the table where there is none
    database.execute("DELETE FROM sqlite_stat1").fetchall()
    database.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", STATISTICS)
    database.execute("ANALYZE sqlite_schema").fetchall()  # lets this connection read them
