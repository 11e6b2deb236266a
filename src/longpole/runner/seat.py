"""A seat: one of a run's places, with the instance that sits there, what it holds, and the command that runs for it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from longpole import documents
from longpole.errors import InvalidInputError
from longpole.runner.child import Child
from longpole.runner.output import Output, name_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longpole.handles import Instance
    from longpole.model import ClaimedTodo
    from longpole.project import Project
    from longpole.runner.child import Ending

MARK = "LONGPOLE_RUN"  # by this the guard knows the commands of its run


class Seat:
    """Idle without a claim; with one its child runs, or has ended (`ending`) and is about to be reported."""

    def __init__(self, number: int, instance: Instance) -> None:
        self.number = number
        self.instance = instance
        self.generation = 1
        self.serial = 0  # the run's count of claims as it took its last one
        self.claim: ClaimedTodo | None = None
        self.child: Child | None = None
        self.ending: Ending | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing in its hands."""
        return self.claim is None

    def holds(self, todo_id: str | None, token: int | None) -> bool:
        """Tell whether it holds this claim."""
        return self.claim is not None and (self.claim.todo.id, self.claim.token) == (todo_id, token)

    def clear(self) -> None:
        """The claim is over."""
        self.claim = self.child = self.ending = None


class Command:
    """The user's command: what to start for a claim, exactly as it was given."""

    def __init__(
        self, words: Sequence[str], project: Project, *, logs: Path, run_id: str, offers: Sequence[str] = ()
    ) -> None:
        self._words, self._project, self._logs, self._run_id = tuple(words), project, logs, run_id
        self._offers = {"LONGPOLE_OFFERS": ",".join(offers)} if offers else {}

    def start(self, claim: ClaimedTodo, instance: str) -> Child:
        """Start it for a claim. The todo travels on the input and in the environment, never in the arguments.

        Raises InvalidInputError if it cannot be started.
        """
        output = Output(self._logs / name_for(claim.todo.id, claim.token, instance))
        document = json.dumps(documents.versioned(documents.claim(claim)), ensure_ascii=False) + "\n"
        try:
            return Child(
                self._words,
                stdin=document.encode(),
                environment=self._environment(claim, instance),
                output=output,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise InvalidInputError(
                f"cannot start {self._words[0]!r}: {why}; check the command after --, its claims were released"
            ) from error

    def _environment(self, claim: ClaimedTodo, instance: str) -> dict[str, str]:
        return {
            **os.environ,
            "LONGPOLE_TODO_ID": claim.todo.id,
            "LONGPOLE_TOKEN": str(claim.token),
            "LONGPOLE_INSTANCE": instance,
            "LONGPOLE_DB": self._project.url,
            "LONGPOLE_PROJECT": self._project.name,
            **self._offers,
            MARK: self._run_id,
        }
