from __future__ import annotations

import pytest

from tests.reliability.mutants import MUTANTS
from tests.reliability.simulation import play

SOON_FOUND = (  # in three schedules or fewer: a schedule on PostgreSQL takes most of a second
    "no fence on complete",
    "check, then act",
    "wall clock of the client",
    "no idempotency key",
    "no attempt cap",
    "a claim does not ask whether its instance is live",
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulation_finds_the_planted_bug(mutant, monkeypatch):
    mutant.plant(monkeypatch)

    tally = play(range(1000), seconds=10, until=mutant.rules, settings=mutant.settings)

    print(tally.schedules, tally.failing)
    assert rules_broken(tally) & mutant.rules


@pytest.mark.slow
@pytest.mark.parametrize("name", SOON_FOUND)
def test_the_simulation_finds_the_planted_bug_on_postgresql(name, monkeypatch, postgres_url):
    (mutant,) = [one for one in MUTANTS if one.name == name]
    mutant.plant(monkeypatch)

    tally = play(range(1000), seconds=30, until=mutant.rules, url=postgres_url)

    print(tally.schedules, tally.failing)
    assert rules_broken(tally) & mutant.rules


def rules_broken(tally):
    return {violation.rule for violations in tally.failing.values() for violation in violations}
