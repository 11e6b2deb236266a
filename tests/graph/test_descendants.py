from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from longpole.graph.descendants import reach, totals
from longpole.graph.kernel import Graph
from tests.graph import oracle

numbers = st.integers(0, 9)
earlier_first = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])


def test_what_two_ways_lead_to_counts_once():
    #       ┌──▶ 1 ──┐
    #   0 ──┤        ├──▶ 3
    #       └──▶ 2 ──┘
    found = totals(Graph.build(4, [(0, 1), (0, 2), (1, 3), (2, 3)]), [True] * 4)

    assert found == [3, 1, 1, 0]


def test_nothing_counts_through_a_finished_todo():
    #   0 ──▶ 1 (completed) ──▶ 2 ──▶ 3
    found = totals(Graph.build(4, [(0, 1), (1, 2), (2, 3)]), [True, False, True, True])

    assert found == [0, 2, 1, 0]


def test_a_long_chain_is_counted():
    count = 5_000

    found = totals(Graph.build(count, ((one, one + 1) for one in range(count - 1))), [True] * count)

    assert found == list(range(count - 1, -1, -1))


def test_sets_are_dropped_as_soon_as_they_are_handed_on():
    #   0 ──▶ 1 ──▶ … ──▶ 9999, whose sets would take 6 MB together
    count = 10_000
    graph = Graph.build(count, ((one, one + 1) for one in range(count - 1)))
    pending = [True] * count

    tracemalloc.start()
    totals(graph, pending)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3_000_000


def test_the_descendants_of_one_todo_come_nearest_first():
    #   0 ──▶ 1 ──▶ 2 ──▶ 3      0 ──▶ 4 (cancelled) ──▶ 5
    dependents = {0: [1, 4], 1: [2], 2: [3], 4: [5]}

    found = reach(0, lambda front: (one for todo in front for one in dependents.get(todo, ()) if one != 4))

    assert found == [1, 2, 3]


def test_a_wide_front_is_asked_for_in_pieces():
    #   0 ──▶ 1, 2, … 5000, each ──▶ 5001
    asked = []

    def dependents(front: list[int]) -> list[int]:
        asked.append(len(front))
        return list(range(1, 5_001)) if front == [0] else [5_001]

    found = reach(0, dependents)

    assert len(found) == 5_001
    assert max(asked) == 2_000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), min_size=10, max_size=10), st.sets(earlier_first))
def test_totals_are_what_their_definition_says(pending, pairs):
    todos = {number: oracle.Todo(1, 2, one) for number, one in enumerate(pending)}

    found = totals(Graph.build(10, pairs), pending)

    sets = [oracle.pending_descendants(number, todos, pairs) for number in range(10)]
    assert found == [len(one) for one in sets]
    for number in range(10):
        near = reach(number, lambda front: {b for a, b in pairs if a in front and pending[b]})
        assert set(near) == sets[number]
