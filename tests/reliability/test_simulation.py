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


@pytest.mark.slow
def test_no_schedule_breaks_a_promise_on_postgresql(postgres_url):
    tally = play(range(10_000), seconds=5, url=postgres_url)

    print(tally)
    assert tally.failing == {}, f"play one again with Simulation({next(iter(tally.failing))}, url).run()"
    assert tally.schedules >= 2
    assert min(tally.kills, tally.claims) >= 5


def test_the_same_seed_gives_the_same_history():
    first, second = Simulation(7), Simulation(7)

    assert first.run() == second.run() == []
    assert first.world.acks == second.world.acks
    assert first.world.history.claims == second.world.history.claims
