"""The runner's side of its guard: who lives, and who is gone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from longpole.runner import guard

if TYPE_CHECKING:
    from typing import Self

ENDS_WITHIN_S = 5.0


class Guard:
    """The guard process, told of every command that starts and ends; as a context manager it ends with the run.

    `mark` is what the environment of every command has, as NAME=VALUE. The guard's own environment is empty, so that
    a run within a run keeps its guard while that of the outer one cleans up.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, self._mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._tell(".\n")
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def watch(self, group: int) -> None:
        """From now on this process group must not outlive the runner."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """This process group is gone."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        """Say it in one write. A guard that somebody killed is no reason to stop the run."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
