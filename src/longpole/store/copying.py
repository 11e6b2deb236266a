"""Copies projects from one database into another, row for row, whichever engine either has.

The source is read in one snapshot, page by page, and the target written in one transaction: all of it or nothing.
Numbers, tokens and times stay as they are. Two things belong to a database and not to a project: the journal gets
numbers of the target's own, in the same order, and the mark of the source's clock is left behind.
"""

from __future__ import annotations

import os
from functools import partial

from longpole.errors import InvalidInputError, StorageUnavailableError
from longpole.model import Copied, Copy
from longpole.store import batches, instances, migrate, open_engine, projects
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longpole.clock import Clock
    from longpole.store.dialect import Engine, Row, Transaction

    Progress = Callable[[str, int], None]
    """Is told the project that is being copied and how many of its rows have been read."""

PAGE = 1000
NAMED = 3
NOBODYS_FAULT = f"""
    UPDATE todo SET attempts = attempts - 1
    WHERE project_id = ? AND status = 'in_progress' AND number NOT IN ({batches.NEVER_BEGUN})"""  # noqa: S608 - constant
# Whoever holds a claim goes on in the source while the target hands the same todo out again. A jump keeps the numbers
# of the two apart, so that no token of the one is ever valid in the other.
JUMP = 1_000_000


class Table(Value):
    """A table with rows of a project: its columns, and the key by which its rows are read in order."""

    name: str
    key: str
    before: tuple[object, ...]  # a key that comes before all others
    columns: str


PROJECT = "settings, graph_version, descendants_version, next_todo, created_at, constrained, pause, draining"
FLEET = "next_instance, due_at, pruned_at"
TABLES = (
    Table(
        name="todo",
        key="number",
        before=(-1,),
        columns="number, status, unmet, priority, urgency, estimate_minutes, critical_path_minutes, total_descendants,"
        " immediate_dependents, rank, branch, token, holder, attempts, progress_percent, claimed_at, finished_at, need,"
        " exclusive, reserved",
    ),
    Table(
        name="todo_detail",
        key="number",
        before=(-1,),
        columns="number, id, title, description, touches, needs, result, former_holder, edited, created_at, kind,"
        " opens_at",
    ),
    Table(name="dependency", key="predecessor, dependent", before=(-1, -1), columns="predecessor, dependent"),
    Table(name="hold", key="number, kind", before=(-1, ""), columns="number, kind, reason, until_at"),
    Table(name="need", key="number", before=(-1,), columns="number, labels"),
    Table(name="branch", key="name", before=("",), columns="name, holder, token, held_at, pause"),
    Table(name="touch", key="path, number", before=("", -1), columns="path, number, writes"),
    Table(name="demand", key="resource, amount, number", before=("", -1, -1), columns="resource, amount, number"),
    Table(name="instance", key="number", before=(-1,), columns=instances.COLUMNS),
    Table(name="reply", key="key", before=("",), columns="key, at, act, answer"),
    Table(
        name="source_record",
        key="format, position",
        before=("", -1),
        columns="format, position, id, is_todo, raw",
    ),
    Table(name="journal", key="seq", before=(-1,), columns="at, kind, todo, instance, token, why, data"),
)
MADE_ANEW = ("queue", "ranking", "leader", "assignment")
"""Tables of what instances at work agree on: those of the copy do so for themselves."""
COUNTED = {"todos": "todo", "dependencies": "dependency", "instances": "instance", "events": "journal"}


