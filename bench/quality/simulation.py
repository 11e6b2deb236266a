"""Works through a graph with the product's own allocation, on a clock that only the simulation moves.

Instances ask the store as they would in earnest. What happens at the same instant is ordered: all that end are
completed, then whoever has a further claim goes on with it, then those without work ask.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import longpole
from longpole.clock import Clock
from longpole.errors import ClaimLostError
from longpole.handles import Claim
from longpole.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.quality.stg import Graph
    from longpole.handles import Instance
    from longpole.model import Allocation

MINUTE_US = 60_000_000
START_US = 1_800_000_000_000_000
LEASE_S = 30 * 86400  # virtual time: nobody beats, and nobody is to be given up
BONUS = 3  # switch_bonus_minutes per minute that a switch costs
BONUS_STRATEGY = "context_aware"


class ViolationError(Exception):
    """The allocation gave what it must not give, or left todos over."""


class VirtualClock(Clock):
    """A clock that stands until the simulation moves it."""

    def __init__(self) -> None:
        self.passed_us = 0

    def now(self) -> int:
        return START_US + self.passed_us

    def monotonic(self) -> float:
        return self.now() / 1e6


class Setup(NamedTuple):
    """Who works, and how.

    `batch`: how many todos an instance asks for at once; it does them one after another. `topped_up`: it asks as soon
    as it has fewer, else when it has none. `switch_minutes`: what a todo takes longer if it is in another branch than
    the instance's last.
    """

    strategy: str
    instances: int
    batch: int = 1
    topped_up: bool = False
    switch_minutes: float = 0.0


class Stretch(NamedTuple):
    """A todo that an instance worked on, in virtual microseconds since the begin."""

    todo: int
    instance: int
    begun_us: int
    ended_us: int


class Course(NamedTuple):
    """How it went. `taken_back`: claims that were given to somebody else before their instance began them."""

    stretches: tuple[Stretch, ...]
    taken_back: int

    @property
    def minutes(self) -> float:
        """The makespan."""
        return max(stretch.ended_us for stretch in self.stretches) / MINUTE_US


class Seat:
    """An instance, what it works on, and what it has claimed beyond that."""

    def __init__(self, number: int, instance: Instance) -> None:
        self.number, self.instance = number, instance
        self.current: Claim | None = None
        self.ends_us = -1
        self.asks_us = -1
        self.queue: deque[Claim] = deque()
        self.branch: str | None = None

    @property
    def held(self) -> int:
        """How many claims it has."""
        return len(self.queue) + (self.current is not None)


def simulate(graph: Graph, setup: Setup) -> Course:
    """Work through a graph. Raises ViolationError, and whatever the product raises."""
    clock = VirtualClock()
    with longpole.open(":memory:", clock=clock) as project:
        project.configure(**_settings(setup))
        project.add_many(_todos(graph))
        project.derive_branches()
        seats = [Seat(m, project.register(f"i{m}", heartbeat=False)) for m in range(setup.instances)]
        return Simulation(graph, setup, clock=clock, seats=seats).run()


class Simulation:
    """One run over a graph that stands in a project already."""

    def __init__(self, graph: Graph, setup: Setup, *, clock: VirtualClock, seats: list[Seat]) -> None:
        self._graph, self._setup, self._clock, self._seats = graph, setup, clock, seats
        self._events: list[tuple[int, int]] = []  # when, and the number of the seat
        self._stretches: dict[int, Stretch] = {}
        self._done: set[int] = set()
        self._taken_back = 0

    def run(self) -> Course:
        """Let the instances work until nothing is under way."""
        self._serve(self._seats)
        while self._events:
            self._clock.passed_us = self._events[0][0]
            self._handle(self._due())
        left = len(self._graph.minutes) - len(self._done)
        if left:
            raise ViolationError(f"{self._graph.name}: nobody works, and {left} todos are left")
        return Course(tuple(self._stretches.values()), self._taken_back)

    def _due(self) -> list[Seat]:
        """Take out what happens now; give the seats whose todo ends."""
        now = self._clock.passed_us
        due = []
        while self._events and self._events[0][0] == now:
            due.append(self._seats[heapq.heappop(self._events)[1]])
        return [seat for seat in due if seat.current and seat.ends_us == now]

    def _handle(self, ending: list[Seat]) -> None:
        if len(ending) == 1 and not ending[0].queue:
            self._end_and_ask(ending[0])
        else:
            for seat in ending:
                claim = self._ended(seat)
                claim.complete()
            for seat in ending:
                self._go_on(seat)
        self._serve([*ending, *(seat for seat in self._seats if seat not in ending)])

    def _ended(self, seat: Seat) -> Claim:
        claim, seat.current = seat.current, None
        assert claim
        self._done.add(int(claim.id))
        return claim

    def _end_and_ask(self, seat: Seat) -> None:
        """Complete and claim in one transaction, as an instance does that has nothing else."""
        claim = self._ended(seat)
        answer = seat.instance.complete_and_allocate(claim.id, claim.token, count=self._setup.batch)
        self._receive(seat, answer)

    def _serve(self, seats: Iterable[Seat]) -> None:
        for seat in seats:
            if seat.held < (self._setup.batch if self._setup.topped_up else 1):
                self._receive(seat, seat.instance.allocate(count=self._setup.batch - seat.held))

    def _receive(self, seat: Seat, answer: Allocation) -> None:
        claims = [Claim(seat.instance, claimed) for claimed in answer.claims]
        if claims and seat.current is None:
            self._begin(seat, claims.pop(0))
        seat.queue.extend(claims)
        if answer.reason == Reason.AT_CAPACITY and answer.retry_after_s and seat.asks_us <= self._clock.passed_us:
            seat.asks_us = self._clock.passed_us + round(answer.retry_after_s * 1e6)
            heapq.heappush(self._events, (seat.asks_us, seat.number))

    def _go_on(self, seat: Seat) -> None:
        while seat.queue and seat.current is None:
            claim = seat.queue.popleft()
            if _still_has(claim):
                self._begin(seat, claim)
            else:
                self._taken_back += 1

    def _begin(self, seat: Seat, claim: Claim) -> None:
        todo, now = int(claim.id), self._clock.passed_us
        if todo in self._stretches:
            raise ViolationError(f"{self._graph.name}: {todo} is begun a second time")
        if not self._done.issuperset(self._graph.after[todo]):
            raise ViolationError(f"{self._graph.name}: {todo} is begun before what it waits for")
        switches = seat.branch not in (None, claim.todo.branch)
        minutes = self._graph.minutes[todo] + (self._setup.switch_minutes if switches else 0)
        seat.current, seat.branch, seat.ends_us = claim, claim.todo.branch, now + round(minutes * MINUTE_US)
        self._stretches[todo] = Stretch(todo, seat.number, now, seat.ends_us)
        heapq.heappush(self._events, (seat.ends_us, seat.number))


def _settings(setup: Setup) -> dict[str, Any]:
    settings = {"strategy": setup.strategy, "lease_s": LEASE_S, "durability": "normal"}
    if setup.strategy == BONUS_STRATEGY:
        settings["switch_bonus_minutes"] = BONUS * setup.switch_minutes
    return settings


def _todos(graph: Graph) -> list[dict[str, Any]]:
    return [
        {
            "id": str(number),
            "title": f"todo {number}",
            "estimate_minutes": minutes,
            "after": tuple(str(other) for other in graph.after[number]),
        }
        for number, minutes in enumerate(graph.minutes)
    ]


def _still_has(claim: Claim) -> bool:
    """Ask whether a claim that was not begun is still there."""
    try:
        claim.begin()
    except ClaimLostError:
        return False
    return True
