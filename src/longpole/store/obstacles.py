"""What todos wait for beside dependencies and holds, in words: who has a path, and what is left of a resource."""

from __future__ import annotations

import json

from longpole.model import Hold
from longpole.store import paths, projects, wants
from longpole.store.holds import CONFLICT, SHORTAGE
from longpole.store.takings import Takings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.takings import Obstacle

SHOWN = 3
LOOKED_AT = 500  # at most, of todos that want what is taken, before an answer is given without one
BLOCKED = "SELECT number FROM todo WHERE project_id = ? AND number IN INTS AND status IN ('blocked', 'failed')"
HOLDERS = """
    SELECT t.number, d.id, i.name, d.touches FROM todo t
    JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    JOIN instance i ON i.project_id = t.project_id AND i.number = t.holder
    WHERE t.project_id = ? AND t.number IN INTS ORDER BY t.number"""
BENEATH = """
    SELECT o.number FROM todo c JOIN touch m ON m.project_id = c.project_id AND m.number = c.number
    JOIN touch o ON o.path >= m.path AND o.path < SUBSTR(m.path, 1, LENGTH(m.path) - 1) || '0'
        AND m.writes + o.writes > 0
    WHERE c.project_id = ? AND c.status = 'in_progress' AND c.exclusive = 1 AND o.project_id = ? LIMIT ?"""
ABOVE = "SELECT number FROM touch WHERE project_id = ? AND path IN TEXTS AND writes >= ? LIMIT ?"
DEMANDING = "SELECT number FROM demand WHERE project_id = ? AND resource = ? AND amount > ? AND amount <= ? LIMIT ?"
# Whether nothing else is in a todo's way: as numbers, so that no plan begins with all dependencies there are.
OTHERWISE_FREE = """
    SELECT t.number FROM todo t WHERE t.project_id = ? AND t.number IN INTS AND t.status = 'blocked'
    AND (SELECT COUNT(*) FROM hold h WHERE h.project_id = t.project_id AND h.number = t.number) = 0
    AND (SELECT COUNT(*) FROM dependency e JOIN todo p ON p.project_id = e.project_id AND p.number = e.predecessor
        WHERE e.project_id = t.project_id AND e.dependent = t.number
        AND p.status NOT IN ('completed', 'cancelled')) = 0
    ORDER BY t.number LIMIT 1"""
# The largest amount wanted of each resource, going from name to name in the index.
LARGEST = """
    WITH RECURSIVE wanted (resource) AS (
        SELECT MIN(resource) FROM demand WHERE project_id = ?
        UNION ALL
        SELECT (SELECT MIN(d.resource) FROM demand d WHERE d.project_id = ? AND d.resource > w.resource)
        FROM wanted w WHERE w.resource IS NOT NULL)
    SELECT resource, (SELECT MAX(d.amount) FROM demand d WHERE d.project_id = ? AND d.resource = wanted.resource)
    FROM wanted WHERE resource IS NOT NULL"""
WANTING = """
    SELECT d.id, m.amount FROM demand m JOIN todo t ON t.project_id = m.project_id AND t.number = m.number
    JOIN todo_detail d ON d.project_id = m.project_id AND d.number = m.number
    WHERE m.project_id = ? AND m.resource = ? AND m.amount > ? AND t.status = 'blocked'
    ORDER BY m.amount DESC, m.number LIMIT ?"""


def holds(tx: Transaction, numbers: Collection[int]) -> dict[int, list[Hold]]:
    """Give what these todos wait for as holds, one for each thing that `unmet` counts; others are left out.

    A `conflict` ends with somebody's claim, a `shortage` when somebody changes the settings.
    """
    wanted = wants.of(tx, numbers)
    waiting = tx.all(BLOCKED, (tx.project_id, tx.listed(list(wanted)))) if wanted else []
    if not waiting:
        return {}
    settings = projects.settings_of(tx)
    taken = Takings(tx, settings)
    found = {number: taken.obstacles(wanted[number]) for (number,) in waiting}
    words = _Words(
        tx, taken, settings, {one for each in found.values() for obstacle in each for one in obstacle.taken_by}
    )
    return {number: [words.hold(obstacle) for obstacle in each] for number, each in found.items() if each}


