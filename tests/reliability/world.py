"""What one simulated schedule consists of: the project, its virtual clock, chance, and all that was seen so far."""

from __future__ import annotations

import math
import random
import uuid
from typing import TYPE_CHECKING, NamedTuple

import longpole
from longpole.clock import Clock
from longpole.coordination.leader import POLL_S
from longpole.errors import AlreadyClaimedError, ClaimLostError, InvalidInputError, NotReadyError
from longpole.model import NewTodo, Status
from tests.reliability import rights
from tests.reliability.acts import pairs
from tests.reliability.checker import SATISFIED, Ack, History, Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from longpole.handles import Instance

LEASE_S, HEARTBEAT_S, MAX_ATTEMPTS = 10.0, 2.0, 3
START_US = 1_800_000_000_000_000
TOUCHING = 0.4  # the share of schedules whose todos are in each other's way
TOUCHES = (("src/",), ("src/a.py",), ({"path": "src/", "mode": "read"},))
EXPECTED = (AlreadyClaimedError, ClaimLostError, InvalidInputError, NotReadyError)
"""What an operator or a duplicated request may be answered; anything else is a defect."""


class VirtualClock(Clock):
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.wall_us, self.seconds = START_US, 1000.0

    def now(self) -> int:
        return self.wall_us

    def monotonic(self) -> float:
        return self.seconds

    def pass_until(self, seconds: float) -> None:
        """Let time pass for everybody, up to this monotonic second."""
        if seconds > self.seconds:
            self.wall_us += round((seconds - self.seconds) * 1e6)
            self.seconds = seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone: the host slept, or somebody set its clock."""
        self.wall_us += round(seconds * 1e6)


class Odds(NamedTuple):
    """How likely each fault is, per step or per act."""

    kill: float = 0.02
    suspend: float = 0.03
    link: float = 0.03
    operate: float = 0.02
    jump: float = 0.003
    lost_reply: float = 0.10
    duplicate: float = 0.15
    overrun: float = 0.15
    pick: float = 0.10
    leave: float = 0.02


class World:
    """One project, empty at first. Instances act on it and note what they were told; `look` judges what happened.

    With `settings` its todos have branches, touch paths and need labels as well, and nobody may starve.
    """

    def __init__(self, seed: int, url: str = ":memory:", settings: Mapping[str, object] | None = None) -> None:
        self.settings, self._touches = settings, random.Random(f"touches of {seed}")
        self.rng, self.clock, self.odds = random.Random(seed), VirtualClock(), Odds()
        self.project = longpole.open(url, clock=self.clock, project=f"schedule {uuid.uuid4()}")
        self.ids, todos = self._drawn_todos()
        self._todos = todos
        self.history = History(pairs(todos), max_attempts=MAX_ATTEMPTS, one_each=True)
        self.acks: list[Ack] = []
        self.poison = self.rng.choice(self.ids) if self.rng.random() < 0.3 else None
        self.duplicates: list[tuple[float, Callable[[], object]]] = []  # (when, what)
        self.keys = 0
        self.replayed = False  # whether the latest answer was given to the same key before
        self._beaten: dict[str, float] = {}  # instance → monotonic second of its last heartbeat
        self._acted: dict[str, float] = {}  # live instance → monotonic second of its last successful act
        self._swept_by: str | None = None  # who has beaten in this step
        self._jumped = 0.0
        self._seen: str | None = None  # the last event that was read
        self._news = self._over = False  # whether there are new events; whether nothing is left to do
        self._ready_since: dict[str, float] = {}  # ready todo → monotonic second
        self._refused: dict[str, dict[str, float]] = {}  # idle instance → what it did not get, since when
        self._set_up(todos)

    def _drawn_todos(self) -> tuple[list[str], list[NewTodo]]:
        ids = [f"t{number}" for number in range(self.rng.randint(4, 12))]
        todos = []
        for number, name in enumerate(ids):
            after = tuple(need for need in ids[:number] if self.rng.random() < 0.3)
            todos.append(NewTodo(title=name, id=name, after=after, priority=self.rng.randint(0, 4)))
        if self.settings is None:
            return ids, [self._touching(todo) for todo in todos] if self._touches.random() < TOUCHING else todos
        return ids, [self._detailed(todo) for todo in todos]

    def _touching(self, todo: NewTodo) -> NewTodo:
        """Let a todo be in the way of others, drawn apart so that the rest of a schedule stays what it was."""
        wanted = {"resource": "gpu", "amount": self._touches.randint(1, 2)}
        return todo.replace(
            branch=self._touches.choice([None, "one"]),
            touches=self._touches.choice([(), *TOUCHES, (wanted,), ("src/b.py", wanted), ("src/a.py", "src/b.py")]),
        )

    def _detailed(self, todo: NewTodo) -> NewTodo:
        return todo.replace(
            branch=self.rng.choice([None, "one", "two", "three"]),
            estimate_minutes=self.rng.randint(1, 60),
            touches=self.rng.choice(TOUCHES) if self.rng.random() < 0.3 else (),
            needs=("gpu",) if self.rng.random() < 0.2 else (),
        )

    def offers(self, name: str) -> list[str]:
        """Give the labels that an instance offers: those in every other place, the first among them."""
        return ["gpu"] if self.settings is not None and int(name[1:].partition(".")[0]) % 2 == 0 else []

    def _set_up(self, todos: list[NewTodo]) -> None:
        hold_s = 1.5 * LEASE_S if self.rng.random() < 0.3 else 0.0
        self.project.configure(lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S, max_attempts=MAX_ATTEMPTS, max_hold_s=hold_s)
        self.project.configure(**self.settings or {"resource.gpu": 2, "cap.one": 2})
        self.project.add_many(todos)

    # What happens.

    def registered(self, me: Instance) -> None:
        """An instance began."""
        self._beaten[me.name] = self._acted[me.name] = self.clock.seconds

    def beat(self, me: Instance) -> None:
        """Let an instance beat."""
        me.heartbeat()
        self._beaten[me.name] = self.clock.seconds
        self._swept_by = me.name

    def acted(self, me: Instance) -> None:
        """An act of an instance was accepted."""
        if me.name in self._acted:  # who gets an old answer again may have been given up meanwhile
            self._acted[me.name] = self.clock.seconds

    def unregister(self, me: Instance) -> None:
        """Let an instance leave."""
        me.unregister()
        self._swept_by = None

    def jump(self, seconds: float) -> None:
        """The host slept, or somebody set its clock."""
        self._jumped = math.inf  # until the next heartbeat, the first act that has to notice it
        self.clock.jump(seconds)

    def calm(self) -> None:
        """End all faults, lift what was held, wait until all rests are over: only a failed todo can strand others."""
        self.odds = Odds(*[0.0] * len(Odds._fields))
        self.poison = None
        for branch in self.project.status().paused_branches:
            self.project.resume(branch=branch)
        for todo in self.project.todos():
            for hold in todo.holds:
                if hold.kind == "manual":
                    self.project.lift(todo.id)
                elif hold.until_at is not None:
                    self.clock.pass_until(self.clock.seconds + (hold.until_at - self.clock.now()) / 1e6)

    # What came of it.

    def broken(self, rule: Rule, text: str) -> None:
        """Note a broken promise."""
        self.history.violations.append(Violation(rule, 0, text))

    def told_of_work(self, name: str) -> None:
        """An instance got a todo."""
        self._refused.pop(name, None)

    def told_of_no_work(self, name: str, ready: Iterable[str]) -> None:
        """An instance has nothing in hand and got nothing, although these todos stand ready for it: once too often?"""
        before, now = self._refused.get(name, {}), self.clock.seconds
        self._refused[name] = {todo: max(before.get(todo, now), self._ready_since.get(todo, now)) for todo in ready}
        for todo, since in self._refused[name].items():
            if now - since > POLL_S:
                self.broken(Rule.STARVED, f"{name} has been refused {todo} for {now - since:.1f} s")

    def look(self) -> None:
        """Read what is new in the journal; judge who was given up, and who was not."""
        for event in self.project.journal(after=self._seen):
            self.history.add(event.as_dict())
            if event.kind in {"lost", "unregistered"} and event.instance:
                self._acted.pop(event.instance, None)
            if event.kind == "lost" and self.clock.seconds - self._beaten[str(event.instance)] < LEASE_S:
                self.broken(Rule.LEASE_CUT_SHORT, f"{event.instance} at {self.clock.seconds:.1f}")
            self._seen, self._news = event.cursor, True
        if self.settings is not None:
            ready = [todo.id for todo in self.project.todos(status=Status.READY)]
            self._ready_since = {one: self._ready_since.get(one, self.clock.seconds) for one in ready}
        if self._swept_by is not None:
            self._judge_the_living(self._swept_by)
            self._swept_by = None

    def _judge_the_living(self, beaten: str) -> None:
        """After a heartbeat, which sweeps: nobody may still be live long after a lease without any act."""
        if beaten not in self._acted:
            self.broken(Rule.DEAD_CLAIMER, f"{beaten} was given up, and its heartbeat was taken")
        self._acted[beaten] = self.clock.seconds
        self._jumped = min(self._jumped, self.clock.seconds)
        for name, at in self._acted.items():
            silent_s = self.clock.seconds - max(at, self._jumped)
            if silent_s > 2 * LEASE_S:
                self.broken(Rule.LEASE_ETERNAL, f"{name} has been silent for {silent_s:.1f} s")

    def ended(self) -> bool:
        """Tell whether nothing is left to do but what waits for a failed todo."""
        if self._news:
            self._news = False
            known = {name: self.history.status(name) for name in self.ids}
            stranded = {name for name, status in known.items() if status == "failed"}
            for _ in self.ids:
                stranded |= {name for name in self.ids if self.history.needs(name) & stranded}
            self._over = {name for name in self.ids if known[name] not in SATISFIED} <= stranded
        return self._over

    def judged(self) -> list[Violation]:
        """Give all that was wrong in the whole schedule."""
        if not self.history.violations and not self.ended():
            self.broken(Rule.NO_END, f"{self.project.status()}")
        settings = self.project.settings()
        self.history.violations += rights.judge(
            self.project.journal(), self._todos, lambda name: set(self.offers(name)), settings
        )
        self.history.judge_acks(self.acks)
        self.history.judge_end(self.project.todos(), settings)
        return self.history.violations
