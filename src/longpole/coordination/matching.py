"""The assignment problem: who gets which, so that as many as possible get one and the cost of all is least."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Costs = Sequence[Sequence[int | None]]
    """A row for each one that is to get something, a column for each thing; None: it may not have that one."""


def combined(costs: Sequence[Sequence[tuple[int, ...] | None]]) -> Costs:
    """Make one number of several costs of a pair, the first of which counts more than all others together, and so on.

    The pairs that cost least by these numbers, one for each row, have the least sum of first costs, among those the
    least sum of second ones, and so on.
    """
    allowed = [cost for row in costs for cost in row if cost is not None]
    bounds = [(min(values), max(values)) for values in zip(*allowed, strict=True)]

    def number(cost: tuple[int, ...]) -> int:
        total = 0
        for value, (low, high) in zip(cost, bounds, strict=True):
            total = total * (len(costs) * (high - low) + 1) + value - low
        return total

    return [[None if cost is None else number(cost) for cost in row] for row in costs]


def matched(costs: Costs) -> list[int | None]:
    """Give the column of each row, None for a row that gets none: as many pairs as there can be, at the least cost.

    The Hungarian algorithm (Kuhn 1955, Munkres 1957) in its form with shortest augmenting paths (Jonker and Volgenant
    1987): rows² · columns steps. A pair that may not be costs more than all others together, so it comes about only
    where a row can get nothing else, and counts as none.
    """
    if not costs or not costs[0]:
        return [None] * len(costs)
    allowed = [cost for row in costs for cost in row if cost is not None]
    low = min(allowed, default=0)
    never = len(costs) * (max(allowed, default=0) - low + 1)
    nothing = [never] * max(len(costs) - len(costs[0]), 0)
    search = _Search([[never if cost is None else cost - low for cost in row] + nothing for row in costs])
    found: list[int | None] = [None] * len(costs)
    for row, column in search.pairs():
        if column < len(costs[0]) and costs[row][column] is not None:
            found[row] = column
    return found


class _Search:
    """The search in a matrix without gaps, and with no more rows than columns.

    `_row_of` gives the row that a column belongs to. Row 0 and column 0 are nobody and nothing.
    """

    def __init__(self, costs: Sequence[Sequence[int]]) -> None:
        self._costs, self._width = costs, len(costs[0])
        self._by_row, self._by_column = [0] * (len(costs) + 1), [0] * (self._width + 1)  # potentials
        self._row_of = [0] * (self._width + 1)

    def pairs(self) -> Iterable[tuple[int, int]]:
        """Give each row with its column, both counted from 0."""
        for row in range(1, len(self._costs) + 1):
            self._serve(row)
        return [(row - 1, column - 1) for column, row in enumerate(self._row_of) if column and row]

    def _serve(self, row: int) -> None:
        """Give a row a column, by the cheapest chain of rows that each move on to another one."""
        self._row_of[0] = row
        far: list[int | None] = [None] * (self._width + 1)
        before, reached, left = [0] * (self._width + 1), [0], list(range(1, self._width + 1))
        while self._row_of[reached[-1]]:
            self._look_from(reached[-1], left, far, before)
            nearest = min(left, key=lambda column: far[column] or 0)
            self._come_nearer(far[nearest] or 0, reached, left, far)
            left.remove(nearest)
            reached.append(nearest)
        column = reached[-1]
        while column:
            self._row_of[column], column = self._row_of[before[column]], before[column]

    def _look_from(self, column: int, left: Sequence[int], far: list[int | None], before: list[int]) -> None:
        """See which columns are nearer by way of the row of this one than they were before."""
        row = self._row_of[column]
        costs, by_row, by_column = self._costs[row - 1], self._by_row[row], self._by_column
        for other in left:
            here, so_far = costs[other - 1] - by_row - by_column[other], far[other]
            if so_far is None or here < so_far:
                far[other], before[other] = here, column

    def _come_nearer(self, by: int, reached: Sequence[int], left: Sequence[int], far: list[int | None]) -> None:
        """Move the potentials so that the nearest column costs nothing more than those that were reached."""
        for column in reached:
            self._by_row[self._row_of[column]] += by
            self._by_column[column] -= by
        for column in left:
            far[column] = (far[column] or 0) - by
