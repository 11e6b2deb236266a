from __future__ import annotations

import json

import pytest

from tests.reliability import harness


@pytest.mark.crash
def test_killed_and_stopped_processes_break_no_promise(tmp_path):
    figures = harness.run(str(tmp_path / "longpole.db"), tmp_path, seconds=15, processes=8, todos=30_000)

    print(json.dumps(figures))
    assert harness.sound(figures)
    assert figures["kills"] >= 40
    assert figures["stops"] >= 5
    assert figures["expiries"] >= 10
    assert figures["claims"] >= 200
