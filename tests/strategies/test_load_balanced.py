from __future__ import annotations

import itertools

import pytest

from longpole.fleet import Anybody, UnreadError
from longpole.selection import Order, Selection
from longpole.settings import Settings
from longpole.strategies import critical_path, load_balanced
from tests.strategies.fleets import fleet


@pytest.mark.parametrize(
    ("todos", "is_held_back"),
    [
        ((0, 0, 0), False),
        ((1, 0), False),  # 0.5 on average, 1.5 are allowed
        ((2, 0), False),  # 1 on average, 2 are allowed
        ((3, 0), True),
        ((2, 0, 0), True),  # 0.7 on average
        ((2, 1, 1), False),
        ((3, 2, 0), True),  # 1.7 on average
        ((3, 3, 3), False),
        ((9,), False),  # alone it is the average
    ],
)
def test_who_has_more_than_one_todo_above_the_average_gets_none(todos, is_held_back):
    assert (load_balanced.choose(fleet(*todos)) == []) is is_held_back


def test_how_much_above_the_average_is_allowed_is_a_setting():
    assert load_balanced.choose(fleet(5, 0, balance_todos=3)) != []
    assert load_balanced.choose(fleet(7, 0, balance_todos=3)) == []
    assert load_balanced.choose(fleet(1, 0, balance_todos=0)) == []


def test_minutes_count_where_they_are_set():
    minutes = (120.0, 10.0)  # 65 on average

    assert load_balanced.choose(fleet(1, 1, minutes=minutes, balance_minutes=50)) == []
    assert load_balanced.choose(fleet(1, 1, minutes=minutes, balance_minutes=55)) != []
    assert load_balanced.choose(fleet(1, 1, minutes=minutes, balance_minutes=0)) != []


def test_whoever_has_nothing_in_hand_is_never_held_back():
    loads = itertools.product(range(4), repeat=3)

    held_back = [
        others
        for others in loads
        if not load_balanced.choose(fleet(0, *others, balance_todos=0, balance_minutes=0.001))
    ]

    assert held_back == []


def test_by_their_number_of_todos_somebody_always_gets_more():
    for todos in itertools.product(range(4), repeat=3):
        turned = [todos[place:] + todos[:place] for place in range(3)]

        assert any(load_balanced.choose(fleet(*seen, balance_todos=0)) for seen in turned)


def test_who_gets_work_gets_the_critical_path_and_is_told_what_was_compared():
    (chosen,) = load_balanced.choose(fleet(1, 2, 0))
    (weighed,) = load_balanced.choose(fleet(1, 2, 0, balance_minutes=600))

    assert [chosen.replace(why="critical_path")] == critical_path.choose(fleet(1, 2, 0))
    assert chosen.why == "load_balanced, 1 in hand and 1.0 on average"
    assert weighed.why == "load_balanced, 1 in hand and 1.0 on average, 30 min and 30 on average"
    assert chosen == Selection(order=Order.CRITICAL_PATH, why=chosen.why)


def test_it_cannot_rank_for_nobody_in_particular():
    with pytest.raises(UnreadError):
        load_balanced.choose(Anybody(Settings()))
