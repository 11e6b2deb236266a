"""One process of the crash harness: claims, works, completes, and notes what it was told until somebody ends it."""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import longpole
from longpole.errors import ClaimLostError, InstanceLostError, StorageUnavailableError
from tests.reliability.acts import AckFile
from tests.reliability.checker import Ack

if TYPE_CHECKING:
    from longpole.handles import Claim, Instance
    from longpole.project import Project

POLL_S = 0.01


class Agent:
    """A loop of claim and complete under changing instances: a lost one is followed by a new start."""

    def __init__(self, project: Project, acks: AckFile, *, name: str, seed: int, work_s: float, overrun: float) -> None:
        self._project, self._acks, self._name = project, acks, name
        self._work_s, self._overrun = work_s, overrun
        self._rng = random.Random(seed)
        self._lease_s, self._beat_s = project.settings().lease_s, project.settings().heartbeat_s
        self._acts = 0
        self._starts = 0
        self._beaten = 0.0
        self._me = self._register()

    def run(self) -> None:
        """Work until the process is ended from outside."""
        claims: list[Claim] = []
        while True:
            try:
                claims = self._turn(claims)
            except InstanceLostError:
                claims, self._me = [], self._register()
            except ClaimLostError:
                claims = []

    def _register(self) -> Instance:
        self._starts += 1
        self._beaten = time.monotonic()
        # Every other process lets a thread beat for it; the rest beat between two todos and lose what overruns.
        return self._project.register(f"{self._name}.{self._starts}", heartbeat=self._name.endswith(("0", "2", "4")))

    def _turn(self, claims: list[Claim]) -> list[Claim]:
        self._beat()
        if claims:
            return [after for claim in claims for after in self._finish(claim)]
        key = self._intend("claim")
        claims = self._me.claim(key=key)
        self._told(claims)
        if not claims:
            self._acks.write(Ack("idle", self._me.name))
            time.sleep(POLL_S)
        return claims

    def _finish(self, claim: Claim) -> list[Claim]:
        self._work()
        chance = self._rng.random()
        if chance < 0.01:
            self._act("release", claim, lambda _: claim.release())
        elif chance < 0.02:
            self._act("fail", claim, lambda _: claim.fail("it did not work"))
        elif chance < 0.5:
            self._act("complete", claim, lambda key: claim.complete(key=key))
        else:
            return self._complete_and_claim(claim)
        return []

    def _complete_and_claim(self, claim: Claim) -> list[Claim]:
        found: list[Claim] = []
        self._act("complete", claim, lambda key: found.extend(claim.complete_and_claim(key=key)))
        self._told(found)
        return found

    def _act(self, verb, claim, act):
        """Note the intent, act, and note the answer: PAST for yes, refused for a lost claim or instance."""
        key = self._intend(verb, claim)
        try:
            act(key)
        except (ClaimLostError, InstanceLostError):
            self._acks.write(Ack("refused", self._me.name, claim.id, claim.token, verb))
            raise
        self._acks.write(Ack(PAST[verb], self._me.name, claim.id, claim.token))

    def _told(self, claims: list[Claim]) -> None:
        for claim in claims:
            self._acks.write(Ack("claimed", self._me.name, claim.id, claim.token))

    def _intend(self, verb: str, claim: Claim | None = None) -> str:
        self._acts += 1
        todo, token = (claim.id, claim.token) if claim else ("", 0)
        self._acks.write(Ack("intends", self._me.name, todo, token, verb))
        return f"{self._me.name}:{self._acts}"

    def _work(self) -> None:
        if self._rng.random() < self._overrun:
            time.sleep(self._lease_s * self._rng.uniform(1.1, 2.0))
        elif self._work_s:
            time.sleep(self._rng.uniform(0.0, self._work_s))

    def _beat(self) -> None:
        if time.monotonic() - self._beaten > self._beat_s:
            self._me.heartbeat()
            self._beaten = time.monotonic()


PAST = {"complete": "completed", "fail": "failed", "release": "released"}


def opened(url: str) -> Project:
    """Open the database. Who starts while the server is away is told so soon, and is started again."""
    while True:
        try:
            return longpole.open(url)
        except StorageUnavailableError:
            time.sleep(POLL_S)


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--acks", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=float, default=0.001, help="seconds that a todo takes at most")
    parser.add_argument("--overrun", type=float, default=0.002, help="how much of it takes longer than the lease")
    options = parser.parse_args()
    with opened(options.db) as project, AckFile(options.acks) as acks:
        Agent(project, acks, name=options.name, seed=options.seed, work_s=options.work, overrun=options.overrun).run()


if __name__ == "__main__":
    main()
