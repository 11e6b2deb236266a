"""Databases to measure on: built once for each graph, copied for each measurement, refilled when work runs out."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

import longpole
from longpole.store import rebuilding
from longpole.store.sqlite import PRAGMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from longpole.project import Project

RAW_ROWS = 10_000
WARM_UP_ACTS = 50_000
FRAME_HEADER = 24
RESET = """
    UPDATE todo SET holder = NULL, attempts = 0, claimed_at = NULL, finished_at = NULL,
        unmet = (SELECT COUNT(*) FROM dependency e
            WHERE e.project_id = todo.project_id AND e.dependent = todo.number)
    WHERE project_id = ? AND status <> 'in_progress'"""
SETTLE = """
    UPDATE todo SET status = CASE WHEN unmet > 0 THEN 'blocked' ELSE 'ready' END
    WHERE project_id = ? AND status <> 'in_progress'"""

REOPEN = """
    UPDATE todo SET status = 'ready', attempts = 0, claimed_at = NULL, finished_at = NULL
    WHERE project_id = ? AND status = 'completed'"""


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Give a new folder for databases; it is removed at the end, and so is its parent if that is empty then."""
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            yield Path(folder).resolve()
    finally:
        with contextlib.suppress(OSError):
            parent.rmdir()


def build(path: Path, todos: Iterable[dict[str, Any]]) -> float:
    """Make a project of these todos; give the seconds that it took. The file is closed, its log written back."""
    began = time.monotonic()
    with longpole.open(str(path)) as project:
        durability(project, "normal")
        project.add_many(todos)
    return time.monotonic() - began


def copy(template: Path, path: Path) -> Path:
    """Copy a closed database."""
    shutil.copyfile(template, path)
    return path


def remove(path: Path) -> None:
    """Remove a closed database and the files beside it."""
    for found in path.parent.glob(f"{path.name}*"):
        found.unlink()


def refill(project: Project) -> None:
    """Put every todo that nobody holds back to where it began; journal and answers stay, as in a long-lived project."""
    with project._store.write() as tx:  # noqa: SLF001 - no user may do this
        tx.run(RESET, (tx.project_id,))
        tx.run(SETTLE, (tx.project_id,))


def reopen(project: Project) -> None:
    """Put every completed todo back to where it began; it was alone, and what it touched goes by its fields."""
    with project._store.write() as tx:  # noqa: SLF001 - see above
        tx.run(REOPEN, (tx.project_id,))
        rebuilding.rebuild(tx)


def durability(project: Project, name: str) -> None:
    """Choose full or normal for this process alone, whatever the project's setting, which holds for all processes."""
    engine = project._store.engine  # noqa: SLF001 - see above
    type(engine).set_durability(engine, name)
    vars(engine)["set_durability"] = lambda _setting: None  # every act would put the setting back in force


def warm(path: Path, project: Project) -> None:
    """Claim and complete until the write-ahead log has its steady size: a growing file makes each commit dearer."""
    durability(project, "normal")
    with project.register() as me:
        for _ in _until_log_is_steady(path):
            claims = me.claim(key=os.urandom(16).hex())
            if claims:
                claims[0].complete(key=os.urandom(16).hex())
            else:
                refill(project)
    durability(project, "full")
    refill(project)


def make_raw(path: Path, page_size: int) -> apsw.Connection:
    """Make the file for the raw commits, its log at the steady size; the file lives while the connection does."""
    database = apsw.Connection(str(path))
    database.execute(f"PRAGMA page_size={page_size:d}").fetchall()
    database.execute(PRAGMAS).fetchall()
    database.execute("PRAGMA synchronous=OFF").fetchall()
    database.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
    with database:
        database.executemany("INSERT INTO raw VALUES (?, 0)", ((number,) for number in range(RAW_ROWS)))
    for number in _until_log_is_steady(path):
        database.execute("UPDATE raw SET value = value + 1 WHERE id = ?", (number % RAW_ROWS,))
    return database


def page_size(path: Path) -> int:
    """Tell a database's page size."""
    with contextlib.closing(apsw.Connection(str(path))) as database:
        return int(database.pragma("page_size"))


def _until_log_is_steady(path: Path) -> Iterator[int]:
    with contextlib.closing(apsw.Connection(str(path))) as database:
        database.execute(PRAGMAS).fetchall()
        pages, bytes_each = int(database.pragma("wal_autocheckpoint")), int(database.pragma("page_size"))
    log = Path(f"{path}-wal")
    for number in range(WARM_UP_ACTS):
        if log.stat().st_size >= pages * (bytes_each + FRAME_HEADER):
            return
        yield number
