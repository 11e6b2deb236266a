from __future__ import annotations

import pytest

from longpole.fleet import Anybody, UnreadError
from longpole.selection import BestOf, Order, Selection
from longpole.settings import Settings
from longpole.strategies import branch_affinity
from tests.strategies.fleets import chosen, fleet, looked_at


def test_without_a_branch_it_wants_a_free_one_then_anything():
    free, anything = chosen(branch_affinity.choose, fleet(0))

    assert (free.branch, free.unheld, free.keep) == (None, True, True)
    assert (anything.branch, anything.unheld, anything.keep) == (None, False, True)
    assert (free.why, anything.why) == ("branch_affinity, the free branch", "branch_affinity, no branch free")


def test_its_own_branch_comes_first():
    mine, free, anything = chosen(branch_affinity.choose, fleet(0, branches=("api",)))

    assert mine == Selection(order=Order.CRITICAL_PATH, branch="api", why="branch_affinity, its branch api")
    assert free.unheld
    assert anything.why == "branch_affinity, nothing in api, no branch free"


def test_of_several_branches_the_most_critical_todo_decides_not_the_first_branch():
    best, *_ = chosen(branch_affinity.choose, fleet(0, branches=("api", "db")))

    assert isinstance(best, BestOf)
    assert [one.branch for one in best.selections] == ["api", "db"]
    assert {one.bonus_minutes for one in best.selections} == {0.0}


def test_everything_is_by_critical_path():
    first, *others = chosen(branch_affinity.choose, fleet(0, branches=("api", "db")))

    assert {one.order for one in [*first.selections, *others]} == {Order.CRITICAL_PATH}


def test_a_reason_names_a_few_of_many_branches():
    *_, anything = chosen(branch_affinity.choose, fleet(0, branches=tuple("abcde")))

    assert anything.why == "branch_affinity, nothing in a, b, c and 2 more, no branch free"


def test_it_looks_at_its_branches_and_at_nothing_else():
    seen = fleet(0, branches=("api",), branch="db")

    branch_affinity.choose(seen)

    assert looked_at(seen) == ["branches"]


def test_it_cannot_rank_for_nobody_in_particular():
    with pytest.raises(UnreadError):
        branch_affinity.choose(Anybody(Settings()))
