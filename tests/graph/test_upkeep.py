from __future__ import annotations

import pytest

from longpole.graph.kernel import RANK_STEP, Cycle
from longpole.graph.upkeep import RegionTooLarge
from tests.graph import oracle
from tests.graph.stored import Stored

RANK, MINUTES, URGENCY, IMMEDIATE = range(4)


def stored(after: dict[int, list[int]], *, cap: int = 1_000_000) -> Stored:
    store = Stored(cap)
    store.add(after)
    return store


def column(store: Stored, which: int) -> list[float]:
    return [store.measures[number][which] for number in sorted(store.measures)]


def diamond() -> Stored:
    #       ┌──▶ 1 ──┐
    #   0 ──┤        ├──▶ 3      one minute each
    #       └──▶ 2 ──┘
    return stored({0: [], 1: [0], 2: [0], 3: [1, 2]})


def chain(count: int, *, cap: int = 1_000_000) -> Stored:
    #   0 ──▶ 1 ──▶ … ──▶ count - 1
    return stored({one: [one - 1] if one else [] for one in range(count)}, cap=cap)


def link(store: Stored, *pairs: tuple[int, int]) -> set[int]:
    store.tie(pairs)
    return store.edit(lambda upkeep: upkeep.link(pairs))


def unlink(store: Stored, *pairs: tuple[int, int]) -> set[int]:
    store.untie(pairs)
    return store.edit(lambda upkeep: upkeep.unlink(pairs))


def test_a_plan_is_measured_as_it_is_added():
    store = diamond()

    assert column(store, MINUTES) == [3, 2, 2, 1]
    assert column(store, IMMEDIATE) == [2, 1, 1, 0]
    assert column(store, RANK) == [0, -RANK_STEP, -RANK_STEP, -2 * RANK_STEP]


def test_a_plan_may_name_what_comes_later_in_it():
    #   2 ──▶ 1 ──▶ 0
    store = stored({0: [1], 1: [2], 2: []})

    assert column(store, MINUTES) == [1, 2, 3]
    assert column(store, RANK) == [-2 * RANK_STEP, -RANK_STEP, 0]


def test_adding_at_the_end_changes_what_it_makes_longer_and_no_rank():
    #   … 3 ──▶ 4
    store = diamond()
    before = column(store, RANK)

    written = store.add({4: [3]})

    assert written == {0, 1, 2, 3, 4}
    assert column(store, RANK) == [*before, -3 * RANK_STEP]
    assert column(store, MINUTES) == [4, 3, 3, 2, 1]


def test_adding_behind_a_popular_todo_does_not_read_all_that_wait_for_it():
    #   0 ──▶ 1, 2, … 1000, and then 1001
    store = stored({0: [], **{one: [0] for one in range(1, 1_001)}})

    written = store.add({1_001: [0]})

    assert written == {0, 1_001}
    assert store.read == 2
    assert store.queries <= 2


def test_a_longer_estimate_moves_only_the_side_that_decides():
    store = diamond()

    written = store.change(1, weight=5.0)

    assert written == {0, 1}
    assert column(store, MINUTES) == [7, 6, 2, 1]


def test_a_shorter_estimate_lets_the_other_side_decide():
    store = diamond()
    store.change(1, weight=5.0)

    written = store.change(1, weight=0.5)

    assert written == {0, 1}
    assert column(store, MINUTES) == [3, 1.5, 2, 1]


def test_an_estimate_that_does_not_decide_reaches_nobody():
    store = diamond()
    store.change(1, weight=5.0)

    written = store.change(2, weight=4.0)

    assert written == {2}


def test_where_both_sides_rise_the_longer_one_counts():
    #       ┌──▶ 1 ──────────────────┐
    #   0 ──┤                        ├──▶ 3
    #       └──▶ 2 (or the other) ───┘
    found = []
    for longer in (1, 2):
        store = diamond()
        store.change(longer, weight=2.0)
        store.change(3, weight=10.0)
        found.append(column(store, MINUTES))

    assert found == [[13, 12, 11, 10], [13, 11, 12, 10]]


def test_each_todo_is_settled_once_however_many_ways_lead_to_it():
    #   4 ──▶ 3 ──▶ 2 ──▶ 1 ──▶ 0      and directly 4 ──▶ 2 ──▶ 0, and so on: 2³⁰ ways of different lengths
    turns = 30
    store = Stored()
    store.load({one: [one + 1, one + 2] if one % 2 == 0 else [one + 1] for one in range(2 * turns)} | {2 * turns: []})
    for one in range(turns):
        store.change(2 * one + 1, weight=2.0 ** (turns - one))

    store.change(0, weight=2.0 ** (turns + 2))

    assert store.measures[2 * turns][MINUTES] == 2.0 ** (turns + 2) + 2.0 ** (turns + 1) - 2 + turns


