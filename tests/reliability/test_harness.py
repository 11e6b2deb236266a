from __future__ import annotations

import json

import pytest

from tests.reliability import harness


@pytest.mark.crash
def test_killed_and_stopped_processes_break_no_promise(shared_url, tmp_path):
    figures = harness.run(shared_url, tmp_path, seconds=8, processes=8, todos=30_000)

    print(json.dumps(figures))
    assert harness.sound(figures)
    assert figures["kills"] >= 15
    assert figures["stops"] >= 3
    assert figures["expiries"] >= 3
    assert figures["claims"] >= 200
