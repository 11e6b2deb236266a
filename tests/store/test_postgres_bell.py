"""Wake-ups on PostgreSQL: heard in other processes at once, sent seldom, and never needed."""

from __future__ import annotations

import threading

import psycopg
import pytest

import longpole
from longpole.store import postgres_bell
from tests.project.looking import plan
from tests.store.waiters import LONG_S, busy, waiting


@pytest.fixture
def pair(postgres_url):
    """Two processes' worth of one project: each has its own connections and its own bell."""
    with longpole.open(postgres_url) as here, longpole.open(postgres_url) as there:
        yield here, there


@pytest.fixture
def ear(postgres_server):
    """A connection that hears every ring."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"LISTEN {postgres_bell.CHANNEL}")
        yield connection


@pytest.fixture
def no_polls(monkeypatch):
    """Who waits asks by itself only after very long."""
    monkeypatch.setattr(postgres_bell, "POLL_S", (LONG_S, LONG_S))
    monkeypatch.setattr("longpole.handles.ASK_ANYWAY_S", LONG_S)


def listening(project):
    """Whether the project's own connection for wake-ups stands."""
    with project._store.read() as tx:
        row = tx.one(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE ? AND pid <> pg_backend_pid()", ("LISTEN%",)
        )
    return bool(row and row[0])


def rings(ear, seconds):
    return len(list(ear.notifies(timeout=seconds)))


def test_who_waits_in_another_process_is_woken(pair, no_polls, eventually):
    here, there = pair
    busy(here)
    thread, got = waiting(there, "idle")
    eventually(lambda: listening(there))

    plan(here, {"a": []})
    thread.join(LONG_S / 2)

    assert [claim.id for claim in got] == ["a"]


def test_a_completion_that_makes_something_ready_wakes_who_waits(pair, no_polls, eventually):
    here, there = pair
    plan(here, {"a": [], "b": ["a"]})
    (claim,) = here.register("busy", heartbeat=False).claim()
    thread, got = waiting(there, "idle")
    eventually(lambda: listening(there))

    claim.complete()
    thread.join(LONG_S / 2)

    assert [claim.id for claim in got] == ["b"]


def test_without_a_bell_who_waits_asks_all_the_same(pair, monkeypatch):
    here, there = pair
    monkeypatch.setattr(postgres_bell, "is_pooled", lambda _connection: True)
    monkeypatch.setattr(postgres_bell, "POLL_S", (0.05, 0.1))
    busy(here)
    thread, got = waiting(there, "idle")

    plan(here, {"a": []})
    thread.join(LONG_S / 2)

    assert [claim.id for claim in got] == ["a"]


def test_many_changes_ring_few_times(pair, ear):
    here, _ = pair

    for _ in range(60):
        here.add("One of many")

    assert 1 <= rings(ear, 3 * postgres_bell.DEBOUNCE_S) < 30


def test_a_change_just_before_the_end_of_a_process_rings_as_well(postgres_url, ear):
    with longpole.open(postgres_url) as project:
        project.add("First")
        project.add("Last")

    assert rings(ear, 0.2) >= 1


def test_claims_and_heartbeats_ring_for_nobody(pair, ear):
    here, there = pair
    plan(here, {"a": []})
    me = there.register("me", heartbeat=False)
    rings(ear, 3 * postgres_bell.DEBOUNCE_S)

    (claim,) = me.claim()
    me.heartbeat()
    claim.progress(50)

    assert rings(ear, 3 * postgres_bell.DEBOUNCE_S) == 0


def test_what_was_undone_rings_for_nobody(pair, ear):
    here, _ = pair

    def undone(tx):
        tx.announce()
        raise KeyError

    with pytest.raises(KeyError):
        here._store.act(undone)

    assert rings(ear, 3 * postgres_bell.DEBOUNCE_S) == 0


def test_nothing_is_left_running_after_the_end(postgres_url):
    with longpole.open(postgres_url) as project:
        project._store.engine.mark(project._store.project_id)
        project.add("A")
    names = {thread.name for thread in threading.enumerate()}

    assert not any(name.startswith(("longpole", "pool")) for name in names), names
