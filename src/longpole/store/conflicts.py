"""Conflicts: a claim holds back the todos that it is in the way of, and its end lets them go.

Two todos conflict if a path of the one lies in a path of the other, unless both only read there; and a todo has to wait
while less of a resource is left than it wants. Like one more dependency each, that counts in `unmet`: for every todo
that is neither finished nor in progress one for each todo in progress that it conflicts with, and one for each resource
that is short. What is taken is what the todos in progress want: nothing more is stored of it.

All this is under the project's turn (`Store.turn`), so what is read here stays true until it is written.
"""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.model import FINISHED, Status
from longpole.store import paths, projects, takings, wants
from longpole.store.takings import Takings
from longpole.store.wants import Wants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from longpole.settings import Settings
    from longpole.store.dialect import Transaction

NOTHING = Wants(paths={}, amounts={})
# Beneath a key lies what begins with it: '0' comes right after '/'.
OVERLAPPING = """
    SELECT o.number FROM touch m JOIN touch o
        ON o.path >= m.path AND o.path < SUBSTR(m.path, 1, LENGTH(m.path) - 1) || '0' AND m.writes + o.writes > 0
    WHERE m.project_id = ? AND m.number = ? AND o.project_id = ?
    UNION ALL SELECT number FROM touch WHERE project_id = ? AND path IN TEXTS
    UNION ALL SELECT number FROM touch WHERE project_id = ? AND path IN TEXTS AND writes = 1"""
SHORT_OF = "SELECT number FROM demand WHERE project_id = ? AND resource = ? AND amount > ? AND amount <= ?"
# By a list of numbers: with the statement that finds them inside, PostgreSQL read all todos of a large project.
SHIFT = """
    UPDATE todo SET unmet = unmet + ?,
        status = CASE WHEN status = 'failed' THEN status WHEN unmet + ? > 0 THEN 'blocked' ELSE 'ready' END
    WHERE project_id = ? AND number IN INTS AND status IN ('blocked', 'ready', 'failed')"""
WAIT_FOR_MORE = """
    UPDATE todo SET unmet = unmet + ?, exclusive = ?, status = CASE WHEN status NOT IN ('blocked', 'ready') THEN status
        WHEN unmet + ? > 0 THEN 'blocked' ELSE 'ready' END
    WHERE project_id = ? AND number = ?"""

OF_BRANCH = "SELECT 1 FROM todo WHERE project_id = ? AND branch = ? ORDER BY number"
UNFINISHED = "project_id = ? AND branch = ? AND need >= 0 AND status NOT IN ('completed', 'cancelled')"  # no gates
LIMIT = f"""
    INSERT INTO demand (project_id, resource, amount, number)
    SELECT project_id, ?, 1, number FROM todo WHERE {UNFINISHED}"""  # noqa: S608 - a constant, as below
MARK = f"UPDATE todo SET exclusive = 1 WHERE {UNFINISHED}"  # noqa: S608
UNMARK = f"""
    UPDATE todo SET exclusive = 0 WHERE {UNFINISHED}
    AND NOT EXISTS (SELECT 1 FROM touch m WHERE m.project_id = todo.project_id AND m.number = todo.number)
    AND NOT EXISTS (SELECT 1 FROM demand m WHERE m.project_id = todo.project_id AND m.number = todo.number)"""  # noqa: S608


def hold_others_back(tx: Transaction, number: int) -> None:
    """A todo was claimed: what touches the same, or finds too little left of a resource, waits for one thing more."""
    tx.require_turn()
    mine = _of(tx, number)
    _shift_overlapping(tx, number, mine, more=1)
    _shift_resources(tx, number, mine.amounts, more=1)


def completed(tx: Transaction, number: int) -> None:
    """A claim ended with its todo completed: nobody waits for it, and it wants nothing, any more."""
    wants.delete(tx, number, _let_others_go(tx, number))


def given_back(tx: Transaction, number: int) -> bool:
    """A claim ended and its todo is to be done again; tell whether it has to wait for others now."""
    mine = _let_others_go(tx, number)
    waits = _obstacles(tx, mine)
    if waits:
        _wait_for_more(tx, number, waits, mine)
    return waits > 0


def finished(tx: Transaction, number: int) -> None:
    """A todo that nobody held was finished: it waits for nobody, and wants nothing, any more."""
    tx.require_turn()
    mine = _of(tx, number)
    _wait_for_more(tx, number, -_obstacles(tx, mine), mine)
    wants.delete(tx, number, mine)


def revived(tx: Transaction, number: int) -> None:
    """A finished todo is about to be opened again: it wants what its fields say, and waits for those who have it."""
    mine = wants.recorded(tx, [number], projects.settings_of(tx)).get(number, NOTHING)
    _begin(tx, {number: mine})
    _wait_for_more(tx, number, _obstacles(tx, mine), mine)


def added(tx: Transaction, wanted: Mapping[int, Wants]) -> dict[int, int]:
    """Todos are about to be added that want something; tell for how many things each of them has to wait."""
    if not wanted:
        return {}
    _begin(tx, wanted)
    taken = Takings(tx, projects.settings_of(tx))
    return {number: len(taken.obstacles(one)) for number, one in wanted.items()} if taken else {}


