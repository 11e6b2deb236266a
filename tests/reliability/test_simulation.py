from __future__ import annotations

import pytest

from tests.reliability.simulation import Simulation, play


@pytest.mark.slow
def test_no_schedule_breaks_a_promise():
    tally = play(range(10_000), seconds=15)

    print(tally)
    assert tally.failing == {}, f"play one again with Simulation({next(iter(tally.failing))}).run()"
    assert tally.schedules >= 50
    assert min(tally.kills, tally.claims, tally.expiries) >= 100


def test_the_same_seed_gives_the_same_history():
    first, second = Simulation(7), Simulation(7)

    assert first.run() == second.run() == []
    assert first.world.acks == second.world.acks
    assert first.world.history.claims == second.world.history.claims