def somebody_waits(tx: Transaction) -> str | None:
    """Say of a todo that only waits for what others have taken what that is, and who has it; None without one."""
    taken = Takings(tx, projects.settings_of(tx))
    number = _waiting(tx, taken) if taken else None
    if number is None:
        return None
    (todo_id,) = tx.one("SELECT id FROM todo_detail WHERE project_id = ? AND number = ?", (tx.project_id, number)) or (
        "",
    )
    conflict = next(hold for hold in holds(tx, [number])[number] if hold.kind == CONFLICT)
    return f"'{todo_id}' {conflict.reason}"


def shortages(tx: Transaction, most: int) -> list[tuple[str, str]]:
    """Name the blocked todos that want more of something than there is, each with a sentence on it; `most` of each."""
    settings = projects.settings_of(tx)
    here = tx.project_id
    return [
        (todo_id, wants.lacks(resource, amount, settings))
        for resource, largest in tx.all(LARGEST, (here, here, here))
        if largest > (enough := wants.capacity(settings, resource))
        for todo_id, amount in tx.all(WANTING, (here, resource, enough, most))
    ]


def _waiting(tx: Transaction, taken: Takings) -> int | None:
    """Give a todo that is blocked by nothing but what is taken, if there is one among the first that want any of it."""
    numbers = [*_overlapping(tx, taken), *_short(tx, taken)]
    row = tx.one(OTHERWISE_FREE, (tx.project_id, tx.listed(numbers))) if numbers else None
    return row[0] if row else None


def _overlapping(tx: Transaction, taken: Takings) -> list[int]:
    rows = tx.all(BENEATH, (tx.project_id, tx.project_id, LOOKED_AT))
    for keys, writes in zip(taken.folders(), (0, 1), strict=True):
        rows += tx.all(ABOVE, (tx.project_id, tx.listed(keys), writes, LOOKED_AT)) if keys else []
    return [row[0] for row in rows]


def _short(tx: Transaction, taken: Takings) -> list[int]:
    return [
        row[0]
        for resource, left in taken.left().items()
        for row in tx.all(DEMANDING, (tx.project_id, resource, left, taken.enough(resource), LOOKED_AT))
    ]


class _Words:
    """Says what obstacles are, by the todos and instances that have taken them."""

    def __init__(self, tx: Transaction, taken: Takings, settings: Settings, numbers: Collection[int]) -> None:
        self._taken, self._settings = taken, settings
        rows = tx.all(HOLDERS, (tx.project_id, tx.listed(numbers))) if numbers else []
        self._holders = {number: (todo_id, name, touches) for number, todo_id, name, touches in rows}

    def hold(self, obstacle: Obstacle) -> Hold:
        """Give an obstacle as a hold."""
        if not obstacle.amount:
            (number,) = obstacle.taken_by
            todo_id, name, touches = self._holders[number]
            path = _spelled(obstacle.what, json.loads(touches))
            return Hold(kind=CONFLICT, reason=f"waits for {path}, which {name} holds with '{todo_id}'")
        enough = self._taken.enough(obstacle.what)
        if obstacle.amount > enough:
            return Hold(kind=SHORTAGE, reason=wants.lacks(obstacle.what, obstacle.amount, self._settings))
        if branch := wants.branch_of(obstacle.what):
            who = self._listed(obstacle, lambda todo_id, name, _: f"{name} holds '{todo_id}'")
            most = f"of which {enough} at most are in progress at once (cap.{branch})"
            return Hold(kind=CONFLICT, reason=f"waits for its turn in the branch {branch}, {most}: {who}")
        who = self._listed(obstacle, lambda todo_id, name, amount: f"{name} has {amount} with '{todo_id}'")
        left = max(self._taken.left().get(obstacle.what, enough), 0)
        wanted = f"waits for {obstacle.amount} of {obstacle.what}, {left} of {enough} left"
        return Hold(kind=CONFLICT, reason=f"{wanted}: {who}")

    def _listed(self, obstacle: Obstacle, say: Callable[[str, str, int], str]) -> str:
        some = [
            say(*self._holders[number][:2], self._taken.amount(obstacle.what, number))
            for number in obstacle.taken_by[:SHOWN]
        ]
        more = len(obstacle.taken_by) - SHOWN
        return ", ".join([*some, f"and {more} more"] if more > 0 else some)


def _spelled(key: str, touches: Iterable[str | dict[str, Any]]) -> str:
    """Give a path as the todo's own fields spell it."""
    written = [touch if isinstance(touch, str) else touch.get("path", "") for touch in touches]
    return next((path for path in written if path and paths.key_of(path) == key), paths.shown(key))
