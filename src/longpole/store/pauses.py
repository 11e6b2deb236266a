"""Pauses: nothing new is given out, in the whole project or of a branch. What instances hold already goes on.

A paused branch is a hold on each of its unfinished todos, so that a claim has nothing to compare; a paused project is
a word in its own row, which every act reads anyway.
"""

from __future__ import annotations

from longpole import limits
from longpole.errors import InvalidInputError
from longpole.model import EventKind
from longpole.store import claims, gates, holds, journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.store import Store
    from longpole.store.dialect import Transaction

SHOWN = 5
OF_BRANCH = """
    SELECT number FROM todo
    WHERE project_id = ? AND branch = ? AND status IN ('blocked', 'ready', 'in_progress', 'failed')
    ORDER BY number FOR UPDATE"""
HELD_OF_BRANCH = """
    SELECT h.number FROM hold h JOIN todo t ON t.project_id = h.project_id AND t.number = h.number
    WHERE h.project_id = ? AND h.kind = 'paused' AND h.until_at IS NULL AND t.branch = ? ORDER BY h.number"""
HELD = "SELECT number FROM hold WHERE project_id = ? AND kind = 'paused' AND number IN INTS"
STANDING = """
    SELECT number, branch FROM todo
    WHERE project_id = ? AND number IN INTS AND status IN ('blocked', 'ready', 'in_progress', 'failed')
    ORDER BY number"""
PAUSE_BRANCH = """
    INSERT INTO branch (project_id, name, pause) VALUES (?, ?, ?)
    ON CONFLICT (project_id, name) DO UPDATE SET pause = excluded.pause"""
# Those that are held already only get the new reason.
RENAME = "UPDATE hold SET reason = ? WHERE project_id = ? AND kind = 'paused' AND number IN INTS"
WAIT_FOR_MORE = """
    UPDATE todo SET unmet = unmet + 1, status = CASE WHEN status = 'ready' THEN 'blocked' ELSE status END
    WHERE project_id = ? AND number IN INTS"""
WAIT_FOR_LESS = """
    UPDATE todo SET unmet = unmet - 1,
        status = CASE WHEN unmet = 1 AND status = 'blocked' THEN 'ready' ELSE status END
    WHERE project_id = ? AND number IN INTS"""


def pause(store: Store, reason: str, *, branch: str | None, drain: bool) -> int | None:
    """Give nothing out any more, in the project or of a branch, or change the reason why; empty: nobody says why.

    `drain`: nobody need wait for its end. Tells how many unfinished todos a branch has. Raises InvalidInputError.
    """
    why = limits.checked_reason(reason) if reason else ""
    if branch is None:
        return store.edit(lambda tx: _pause_project(tx, why, draining=drain))
    if drain:
        raise InvalidInputError("a single branch is not drained: its todos come back; leave drain out, or the branch")
    name = str(limits.checked_field("branch", branch))
    return store.edit(lambda tx: _pause_branch(tx, name, why))


def resume(store: Store, *, branch: str | None) -> bool:
    """Give todos out again, in the project or of a branch; False if it was not paused."""
    if branch is None:
        return store.edit(_resume_project)
    name = str(limits.checked_field("branch", branch))
    return store.edit(lambda tx: _resume_branch(tx, name))


def _pause_project(tx: Transaction, reason: str, *, draining: bool) -> None:
    tx.run("UPDATE project SET pause = ?, draining = ? WHERE project_id = ?", (reason, int(draining), tx.project_id))
    journal.write(tx, EventKind.PAUSED, why=reason or None, data={"draining": True} if draining else None)


def _resume_project(tx: Transaction) -> bool:
    was_paused = tx.run(
        "UPDATE project SET pause = NULL, draining = 0 WHERE project_id = ? AND pause IS NOT NULL", (tx.project_id,)
    )
    if was_paused:
        journal.write(tx, EventKind.RESUMED)
    return bool(was_paused)


