from __future__ import annotations

import pytest

from longpole.fleet import Anybody, UnreadError
from longpole.selection import BestOf, Order, Selection
from longpole.settings import Settings
from longpole.strategies import context_aware, critical_path
from tests.strategies.fleets import chosen, fleet, looked_at


@pytest.mark.parametrize("seen", [fleet(0, branch="api"), fleet(0), fleet(0, switch_bonus_minutes=15)])
def test_without_a_bonus_or_without_a_branch_it_is_critical_path(seen):
    (chosen,) = context_aware.choose(seen)

    assert [chosen.replace(why="critical_path")] == critical_path.choose(seen)


def test_its_last_branch_counts_longer_by_the_bonus_and_anything_else_as_it_is():
    (best,) = context_aware.choose(fleet(0, branch="api", switch_bonus_minutes=15))

    assert isinstance(best, BestOf)
    assert best.selections == (
        Selection(
            order=Order.CRITICAL_PATH,
            branch="api",
            bonus_minutes=15,
            why="context_aware, stays in api, which counts 15 min longer",
        ),
        Selection(order=Order.CRITICAL_PATH, why="context_aware, leaves api, though it counts 15 min longer"),
    )


def test_it_keeps_to_no_branch():
    (best,) = chosen(context_aware.choose, fleet(0, branch="api", switch_bonus_minutes=15))

    assert not any(one.keep or one.unheld for one in best.selections)


def test_it_reads_nothing_of_the_fleet():
    seen = fleet(0, branch="api", switch_bonus_minutes=15)

    context_aware.choose(seen)

    assert looked_at(seen) == []


def test_it_cannot_rank_for_nobody_in_particular():
    with pytest.raises(UnreadError):
        context_aware.choose(Anybody(Settings(switch_bonus_minutes=15)))
