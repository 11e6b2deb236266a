"""The life of an instance in the simulation: a generator that yields the seconds until its next act."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from longpole.errors import AlreadyClaimedError, ClaimLostError, InstanceLostError, NotReadyError
from longpole.model import PENDING, Reason, Status
from tests.reliability.checker import Ack, Rule
from tests.reliability.world import EXPECTED, HEARTBEAT_S, LEASE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from longpole.handles import Instance
    from longpole.model import Allocation
    from tests.reliability.world import World

    Steps = Generator[float, None, None]

Answer = TypeVar("Answer")
PAST = {"complete": "completed", "fail": "failed", "release": "released"}


class Held(NamedTuple):
    """A claim as the instance that holds it knows it."""

    todo: str
    token: int


class Life:
    """How instances behave; each call is one transaction, and between two of them others act."""

    def __init__(self, world: World) -> None:
        self._world, self._rng = world, world.rng

    def steps(self, name: str) -> Steps:
        """Register and work; start anew under another name whenever the instance has left or was given up."""
        for start in itertools.count(1):
            me = self._world.project.register(f"{name}.{start}", heartbeat=False, offers=self._world.offers(name))
            self._world.registered(me)
            with contextlib.suppress(InstanceLostError):
                return (yield from self._work(me))
            yield self._rng.uniform(0.0, 2.0)

    def _work(self, me: Instance) -> Steps:
        """Claim and finish todos until one of them is poison; sometimes leave in good order and come back."""
        held: Held | None = None
        while True:
            if self._rng.random() < self._world.odds.leave:
                self._world.unregister(me)
                raise InstanceLostError
            held = held or (yield from self._get_work(me))
            if held is None:
                yield self._rng.uniform(0.1, 2.0 * HEARTBEAT_S)
                self._world.beat(me)
            elif held.todo == self._world.poison:
                return
            else:
                held = yield from self._toil(me, held)

    def _get_work(self, me: Instance) -> Generator[float, None, Held | None]:
        yield self._rng.uniform(0.0, 1.0)
        if self._rng.random() < self._world.odds.pick:
            return (yield from self._pick(me))
        found = yield from self._call(me, lambda key: me.allocate(key=key))
        return self._told(me, found)

    def _pick(self, me: Instance) -> Generator[float, None, Held | None]:
        """Look at what is ready, think about it, then ask for one of them by name."""
        ready = self._ready(me)
        yield self._rng.uniform(0.0, 3.0)
        if not ready:
            return None
        wanted = self._rng.choice(ready)
        try:
            claim = yield from self._call(me, lambda key: me.claim_todo(wanted, key=key))
        except (AlreadyClaimedError, NotReadyError):
            return None
        self._world.acted(me)
        self._world.told_of_work(me.name)
        self._world.acks.append(Ack("claimed", me.name, claim.id, claim.token))
        return Held(claim.id, claim.token)

    def _toil(self, me: Instance, held: Held) -> Generator[float, None, Held | None]:
        """Work for some heartbeats, or without any for longer than the lease; then say how it went."""
        if self._rng.random() < self._world.odds.overrun:
            yield self._rng.uniform(1.1, 2.0) * LEASE_S
        else:
            for _ in range(self._rng.choice([1, 1, 2, 3, 10])):
                yield self._rng.uniform(0.5, 1.0) * HEARTBEAT_S
                self._world.beat(me)
        try:
            return (yield from self._finish(me, held))
        except ClaimLostError:
            return None

    def _finish(self, me: Instance, held: Held) -> Generator[float, None, Held | None]:
        todo, token = held
        chance = self._rng.random()
        if chance < 0.05:
            yield from self._act(me, "fail", held, lambda key: me.fail(todo, token, "it did not work", key=key))
        elif chance < 0.10:
            yield from self._act(me, "release", held, lambda key: me.release(todo, token, key=key))
        elif chance < 0.55:
            yield from self._act(me, "complete", held, lambda key: me.complete(todo, token, key=key))
        else:
            found = yield from self._act(
                me, "complete", held, lambda key: me.complete_and_allocate(todo, token, key=key)
            )
            return self._told(me, found)
        return None

    def _act(
        self, me: Instance, verb: str, held: Held, act: Callable[[str | None], Answer]
    ) -> Generator[float, None, Answer]:
        """Say something about a claim, and note the answer."""
        if self._rng.random() < self._world.odds.duplicate:  # the same again, much later, by a caller without keys
            later_s = self._rng.choice([0.3, 0.3, 4.0]) * self._rng.random() * LEASE_S
            self._world.duplicates.append((self._world.clock.seconds + later_s, lambda: act(None)))
        try:
            answer = yield from self._call(me, act)
        except (ClaimLostError, InstanceLostError):
            self._world.acks.append(Ack("refused", me.name, held.todo, held.token, verb))
            raise
        self._world.acted(me)
        self._world.acks.append(Ack(PAST[verb], me.name, held.todo, held.token))
        return answer

    def _call(self, me: Instance, act: Callable[[str], Answer]) -> Generator[float, None, Answer]:
        """Make a call with a key of its own; sometimes the reply is lost and the call is made again."""
        self._world.keys += 1
        key = f"key-{self._world.keys}"
        again = False
        while self._rng.random() < self._world.odds.lost_reply:
            again = True
            with contextlib.suppress(*EXPECTED, InstanceLostError):
                act(key)
                self._world.acted(me)
            yield self._rng.uniform(0.1, 4.0)
        self._world.replayed = again
        return act(key)

    def _told(self, me: Instance, found: Allocation) -> Held | None:
        self._world.acted(me)
        if found.claims:
            self._world.told_of_work(me.name)
            claim = found.claims[0]
            self._world.acks.append(Ack("claimed", me.name, claim.todo.id, claim.token))
            return Held(claim.todo.id, claim.token)
        if self._world.replayed:  # the same answer again, which may be out of date by now
            return None
        self._judge_idle(me, found.reason)
        return None

    def _judge_idle(self, me: Instance, reason: Reason | None) -> None:
        """Whoever has nothing in hand is given what is ready: at once, or a poll later where a leader assigns."""
        ready = self._ready(me)
        if (self._world.settings or {}).get("coordination") == "leader":
            self._world.told_of_no_work(me.name, ready)
        elif ready:
            self._world.broken(Rule.FALSE_IDLE, f"{me.name} was told {reason}, ready: {ready}")
        if reason is Reason.FINISHED and any(todo.status in PENDING for todo in self._world.project.todos()):
            self._world.broken(Rule.FALSE_IDLE, f"{me.name} was told that all is finished")

    def _ready(self, me: Instance) -> list[str]:
        """Name what is ready and could be this instance's."""
        offers = set(self._world.offers(me.name))
        return [todo.id for todo in self._world.project.todos(status=Status.READY) if offers.issuperset(todo.needs)]
