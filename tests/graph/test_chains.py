from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longpole.graph import chains, kernel

WEIGHTS = (0.0, 0.1, 1.0, 2.0, 5.0, 30.0)


@st.composite
def graphs(draw):
    """A graph whose dependencies all lead from a smaller to a larger position, and a weight for each todo."""
    count = draw(st.integers(0, 12))
    possible = [(first, then) for then in range(count) for first in range(then)]
    pairs = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    weights = draw(st.lists(st.sampled_from(WEIGHTS), min_size=count, max_size=count))
    return pairs, weights


def by_definition(pairs, weights):
    """Every path is written out; of all through what is left the longest is taken, of equals the first by number."""
    left, found = set(range(len(weights))), []
    while left:
        path = min((longest_from(todo, left, pairs, weights) for todo in left), key=before_others)
        found.append(path.todos)
        left -= set(path.todos)
    return found


class Path(NamedTuple):
    length: float
    todos: list[int]


def before_others(path):
    return -path.length, path.todos[:1]


def longest_from(todo, left, pairs, weights):
    behind = [longest_from(then, left, pairs, weights) for first, then in pairs if first == todo and then in left]
    best = min(behind, key=before_others, default=Path(0.0, []))
    return Path(weights[todo] + best.length, [todo, *best.todos])


@given(graphs())
def test_each_chain_is_the_longest_path_through_what_the_others_left(graph):
    pairs, weights = graph

    found = list(chains.peel(kernel.Graph.build(len(weights), pairs), weights))

    assert found == by_definition(pairs, weights)


def test_a_project_falls_into_its_long_pole_and_the_rest():
    #   0(30) → 1(60) → 4(10)      0 → 2(20) → 3(20) → 4      5(5)
    pairs = [(0, 1), (1, 4), (0, 2), (2, 3), (3, 4)]

    found = list(chains.peel(kernel.Graph.build(6, pairs), [30, 60, 20, 20, 10, 5]))

    assert found == [[0, 1, 4], [2, 3], [5]]


def test_what_is_taken_out_divides_what_led_through_it():
    #   0(1) → 2(9) → 4(1)      1(1) → 2      2 → 3(1): the first chain takes 2 away from 1 and 3
    pairs = [(0, 2), (1, 2), (2, 3), (2, 4)]

    found = list(chains.peel(kernel.Graph.build(5, pairs), [1, 1, 9, 1, 1]))

    assert found == [[0, 2, 3], [1], [4]]


def test_a_circle_is_refused():
    with pytest.raises(kernel.Cycle):
        list(chains.peel(kernel.Graph.build(2, [(0, 1), (1, 0)]), [1, 1]))


def test_a_graph_without_todos_has_no_chains():
    assert list(chains.peel(kernel.Graph.build(0, []), [])) == []


def test_the_effort_grows_with_the_project_and_not_with_its_square(monkeypatch):
    measured = []
    measure = chains._Peeling._measure

    def counting(self, todo):
        measured.append(todo)
        return measure(self, todo)

    monkeypatch.setattr(chains._Peeling, "_measure", counting)
    count, width = 10_000, 100
    layered = [(first, first + width + step) for first in range(count - 2 * width) for step in (0, 7)]

    found = list(chains.peel(kernel.Graph.build(count, layered), [1.0 + todo % 17 for todo in range(count)]))

    assert sum(map(len, found)) == count
    assert len(measured) < 10 * count
