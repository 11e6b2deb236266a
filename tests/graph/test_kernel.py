from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longpole.graph.kernel import Cycle, Graph, Measures, longest_path, measure, order, unmet
from tests.graph import oracle

if TYPE_CHECKING:
    from collections.abc import Sequence

    Pair = tuple[int, int]

#              ┌──▶ 1 (10 min) ──┐
#   0 (5 min) ─┤                 ├──▶ 3 (1 min)
#              └──▶ 2 (20 min) ──┘
DIAMOND = [(0, 1), (0, 2), (1, 3), (2, 3)]
MINUTES = [5.0, 10.0, 20.0, 1.0]


def measured(pairs: Sequence[Pair], weights: Sequence[float], **given: Sequence[int]) -> Measures:
    count = len(weights)
    priorities, pending = given.get("priorities", [2] * count), given.get("pending", [True] * count)
    return measure(
        Graph.build(count, pairs), weights=weights, priorities=priorities, pending=[bool(one) for one in pending]
    )


def ordered(graph: Graph) -> tuple[list[int], list[int]]:
    """Give the order, or else the path of the cycle."""
    try:
        return order(graph), []
    except Cycle as cycle:
        return [], cycle.path


def test_a_diamond_is_as_long_as_its_longer_side():
    found = measured(DIAMOND, MINUTES)

    assert found.critical_path_minutes == [26, 11, 21, 1]
    assert found.immediate_dependents == [2, 1, 1, 0]
    assert found.rank == [2 << 20, 1 << 20, 1 << 20, 0]


def test_a_todo_is_as_urgent_as_what_it_blocks():
    found = measured(DIAMOND, MINUTES, priorities=[3, 4, 2, 1])

    assert found.urgency == [1, 1, 1, 1]


def test_urgency_does_not_pass_to_what_comes_after():
    found = measured(DIAMOND, MINUTES, priorities=[0, 4, 2, 3])

    assert found.urgency == [0, 3, 2, 3]


def test_a_cancelled_todo_carries_nothing_back():
    #   0 ──▶ 1 (cancelled) ──▶ 2 (priority 0)
    found = measured([(0, 1), (1, 2)], [5, 10, 20], priorities=[2, 3, 0], pending=[True, False, True])

    assert found.critical_path_minutes == [5, 0, 20]
    assert found.urgency == [2, 3, 0]
    assert found.immediate_dependents == [0, 1, 0]


def test_ranks_look_through_a_cancelled_todo():
    #   0 ──▶ 1 (cancelled) ──▶ 2
    found = measured([(0, 1), (1, 2)], [5, 10, 20], pending=[True, False, True])

    assert found.rank == [2 << 20, 1 << 20, 0]


def test_no_todos_have_no_measures():
    found = measured([], [])

    assert found.rank == []
    assert order(Graph.build(0, [])) == []


def test_unmet_counts_only_what_is_unfinished():
    graph = Graph.build(4, DIAMOND)

    found = unmet(graph, [False, True, False, True])

    assert found == [0, 0, 0, 1]


def test_the_critical_path_follows_the_longer_side():
    found = longest_path(Graph.build(4, DIAMOND), measured(DIAMOND, MINUTES), pending=[True] * 4)

    assert found == [0, 2, 3]


def test_the_critical_path_begins_at_what_is_left():
    pending = [False, True, False, True]

    found = longest_path(Graph.build(4, DIAMOND), measured(DIAMOND, MINUTES, pending=pending), pending=pending)

    assert found == [1, 3]


def test_the_critical_path_prefers_more_descendants_then_more_dependents_then_the_first():
    #   0 ──▶ 3      1 ──▶ 4      2 ──▶ 5 ──▶ 6 (0 min)      1 ──▶ 7 (0 min)
    pairs = [(0, 3), (1, 4), (1, 7), (2, 5), (5, 6)]
    graph, found = Graph.build(8, pairs), measured(pairs, [1, 1, 1, 1, 1, 1, 0, 0])
    pending = [True] * 8

    by_dependents = longest_path(graph, found, pending=pending)
    by_descendants = longest_path(graph, found, pending=pending, total_descendants=[1, 2, 3, 0, 0, 1, 0, 0])

    assert by_dependents == [1, 4]
    assert by_descendants == [2, 5, 6]


