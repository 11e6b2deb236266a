"""Backups, and putting one back while others have the database open."""

from __future__ import annotations

import os

from longpole.errors import InvalidInputError, StorageUnavailableError
from longpole.store import migrate, open_engine
from longpole.store.copying import begin_anew
from longpole.store.sqlite import look_at, open_sqlite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.clock import Clock

ENDINGS = ("", "-wal", "-shm", "-turn")


def restore(file: str, url: str, clock: Clock) -> str | None:
    """Put a backup in the place of a database; give the name of the copy of what stood there, None if nothing did.

    All instances of the backup are given up: their processes worked on something else meanwhile.
    Raises InvalidInputError if the file is no sound backup of longpole's, or the database no file;
    StorageUnavailableError.
    """
    path = url.removeprefix("sqlite:///")
    if "://" in path:
        with open_engine(url, clock, create=False) as engine:
            engine.replace_with(file)  # says what to do instead
    _check(file)
    mark = f"{clock.now() // 1_000_000}-{os.urandom(3).hex()}"
    kept = f"{path}.before-restore-{mark}.backup" if os.path.exists(path) else None
    if kept:
        _set_aside(path, kept, clock)
    anew = f"{path}.restoring-{mark}"
    try:
        _prepare(file, anew, clock)
        with open_sqlite(path, clock, create=True) as engine:
            engine.replace_with(anew)
    finally:
        for ending in ENDINGS:
            if os.path.exists(anew + ending):
                os.unlink(anew + ending)
    return kept


def _prepare(file: str, anew: str, clock: Clock) -> None:
    """Make a copy of a backup that can take the place of the database in one step, nobody's claims standing in it."""
    with open_sqlite(anew, clock, create=True) as engine:
        engine.replace_with(file)
        migrate.prepare(engine, keep=False)
        with engine.write(0) as tx:
            # A backup is a step back in time, after which numbers would be given out again that somebody still holds.
            for (project_id,) in tx.all("SELECT project_id FROM project"):
                begin_anew(tx, project_id)


def _set_aside(path: str, kept: str, clock: Clock) -> None:
    """Copy a database; only one that is damaged is moved away instead, with what belongs to it."""
    try:
        damaged = bool(look_at(path)[1])
    except StorageUnavailableError:
        damaged = True
    if not damaged:
        with open_sqlite(path, clock, create=False) as engine:
            engine.back_up(kept)
        return
    for ending in ENDINGS:
        if os.path.exists(path + ending):
            os.replace(path + ending, kept + ending)


def _check(file: str) -> None:
    version, problems = look_at(file)
    if problems or not version:
        found = problems[0] if problems else "no longpole database"
        raise InvalidInputError(f"{file} is no sound backup ({found}); choose another file")
