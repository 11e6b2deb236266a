from __future__ import annotations

import pytest

from tests.reliability.mutants import MUTANTS
from tests.reliability.simulation import play


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_simulation_finds_the_planted_bug(mutant, monkeypatch):
    mutant.plant(monkeypatch)

    tally = play(range(1000), seconds=10, until=mutant.rules)

    print(tally.schedules, tally.failing)
    found = {violation.rule for violations in tally.failing.values() for violation in violations}
    assert found & mutant.rules
