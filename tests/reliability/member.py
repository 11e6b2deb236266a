"""One place of the matrix: for each project it forks a process, which works there as an instance until it is killed.

What forks has imported all that is needed and opened nothing: a fork costs a fiftieth of a new interpreter.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longpole
from longpole.errors import ClaimLostError, InstanceLostError
from longpole.model import Reason, Status
from longpole.store import postgres, sqlite  # noqa: F401 - before the fork
from tests.reliability.acts import AckFile
from tests.reliability.checker import Ack
from tests.reliability.puppet import Strings

if TYPE_CHECKING:
    from longpole.handles import Claim, Instance
    from longpole.project import Project

AT_MOST_S = 30.0
WORK_S = 0.002


class Member(Strings):
    """The process's end: beside what a puppet can do it joins a project, and works there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._shift: Shift | None = None

    def join(self, project: str, name: str, acks: str, **how: Any) -> int:
        """Register with a project, beside others who do the same; tell the number of this process."""
        self._project = longpole.open(self._url, project=project, create=False)
        self._shift = Shift(self._project, AckFile(Path(acks)), self, name=name, **how)
        return os.getpid()

    def work(self) -> dict[str, Any]:
        """Work until the project is finished, and leave it; tell how it ended."""
        assert self._shift is not None
        with self._project:
            return self._shift.run()

    def hang(self) -> None:
        """Say that the time has come to be killed, and wait for it."""
        print(json.dumps("inside"), flush=True)
        sys.stdin.readline()


class Shift:
    """One instance's work on one project. After `after` claims it is to be killed: see `die`.

    `die` "holding": with a claim in hand, between two acts; else in the midst of its next act of this kind.
    """

    def __init__(
        self,
        project: Project,
        acks: AckFile,
        member: Member,
        *,
        name: str,
        offers: list[str],
        poll_s: float,
        die: str | None = None,
        after: int = 0,
    ) -> None:
        self._project, self._acks, self._member = project, acks, member
        self._name, self._offers, self._poll_s, self._die, self._after = name, offers, poll_s, die, after
        self._rng, self._claims, self._starts = random.Random(name), 0, 0
        self._me = self._register()

    def run(self) -> dict[str, Any]:
        """Claim and complete until there is nothing left."""
        end = time.monotonic() + AT_MOST_S
        held: list[Claim] = []
        reason: Reason | None = None
        while reason is not Reason.FINISHED and time.monotonic() < end:
            try:
                if held:
                    held = [after for claim in held for after in self._finish(claim)]
                else:
                    held, reason = self._ask()
            except InstanceLostError:
                held, self._me = [], self._register()
            except ClaimLostError:
                held = []
        self._me.unregister()
        return {"reason": reason, "claims": self._claims, "starts": self._starts}

    def _register(self) -> Instance:
        self._starts += 1
        return self._project.register(f"{self._name}.{self._starts}", heartbeat=False, offers=self._offers)

    def _ask(self) -> tuple[list[Claim], Reason | None]:
        found = self._me.allocate(wait_s=self._poll_s)
        claims = self._me._claims(found)
        self._told(claims)
        if not claims and found.reason is not Reason.FINISHED:
            self._acks.write(Ack("idle", self._me.name, text=" ".join(self._ready())))
        return claims, found.reason

    def _finish(self, claim: Claim) -> list[Claim]:
        time.sleep(self._rng.uniform(0.0, WORK_S))
        found: list[Claim] = []
        if self._rng.random() < 0.5:
            found = claim.complete_and_claim()
        else:
            claim.complete()
        self._acks.write(Ack("completed", self._me.name, claim.id, claim.token))
        self._told(found)
        return found

    def _told(self, claims: list[Claim]) -> None:
        for claim in claims:
            self._claims += 1
            self._acks.write(Ack("claimed", self._me.name, claim.id, claim.token))
            if self._die and self._claims == self._after:
                self._member.freeze(self._die) if self._die != "holding" else self._member.hang()

    def _ready(self) -> list[str]:
        """Name what stands ready and could be this instance's, each with its token.

        Who touches what others touch too may come and go without a new token: with the tokens of all of them it
        counts as the same only while nobody has claimed anything.
        """
        rows = self._project.todos()
        tokens = sum(row.token for row in rows)
        return [
            f"{row.id}:{row.token}{f':{tokens}' if row.touches else ''}"
            for row in rows
            if row.status is Status.READY and set(row.needs) <= set(self._offers)
        ]


def _obey(line: str) -> None:
    member = Member(sys.argv[1])
    try:
        print(json.dumps(member.act(json.loads(line))), flush=True)
        print(json.dumps(member.act(json.loads(sys.stdin.readline()))), flush=True)
    except Exception:  # noqa: BLE001 - whatever it is, the test is waiting for an answer
        print(json.dumps({"error": traceback.format_exc()}), flush=True)


def main() -> None:
    """Let a process of its own obey each pair of commands: to join a project, and to work there."""
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _obey(line)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
