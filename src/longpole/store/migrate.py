"""The schema's versions: numbered files, each applied in one transaction together with its number."""

from __future__ import annotations

import os

from longpole.errors import SchemaVersionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.dialect import Engine

FOLDER = os.path.join(os.path.dirname(__file__), "migrations")
VERSION = 3
"""The newest version, that of the last file in FOLDER (a test compares)."""


def prepare(engine: Engine, folder: str = FOLDER, newest: int = VERSION, *, keep: bool = True) -> None:
    """Bring a database to the newest schema; an existing one is copied beside itself first, unless `keep` is off.

    Raises SchemaVersionError for a database that a newer longpole has written.
    """
    version = found(engine)
    if version > newest:
        raise SchemaVersionError(f"the database has schema {version}, this longpole knows {newest}; upgrade longpole")
    if version == newest:
        return
    if version and keep:
        _back_up(engine, version)
    for number, name in numbered(folder):
        if version < number <= newest:
            _apply(engine, number, os.path.join(folder, name))


def found(engine: Engine) -> int:
    """Tell which version a database has; 0 for an empty one."""
    with engine.read(0) as tx:
        return tx.version()


def numbered(folder: str) -> list[tuple[int, str]]:
    """List the migration files in their order."""
    return sorted((int(name.split("_", 1)[0]), name) for name in os.listdir(folder) if name.endswith(".sql"))


def _apply(engine: Engine, number: int, path: str) -> None:
    with open(path, encoding="utf-8") as file:
        statements = file.read()
    with engine.write(0) as tx:
        tx.lock_project()
        if tx.version() < number:  # else another process was quicker
            tx.migrate(statements, number)


def _back_up(engine: Engine, version: int) -> None:
    if engine.url.startswith("sqlite:///"):
        path = engine.url.removeprefix("sqlite:///")
        mine = f"{engine.clock.now()}-{os.urandom(3).hex()}"  # several processes may come to the migration at once
        engine.back_up(f"{path}.schema-{version}-{mine}.backup")
