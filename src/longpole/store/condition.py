"""The state that a database is in, as facts for somebody to judge; nothing of it is needed for the work itself."""

from __future__ import annotations

import os

from longpole.store import journal
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store import Store


class Condition(Value):
    """What can be seen of any database. Times are microseconds since 1970, UTC.

    `place` is its path, or its URL without the password.
    """

    place: str
    schema_version: int
    now: int
    newest_event_at: int  # 0 for an empty journal


class FileCondition(Condition):
    """What can be seen of an SQLite file from outside and inside."""

    path: str
    sqlite_version: tuple[int, ...]
    file_system: str | None  # None: the system does not say
    wal_bytes: int
    modes: tuple[tuple[str, int], ...]  # (path, permission bits) of the database's files and its folder


def gather(store: Store) -> Condition:
    """Look at a project's database."""
    if not store.engine.url.startswith("postgres"):
        return _of_file(store)
    from longpole.store import postgres_condition

    return postgres_condition.gather(store)


def _of_file(store: Store) -> FileCondition:
    from longpole.store.sqlite import SQLITE_VERSION
    from longpole.store.sqlite_errors import MOUNTS, file_system_of

    path = store.engine.url.removeprefix("sqlite:///")
    files = [path, f"{path}-wal", f"{path}-shm", os.path.dirname(path)]
    with store.read() as tx:
        return FileCondition(
            place=path,
            schema_version=tx.version(),
            now=tx.now,
            newest_event_at=journal.newest_at(tx),
            path=path,
            sqlite_version=SQLITE_VERSION,
            file_system=file_system_of(os.path.dirname(path), MOUNTS),
            wal_bytes=os.path.getsize(f"{path}-wal") if os.path.exists(f"{path}-wal") else 0,
            modes=tuple((file, os.stat(file).st_mode & 0o777) for file in files if os.path.exists(file)),
        )
