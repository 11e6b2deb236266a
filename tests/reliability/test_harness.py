from __future__ import annotations

import json

import pytest

from tests.reliability import harness
from tests.reliability.acts import layered, touching


@pytest.mark.crash
def test_killed_and_stopped_processes_break_no_promise(shared_url, tmp_path):
    figures = harness.run(shared_url, tmp_path, seconds=8, processes=8, todos=30_000)

    print(json.dumps(figures))
    assert harness.sound(figures)
    assert figures["kills"] >= 15
    assert figures["stops"] >= 3
    assert figures["expiries"] >= 3
    assert figures["claims"] >= 200


@pytest.mark.crash
def test_nor_do_they_work_on_the_same_paths(shared_url, tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "FAULT_EVERY_S", 0.4)  # on PostgreSQL who is stopped in its turn keeps all waiting
    todos = list(touching(layered(10_000)))

    figures = harness.run(shared_url, tmp_path, seconds=6, processes=8, todos=todos)

    print(json.dumps(figures))
    assert harness.sound(figures)
    assert figures["kills"] >= 3
    assert figures["claims"] >= 5
