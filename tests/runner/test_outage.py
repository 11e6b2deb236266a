"""PostgreSQL dies under a run: the commands work on, and what they did is reported once it is back."""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest

import longpole
from longpole.cli.exits import INTERRUPTED
from tests import postgres
from tests.runner.runs import events, make, start, until

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    """A server of this file's own, which its tests kill and start."""
    with postgres.server() as found:
        yield found


@pytest.fixture
def database(server):
    """The URL of an empty schema on that server."""
    with postgres.schema(server.url) as url:
        yield url


def test_a_run_goes_on_where_it_was_when_the_server_comes_back(server, database, tmp_path):
    #  t0 ─ t3 ─ t6 …
    #  t1 ─ t4 ─ t7 …
    #  t2 ─ t5 ─ t8 …
    make(database, *({"id": f"t{n}", "after": [f"t{n - 3}"] if n >= 3 else []} for n in range(24)))
    running = start(database, 3, "sh", "-c", 'touch "$0/$LONGPOLE_TODO_ID"; sleep 0.2', str(tmp_path), folder=tmp_path)
    until((tmp_path / "t4").exists)

    server.kill()
    server.start()
    output, said = running.communicate(timeout=90)

    summary = json.loads(output)
    assert (summary["outcome"], summary["lost"], summary["completed"]) == ("finished", 0, 24), said
    assert set(Counter(event.todo for event in events(database, "completed")).values()) == {1}
    assert len(events(database, "completed")) == len(events(database, "claimed")) == 24


def test_a_run_can_be_interrupted_while_the_server_is_away(server, database, tmp_path):
    make(database, {"id": "one"}, {"id": "two"})
    running = start(database, 2, "sh", "-c", 'touch "$0/$LONGPOLE_TODO_ID"; sleep 600', str(tmp_path), folder=tmp_path)
    until(lambda: (tmp_path / "one").exists() and (tmp_path / "two").exists())
    server.kill()
    try:
        running.send_signal(signal.SIGINT)
        until(lambda: running.poll() is not None)
    finally:
        server.start()
        running.kill()
        running.communicate()

    assert running.returncode in (1, INTERRUPTED)
    with longpole.open(database) as project:
        assert {todo.status for todo in project.todos()} == {"in_progress"}  # until their lease is over
