"""What the todos in progress have taken: of each path and resource, as much as their rows in `touch` and `demand` say.

Nothing more is stored of it. There are at most as many takings as instances have claims.
"""

from __future__ import annotations

from longpole.store import paths, wants
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.settings import Settings
    from longpole.store.dialect import Transaction
    from longpole.store.wants import Wants

TOUCHED = """
    SELECT t.number, m.path, m.writes FROM todo t JOIN touch m ON m.project_id = t.project_id AND m.number = t.number
    WHERE t.project_id = ? AND t.status = 'in_progress' AND t.exclusive = 1 ORDER BY t.number"""
DEMANDED = """
    SELECT t.number, m.resource, m.amount FROM todo t
    JOIN demand m ON m.project_id = t.project_id AND m.number = t.number
    WHERE t.project_id = ? AND t.status = 'in_progress' AND t.exclusive = 1 ORDER BY t.number"""
# As a value for each todo in progress, so that no plan begins with all todos that want some of the resource.
USED = """
    SELECT CAST(COALESCE(SUM((SELECT d.amount FROM demand d
        WHERE d.project_id = t.project_id AND d.number = t.number AND d.resource = ?)), 0) AS BIGINT)
    FROM todo t WHERE t.project_id = ? AND t.status = 'in_progress' AND t.exclusive = 1"""


class Obstacle(Value):
    """One thing that a todo waits for: a path (by key) that another todo has taken, or a resource that is short."""

    what: str
    taken_by: tuple[int, ...]
    amount: int = 0  # wanted of a resource; 0: `what` is a path


class Takings:
    """All that is taken at one moment."""

    def __init__(self, tx: Transaction, settings: Settings) -> None:
        self._settings = settings
        self._at: dict[str, list[tuple[int, int]]] = {}  # key → (todo, writes)
        self._beneath: dict[str, list[tuple[str, int, int]]] = {}  # key → (key beneath it, todo, writes)
        self._used: dict[str, dict[int, int]] = {}  # resource → todo → amount
        for number, key, writes in tx.all(TOUCHED, (tx.project_id,)):
            self._at.setdefault(key, []).append((number, writes))
            for folder in paths.above(key):
                self._beneath.setdefault(folder, []).append((key, number, writes))
        for number, resource, amount in tx.all(DEMANDED, (tx.project_id,)):
            self._used.setdefault(resource, {})[number] = amount

    def __bool__(self) -> bool:
        return bool(self._at or self._used)

    def obstacles(self, wanted: Wants) -> list[Obstacle]:
        """List what a todo that is not in progress waits for: each of them counts one in its `unmet`."""
        return [*self._in_paths(wanted.paths), *self._in_resources(wanted.amounts)]

    def folders(self) -> tuple[list[str], list[str]]:
        """List the keys of the folders above what somebody writes to, and of those above what is only read."""
        written = {folder for folder, taken in self._beneath.items() if any(writes for _, _, writes in taken)}
        return sorted(written), sorted(self._beneath.keys() - written)

    def left(self) -> dict[str, int]:
        """Give what is left of each resource that somebody has taken of; below 0 where its capacity was lowered."""
        return {resource: self.enough(resource) - sum(taken.values()) for resource, taken in self._used.items()}

    def enough(self, resource: str) -> int:
        """Tell how much there is of a resource in all."""
        return wants.capacity(self._settings, resource)

    def amount(self, resource: str, number: int) -> int:
        """Tell how much of a resource a todo in progress has taken."""
        return self._used[resource][number]

    def _in_paths(self, wanted: dict[str, int]) -> list[Obstacle]:
        found: dict[int, str] = {}
        for key, writes in wanted.items():
            for place in (*paths.above(key), key):
                for number, theirs in self._at.get(place, ()):
                    if writes or theirs:
                        found.setdefault(number, place)
            for place, number, theirs in self._beneath.get(key, ()):
                if writes or theirs:
                    found.setdefault(number, place)
        return [Obstacle(what=key, taken_by=(number,)) for number, key in sorted(found.items())]

    def _in_resources(self, wanted: dict[str, int]) -> list[Obstacle]:
        return [
            Obstacle(what=resource, taken_by=tuple(self._used.get(resource, ())), amount=amount)
            for resource, amount in sorted(wanted.items())
            if amount > self.enough(resource) - sum(self._used.get(resource, {}).values())
        ]


def left_of(tx: Transaction, resource: str, settings: Settings) -> int:
    """Tell how much of a resource is left; below 0 where its capacity was lowered."""
    return wants.capacity(settings, resource) - used(tx, resource)


def used(tx: Transaction, resource: str) -> int:
    """Tell how much of a resource is taken."""
    row = tx.one(USED, (resource, tx.project_id))
    return int(row[0]) if row else 0