def test_a_higher_urgency_reaches_everything_before():
    store = diamond()

    written = store.change(3, priority=0)

    assert written == {0, 1, 2, 3}
    assert column(store, URGENCY) == [0, 0, 0, 0]


def test_cancelling_takes_back_the_urgency_although_it_decides_no_length():
    #   0 (priority 4) ──▶ 1 (30 min, priority 3)      0 ──▶ 2 (1 min, priority 0)
    store = stored({0: [], 1: [0], 2: [0]})
    store.change(0, priority=4)
    store.change(1, weight=30.0, priority=3)
    store.change(2, priority=0)
    before = column(store, URGENCY)

    written = store.change(2, pending=False)

    assert before == [0, 3, 0]
    assert column(store, URGENCY) == [3, 3, 0]
    assert written == {0, 2}


def test_cancelling_does_not_read_what_waits_for_the_todo():
    #   0 ──▶ 1, 2, … 1000
    store = stored({0: [], **{one: [0] for one in range(1, 1_001)}})

    written = store.change(0, pending=False)

    assert written == {0}
    assert store.read == 1


def test_completing_a_ready_todo_changes_no_critical_path_but_its_own():
    store = diamond()

    written = store.change(0, pending=False)

    assert written == {0}


def test_cancelling_in_the_middle_shortens_what_comes_before():
    #   0 ──▶ 1 ──▶ 2
    store = chain(3)

    written = store.change(1, pending=False)

    assert written == {0, 1}
    assert column(store, MINUTES) == [1, 0, 1]
    assert column(store, IMMEDIATE) == [0, 1, 0]


def test_reopening_in_the_middle_restores_all():
    #   0 ──▶ 1 ──▶ 2
    store = chain(3)
    before = dict(store.measures)
    store.change(1, pending=False)

    store.change(1, pending=True)

    assert store.measures == before


def test_removing_a_dependency_shortens_what_comes_before():
    #   0 ──▶ 1 ──▶ 2
    store = chain(3)

    written = unlink(store, (1, 2))

    assert written == {0, 1}
    assert column(store, MINUTES) == [2, 1, 1]


def test_a_todo_may_be_finished_and_let_go_in_one_edit():
    #   0 ──▶ 1
    store = chain(2)
    store.untie([(0, 1)])
    store.replace(1, pending=False)

    store.edit(lambda upkeep: upkeep.unlink([(0, 1)]), lambda upkeep: upkeep.changed(1, was_pending=True))

    assert column(store, IMMEDIATE) == [0, 0]
    assert column(store, MINUTES) == [1, 0]


def test_a_todo_may_be_reopened_and_waited_for_in_one_edit():
    #   0      1 (completed)      and then 0 ──▶ 1, reopened
    store = stored({0: [], 1: []})
    store.change(1, pending=False)
    store.tie([(0, 1)])
    store.replace(1, pending=True)

    store.edit(lambda upkeep: upkeep.link([(0, 1)]), lambda upkeep: upkeep.changed(1, was_pending=False))

    assert column(store, IMMEDIATE) == [1, 0]
    assert column(store, MINUTES) == [2, 1]


def test_a_dependency_against_the_ranks_raises_what_comes_before():
    #   0 ──▶ 1      2 ──▶ 3      and then 3 ──▶ 0
    store = stored({0: [], 1: [0], 2: [], 3: [2]})

    link(store, (3, 0))

    assert column(store, MINUTES) == [2, 1, 4, 3]
    assert column(store, RANK) == [0, -RANK_STEP, 2, 1]


def test_a_raise_passes_through_finished_todos():
    #   0      1 ──▶ 2 (cancelled) ──▶ 3      and then 3 ──▶ 0
    store = stored({0: [], 1: [], 2: [1], 3: [2]})
    store.change(2, pending=False)

    link(store, (3, 0))

    assert column(store, RANK) == [0, 3, 2, 1]


def test_what_is_raised_from_two_sides_stands_above_both():
    #       ┌──▶ 2 ──▶ 1 ──┐
    #   4 ──┤              ├──▶ 0      5      each with its number as its rank, and then 0 ──▶ 5
    #       └──▶ 3 ────────┘
    store = stored({4: [], 3: [4], 2: [4], 1: [2], 0: [1, 3], 5: []})
    store.measures = {number: (number, *found[1:]) for number, found in store.measures.items()}

    link(store, (0, 5))

    assert column(store, RANK) == [6, 7, 8, 7, 9, 5]


