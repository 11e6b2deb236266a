"""Races of claimers, a process each, for todos that are in each other's way: all end a claim and claim at once.

`python -m tests.store.racing --rounds 1000`, with `--db postgresql://…` on PostgreSQL, prints what came of it as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longpole
from longpole.model import NewTodo
from tests.project import colliding
from tests.reliability import checker, rights
from tests.reliability.puppet import Puppet, Strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longpole.handles import Claim
    from longpole.project import Project

CLAIMERS, TODOS = 8, 32
PATHS = (".", "src", "src/api", "src/api/a.py", "src/web", "src/web/*.css", "docs", "docs/a.md", "docs/b.md", "lib/x")
ENDS = ("complete_and_claim", "complete_and_claim", "complete", "release")
SETTINGS = {"resource.gpu": 2, "cap.left": 2, "durability": "normal", "lease_s": 3600, "heartbeat_s": 1000}


class Racer(Strings):
    """One claimer's process."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self._claim: Claim | None = None

    def turn(self, end: str) -> str | None:
        """End the claim of the last race in this way, and claim in this one; give the todo that it got."""
        held, self._claim = self._claim, None
        if held and end == "complete_and_claim":
            found = held.complete_and_claim()
        else:
            if held:
                getattr(held, end)()
            found = self._instance().claim()
        self._claim = found[0] if found else None
        return self._claim.id if self._claim else None


def race(url: str, *, rounds: int, seed: int = 1) -> dict[str, Any]:
    """Let claimers race so often; give what came of it, each clash and each wrong row named."""
    rng, todos, began = random.Random(seed), list(_todos(seed)), time.monotonic()
    wrong: list[str] = []
    got = 0
    with ExitStack() as stack:
        project = stack.enter_context(longpole.open(url))
        project.configure(**SETTINGS)
        project.add_many(todos)
        racers = [stack.enter_context(Puppet(url, "tests.store.racing")) for _ in range(CLAIMERS)]
        for number, racer in enumerate(racers):
            racer.ask("register", name=f"r{number}")
        for place in range(rounds):
            for racer in racers:
                racer.tell("turn", end=rng.choice(ENDS))
            answers = [racer.answer() for racer in racers]
            wrong += [f"race {place}: {text}" for text in (*_refused(answers), *_seen(project))]
            got += sum(answer is not None for answer in answers)
            for todo in project.todos(status="completed"):
                project.reopen(todo.id)
        events, rows, settings = list(project.journal()), project.todos(), project.settings()
    found = rights.judge(events, todos, lambda _: set(), settings)
    history = checker.History(max_attempts=settings.max_attempts, one_each=True)
    for event in events:
        history.add(event.as_dict())
    history.judge_end(rows, settings)
    told = [f"{one.rule}, at {one.seq}: {one.text}" for one in (*found, *history.violations)]
    return {"races": rounds, "claims": got, "seconds": round(time.monotonic() - began, 1), "wrong": [*wrong, *told]}


def _todos(seed: int) -> Iterator[NewTodo]:
    rng = random.Random(seed)
    for number in range(TODOS):
        paths = [{"path": path, "mode": rng.choice(["read", "write"])} for path in rng.sample(PATHS[1:], k=2)]
        wanted = [{"resource": "gpu", "amount": rng.randint(1, 2)}] if rng.random() < 0.2 else []
        yield NewTodo(
            id=f"t{number}",
            title=f"todo {number}",
            priority=rng.randint(0, 4),
            branch=rng.choice([None, "left"]),
            touches=(*paths, *wanted) if number else (PATHS[0],),
        )


def _refused(answers: list[Any]) -> Iterator[str]:
    return (str(answer) for answer in answers if isinstance(answer, dict))


def _seen(project: Project) -> Iterator[str]:
    """Look between two races."""
    yield from colliding.untrue(project)
    busy = project.todos(status="in_progress")
    for place, one in enumerate(busy):
        yield from (f"{one.id}: {clash}" for clash in colliding.clashes(one, busy[:place], project.settings()))


def obey(url: str) -> None:
    """Be a claimer until the input ends."""
    with longpole.open(url) as project:
        racer = Racer(project)
        while line := sys.stdin.readline():
            print(json.dumps(racer.act(json.loads(line))), flush=True)


def main() -> int:
    """Race as often as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", help="an empty database; default: a new SQLite file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = race(options.db or str(Path(folder) / "longpole.db"), rounds=options.rounds, seed=options.seed)
    print(json.dumps(figures, indent=1))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):  # a claimer's own process
        obey(sys.argv[1])
    else:
        sys.exit(main())
