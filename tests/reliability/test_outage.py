from __future__ import annotations

import json

import pytest

from tests.reliability import harness

LEASE_S = 8.0
"""Longer than the server is away, and shorter than the test."""


@pytest.mark.crash
def test_a_database_that_is_killed_forgets_nothing_it_has_answered_and_all_go_on_by_themselves(tmp_path):
    with harness.own_server() as (server, url):
        outages = harness.Outages(server, kills=2, seconds=8)

        figures = harness.run(
            url,
            tmp_path,
            seconds=8,
            processes=4,
            todos=20_000,
            outages=outages,
            faults=False,
            lease_s=LEASE_S,
            heartbeat_s=LEASE_S / 5,
        )

    print(json.dumps(figures))
    assert harness.sound(figures)
    assert figures["database_kills"] == 2
    assert figures["all_resumed_after_s"] < harness.BACK_WITHIN_S
    assert figures["expiries"] == 0
    assert figures["claims"] >= 100
