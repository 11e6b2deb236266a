"""A process that does what a test tells it: one JSON command a line on stdin, one JSON answer a line on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import longpole
from longpole.errors import LongpoleError
from longpole.store import journal
from tests.reliability.harness import ROOT, environment

if TYPE_CHECKING:
    from typing import Self

    from longpole.handles import Instance
    from longpole.project import Project


class Puppet:
    """The test's end. Each method waits for the answer, except `tell`."""

    def __init__(self, url: str, module: str = "tests.reliability.puppet") -> None:
        command = [sys.executable, "-m", module, url]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Have something done and give the answer; an error is given as {"error": class name}."""
        self.tell(verb, **arguments)
        return self.answer()

    def tell(self, verb: str, **arguments: Any) -> None:
        """Have something done without waiting for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"verb": verb, **arguments}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the next answer."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


class Strings:
    """The process's end: a method for each verb."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._me: Instance | None = None

    def act(self, command: dict[str, Any]) -> Any:
        """Do what a command says, and give the answer as JSON values."""
        try:
            return getattr(self, command.pop("verb"))(**command)
        except LongpoleError as error:
            return {"error": type(error).__name__}

    def register(self, name: str, *, heartbeat: bool = False) -> str:
        self._me = self._project.register(name, heartbeat=heartbeat)
        return self._me.name

    def heartbeat(self) -> None:
        self._instance().heartbeat()

    def claim(self) -> Any:
        found = self._instance().allocate()
        return {"claims": [[claim.todo.id, claim.token] for claim in found.claims], "reason": found.reason}

    def complete(self, todo: str, token: int) -> str:
        self._instance().complete(todo, token)
        return "completed"

    def rush(self, count: int) -> dict[str, Any]:
        """Claim and complete so many todos; tell which, how often there was nothing to do, and what was refused."""
        done: list[str] = []
        refused: list[str] = []
        idle = 0
        while len(done) < count and not refused:
            try:
                claims = self._instance().claim()
                for claim in claims:
                    claim.complete()
                    done.append(claim.id)
                idle += not claims
            except LongpoleError as error:
                refused.append(repr(error))
        return {"done": done, "idle": idle, "refused": refused}

    def freeze(self, kind: str) -> str:
        """Stop at the next journal line of this kind, inside its transaction, until a line comes in.

        What an engine does in one step has no inside where it could stop: it goes the long way then.
        """
        self._project._store.engine.steps = False
        write = journal.write

        def freezing(tx: Any, what: Any, **fields: Any) -> None:
            write(tx, what, **fields)
            if what == kind:
                print(json.dumps("inside"), flush=True)
                sys.stdin.readline()

        setattr(journal, "write", freezing)  # noqa: B010 - mypy rightly minds the plain assignment
        return "armed"

    def _instance(self) -> Instance:
        assert self._me is not None
        return self._me


def main() -> None:
    """Obey until the input ends."""
    with longpole.open(sys.argv[1]) as project:
        strings = Strings(project)
        while line := sys.stdin.readline():
            print(json.dumps(strings.act(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
