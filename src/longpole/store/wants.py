"""What todos want to themselves while somebody works on them: paths, and amounts of resources.

`touch` and `demand` have the rows of unfinished todos alone, so that what a claim looks through does not grow with what
has been done. A limit on a branch is a resource of which each of its todos wants one.
"""

from __future__ import annotations

import json

from longpole.errors import InvalidInputError
from longpole.model import Kind
from longpole.store import paths
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from longpole.settings import Settings
    from longpole.store.dialect import Transaction

OF_BRANCH = " "  # begins the name of a branch's own resource: no name that a person may give begins so
RECORDED = """
    SELECT t.number, d.touches, t.branch, d.kind
    FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    WHERE t.project_id = ? AND t.number IN INTS"""
ROWS = """
    SELECT number, path, writes, 1 FROM touch WHERE project_id = ? AND number IN INTS
    UNION ALL SELECT number, resource, amount, 0 FROM demand WHERE project_id = ? AND number IN INTS"""


class Wants(Value):
    """What a todo wants: paths by key, each with 1 if it is written to and 0 if only read, and amounts by resource."""

    paths: dict[str, int]
    amounts: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.paths or self.amounts)

    def more_than(self, other: Wants) -> dict[str, int]:
        """Give the resources of which it wants more than another does, with all that it wants of each."""
        return {name: amount for name, amount in self.amounts.items() if amount > other.amounts.get(name, 0)}


def meant(
    touches: Iterable[str | dict[str, Any]], settings: Settings, *, branch: str | None, kind: str = Kind.TODO
) -> Wants:
    """Give what a todo wants by its fields. Nobody works on a gate: it wants nothing."""
    found, touched = Wants(paths={}, amounts={}), dict[str, int]()
    for touch in touches:
        one: dict[str, Any] = {"path": touch} if isinstance(touch, str) else touch
        if "path" in one:
            key = paths.key_of(one["path"])
            touched[key] = max(touched.get(key, 0), int(one.get("mode", "write") != "read"))
        else:
            found.amounts[one["resource"]] = found.amounts.get(one["resource"], 0) + one.get("amount", 1)
    found.paths.update((key, writes) for key, writes in touched.items() if not _is_covered(key, writes, touched))
    if branch is not None and settings.branch_caps.get(branch) and kind != Kind.GATE:
        found.amounts[OF_BRANCH + branch] = 1
    return found


def recorded(tx: Transaction, numbers: Collection[int], settings: Settings) -> dict[int, Wants]:
    """Give what these todos want by their fields as they stand; those that want nothing are left out."""
    rows = tx.all(RECORDED, (tx.project_id, tx.listed(numbers)))
    found = {
        number: meant(json.loads(touches), settings, branch=branch, kind=kind) for number, touches, branch, kind in rows
    }
    return {number: wants for number, wants in found.items() if wants}


def of_its_own(wants: Wants) -> Wants:
    """Give what a todo wants by its touches, whatever its branch."""
    own = {name: amount for name, amount in wants.amounts.items() if not name.startswith(OF_BRANCH)}
    return wants.replace(amounts=own)


def branch_of(resource: str) -> str | None:
    """Give the branch whose limit a resource is; None for a resource of its own."""
    return resource.removeprefix(OF_BRANCH) if resource.startswith(OF_BRANCH) else None


def capacity(settings: Settings, resource: str) -> int:
    """Tell how much there is of a resource, or how many todos of a branch may be in progress."""
    branch = branch_of(resource)
    return settings.resources.get(resource, 1) if branch is None else settings.branch_caps.get(branch, 0)


def refuse_too_much(amounts: Mapping[str, int], settings: Settings, *, todo: str) -> None:
    """Raise InvalidInputError if a todo wants more of something than there is: nobody could ever claim it."""
    for resource, amount in amounts.items():
        if amount > capacity(settings, resource):
            raise InvalidInputError(f"'{todo}' {lacks(resource, amount, settings)}", todo_id=todo)


def lacks(resource: str, amount: int, settings: Settings) -> str:
    """Say that a todo wants more of a resource than there is, and what to do about it."""
    return (
        f"wants {amount} of {resource}, of which there is {capacity(settings, resource)} in all;"
        f" `longpole settings resource.{resource} {amount}` makes it enough"
    )


def of(tx: Transaction, numbers: Collection[int]) -> dict[int, Wants]:
    """Give what these todos want by their rows; those that want nothing, and finished ones, are left out."""
    found: dict[int, Wants] = {}
    these = (tx.project_id, tx.listed(numbers))
    for number, name, much, is_path in tx.all(ROWS, (*these, *these)):
        one = found.setdefault(number, Wants(paths={}, amounts={}))
        (one.paths if is_path else one.amounts)[name] = much
    return found


def insert(tx: Transaction, wanted: Mapping[int, Wants]) -> None:
    """Put the rows of todos in place that had none."""
    touched = [(tx.project_id, *path, number) for number, wants in wanted.items() for path in wants.paths.items()]
    taken = [(tx.project_id, *amount, number) for number, wants in wanted.items() for amount in wants.amounts.items()]
    if touched:
        tx.insert("touch", "project_id, path, writes, number", touched)
    if taken:
        tx.insert("demand", "project_id, resource, amount, number", taken)


def delete(tx: Transaction, number: int, wants: Wants) -> None:
    """Take the rows of a todo away."""
    for table, rows in (("touch", wants.paths), ("demand", wants.amounts)):
        if rows:
            tx.run(f"DELETE FROM {table} WHERE project_id = ? AND number = ?", (tx.project_id, number))  # noqa: S608 - the two above


def _is_covered(key: str, writes: int, touched: Mapping[str, int]) -> bool:
    """Tell whether a path lies in a folder that is touched as well, and no less: its row would tell nothing."""
    return any(touched.get(folder, -1) >= writes for folder in paths.above(key))
