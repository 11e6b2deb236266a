"""Making anew what stands beside todos' own fields: what they want and need, and what each of them waits for.

It serves a project that an older longpole wrote, which kept `touches` and `needs` as text alone.
"""

from __future__ import annotations

import json

from longpole.model import Kind
from longpole.store import needs, projects, wants
from longpole.store.takings import Takings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.wants import Wants

ALL = "SELECT 1 FROM todo WHERE project_id = ? ORDER BY number"
FIELDS = """
    SELECT d.number, d.touches, t.branch, d.kind, t.status
    FROM todo_detail d JOIN todo t ON t.project_id = d.project_id AND t.number = d.number
    WHERE d.project_id = ? AND t.status NOT IN ('completed', 'cancelled')"""
COUNT = """
    UPDATE todo SET unmet =
        (SELECT COUNT(*) FROM hold h WHERE h.project_id = todo.project_id AND h.number = todo.number)
        + (SELECT COUNT(*) FROM dependency e JOIN todo p ON p.project_id = e.project_id AND p.number = e.predecessor
            WHERE e.project_id = todo.project_id AND e.dependent = todo.number
            AND p.status NOT IN ('completed', 'cancelled'))
    WHERE project_id = ?"""
SETTLE = """
    UPDATE todo SET status = CASE WHEN unmet > 0 THEN 'blocked' ELSE 'ready' END
    WHERE project_id = ? AND status IN ('blocked', 'ready')"""


def bring_up_to_date(tx: Transaction) -> None:
    """Rebuild a project that an older longpole wrote, unless somebody else was quicker."""
    tx.take_turn()
    tx.lock_project()
    if tx.one("SELECT 1 FROM project WHERE project_id = ? AND constrained = ?", (tx.project_id, projects.OLD)):
        rebuild(tx)


def rebuild(tx: Transaction) -> None:
    """Make all of it from the todos' fields, the dependencies and the holds.

    It takes the turn, and locks the project and every todo.
    """
    tx.take_turn()
    tx.lock_project()
    tx.lock_rows(ALL, (tx.project_id,))
    settings = projects.settings_of(tx)
    wanted, waiting = _wanted(tx, settings)
    _write(tx, wanted)
    _match(tx)
    tx.run(COUNT, (tx.project_id,))
    _count_obstacles(tx, {number: one for number, one in wanted.items() if number in waiting})
    tx.run(SETTLE, (tx.project_id,))
    tx.run(
        "UPDATE project SET constrained = CASE WHEN ? OR constrained = 1 THEN 1 ELSE 0 END WHERE project_id = ?",
        (bool(wanted) or any(settings.branch_caps.values()), tx.project_id),
    )


def _wanted(tx: Transaction, settings: Settings) -> tuple[dict[int, Wants], set[int]]:
    """Give what unfinished todos want, and which of all unfinished ones are not in progress."""
    wanted, waiting = {}, set()
    for number, touches, branch, kind, status in tx.all(FIELDS, (tx.project_id,)):
        if one := wants.meant(json.loads(touches), settings, branch=branch, kind=kind):
            wanted[number] = one
        if status != "in_progress":
            waiting.add(number)
    return wanted, waiting


def _write(tx: Transaction, wanted: dict[int, Wants]) -> None:
    for table in ("touch", "demand"):
        tx.run(f"DELETE FROM {table} WHERE project_id = ?", (tx.project_id,))  # noqa: S608 - the two above
    wants.insert(tx, wanted)
    tx.run("UPDATE todo SET exclusive = 0 WHERE project_id = ? AND exclusive <> 0", (tx.project_id,))
    tx.run(
        "UPDATE todo SET exclusive = 1 WHERE project_id = ? AND number IN INTS",
        (tx.project_id, tx.listed(list(wanted))),
    )


def _match(tx: Transaction) -> None:
    """Give todos the number of their set of labels; a gate's need is not one of labels."""
    rows = tx.all(
        "SELECT number, needs FROM todo_detail WHERE project_id = ? AND needs <> '[]' AND kind <> ? ORDER BY number",
        (tx.project_id, Kind.GATE.value),
    )
    sets: dict[int, list[int]] = {}
    for number, labels in rows:
        sets.setdefault(needs.number_of(tx, json.loads(labels), most=len(rows)), []).append(number)
    for need, numbers in sets.items():
        tx.run(
            "UPDATE todo SET need = ? WHERE project_id = ? AND number IN INTS",
            (need, tx.project_id, tx.listed(numbers)),
        )


def _count_obstacles(tx: Transaction, wanted: dict[int, Wants]) -> None:
    taken = Takings(tx, projects.settings_of(tx))
    many: dict[int, list[int]] = {}
    for number, one in wanted.items():
        if waits := len(taken.obstacles(one)):
            many.setdefault(waits, []).append(number)
    for waits, numbers in many.items():
        tx.run(
            "UPDATE todo SET unmet = unmet + ? WHERE project_id = ? AND number IN INTS",
            (waits, tx.project_id, tx.listed(numbers)),
        )
