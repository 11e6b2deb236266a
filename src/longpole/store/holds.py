"""Holds: whatever keeps a todo waiting beside its dependencies, counted in `unmet` like one more of them."""

from __future__ import annotations

from longpole.model import EventKind, Hold
from longpole.store import journal, projects
from longpole.store.instances import microseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.dialect import Transaction

BACKOFF = "backoff"
MANUAL = "manual"
GATE = "gate"
PAUSED = "paused"
CONFLICT, SHORTAGE = "conflict", "shortage"  # never stored: see obstacles.py
MAX_REST_S = 3600.0
SHOWN = 200  # characters of a reason that a hold repeats


def rest(tx: Transaction, number: int, seconds: float, why: str) -> None:
    """Let a todo rest after a failed attempt, an hour at most. The caller has counted it into `unmet`."""
    until_at = tx.now + microseconds(min(seconds, MAX_REST_S))
    first_line = (why.strip().splitlines() or [""])[0][:SHOWN]
    add(tx, number, BACKOFF, reason=f"rests after a failed attempt: {first_line}", until_at=until_at)
    projects.sweep_by(tx, until_at)


def add(tx: Transaction, number: int, kind: str, *, reason: str, until_at: int | None = None) -> None:
    """Put a hold's row in place. The caller counts it into `unmet`."""
    tx.run(
        "INSERT INTO hold (project_id, number, kind, reason, until_at) VALUES (?, ?, ?, ?, ?)",
        (tx.project_id, number, kind, reason, until_at),
    )


def lift(tx: Transaction, number: int, kind: str) -> bool:
    """Take a hold away; the todo is ready if nothing else is in its way. False if there was no such hold."""
    gone = tx.run("DELETE FROM hold WHERE project_id = ? AND number = ? AND kind = ?", (tx.project_id, number, kind))
    if gone:
        tx.run(
            "UPDATE todo SET unmet = unmet - 1,"
            " status = CASE WHEN unmet = 1 AND status = 'blocked' THEN 'ready' ELSE status END"
            " WHERE project_id = ? AND number = ?",
            (tx.project_id, number),
        )
        journal.write(tx, EventKind.LIFTED, todo=number, why=kind)
    return bool(gone)


def grace(tx: Transaction) -> None:
    """Let no rest last longer than the longest from now on: the clock may have been set back."""
    longest_at = tx.now + microseconds(MAX_REST_S)
    tx.run(
        "UPDATE hold SET until_at = ? WHERE project_id = ? AND until_at > ? AND kind = ?",
        (longest_at, tx.project_id, longest_at, BACKOFF),
    )


def due(tx: Transaction) -> list[tuple[int, str]]:
    """List the holds whose time is up, as (todo number, kind)."""
    return tx.all(
        "SELECT number, kind FROM hold WHERE project_id = ? AND until_at <= ? ORDER BY until_at, number",
        (tx.project_id, tx.now),
    )


def next_due(tx: Transaction) -> int | None:
    """Tell when the next hold ends by itself; None if none does."""
    row = tx.one("SELECT MIN(until_at) FROM hold WHERE project_id = ? AND until_at IS NOT NULL", (tx.project_id,))
    return row[0] if row else None


def next_rested(tx: Transaction) -> int | None:
    """Tell when the first todo has rested; None if none rests. Gates, and what somebody finished meanwhile, do not."""
    row = tx.one(
        "SELECT MIN(h.until_at) FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number"
        " WHERE h.project_id = ? AND h.until_at IS NOT NULL AND h.kind <> 'gate' AND t.status = 'blocked'",
        (tx.project_id,),
    )
    return row[0] if row else None


def of(tx: Transaction, numbers: list[int]) -> dict[int, tuple[Hold, ...]]:
    """Give the holds of these todos by number; a todo without one is left out."""
    found: dict[int, tuple[Hold, ...]] = {}
    rows = tx.all(
        "SELECT number, kind, reason, until_at FROM hold WHERE project_id = ? AND number IN INTS ORDER BY number, kind",
        (tx.project_id, tx.listed(numbers)),
    )
    for number, kind, reason, until_at in rows:
        found[number] = (*found.get(number, ()), Hold(kind=kind, reason=reason, until_at=until_at))
    return found