def edited(tx: Transaction, number: int, todo_id: str, status: Status) -> None:
    """A todo's touches or its branch were changed; its row is locked.

    Raises InvalidInputError if it is in progress and touches something else now, or wants more than there is.
    """
    settings = projects.settings_of(tx)
    before, after = _of(tx, number), wants.recorded(tx, [number], settings).get(number, NOTHING)
    if status in FINISHED or before == after:
        return
    if status == Status.IN_PROGRESS and wants.of_its_own(before) != wants.of_its_own(after):
        raise InvalidInputError(
            f"'{todo_id}' is in progress, and what it touches holds others back; release its claim first",
            todo_id=todo_id,
        )
    wants.refuse_too_much(after.more_than(before), settings, todo=todo_id)
    taken = Takings(tx, settings)
    wants.delete(tx, number, before)
    _begin(tx, {number: after})
    if status == Status.IN_PROGRESS:
        _wait_for_more(tx, number, 0, after)
        _shift_resources(tx, number, before.more_than(after), more=-1)
        _shift_resources(tx, number, after.more_than(before), more=1)
    else:
        _wait_for_more(tx, number, len(taken.obstacles(after)) - len(taken.obstacles(before)), after)


def reconfigured(tx: Transaction, before: Settings, after: Settings) -> None:
    """There is more or less of resources now, or limits on branches came, went or were changed."""
    for resource in sorted({*before.resources, *after.resources}):
        _capacity_changed(tx, resource, wants.capacity(before, resource), wants.capacity(after, resource))
    for branch in sorted({*before.branch_caps, *after.branch_caps}):
        _limit_changed(tx, branch, before.branch_caps.get(branch, 0), after.branch_caps.get(branch, 0))


def _limit_changed(tx: Transaction, branch: str, before: int, after: int) -> None:
    """A branch without a limit is one without rows, of which there was enough for one more."""
    if before == after:
        return
    resource = wants.OF_BRANCH + branch
    tx.lock_rows(OF_BRANCH, (tx.project_id, branch))
    if not before:
        tx.run(LIMIT, (resource, tx.project_id, branch))
        tx.run(MARK, (tx.project_id, branch))
        projects.constrain(tx)
    enough = takings.used(tx, resource) + 1
    _capacity_changed(tx, resource, before or enough, after or enough)
    if not after:
        tx.run("DELETE FROM demand WHERE project_id = ? AND resource = ?", (tx.project_id, resource))
        tx.run(UNMARK, (tx.project_id, branch))


def _capacity_changed(tx: Transaction, resource: str, before: int, after: int) -> None:
    if before != after:
        used = takings.used(tx, resource)
        _shift_short(tx, resource, before=before - used, after=after - used)


def _let_others_go(tx: Transaction, number: int) -> Wants:
    """Let all that waits for a claim that has ended wait for one thing less; give what it had taken."""
    tx.require_turn()
    mine = _of(tx, number)
    _shift_overlapping(tx, number, mine, more=-1)
    _shift_resources(tx, number, mine.amounts, more=-1)
    return mine


def _shift_resources(tx: Transaction, number: int, amounts: Mapping[str, int], *, more: int) -> None:
    """So much of these resources was taken just now (`more` 1) or given back (-1): let those wait that it affects."""
    for resource, amount in amounts.items():
        left = takings.left_of(tx, resource, projects.settings_of(tx))
        _shift_short(tx, resource, before=left + more * amount, after=left, but=number)


def _shift_short(tx: Transaction, resource: str, *, before: int, after: int, but: int = 0) -> None:
    """What is left of a resource has changed: whoever wants more than that waits, whoever wants no more does not."""
    more, low, high = (1, after, before) if after < before else (-1, before, after)
    rows = tx.all(SHORT_OF, (tx.project_id, resource, low, high))
    _shift(tx, {row[0] for row in rows} - {but}, more)


def _shift_overlapping(tx: Transaction, number: int, mine: Wants, *, more: int) -> None:
    """Let all that touches what a todo touches, and does not only read what it only reads, wait for one thing more."""
    if not mine.paths:
        return
    written = {key for path, writes in mine.paths.items() if writes for key in paths.above(path)}
    read = {key for path in mine.paths for key in paths.above(path)} - written
    here = tx.project_id
    rows = tx.all(OVERLAPPING, (here, number, here, here, tx.listed(written), here, tx.listed(read)))
    _shift(tx, {row[0] for row in rows} - {number}, more)


def _shift(tx: Transaction, numbers: set[int], more: int) -> None:
    """Let those of these todos that are neither finished nor in progress wait for one thing more, or less."""
    if numbers:
        tx.run(SHIFT, (more, more, tx.project_id, tx.listed(sorted(numbers))))


def _obstacles(tx: Transaction, wanted: Wants) -> int:
    """Count what a todo that is not in progress waits for beside its dependencies and holds."""
    return len(Takings(tx, projects.settings_of(tx)).obstacles(wanted)) if wanted else 0


def _of(tx: Transaction, number: int) -> Wants:
    return wants.of(tx, [number]).get(number, NOTHING)


def _begin(tx: Transaction, wanted: Mapping[int, Wants]) -> None:
    """Put what todos want in place; from now on changes of hands come one after another."""
    if any(wanted.values()):
        tx.require_turn()
        wants.insert(tx, wanted)
        projects.constrain(tx)


def _wait_for_more(tx: Transaction, number: int, more: int, wanted: Wants) -> None:
    tx.run(WAIT_FOR_MORE, (more, int(bool(wanted)), more, tx.project_id, number))
