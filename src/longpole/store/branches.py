"""Branches: who keeps to which line of work, and which is free for somebody new.

An instance keeps to a branch from a claim on, in the claim's own transaction, until it ends, or goes elsewhere as
nothing in the branch is ready for it: nobody hoards. A branch that nobody has kept to, and of which nothing else was
said, has no row.
"""

from __future__ import annotations

from longpole.model import EventKind
from longpole.selection import Order
from longpole.store import journal, picks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.store.dialect import Transaction

FRONT = 64
COLUMNS = picks.ORDERS[Order.CRITICAL_PATH]
KEPT = "EXISTS (SELECT 1 FROM branch b WHERE b.project_id = ? AND b.name = {name} AND b.holder IS NOT NULL)"
PLACE = [column.partition(" ") for column in COLUMNS.split(", ")]
PLACE_OF_HEAD = ", ".join(
    f"(SELECT {name} FROM todo WHERE project_id = ? AND number = h.number) {turn}"  # noqa: S608 - constants, as below
    for name, _, turn in PLACE
)
NAMES = """
    SELECT branch FROM todo WHERE project_id = ? AND status = 'ready' AND branch IS NOT NULL {behind}
    ORDER BY branch LIMIT 1"""
# The first todos of all mostly tell. Where all of these are of branches that are kept to, or of none, each branch that
# has something ready is looked at: the next name in the index, then its first todo. Nothing is joined, since a planner
# that knows little of a table would rather read all of it than look so many rows up.
UNHELD = f"""
    SELECT COALESCE(
        (SELECT f.branch FROM
            (SELECT {", ".join(name for name, _, _ in PLACE)}, branch FROM todo
            WHERE project_id = ? AND status = 'ready' AND need = ? ORDER BY {COLUMNS} LIMIT {FRONT}) AS f
        WHERE f.branch IS NOT NULL AND NOT {KEPT.format(name="f.branch")}
        ORDER BY {COLUMNS} LIMIT 1),
        (WITH RECURSIVE named (name) AS (
            SELECT ({NAMES.format(behind="")})
            UNION ALL SELECT ({NAMES.format(behind="AND branch > named.name")}) FROM named WHERE name IS NOT NULL),
        heads (name, number) AS MATERIALIZED (
            SELECT name, (SELECT number FROM todo
                WHERE project_id = ? AND status = 'ready' AND branch = n.name AND need = ? ORDER BY {COLUMNS} LIMIT 1)
            FROM named n WHERE n.name IS NOT NULL AND NOT {KEPT.format(name="n.name")})
        SELECT h.name FROM heads h WHERE h.number IS NOT NULL ORDER BY {PLACE_OF_HEAD} LIMIT 1))"""  # noqa: S608
# Where it is seen that somebody keeps to the branch its row is not touched: two that take of each other's branches
# would wait for each other.
KEEP = f"""
    INSERT INTO branch (project_id, name, holder, token, held_at) SELECT ?, ?, ?, 1, ?
    WHERE NOT {KEPT.format(name="?")}
    ON CONFLICT (project_id, name)
    DO UPDATE SET holder = excluded.holder, token = branch.token + 1, held_at = excluded.held_at
    WHERE branch.holder IS NULL RETURNING token"""
FREE = "UPDATE branch SET holder = NULL, held_at = NULL WHERE project_id = ? AND holder = ?"
FREE_ALL = f"{FREE} RETURNING name, token"
FREE_OTHERS = f"""
    {FREE} AND name <> ? AND NOT EXISTS (SELECT 1 FROM todo t
        WHERE t.project_id = ? AND t.status = 'ready' AND t.branch = branch.name AND t.need IN INTS)
    RETURNING name, token"""  # noqa: S608 - constants


def kept_by(tx: Transaction, instance: int) -> tuple[str, ...]:
    """Give the branches that an instance keeps to, by name."""
    rows = tx.all(
        "SELECT name FROM branch WHERE project_id = ? AND holder = ? ORDER BY name", (tx.project_id, instance)
    )
    return tuple(row[0] for row in rows)


def unheld(tx: Transaction, needs: Sequence[int]) -> tuple[str, ...]:
    """Give the branch of the most critical ready todo among the branches that nobody keeps to, for each need.

    One at most for each need, since each has an order of its own; empty where there is none.
    """
    mine = tx.project_id
    rows = [tx.one(UNHELD, (mine, need, mine, mine, mine, mine, need, mine, *[mine] * len(PLACE))) for need in needs]
    return tuple(dict.fromkeys(row[0] for row in rows if row and row[0] is not None))


def turn_to(tx: Transaction, name: str | None, instance: int, needs: Sequence[int]) -> None:
    """Let an instance keep to a branch (None: to no other) if nobody does by now, and free what it needs no longer.

    That is what else it keeps to, except where something is ready that meets its needs.
    """
    mine = tx.project_id
    row = None if name is None else tx.one(KEEP, (mine, name, instance, tx.now, mine, name))
    if row:
        journal.write(tx, EventKind.BRANCH_KEPT, instance=instance, token=row[0], data={"branch": name})
    others = (mine, instance, name or "", mine, tx.listed(needs))
    _freed(tx, FREE_OTHERS, others, instance, why="nothing in it is ready, and its instance went elsewhere")


def let_go(tx: Transaction, instance: int) -> None:
    """Free the branches of an instance that leaves or was given up."""
    _freed(tx, FREE_ALL, (tx.project_id, instance), instance, why="its instance is gone")


def _freed(tx: Transaction, statement: str, parameters: Sequence[object], instance: int, *, why: str) -> None:
    for name, token in sorted(tx.all(statement, parameters)):
        journal.write(tx, EventKind.BRANCH_FREED, instance=instance, token=token, why=why, data={"branch": name})
