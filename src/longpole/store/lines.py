"""Lines of work: the branches of a project as a person looks at them, and new ones for todos that have none."""

from __future__ import annotations

from longpole.graph import chains
from longpole.graph.kernel import Graph
from longpole.model import PENDING, Branch, DerivedBranch
from longpole.store import claims, journal, records, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.dialect import Transaction

PAGE = 5000
LONGEST = 190  # of an id, where a number has to go behind it: a branch has 200 characters at most
WHY = "a longest path of todos without a branch"
COUNTS = """
    SELECT branch, status, COUNT(*),
        SUM(COALESCE(estimate_minutes, ?) * (100 - COALESCE(progress_percent, 0)) / 100.0)
    FROM todo WHERE project_id = ? AND branch IS NOT NULL GROUP BY branch, status ORDER BY branch"""
TODOS = """
    SELECT t.branch, d.id FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number
    WHERE t.project_id = ? AND t.branch IS NOT NULL ORDER BY t.number"""
SAID = """
    SELECT b.name, b.token, i.name, b.held_at, b.pause FROM branch b
    LEFT JOIN instance i ON i.project_id = b.project_id AND i.number = b.holder
    WHERE b.project_id = ? ORDER BY b.name"""
WITHOUT = """
    SELECT number, COALESCE(estimate_minutes, ?) FROM todo
    WHERE project_id = ? AND branch IS NULL AND status IN ('blocked', 'ready', 'in_progress', 'failed')
    ORDER BY number"""
GIVE = "UPDATE todo SET branch = ? WHERE project_id = ? AND number = ?"


def listing(tx: Transaction, settings: Settings) -> list[Branch]:
    """List the branches that have todos, are kept to, paused or capped, by name."""
    found: dict[str, Branch] = {}
    for name, status, count, minutes in tx.all(COUNTS, (settings.default_estimate_minutes, tx.project_id)):
        one = found.get(name) or Branch(name=name)
        left = one.remaining_minutes + (minutes if status in PENDING else 0.0)
        found[name] = one.replace(counts={**one.counts, status: count}, remaining_minutes=left)
    for name, token, holder, held_at, pause in tx.all(SAID, (tx.project_id,)):
        if name in found or holder or pause:
            one = found.get(name) or Branch(name=name)
            found[name] = one.replace(token=token, holder=holder, held_at=held_at, pause=pause)
    for name, cap in settings.branch_caps.items():
        if cap:
            found[name] = (found.get(name) or Branch(name=name)).replace(cap=cap)
    ids: dict[str, list[str]] = {}
    for name, todo_id in tx.all(TODOS, (tx.project_id,)):
        ids.setdefault(name, []).append(todo_id)
    return [found[name].replace(todos=tuple(ids.get(name, ()))) for name in sorted(found)]


def derive(store: Store, *, dry_run: bool, progress: Callable[[int], None] | None = None) -> list[DerivedBranch]:
    """Give the unfinished todos without a branch one each, in one transaction, and tell which, the longest first.

    A branch is the longest path through those that are left, and is called by the id of its first todo. `dry_run`
    changes nothing. `progress` is told how many todos have their branch.
    """
    if dry_run:
        return store.look(lambda tx: [branch for branch, _ in _found(tx, store.state(tx).settings)])

    def upon(tx: Transaction) -> list[DerivedBranch]:
        found = _found(tx, store.lock(tx).settings)
        _give(tx, sorted((number, branch.name) for branch, numbers in found for number in numbers), progress)
        return [branch for branch, _ in found]

    return store.act(upon)


def _give(tx: Transaction, given: Sequence[tuple[int, str]], progress: Callable[[int], None] | None) -> None:
    for start in range(0, len(given), PAGE):
        part = given[start : start + PAGE]
        numbers = [number for number, _ in part]
        claims.lock(tx, numbers)
        tx.many(GIVE, [(name, tx.project_id, number) for number, name in part])
        records.mark_all_edited(tx, numbers, "branch")
        journal.write_edited(tx, ((number, {"branch": name}) for number, name in part), why=WHY)
        if progress:
            progress(start + len(part))


def _found(tx: Transaction, settings: Settings) -> list[tuple[DerivedBranch, list[int]]]:
    """Find the branches, each with the numbers of its todos."""
    rows = tx.all(WITHOUT, (settings.default_estimate_minutes, tx.project_id))
    numbers = [row[0] for row in rows]
    minutes: dict[int, float] = dict(rows)
    ids, taken = _ids(tx, numbers), _names_taken(tx, settings)
    found = []
    for path in chains.peel(_graph(tx, numbers), [row[1] for row in rows]):
        members = [numbers[place] for place in path]
        todo_ids, length = tuple(ids[number] for number in members), sum(minutes[number] for number in members)
        branch = DerivedBranch(name=_name(todo_ids[0], taken), todos=todo_ids, minutes=length)
        taken.add(branch.name)
        found.append((branch, members))
    return found


def _graph(tx: Transaction, numbers: list[int]) -> Graph:
    place = {number: index for index, number in enumerate(numbers)}
    pairs = tx.all("SELECT predecessor, dependent FROM dependency WHERE project_id = ?", (tx.project_id,))
    both = ((place[first], place[then]) for first, then in pairs if first in place and then in place)
    return Graph.build(len(numbers), both)


def _ids(tx: Transaction, numbers: list[int]) -> dict[int, str]:
    parts = (numbers[start : start + PAGE] for start in range(0, len(numbers), PAGE))
    return {number: todo_id for part in parts for number, todo_id in todos.ids_of(tx, part).items()}


def _names_taken(tx: Transaction, settings: Settings) -> set[str]:
    """Name the branches that there are, or of which something was said: a new one must not end up in them."""
    rows = tx.all(
        "SELECT branch FROM todo WHERE project_id = ? AND branch IS NOT NULL"
        " UNION SELECT name FROM branch WHERE project_id = ?",
        (tx.project_id, tx.project_id),
    )
    return {row[0] for row in rows} | settings.branch_caps.keys()


def _name(first: str, taken: Container[str]) -> str:
    """Give a branch its first todo's id as a name, with a number behind it where that is taken."""
    name, more = first, 1
    while name in taken:
        more += 1
        name = f"{first[:LONGEST]}-{more}"
    return name
