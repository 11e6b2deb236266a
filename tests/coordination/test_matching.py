from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from longpole.coordination.matching import combined, matched

if TYPE_CHECKING:
    from collections.abc import Sequence

COST = st.one_of(st.none(), st.integers(-4, 9))
PAIR_COST = st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(-3, 3), st.integers(0, 2)))


def matrices(cost):
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return sizes.flatmap(
        lambda size: st.lists(st.lists(cost, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
    )


def every_way(costs) -> list[Sequence[int | None]]:
    """All ways to give each row a column that it may have, or none, and no column twice."""
    columns = [*range(len(costs[0])), *[None] * len(costs)]
    ways = set(itertools.permutations(columns, len(costs)))
    return [
        way for way in ways if all(column is None or costs[row][column] is not None for row, column in enumerate(way))
    ]


def chosen(costs, way):
    return [costs[row][column] for row, column in enumerate(way) if column is not None]


@given(matrices(COST))
def test_as_many_as_possible_are_matched_at_the_least_cost(costs):
    best = min((-len(chosen(costs, way)), sum(chosen(costs, way))) for way in every_way(costs))

    found = matched(costs)

    assert found in [list(way) for way in every_way(costs)]
    assert (-len(chosen(costs, found)), sum(chosen(costs, found))) == best


@given(matrices(PAIR_COST))
def test_of_several_costs_the_first_counts_more_than_all_that_follow(costs):
    def sums(way):
        return tuple(map(sum, zip(*chosen(costs, way), strict=True)))

    most = max(len(chosen(costs, way)) for way in every_way(costs))
    best = min(sums(way) for way in every_way(costs) if len(chosen(costs, way)) == most)

    found = matched(combined(costs))

    assert len(chosen(costs, found)) == most
    assert sums(found) == best


def test_whoever_can_do_anything_leaves_the_rest_to_those_who_cannot():
    #         anything  special
    costs: list[list[int | None]] = [[1, 2], [1, None]]

    assert matched(costs) == [1, 0]


def test_nothing_is_matched_where_there_is_nothing():
    assert matched([]) == []
    assert matched([[], []]) == [None, None]
    assert matched([[None, None]]) == [None]
    assert combined([]) == []
    assert combined([[None]]) == [[None]]


def test_large_costs_stay_exact():
    costs = [[10**30 + 1, 10**30], [10**30, 10**30]]

    assert matched(costs) == [1, 0]
