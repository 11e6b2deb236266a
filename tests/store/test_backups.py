"""Putting a backup back: in one step, without losing what stood there, and without old claims coming alive."""

from __future__ import annotations

import pytest

import longpole
from longpole.clock import Clock
from longpole.errors import ClaimLostError, InstanceLostError, StorageUnavailableError
from longpole.project import restore
from longpole.store.sqlite import SqliteEngine


class Still(Clock):
    """A clock on which everything happens in the same second."""

    def now(self) -> int:
        return 1_800_000_000_000_000


@pytest.fixture
def backup(path, tmp_path):
    """A backup of a project with one todo that an instance holds."""
    copy = str(tmp_path / "copy.db")
    with longpole.open(path) as project:
        project.add("A", id="a")
        project.register("holder", heartbeat=False).claim()
        project.back_up(copy)
    return copy


def test_a_claim_of_before_the_restore_is_refused_after_it(path, backup):
    with longpole.open(path) as project:
        holder = project.instance("holder")
        holder.release("a", 1)
        (claim,) = holder.claim()

        restore(backup, path)

        with pytest.raises((ClaimLostError, InstanceLostError)):
            claim.complete()
        (fresh,) = project.register("fresh", heartbeat=False).claim()
        assert fresh.token > claim.token
        assert fresh.attempt == 1
        fresh.complete()


def test_a_safety_copy_that_cannot_be_made_leaves_the_database_where_it_is(path, backup, monkeypatch):
    def full(_engine: SqliteEngine, _path: str) -> None:
        raise StorageUnavailableError("the disk is full")

    monkeypatch.setattr(SqliteEngine, "back_up", full)
    with longpole.open(path) as project:
        project.add("B", id="b")

        with pytest.raises(StorageUnavailableError):
            restore(backup, path)

        assert [todo.id for todo in project.todos()] == ["a", "b"]


def test_two_restores_in_one_second_keep_both_former_databases(path, backup):
    first, second = restore(backup, path, clock=Still()), restore(backup, path, clock=Still())

    assert first is not None
    assert second is not None
    assert first != second
    for kept in (first, second):
        with longpole.open(kept) as project:
            assert [todo.id for todo in project.todos()] == ["a"]
