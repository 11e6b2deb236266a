"""Why there is no work: exact answers from a few index look-ups, whatever the size of the project.

What is finished is closed under dependencies, so a blocked todo always has something unfinished right above it
that is claimed, failed or blocked itself: going up ends at a claim, a failure, a hold, a gate that is ready to be
opened, or a todo that is ready for others. Hence no index over blocked todos is needed to tell the reasons apart.
"""

from __future__ import annotations

from longpole.model import Reason
from longpole.store import gates, holds, needs, obstacles, pauses
from longpole.store.instances import microseconds
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from longpole.store.dialect import Transaction
    from longpole.store.projects import ProjectRow

SHOWN = 5
OPENING = "a gate is about to open"  # at the next sweep
COUNTED = 100  # at most, of todos that are ready for others
PAUSED_AGAIN_S = 5.0  # what is advised to those who poll while a person may end a pause at any time
ANYBODY = (needs.ANYBODY,)
IN_PROGRESS = """
    SELECT COUNT(*) FROM (SELECT 1 FROM todo WHERE project_id = ? AND status = 'in_progress' LIMIT ?) AS c"""
FINISHED = {"finished": "every todo is finished", "empty": "the project has no todos yet; add or import some"}
# One statement, since each sees the project as it is when it begins: between two of them a todo could pass unseen
# from one status to the next. `demand` has rows of unfinished todos alone: one of them wants more than there is.
STATE = """
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'ready' AND need IN INTS) THEN 'ready'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'ready' AND need = -2) THEN 'opens'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'ready' AND need >= 0) THEN 'for others'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'in_progress') THEN 'claimed'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.until_at > 0 AND t.status = 'blocked' AND h.kind <> 'gate') THEN 'rests'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.until_at > 0 AND t.status = 'blocked' AND h.kind = 'gate' AND t.unmet = 1)
            THEN 'shut'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'ready' AND need = -1) THEN 'gate'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.kind = 'paused' AND h.until_at IS NULL AND t.status = 'blocked') THEN 'paused'
        WHEN EXISTS (SELECT 1 FROM todo WHERE project_id = ? AND status = 'failed') THEN 'stuck'
        WHEN EXISTS (SELECT 1 FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
            WHERE h.project_id = ? AND h.kind = 'manual' AND h.until_at IS NULL AND t.status = 'blocked') THEN 'stuck'
        WHEN EXISTS (SELECT 1 FROM demand WHERE project_id = ?) THEN 'stuck'
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


def withheld(tx: Transaction, state: ProjectRow) -> NoWork | None:
    """Tell why nothing is given out although it may be ready: the project is paused. None if it is not."""
    if state.pause is None:
        return None
    told = explain(tx)
    if told and told.reason == Reason.FINISHED:
        return told
    why = f": {state.pause}" if state.pause else ""
    retry_at = None if state.is_draining else tx.now + microseconds(PAUSED_AGAIN_S)
    detail = f"the project is paused{why}; `longpole resume` goes on"
    return NoWork(reason=Reason.PAUSED, detail=detail, retry_at=retry_at)


def room(tx: Transaction, state: ProjectRow, wanted: int) -> int:
    """Tell how many of so many todos may be claimed without exceeding the project's cap; it is the caller's turn."""
    cap = state.settings.cap
    return min(wanted, cap - _in_progress(tx, cap)) if cap else wanted


def full(tx: Transaction, state: ProjectRow) -> NoWork | None:
    """Tell that as many todos are in progress as the project's cap allows; None if one more may be."""
    if room(tx, state, 1):
        return None
    allowed = state.settings.cap
    detail = f"as many todos are in progress as the setting cap allows ({allowed}); wait for one of them to end"
    return NoWork(reason=Reason.AT_CAPACITY, detail=detail, retry_at=tx.now)


def explain(tx: Transaction, met: Sequence[int] = ANYBODY) -> NoWork | None:
    """Tell why nothing can be claimed by an instance that meets these needs.

    None if something is ready for it after all, or has just changed: ask again.
    """
    row = tx.one(STATE, (tx.project_id, tx.listed(met), *(tx.project_id,) * 11))
    state = row[0] if row else "empty"
    if state == "ready":
        return None
    if state in FINISHED:
        return NoWork(reason=Reason.FINISHED, detail=FINISHED[state])
    if state == "for others":
        return _for_others(tx, met)
    return _ABOUT[state](tx)


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
        " WHERE h.project_id = ? AND h.kind = 'manual' AND h.until_at IS NULL AND t.status = 'blocked'"
        " ORDER BY h.number LIMIT ?",
        (tx.project_id, SHOWN),
    )
    causes = [f"{todo} (failed{f': {why}' if why else ''}; `longpole retry {todo}` revives it)" for todo, why in failed]
    causes += [f"{todo} (held: {why}; `longpole edit {todo} --lift` frees it)" for todo, why in held]
    return causes + [f"{todo} ({why})" for todo, why in obstacles.shortages(tx, SHOWN)]


