"""PostgreSQL behind PgBouncer in transaction mode: the next transaction may meet another session."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import psycopg
import pytest

import longpole
from longpole.store import postgres_bell
from longpole.store.postgres_connection import is_pooled
from tests import pgbouncer, postgres
from tests.project.looking import plan
from tests.reliability import checker
from tests.reliability.acts import layered, pairs
from tests.store.waiters import LONG_S, busy, waiting
from tests.style.tables import ROOT

pytestmark = [
    pytest.mark.race,
    pytest.mark.skipif(
        pgbouncer.PROGRAM is None, reason="PgBouncer is not installed; scripts/pgbouncer installs it on Debian"
    ),
]
SETS = ("jit", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit", "enable_seqscan")


@pytest.fixture(scope="module")
def bouncer(postgres_server):
    """The URL of a PgBouncer in front of the tests' server."""
    with pgbouncer.in_front_of(postgres_server) as url:
        yield url


@pytest.fixture
def pooled_url(bouncer):
    """The URL of an empty database behind PgBouncer."""
    with postgres.schema(bouncer) as url:
        yield url


@pytest.fixture
def direct_url(postgres_server, pooled_url):
    """The URL of the same database past PgBouncer."""
    return postgres.in_database(postgres_server, pooled_url.rpartition("/")[2])


def sessions(url):
    """Give connections that hold each session of the pool, all at once."""
    found = [psycopg.connect(url, prepare_threshold=None) for _ in range(pgbouncer.POOL_SIZE)]
    for connection in found:
        connection.execute("SELECT 1")  # within a transaction, which keeps the session
    return found


def asked_of_all(url, question):
    """Ask every session of the pool, and give the answers together."""
    connections = sessions(url)
    try:
        return [row for connection in connections for row in connection.execute(question)]
    finally:
        for connection in connections:
            connection.close()


def has_ended(thread):
    return thread is not None and thread.ident is not None and not thread.is_alive()


def test_a_pooler_is_told_from_a_server(pooled_url, direct_url):
    with psycopg.connect(pooled_url, autocommit=True) as pooled, psycopg.connect(direct_url, autocommit=True) as direct:
        assert (is_pooled(pooled), is_pooled(direct)) == (True, False)


def test_many_instances_share_two_sessions_and_break_no_promise(pooled_url):
    graph = list(layered(60, width=20))
    problems = []

    def rush(number):
        try:
            with longpole.open(pooled_url) as project, project.register(f"i{number}") as me:
                claims = me.claim(wait_s=LONG_S)
                while claims:
                    (claim,) = claims
                    claims = claim.complete_and_claim() or me.claim(wait_s=LONG_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told below
            problems.append(error)

    with longpole.open(pooled_url) as project:
        project.add_many(graph)
        threads = [threading.Thread(target=rush, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert problems == []
        assert project.status().finished
        assert checker.check(project.journal(), rows=project.todos(), dependencies=pairs(graph), one_each=True) == []


def test_no_session_keeps_anything_of_what_was_done_in_it(pooled_url):
    with longpole.open(pooled_url) as project:
        project.configure(durability="normal")
        plan(project, {f"t{number}": [] for number in range(10)})
        with project.register("me", heartbeat=False) as me:
            while claims := me.claim():
                claims[0].complete()

        assert asked_of_all(pooled_url, "SELECT statement FROM pg_prepared_statements") == []
        changed = asked_of_all(pooled_url, "SELECT name FROM pg_settings WHERE source = 'session'")
        assert {name for (name,) in changed} & set(SETS) == set()
        assert asked_of_all(pooled_url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []
        assert asked_of_all(pooled_url, "SELECT pg_listening_channels()") == []


def test_who_waits_asks_by_itself(pooled_url, monkeypatch, eventually):
    monkeypatch.setattr(postgres_bell, "POLL_S", (0.2, 0.3))
    with longpole.open(pooled_url) as here, longpole.open(pooled_url) as there:
        busy(here)
        thread, got = waiting(there, "waiter")
        eventually(lambda: has_ended(vars(there._store.engine)["bell"]._listener))  # nothing is to be heard here

        here.add("New", id="new")

        thread.join(LONG_S / 2)
        assert [claim.id for claim in got] == ["new"]


def test_with_a_direct_url_for_listening_who_waits_is_woken(pooled_url, direct_url, monkeypatch, eventually):
    monkeypatch.setenv(postgres_bell.DIRECT, direct_url)
    monkeypatch.setattr(postgres_bell, "POLL_S", (LONG_S, LONG_S))
    monkeypatch.setattr("longpole.handles.ASK_ANYWAY_S", LONG_S)
    listening = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with longpole.open(pooled_url) as here, longpole.open(pooled_url) as there:
        busy(here)
        thread, got = waiting(there, "waiter")
        with psycopg.connect(direct_url, autocommit=True) as connection:
            eventually(lambda: connection.execute(listening).fetchall())

        here.add("New", id="new")

        thread.join(LONG_S / 2)
        assert [claim.id for claim in got] == ["new"]


@pytest.mark.slow
def test_what_holds_of_a_project_on_postgresql_holds_behind_pgbouncer(bouncer):
    command = [sys.executable, "-m", "pytest", "-q", "-k", "postgresql", "-p", "no:cacheprovider"]
    chosen = [f"tests/project/test_{name}.py" for name in ("claims",)]

    done = subprocess.run(
        [*command, *chosen],
        cwd=ROOT,
        env={**os.environ, postgres.OWN: bouncer},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    print(done.stdout[-3000:])
    assert done.returncode == 0
