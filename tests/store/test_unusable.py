"""What cannot be read or written is told by typed errors that say what to do."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import apsw
import pytest

import longpole
from longpole.errors import SchemaVersionError, StorageUnavailableError
from longpole.store import sqlite_errors
from tests.project.looking import dump, engine_of, statuses

NOBODY = 65534


@pytest.fixture
def folder():
    """A folder that another user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # TMPDIR may lie where only we may go
        path = Path(name)
        path.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        yield path
        path.chmod(0o755)


@contextlib.contextmanager
def as_nobody():
    """Root may write whatever it likes: act as somebody whom permissions bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def unavailable(url, match, **how):
    with pytest.raises(StorageUnavailableError, match=match) as told:
        longpole.open(str(url), **how)
    return told.value


def test_a_file_that_is_missing_is_not_made_where_nobody_asked_for_it(tmp_path):
    unavailable(tmp_path / "sub" / "longpole.db", "longpole init", create=False)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_database(tmp_path):
    unavailable(tmp_path, "is a folder")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    unavailable(tmp_path / "file" / "longpole.db", "cannot be opened")
    unavailable(tmp_path / "file" / "deeper" / "longpole.db", "cannot be opened")


def test_a_file_of_another_kind_is_told_and_left_as_it_was(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("buy milk\n" * 1000)

    unavailable(file, "not a longpole database")

    assert file.read_text() == "buy milk\n" * 1000


def test_the_database_of_another_program_is_told_and_left_as_it_was(tmp_path):
    file = tmp_path / "other.db"
    with contextlib.closing(apsw.Connection(str(file))) as other:
        other.execute("CREATE TABLE note (text)")
    before = file.read_bytes()

    unavailable(file, "another program")

    assert file.read_bytes() == before


def test_a_file_that_may_not_be_read_is_told(folder):
    with as_nobody():
        longpole.open(str(folder / "longpole.db")).close()
        (folder / "longpole.db").chmod(0)

        unavailable(folder / "longpole.db", "cannot be opened|may not be opened")


def test_a_file_that_may_not_be_written_is_told_and_its_content_stays(folder):
    with as_nobody():
        with longpole.open(str(folder / "longpole.db")) as project:
            project.add("A", id="a")
        (folder / "longpole.db").chmod(0o400)

        with (
            pytest.raises(StorageUnavailableError, match="read-only"),
            longpole.open(str(folder / "longpole.db")) as it,
        ):
            it.add("B")

        (folder / "longpole.db").chmod(0o600)
        with longpole.open(str(folder / "longpole.db")) as project:
            assert statuses(project) == {"a": "ready"}


def test_a_folder_that_may_not_be_written_is_told(folder):
    with as_nobody():
        folder.chmod(0o500)

        unavailable(folder / "longpole.db", "Permission denied")
        unavailable(folder / "sub" / "longpole.db", "Permission denied")


def test_a_full_disk_leaves_no_half_state_and_reads_go_on(file_url):
    with longpole.open(file_url) as project:
        project.add("Small", id="small")
        (connection,) = engine_of(project)._idle
        pages = connection.database.pragma("page_count")
        connection.database.pragma("max_page_count", pages + 2)
        before = dump(project)

        with pytest.raises(StorageUnavailableError, match="disk is full"):
            project.add_many([{"title": "Large", "description": "x" * 100_000} for _ in range(3)])

        assert dump(project) == before
        connection.database.pragma("max_page_count", 1_000_000)
        project.complete("small")
        assert project._store.engine.problems() == []


def test_a_damaged_file_is_told_and_no_traceback(tmp_path):
    path = tmp_path / "longpole.db"
    with longpole.open(str(path)) as project:
        project.add_many([{"title": f"T{number}", "description": "x" * 500} for number in range(200)])
    content = bytearray(path.read_bytes())
    for position in range(4096, len(content), 7):
        content[position] ^= 0xFF
    path.write_bytes(content)

    with (
        pytest.raises(StorageUnavailableError, match=r"damaged|not a longpole database"),
        longpole.open(str(path)) as it,
    ):
        it.todos()


def test_damage_is_found_by_the_check_of_the_whole_file(tmp_path):
    path = tmp_path / "longpole.db"
    with longpole.open(str(path)) as project:
        project.add_many([{"title": f"T{number}", "description": "x" * 500} for number in range(200)])
    content = bytearray(path.read_bytes())
    content[-4096 * 8 :] = b"\xff" * 4096 * 8
    path.write_bytes(content)

    with longpole.open(str(path)) as project:
        assert project._store.engine.problems() != []


def test_a_database_of_a_newer_longpole_is_refused_and_left_as_it_was(file_url):
    with longpole.open(file_url) as project:
        engine_of(project)._idle[0].database.pragma("user_version", 99)
    before = Path(file_url).read_bytes()

    with pytest.raises(SchemaVersionError, match="upgrade longpole"):
        longpole.open(file_url)

    assert Path(file_url).read_bytes() == before


def mounts(tmp_path, kind):
    """A mountinfo in which this folder lies on a file system of this kind, and others on others."""
    device = tmp_path.stat().st_dev
    file = tmp_path / "mountinfo"
    file.write_text(
        "21 1 254:9 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        f"36 21 {os.major(device)}:{os.minor(device)} /data /somewhere rw,noatime shared:7 - {kind} server:/data rw\n"
    )
    return str(file)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_by_name(tmp_path, kind):
    with pytest.raises(StorageUnavailableError, match=f"{kind}.*local disk"):
        sqlite_errors.refuse_network(str(tmp_path / "longpole.db"), mounts(tmp_path, kind))


@pytest.mark.parametrize("kind", ["ext4", "overlay", "tmpfs", "btrfs"])
def test_a_local_file_system_is_fine(tmp_path, kind):
    sqlite_errors.refuse_network(str(tmp_path / "longpole.db"), mounts(tmp_path, kind))


def test_where_the_system_does_not_say_what_lies_where_nothing_is_refused(tmp_path):
    sqlite_errors.refuse_network(str(tmp_path / "longpole.db"), str(tmp_path / "no such file"))
    sqlite_errors.refuse_network(str(tmp_path / "no such folder" / "longpole.db"), mounts(tmp_path, "nfs4"))


def test_opening_looks_where_the_file_would_lie(tmp_path, monkeypatch):
    monkeypatch.setattr("longpole.store.sqlite_errors.file_system_of", lambda _folder, _mounts: "nfs4")

    unavailable(tmp_path / "longpole.db", "network file system")

    assert list(tmp_path.iterdir()) == []