def test_dependencies_of_one_edit_are_taken_in_one_after_the_other():
    #   1 ──▶ 0      2 ──▶ 0      1 ──▶ 3      4      and then 0 ──▶ 4, 3 ──▶ 2
    store = stored({1: [], 2: [], 0: [1, 2], 3: [1], 4: []})
    ranks = {0: 1, 1: 3, 2: 5, 3: 0, 4: 10}
    store.measures = {number: (ranks[number], *found[1:]) for number, found in store.measures.items()}

    link(store, (0, 4), (3, 2))

    assert column(store, RANK) == [11, 14, 12, 13, 10]


@pytest.mark.parametrize("middle_is_pending", [True, False])
def test_a_cycle_is_refused_and_named_even_through_a_cancelled_todo(middle_is_pending):
    #   0 ──▶ 1 ──▶ 2      and then 2 ──▶ 0
    store = chain(3)
    store.change(1, pending=middle_is_pending)

    with pytest.raises(Cycle) as caught:
        link(store, (2, 0))

    assert caught.value.path == [0, 2, 1]


def test_a_cycle_is_found_where_ranks_leave_no_gap():
    #   2 ──▶ 1 ──▶ 0, linked one by one, and then 0 ──▶ 2
    store = stored({0: [], 1: [], 2: []})
    link(store, (1, 0))
    link(store, (2, 1))

    with pytest.raises(Cycle) as caught:
        link(store, (0, 2))

    assert column(store, RANK) == [0, 1, 2]
    assert caught.value.path == [2, 0, 1]


def test_a_cycle_is_found_backwards_through_a_cancelled_todo():
    #   0 ──▶ 1, 2, 3      1 ──▶ 4 (cancelled) ──▶ 5      and then 5 ──▶ 0
    store = stored({0: [], 1: [0], 2: [0], 3: [0], 4: [1], 5: [4]})
    store.change(4, pending=False)

    with pytest.raises(Cycle) as caught:
        link(store, (5, 0))

    assert caught.value.path == [0, 5, 4, 1]


def test_a_todo_cannot_wait_for_itself():
    store = chain(1)

    with pytest.raises(Cycle) as caught:
        link(store, (0, 0))

    assert caught.value.path == [0]


def test_a_plan_that_waits_for_itself_is_refused():
    #   5 ──▶ 6 ──▶ 7 ──▶ 5
    with pytest.raises(Cycle) as caught:
        stored({5: [7], 6: [5], 7: [6]})

    assert oracle.is_cycle(caught.value.path, {(7, 5), (5, 6), (6, 7)})


def test_two_dependencies_that_close_a_cycle_together_are_refused():
    #   0      1      and then 0 ──▶ 1 ──▶ 0
    store = stored({0: [], 1: []})

    with pytest.raises(Cycle):
        link(store, (0, 1), (1, 0))


def test_a_cycle_through_a_long_chain_is_named_without_recursion():
    store = chain(5_000)

    with pytest.raises(Cycle) as caught:
        link(store, (4_999, 0))

    assert oracle.is_cycle(caught.value.path, store.pairs)
    assert len(caught.value.path) == 5_000


def test_the_search_for_a_cycle_advances_where_there_is_less_to_read():
    #   0 ──▶ 1, 2, … 1000 ──▶ 1001 (each)      1002 ──▶ 1003      and then 1003 ──▶ 0, 1001 ──▶ 1003
    fan = {0: [], **{one: [0] for one in range(1, 1_001)}, 1_001: list(range(1, 1_001))}
    store = stored({**fan, 1_002: [], 1_003: [1_002]})
    link(store, (1_003, 0))

    with pytest.raises(Cycle):
        link(store, (1_001, 1_002))

    assert store.read <= 1_004
    assert store.queries <= 10


def test_a_change_at_the_end_of_a_long_chain_reaches_its_beginning():
    store = chain(5_000)

    written = store.change(4_999, weight=2.0)

    assert len(written) == 5_000
    assert column(store, MINUTES)[0] == 5_001


def test_a_wide_front_is_read_in_few_queries():
    #   0 ──▶ 1, 2, … 10000 (each) ──▶ 10001
    store = Stored()
    store.load({0: [], **{one: [0] for one in range(1, 10_001)}, 10_001: list(range(1, 10_001))})

    written = store.change(10_001, weight=2.0)

    assert len(written) == 10_002
    assert store.queries <= 30


def test_a_region_beyond_the_cap_is_given_up():
    store = chain(100, cap=100)
    store.cap = 50

    with pytest.raises(RegionTooLarge):
        store.change(99, weight=2.0)


def test_a_todo_that_blocks_too_many_to_read_is_given_up_before_they_are_read():
    #   0 ──▶ 1, 2, … 100000
    store = Stored(cap=1_000)
    store.load({0: [], **{one: [0] for one in range(1, 100_001)}})

    with pytest.raises(RegionTooLarge):
        store.change(0, weight=2.0)

    assert store.read == 1
    assert store.change(1, weight=2.0) == {0, 1}
