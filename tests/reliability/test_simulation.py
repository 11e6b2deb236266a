from __future__ import annotations

import pytest

from tests.reliability import pairings
from tests.reliability.simulation import Simulation, play

QUICK = {"switch_bonus_minutes": 15, "leader_lease_s": 5, "accept_s": 5}
"""What the schedules of a few minutes need so that leaders change, and contexts count."""


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


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "coordination"), pairings.ALLOWED)
def test_nobody_stands_idle_for_longer_than_a_poll_while_something_is_ready(strategy, coordination):
    settings = {"strategy": strategy, "coordination": coordination, **QUICK}

    tally = play(range(10_000), seconds=0.8, settings=settings)

    print(tally)
    seed = next(iter(tally.failing), None)
    assert tally.failing == {}, f"play it again with Simulation({seed}, ':memory:', {settings}).run()"
    assert tally.claims >= 3