def _pause_branch(tx: Transaction, branch: str, reason: str) -> int:
    numbers = [row[0] for row in tx.all(OF_BRANCH, (tx.project_id, branch))]
    held = _held(tx, numbers)
    tx.run(RENAME, (_reason(branch, reason), tx.project_id, tx.listed(held)))
    _hold(tx, [(number, _reason(branch, reason)) for number in numbers if number not in held])
    tx.run(PAUSE_BRANCH, (tx.project_id, branch, reason))
    journal.write(tx, EventKind.PAUSED, why=reason or None, data={"branch": branch})
    return len(numbers)


def _resume_branch(tx: Transaction, branch: str) -> bool:
    was_paused = tx.run(
        "UPDATE branch SET pause = NULL WHERE project_id = ? AND name = ? AND pause IS NOT NULL",
        (tx.project_id, branch),
    )
    if was_paused:
        numbers = [row[0] for row in tx.all(HELD_OF_BRANCH, (tx.project_id, branch))]
        claims.lock(tx, numbers)
        _free(tx, numbers)
        journal.write(tx, EventKind.RESUMED, data={"branch": branch})
        gates.open_due(tx)
    return bool(was_paused)


def branches(tx: Transaction) -> dict[str, str]:
    """Give the paused branches by name, each with the reason; an empty one if none was given."""
    rows = tx.all(
        "SELECT name, pause FROM branch WHERE project_id = ? AND pause IS NOT NULL ORDER BY name", (tx.project_id,)
    )
    return dict(rows)


def hold_new(tx: Transaction, numbers: Sequence[int]) -> None:
    """Let new todos keep to the pauses of their branches; the project is locked."""
    if paused := branches(tx):
        _hold(tx, [(number, _reason(branch, paused[branch])) for number, branch in _within(tx, numbers, paused)])


def keep_to(tx: Transaction, number: int) -> None:
    """Let a todo keep to the pause of its branch: it was reopened, or came into another. Its row is locked."""
    paused, held = branches(tx), _held(tx, [number])
    within = _within(tx, [number], paused)
    if within and not held:
        _hold(tx, [(number, _reason(branch, paused[branch])) for _, branch in within])
    elif held and not within:
        _free(tx, [number])


def spoken(branch: str, reason: str) -> str:
    """Say which branch is paused, and why."""
    return f"{branch} ({reason})" if reason else branch


def _reason(branch: str, reason: str) -> str:
    return f"the branch {branch} is paused{f': {reason}' if reason else ''}"


def _within(tx: Transaction, numbers: Sequence[int], paused: Mapping[str, str]) -> list[tuple[int, str]]:
    """Give those of these todos that are unfinished and of a paused branch, each with its branch."""
    rows = tx.all(STANDING, (tx.project_id, tx.listed(numbers))) if paused else []
    return [(number, branch) for number, branch in rows if branch in paused]


def _held(tx: Transaction, numbers: Sequence[int]) -> set[int]:
    return {row[0] for row in tx.all(HELD, (tx.project_id, tx.listed(numbers)))} if numbers else set()


def _hold(tx: Transaction, pairs: Iterable[tuple[int, str]]) -> None:
    """Hold these todos, each for its reason."""
    rows = [(tx.project_id, number, holds.PAUSED, reason, None) for number, reason in pairs]
    if rows:
        tx.insert("hold", "project_id, number, kind, reason, until_at", rows)
        tx.run(WAIT_FOR_MORE, (tx.project_id, tx.listed([row[1] for row in rows])))


def _free(tx: Transaction, numbers: Sequence[int]) -> None:
    if numbers:
        tx.run(
            "DELETE FROM hold WHERE project_id = ? AND kind = 'paused' AND number IN INTS",
            (tx.project_id, tx.listed(numbers)),
        )
        tx.run(WAIT_FOR_LESS, (tx.project_id, tx.listed(numbers)))