def test_of_equal_paths_the_first_is_the_critical_one():
    assert longest_path(Graph.build(2, []), measured([], [1, 1]), pending=[True, True]) == [0]


def test_nothing_pending_has_no_critical_path():
    assert longest_path(Graph.build(1, []), measured([], [1], pending=[False]), pending=[False]) == []


def test_a_chain_of_many_todos_needs_no_recursion():
    #   0 ──▶ 1 ──▶ … ──▶ 4999
    count = 5_000
    pairs = [(one, one + 1) for one in range(count - 1)]

    found = measured(pairs, [1.0] * count)

    assert found.critical_path_minutes == list(range(count, 0, -1))
    assert longest_path(Graph.build(count, pairs), found, pending=[True] * count) == list(range(count))


def test_one_todo_may_block_a_hundred_thousand():
    #   0 ──▶ 1, 2, … 100000
    count = 100_001

    found = measured([(0, one) for one in range(1, count)], [1.0] * count)

    assert found.immediate_dependents[0] == count - 1
    assert found.critical_path_minutes[0] == 2


@pytest.mark.parametrize(
    ("pairs", "path"),
    [
        ([(0, 0)], [0]),
        ([(0, 1), (1, 0)], [0, 1]),
        #   0 ──▶ 1 ──▶ 2 ──▶ 3 ──▶ 1      3 ──▶ 4
        ([(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)], [1, 3, 2]),
    ],
)
def test_a_cycle_is_named_in_the_order_of_waiting(pairs, path):
    with pytest.raises(Cycle) as caught:
        order(Graph.build(5, pairs))

    found = caught.value.path
    assert [*found[found.index(path[0]) :], *found[: found.index(path[0])]] == path


def test_a_long_cycle_is_found_without_recursion():
    count = 5_000
    pairs = [(one, (one + 1) % count) for one in range(count)]

    with pytest.raises(Cycle) as caught:
        measured(pairs, [1.0] * count)

    assert oracle.is_cycle(caught.value.path, pairs)
    assert len(caught.value.path) == count


numbers = st.integers(0, 9)
weights = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 30.0])
todos = st.builds(oracle.Todo, weights, st.integers(0, 4), st.booleans())


@settings(max_examples=300, deadline=None)
@given(st.lists(todos, min_size=10, max_size=10), st.sets(st.tuples(numbers, numbers).filter(lambda p: p[0] < p[1])))
def test_all_measures_are_what_their_definition_says(rows, pairs):
    by_number = dict(enumerate(rows))
    graph = Graph.build(10, pairs)
    pending = [row.pending for row in rows]

    found = measure(
        graph, weights=[row.weight for row in rows], priorities=[row.priority for row in rows], pending=pending
    )

    wanted = oracle.expected(by_number, pairs)
    assert found.critical_path_minutes == [wanted[one].critical_path_minutes for one in range(10)]
    assert found.urgency == [wanted[one].urgency for one in range(10)]
    assert found.immediate_dependents == [wanted[one].immediate_dependents for one in range(10)]
    assert unmet(graph, pending) == [oracle.unmet(one, by_number, pairs) for one in range(10)]
    assert all(found.rank[first] > found.rank[then] for first, then in pairs)


@settings(max_examples=300, deadline=None)
@given(st.sets(st.tuples(numbers, numbers), max_size=25))
def test_every_cycle_is_found_and_every_cycle_found_is_one(pairs):
    found, cycle = ordered(Graph.build(10, pairs))

    assert bool(cycle) == oracle.has_cycle(pairs)
    if cycle:
        assert oracle.is_cycle(cycle, pairs)
    else:
        assert all(found.index(first) > found.index(then) for first, then in pairs)