def copy(
    source_url: str,
    target_url: str,
    *,
    project: str | None,
    anyway: bool,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Copy:
    """Copy a project, or all of them, into a database that does not have it yet; a file is made if need be.

    Raises InvalidInputError for a project that is not there, that has live instances (unless `anyway`: the target
    gives them up), or that the target has already; StorageUnavailableError. The target's projects stay as they were
    then, and a file that was made for it is taken away again.
    """
    told = progress or _nobody
    with open_engine(source_url, clock, create=False) as source:
        _refuse_empty(source)
        names = source.patiently(lambda: _chosen(source, project, anyway=anyway))
        with _Target(target_url, clock) as target:
            if target.url == source.url:
                raise InvalidInputError(f"{source.where} cannot be copied into itself; name another database")
            copied = target.patiently(lambda: _copy_all(source, target, names, anyway=anyway, told=told))
            return Copy(source=source.where, target=target.where, projects=tuple(copied))


def begin_anew(tx: Transaction, project_id: int) -> None:
    """Keep what was handed out elsewhere from being valid here: numbers jump, and all instances are given up.

    The sweep that is due at once finds them, and returns what they hold. It counts that as an attempt, so each of these
    has one less here: nobody has failed. What nobody had begun counts none, here as there.
    """
    tx.run(
        "UPDATE fleet SET next_instance = next_instance + ?, due_at = 0, clock_mark = '' WHERE project_id = ?",
        (JUMP, project_id),
    )
    tx.run("UPDATE todo SET token = token + ? WHERE project_id = ?", (JUMP, project_id))
    tx.run("UPDATE branch SET token = token + ? WHERE project_id = ?", (JUMP, project_id))
    tx.run(NOBODYS_FAULT, (project_id, project_id))
    tx.run("UPDATE instance SET lease_expires_at = 0 WHERE project_id = ? AND state = 'live'", (project_id,))


class _Target:
    """The database to be written to; what was made for it goes again if nothing comes of it."""

    def __init__(self, url: str, clock: Clock | None) -> None:
        self._path = url.removeprefix("sqlite:///") if "://" not in url or url.startswith("sqlite:///") else ""
        self._is_new = bool(self._path) and not os.path.exists(self._path)
        if self._path == ":memory:":
            raise InvalidInputError("a copy in memory would be gone at once; name a file or a postgresql:// URL")
        self._engine = open_engine(url, clock, create=True)

    def __enter__(self) -> Engine:
        try:
            migrate.prepare(self._engine)
        except BaseException:
            self._leave(failed=True)
            raise
        return self._engine

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._leave(failed=error is not None)

    def _leave(self, *, failed: bool) -> None:
        self._engine.close()
        for ending in ("", "-wal", "-shm", "-turn"):
            if failed and self._is_new and os.path.exists(self._path + ending):
                os.unlink(self._path + ending)


def _refuse_empty(source: Engine) -> None:
    """Bring a source of an older schema up to date, as any verb would; an empty one stays so."""
    if not source.patiently(lambda: migrate.found(source)):
        raise StorageUnavailableError(f"{source.where} is no longpole database; name that to be copied first")
    migrate.prepare(source)


def _chosen(source: Engine, project: str | None, *, anyway: bool) -> list[str]:
    """Name the projects to be copied."""
    with source.read(0) as seen:
        names = [project] if project else projects.names(seen)
        if not names:
            raise InvalidInputError(f"{source.where} has no project yet; there is nothing to copy")
        for name in names:
            _refuse_live(source, _live(seen, projects.known(seen, name)), anyway=anyway)
    return names


def _copy_all(source: Engine, target: Engine, names: list[str], *, anyway: bool, told: Progress) -> list[Copied]:
    committed: list[Copied] = []
    try:
        with source.read(0) as seen:
            with target.write(0) as tx:
                copied = [_copy(source, seen, target, tx, name=name, anyway=anyway, told=told) for name in names]
                if not anyway:
                    _refuse_changed(source, seen, names)
            committed = copied
    except StorageUnavailableError:
        if not committed:  # else the source went away when nothing of it was needed any more
            raise
    return committed


def _copy(
    source: Engine, seen: Transaction, target: Engine, tx: Transaction, *, name: str, anyway: bool, told: Progress
) -> Copied:
    origin = projects.known(seen, name)
    live = _live(seen, origin)
    _refuse_live(source, live, anyway=anyway)
    place = _place(tx, name, target)
    counts = _Transfer(seen, tx, partial(told, name)).copy(origin, place)
    if live:
        begin_anew(tx, place)
    return Copied(project=name, **counts, given_up=tuple(live))


class _Transfer:
    """One project on its way from a snapshot of the source into a transaction in the target."""

    def __init__(self, seen: Transaction, tx: Transaction, told: Callable[[int], None]) -> None:
        self._seen, self._tx, self._told, self._count = seen, tx, told, 0

    def copy(self, origin: int, place: int) -> dict[str, int]:
        """Copy all rows and give the counts that a Copied tells of."""
        counts = {}
        for table in TABLES:
            before = self._count
            self._tx.insert(table.name, f"project_id, {table.columns}", self._rows(table, origin, place))
            counts[table.name] = self._count - before
        _take_over(self._seen, self._tx, origin, place)
        return {field: counts[table] for field, table in COUNTED.items()}

    def _rows(self, table: Table, origin: int, place: int) -> Iterator[Row]:
        """Give a table's rows as the target takes them."""
        key = len(table.before)
        for page in _pages(self._seen, table, origin):
            yield from ((place, *row[key:]) for row in page)
            self._count += len(page)
            self._told(self._count)


def _pages(seen: Transaction, table: Table, origin: int) -> Iterator[list[Row]]:
    """Read a table's rows of a project in pages, each row behind its key."""
    marks = ", ".join("?" for _ in table.before)
    statement = (
        f"SELECT {table.key}, {table.columns} FROM {table.name}"  # noqa: S608 - constants, as below
        f" WHERE project_id = ? AND ({table.key}) > ({marks}) ORDER BY {table.key} LIMIT {PAGE:d}"
    )
    behind = table.before
    while page := seen.all(statement, (origin, *behind)):
        yield page
        behind = page[-1][: len(behind)]


def _place(tx: Transaction, name: str, target: Engine) -> int:
    """Give the key of the project in the target, made or empty, and keep others out of it until the end."""
    place = projects.ensure(tx, name)
    for table in ("project", "fleet"):
        tx.all(f"SELECT 1 FROM {table} WHERE project_id = ? FOR UPDATE", (place,))  # noqa: S608
    is_used = tx.one(
        "SELECT 1 FROM project p JOIN fleet f ON f.project_id = p.project_id WHERE p.project_id = ?"
        " AND (p.next_todo > 1 OR f.next_instance > 1"
        " OR EXISTS (SELECT 1 FROM journal j WHERE j.project_id = p.project_id))",
        (place,),
    )
    if is_used:
        raise InvalidInputError(
            f"{target.where} has a project '{name}' already, and it is not empty (if the server went away as a copy"
            " ended, it may be that copy: look); copy into another database"
        )
    return place


def _take_over(seen: Transaction, tx: Transaction, origin: int, place: int) -> None:
    """Let the project's own two rows say what they say in the source."""
    for table, columns in (("project", PROJECT), ("fleet", FLEET)):
        row = seen.one(f"SELECT {columns} FROM {table} WHERE project_id = ?", (origin,))  # noqa: S608
        assert row is not None
        changes = ", ".join(f"{column} = ?" for column in columns.split(", "))
        tx.run(f"UPDATE {table} SET {changes} WHERE project_id = ?", (*row, place))  # noqa: S608


def _live(seen: Transaction, origin: int) -> list[str]:
    """Name the instances that may be at work: live, and the lease not over."""
    rows = seen.all(
        "SELECT name FROM instance WHERE project_id = ? AND state = 'live' AND lease_expires_at > ? ORDER BY number",
        (origin, seen.now),
    )
    return [row[0] for row in rows]


def _refuse_live(source: Engine, live: list[str], *, anyway: bool) -> None:
    if live and not anyway:
        more = f" and {len(live) - NAMED} more" if len(live) > NAMED else ""
        raise InvalidInputError(
            f"{', '.join(live[:NAMED])}{more} may be at work in {source.where}, and both databases would hand out the"
            " same todos; let them end (`longpole unregister --as NAME`), or copy with --anyway"
        )


def _refuse_changed(source: Engine, seen: Transaction, names: list[str]) -> None:
    """See, right before the end, that nobody has begun to work in the source since the snapshot."""
    with source.read(0) as now:
        for name in names:
            if _newest(now, name) != _newest(seen, name):
                raise InvalidInputError(
                    f"somebody worked on '{name}' in {source.where} while it was copied; nothing was kept:"
                    " let them end and copy again, or copy with --anyway"
                )


def _newest(tx: Transaction, name: str) -> int:
    row = tx.one("SELECT MAX(seq) FROM journal WHERE project_id = ?", (projects.known(tx, name),))
    return int(row[0] or 0) if row else 0


def _nobody(_project: str, _rows: int) -> None:
    """Nobody wants to know."""
