"""Why there is no work: exact answers from a few index look-ups, whatever the size of the project.

What is finished is closed under dependencies, so a blocked todo always has something unfinished right above it
that is claimed, failed or blocked itself: going up ends at a claim, a failure or a hold. Hence no index over
blocked todos is needed to tell the reasons apart.
"""

from __future__ import annotations

from longpole.model import Reason
from longpole.store import holds
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from longpole.store.dialect import Transaction

SHOWN = 5
FINISHED = {"finished": "every todo is finished", "empty": "the project has no todos yet; add or import some"}
# One statement, since each sees the project as it is when it begins: between two of them a todo could pass unseen
# from one status to the next.
STATE = """
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'ready') THEN 'ready'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'in_progress') THEN 'claimed'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.until_at > 0 AND t.status = 'blocked') THEN 'rests'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'failed') THEN 'stuck'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.until_at IS NULL AND t.status = 'blocked') THEN 'stuck'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND number > 0) THEN 'finished'
        ELSE 'empty' END"""
BLOCKED_BEHIND = """
    SELECT 1 FROM todo t
    JOIN dependency e ON e.project_id = t.project_id AND e.predecessor = t.number
    JOIN todo b ON b.project_id = e.project_id AND b.number = e.dependent
    WHERE t.project_id = ? AND t.status = '{status}' AND b.status = 'blocked' LIMIT 1"""


class NoWork(Value):
    """The reason, in a word and in a sentence, and when it makes sense to ask again (None: not by itself)."""

    reason: Reason
    detail: str
    retry_at: int | None = None


def explain(tx: Transaction) -> NoWork | None:
    """Tell why nothing can be claimed; None if something is ready after all, or has just changed: ask again."""
    row = tx.one(STATE, (tx.project_id,) * 6)
    state = row[0] if row else "empty"
    if state == "ready":
        return None
    if state == "claimed":
        return _waiting_for_others(tx, holds.next_rested(tx))
    if state == "rests":
        rests_until = holds.next_rested(tx) or tx.now
        return NoWork(reason=Reason.ALL_BLOCKED, detail="what is left rests for a while", retry_at=rests_until)
    if state == "stuck":
        causes = stuck_causes(tx)
        return NoWork(reason=Reason.STUCK, detail=f"stuck because of {'; '.join(causes)}") if causes else None
    return NoWork(reason=Reason.FINISHED, detail=FINISHED[state])


def recalled(kept: dict[str, Any]) -> NoWork:
    """Give an answer back that was kept as JSON."""
    return NoWork(**{**kept, "reason": Reason(kept["reason"])})


def stuck_causes(tx: Transaction) -> list[str]:
    """Name what strands others and will not go away by itself: failed todos and holds without an end, a few of each."""
    failed = tx.all(
        "SELECT d.id, d.result FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number"
        " WHERE t.project_id = ? AND t.status = 'failed' ORDER BY t.number LIMIT ?",
        (tx.project_id, SHOWN),
    )
    held = tx.all(
        "SELECT d.id, h.reason FROM hold h JOIN todo_detail d ON d.project_id = h.project_id AND d.number = h.number"
        " JOIN todo t ON t.project_id = h.project_id AND t.number = h.number"
        " WHERE h.project_id = ? AND h.until_at IS NULL AND t.status = 'blocked' ORDER BY h.number LIMIT ?",
        (tx.project_id, SHOWN),
    )
    causes = [f"{todo} (failed{f': {why}' if why else ''}; `longpole retry {todo}` revives it)" for todo, why in failed]
    return causes + [f"{todo} (held: {why}; `longpole edit {todo} --lift` frees it)" for todo, why in held]


def _waiting_for_others(tx: Transaction, rests_until: int | None) -> NoWork:
    if rests_until is not None or _anything_blocked(tx):
        detail = "nothing is ready: what is left waits for claimed todos"
        return NoWork(reason=Reason.ALL_BLOCKED, detail=detail, retry_at=rests_until or tx.now)
    detail = "every todo that is left is claimed"
    return NoWork(reason=Reason.ALL_CLAIMED, detail=detail, retry_at=tx.now)


def _anything_blocked(tx: Transaction) -> bool:
    behind = (tx.one(BLOCKED_BEHIND.format(status=status), (tx.project_id,)) for status in ("in_progress", "failed"))
    return any(behind) or bool(stuck_causes(tx))
