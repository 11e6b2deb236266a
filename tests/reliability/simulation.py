"""A deterministic simulation: many instances on one project, a virtual clock, one seeded source of chance.

Each instance is a generator that yields the seconds until its next act; an act is one transaction of the real
longpole. Between acts the simulation kills and suspends instances, loses replies, delivers requests a second time
much later, lets the host sleep, sets its clock, and lets somebody edit the graph. The same seed gives the same
history. `python -m tests.reliability.simulation --seconds 60` runs as many schedules as fit and names failing seeds;
with `--db postgresql://…` each is a project of that database.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import sys
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from longpole.errors import InstanceLostError
from tests.reliability.checker import Rule, Violation
from tests.reliability.life import Life
from tests.reliability.world import EXPECTED, LEASE_S, World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from tests.reliability.life import Steps

STEPS, STEPS_TO_END = 400, 1200
PAUSE, BRANCHES = 0.03, ("one", "two", "three")  # how likely a branch is paused or goes on, per step


class Actor:
    """One place in which instances live and die; `due` is when the one in it acts next, never before `awake_at`."""

    def __init__(self, place: int, steps: Steps, due: float) -> None:
        self.place, self.steps, self.due, self.awake_at = place, steps, due, 0.0


class Simulation:
    """One schedule. `run` plays it and gives all violations."""

    def __init__(self, seed: int, url: str = ":memory:", settings: Mapping[str, object] | None = None) -> None:
        self.world = World(seed, url, settings)
        self.steps = self.kills = 0
        self._rng = self.world.rng
        self._pauses = random.Random(f"pauses of {seed}")  # apart, so that the rest of a schedule stays what it was
        self._life = Life(self.world)
        self._generations = [0] * self._rng.randint(2, 6)
        self._actors = [self._new_actor(place) for place in range(len(self._generations))]

    def run(self) -> list[Violation]:
        """Play the schedule: first with faults, then without until nothing is left to do."""
        with self.world.project:
            try:
                self._play()
            except Exception as error:  # noqa: BLE001 - whatever it is, the seed that led to it has to be told
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.world.broken(Rule.BROKE_DOWN, f"{error!r} in {where.name}, line {where.lineno}")
            return self.world.judged()

    def _play(self) -> None:
        while self.steps < STEPS and not self.world.history.violations and not self.world.ended():
            self._trouble()
            self._step()
        self.world.calm()
        while self.steps < STEPS_TO_END and not self.world.history.violations and not self.world.ended():
            self._step()

    def _new_actor(self, place: int) -> Actor:
        self._generations[place] += 1
        steps = self._life.steps(f"i{place}.{self._generations[place]}")
        return Actor(place, steps, self.world.clock.seconds + self._rng.uniform(0.0, 5.0))

    def _step(self) -> None:
        """Let one instance act: the one that is due first or, half the time, any that is awake."""
        self.steps += 1
        actor = min(self._actors, key=lambda one: one.due)
        awake = [one for one in self._actors if one.awake_at <= self.world.clock.seconds]
        if awake and self._rng.random() < 0.5:
            actor = self._rng.choice(awake)
        else:
            self.world.clock.pass_until(actor.due)
        self._deliver_duplicates()
        delay = next(actor.steps, None)
        if delay is None:  # the todo that it held was poison
            self._bury(actor)
        else:
            actor.due = self.world.clock.seconds + delay
            actor.awake_at = actor.due if delay > LEASE_S else 0.0
        self.world.look()

    def _trouble(self) -> None:
        if self._rng.random() < self.world.odds.kill:
            self._bury(self._rng.choice(self._actors))
        if self._rng.random() < self.world.odds.suspend:
            actor = self._rng.choice(self._actors)
            actor.due = actor.awake_at = self.world.clock.seconds + self._rng.uniform(1.0, 4.0) * LEASE_S
        if self._rng.random() < self.world.odds.jump:
            self.world.jump(self._rng.choice([-400.0, -30.0, 30.0, 400.0]))
        if self._rng.random() < self.world.odds.link:
            self._attempt(lambda: self.world.project.link(self._any_id(), after=[self._any_id()]))
        if self._rng.random() < self.world.odds.operate:
            self._operate()
        if self._pauses.random() < PAUSE:
            self._pause_or_resume(self._pauses.choice(BRANCHES))

    def _bury(self, actor: Actor) -> None:
        actor.steps.close()
        self.kills += 1
        self._actors[actor.place] = self._new_actor(actor.place)

    def _operate(self) -> None:
        todo = self._any_id()
        act = self._rng.choice(["retry", "reopen", "hold", "lift", "complete", "cancel", "unlink", "sweep"])
        if act == "hold":
            self._attempt(lambda: self.world.project.hold(todo, "somebody wants to look at it first"))
        elif act == "unlink":
            self._attempt(lambda: self.world.project.unlink(todo, after=self.world.project.todo(todo).depends_on[:1]))
        elif act == "sweep":
            self.world.project.sweep()
        else:
            self._attempt(lambda: getattr(self.world.project, act)(todo))

    def _pause_or_resume(self, branch: str) -> None:
        if self._pauses.random() < 0.5:
            self.world.project.pause(branch=branch)
        else:
            self.world.project.resume(branch=branch)

    def _attempt(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(*EXPECTED):
            act()

    def _deliver_duplicates(self) -> None:
        due = [act for at, act in self.world.duplicates if at <= self.world.clock.seconds]
        self.world.duplicates = [(at, act) for at, act in self.world.duplicates if at > self.world.clock.seconds]
        for act in due:
            with contextlib.suppress(*EXPECTED, InstanceLostError):
                act()

    def _any_id(self) -> str:
        return self._rng.choice(self.world.ids)


class Tally(NamedTuple):
    """What some schedules came to. `failing`: the seeds that broke a rule, with what they broke."""

    schedules: int
    steps: int
    kills: int
    claims: int
    expiries: int
    virtual_hours: float
    failing: dict[int, list[Violation]]


def play(
    seeds: Iterable[int],
    *,
    seconds: float,
    until: Collection[Rule] = (),
    url: str = ":memory:",
    settings: Mapping[str, object] | None = None,
) -> Tally:
    """Play one schedule a seed until the seeds or the seconds are used up, or until one of these rules was broken."""
    begun, failing, numbers, done = time.monotonic(), {}, Counter[str](), False
    for seed in seeds:
        if done or time.monotonic() - begun > seconds:
            break
        simulation = Simulation(seed, url, settings)
        violations = simulation.run()
        if violations:
            failing[seed] = violations
            done = any(violation.rule in until for violation in violations)
        counts = simulation.world.history.counts
        numbers.update(schedules=1, steps=simulation.steps, kills=simulation.kills)
        numbers.update(
            claims=counts["claimed"], expiries=counts["expired"], seconds=int(simulation.world.clock.seconds)
        )
    return Tally(
        numbers["schedules"],
        numbers["steps"],
        numbers["kills"],
        numbers["claims"],
        numbers["expiries"],
        round(numbers["seconds"] / 3600, 1),
        failing,
    )


def main() -> int:
    """Play schedules for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--db", default=":memory:", help="default: a database in memory for each schedule")
    options = parser.parse_args()
    tally = play(itertools.count(options.first), seconds=options.seconds, url=options.db)
    print(tally._replace(failing={}))
    for seed, violations in tally.failing.items():
        print(f"seed {seed}: {[f'{rule}, at {seq}: {text}' for rule, seq, text in violations[:5]]}")
    return 1 if tally.failing else 0


if __name__ == "__main__":
    sys.exit(main())
