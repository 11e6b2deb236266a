from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import longpole
from longpole.clock import Clock
from longpole.errors import LongpoleError, SchemaVersionError
from longpole.store import migrate
from longpole.store.sqlite import open_sqlite
from tests.project.looking import dump, statuses

STEPS = """
ALTER TABLE todo ADD COLUMN colour TEXT NOT NULL DEFAULT 'none';
CREATE TABLE palette (name TEXT NOT NULL);
INSERT INTO palette VALUES ('red');
"""
WRONG = STEPS + "INSERT INTO no_such_table VALUES (1);"
DIE_HALF_WAY = """
import os, signal, sys
from longpole.clock import Clock
from longpole.store import migrate
from longpole.store.sqlite import SqliteTransaction, open_sqlite
whole = SqliteTransaction.migrate
def half(tx, script, version):
    whole(tx, script, version)
    tx._database.cache_flush()
    os.kill(os.getpid(), signal.SIGKILL)
SqliteTransaction.migrate = half
migrate.prepare(open_sqlite(sys.argv[1], Clock(), create=True), sys.argv[2], int(sys.argv[3]))
"""


def folder_with(tmp_path, second):
    """The real migrations and one more."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for _, name in migrate.numbered(migrate.FOLDER):
        (folder / name).write_text(Path(migrate.FOLDER, name).read_text())
    (folder / f"{migrate.VERSION + 1:04}_next.sql").write_text(second)
    return str(folder)


def schema(path):
    with open_sqlite(path, Clock(), create=False) as engine, engine.read(0) as tx:
        return tx.version(), sorted(row[0] for row in tx.all("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def migrated(path, folder):
    with open_sqlite(path, Clock(), create=True) as engine:
        migrate.prepare(engine, folder, migrate.VERSION + 1)


def backups(tmp_path):
    return [file for file in tmp_path.iterdir() if file.name.endswith(".backup")]


@pytest.fixture
def used(path):
    """A database of today with something in it."""
    with longpole.open(path) as project:
        project.add("A", id="a")
    return path


def test_the_version_is_that_of_the_last_file():
    numbers = [number for number, _ in migrate.numbered(migrate.FOLDER)]

    assert numbers == list(range(1, migrate.VERSION + 1))


def test_a_fresh_database_is_the_same_as_one_that_was_migrated_step_by_step(tmp_path, used):
    folder = folder_with(tmp_path, STEPS)
    fresh = str(tmp_path / "fresh.db")

    migrated(used, folder)
    migrated(fresh, folder)

    assert schema(used) == schema(fresh)
    assert schema(fresh)[0] == migrate.VERSION + 1


def test_a_migration_keeps_a_copy_of_what_was_there(tmp_path, used):
    before = schema(used)

    migrated(used, folder_with(tmp_path, STEPS))

    (backup,) = backups(tmp_path)
    assert schema(str(backup)) == before
    assert backup.stat().st_mode & 0o777 == 0o600
    with longpole.open(str(backup)) as project:
        assert statuses(project) == {"a": "ready"}


def test_a_fresh_database_and_one_of_today_are_not_copied(tmp_path, used):
    longpole.open(used).close()

    assert backups(tmp_path) == []


def test_two_processes_that_migrate_in_the_same_second_keep_a_copy_each(tmp_path, used, clock):
    for _ in range(2):
        with open_sqlite(used, clock, create=False) as engine:
            migrate._back_up(engine, 1)

    assert len(backups(tmp_path)) == 2


def test_a_migration_that_fails_leaves_schema_and_content_as_they_were(tmp_path, used):
    before = schema(used)
    with longpole.open(used) as project:
        content = dump(project)

    with pytest.raises(LongpoleError):
        migrated(used, folder_with(tmp_path, WRONG))

    assert schema(used) == before
    with longpole.open(used) as project:
        assert dump(project) == content


def test_a_process_that_comes_second_does_not_migrate_again(tmp_path, used):
    folder = folder_with(tmp_path, STEPS)
    with open_sqlite(used, Clock(), create=False) as slow:
        migrated(used, folder)
        migrate._apply(slow, migrate.VERSION + 1, str(Path(folder, f"{migrate.VERSION + 1:04}_next.sql")))

        with slow.read(0) as tx:
            assert tx.all("SELECT name FROM palette") == [("red",)]


def test_a_database_of_a_newer_longpole_is_refused_before_anything_is_read(tmp_path, used):
    migrated(used, folder_with(tmp_path, STEPS))

    with pytest.raises(SchemaVersionError, match=f"schema {migrate.VERSION + 1}.*knows {migrate.VERSION}"):
        longpole.open(used)


@pytest.mark.crash
@pytest.mark.parametrize("fresh", [True, False])
def test_a_process_that_is_killed_in_the_middle_of_a_migration_leaves_a_usable_database(tmp_path, used, fresh):
    path = str(tmp_path / "fresh.db") if fresh else used
    folder = folder_with(tmp_path, STEPS)

    killed = subprocess.run(
        [sys.executable, "-c", DIE_HALF_WAY, path, folder, str(migrate.VERSION + 1)], check=False, timeout=60
    )
    left = schema(path)
    migrated(path, folder)

    assert killed.returncode == -signal.SIGKILL
    assert left[0] == (0 if fresh else migrate.VERSION)
    assert schema(path)[0] == migrate.VERSION + 1
