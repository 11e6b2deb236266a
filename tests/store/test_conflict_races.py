"""Eight processes race for todos that are in each other's way, and none ever gets one beside another's."""

from __future__ import annotations

import pytest

from tests.store import racing

pytestmark = pytest.mark.race


def test_claimers_that_race_never_get_todos_that_are_in_each_others_way(shared_url):
    figures = racing.race(shared_url, rounds=40)

    print(figures)
    assert figures["wrong"] == []
    assert figures["claims"] >= 60