def _in_progress(tx: Transaction, most: int) -> int:
    row = tx.one(IN_PROGRESS, (tx.project_id, most))
    return row[0] if row else 0


def _for_others(tx: Transaction, met: Sequence[int]) -> NoWork | None:
    lacking = needs.ready_for_others(tx, met, most=COUNTED)
    if not lacking:
        return None
    count = sum(ready for _, ready in lacking)
    counted = "1 todo is" if count == 1 else f"{f'over {COUNTED}' if count > COUNTED else count} todos are"
    sets = [", ".join(labels) for labels, _ in lacking[:SHOWN]] + (["others"] if len(lacking) > SHOWN else [])
    they_need = "it needs" if count == 1 else "they need"
    detail = f"{counted} ready, but {they_need}: {' or '.join(sets)}; whoever can do that says so with --offers"
    return NoWork(reason=Reason.ALL_BLOCKED, detail=detail, retry_at=tx.now)


def _opens(tx: Transaction) -> NoWork:
    return NoWork(reason=Reason.ALL_BLOCKED, detail=OPENING, retry_at=tx.now)


def _rests(tx: Transaction) -> NoWork:
    rests_until = holds.next_rested(tx) or tx.now
    return NoWork(reason=Reason.ALL_BLOCKED, detail="what is left rests for a while", retry_at=rests_until)


def _shut(tx: Transaction) -> NoWork | None:
    first = gates.next_to_open(tx)
    if first is None:
        return None
    gate, opens_at = first
    detail = f"what is left waits for the gate {gate}, which opens at {gates.spoken(opens_at)}"
    return NoWork(reason=Reason.ALL_BLOCKED, detail=detail, retry_at=opens_at)


def _gate(tx: Transaction) -> NoWork | None:
    waiting = gates.waiting(tx)
    if not waiting:
        return None
    which = f"the gate {waiting[0]} waits" if len(waiting) == 1 else f"the gates {', '.join(waiting)} wait"
    return NoWork(
        reason=Reason.ALL_BLOCKED, detail=f"{which} for a person: `longpole approve {waiting[0]}` once all is well"
    )


def _paused(tx: Transaction) -> NoWork | None:
    paused = pauses.branches(tx)
    if not paused:
        return None
    named = [pauses.spoken(branch, reason) for branch, reason in paused.items()][:SHOWN]
    which = "the branch" if len(paused) == 1 else "the branches"
    more = f" and {len(paused) - SHOWN} more" if len(paused) > SHOWN else ""
    detail = (
        f"what is left is paused, with {which} {', '.join(named)}{more};"
        f" `longpole resume --branch {next(iter(paused))}` goes on"
    )
    return NoWork(reason=Reason.PAUSED, detail=detail, retry_at=tx.now + microseconds(PAUSED_AGAIN_S))


def _stuck(tx: Transaction) -> NoWork | None:
    causes = stuck_causes(tx)
    return NoWork(reason=Reason.STUCK, detail=f"stuck because of {'; '.join(causes)}") if causes else None


def _waiting_for_others(tx: Transaction) -> NoWork:
    rests_until = holds.next_rested(tx)
    if rests_until is None and (waits := obstacles.somebody_waits(tx)):
        return NoWork(reason=Reason.CONFLICTS, detail=waits, retry_at=tx.now)
    if rests_until is not None or _anything_blocked(tx):
        detail = "nothing is ready: what is left waits for claimed todos"
        return NoWork(reason=Reason.ALL_BLOCKED, detail=detail, retry_at=rests_until or tx.now)
    detail = "every todo that is left is claimed"
    return NoWork(reason=Reason.ALL_CLAIMED, detail=detail, retry_at=tx.now)


def _anything_blocked(tx: Transaction) -> bool:
    behind = (tx.one(BLOCKED_BEHIND.format(status=status), (tx.project_id,)) for status in ("in_progress", "failed"))
    return any(behind) or bool(stuck_causes(tx) or gates.waiting(tx) or gates.next_to_open(tx) or pauses.branches(tx))


_ABOUT = {
    "opens": _opens,
    "claimed": _waiting_for_others,
    "rests": _rests,
    "shut": _shut,
    "gate": _gate,
    "paused": _paused,
    "stuck": _stuck,
}
