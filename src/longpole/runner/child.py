"""One attempt's command as a process: started without a shell, heard to its end, and ended with all it started."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longpole.runner.output import Output

CHUNK = 1 << 16


class Ending(Value):
    """How a command ended. `code`: its exit code, negative for the signal that ended it; None: nobody saw it."""

    code: int | None
    seconds: float
    last_words: str

    @property
    def is_success(self) -> bool:
        """Whether the command did its work."""
        return self.code == 0

    @property
    def reason(self) -> str:
        """Why the attempt failed, for the journal."""
        return f"{self._how()}: {self.last_words}" if self.last_words else self._how()

    def _how(self) -> str:
        if self.code is None:
            return "its end was not seen"
        if self.code >= 0:
            return f"exit {self.code}"
        try:
            return f"killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"killed by signal {-self.code}"


class Child:
    """A command that runs as the leader of its own session, so that it can be killed with all that it started.

    The input stands in an unnamed file: a command that never reads it cannot make the runner wait.
    Raises OSError or ValueError if the command cannot be started.
    """

    def __init__(self, command: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], output: Output) -> None:
        self._output = output
        with tempfile.TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            self._process = subprocess.Popen(
                list(command),
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._began = time.monotonic()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.pipes = {self._process.stdout.fileno(): False, self._process.stderr.fileno(): True}
        for pipe in self.pipes:
            os.set_blocking(pipe, False)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._began

    def has_ended(self) -> bool:
        """Tell whether the command's first process has ended. Its number stays taken until `finish`."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def hear(self, pipe: int) -> bool:
        """Take what stands in a pipe, a chunk at most; False at its end."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if data:
            self._output.take(data, error=self.pipes[pipe])
        return bool(data)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and to all that it started. Only before `finish`."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def finish(self) -> Ending:
        """Kill what is left of the command, wait for its end, and tell how it ended.

        The group is killed before its leader is reaped: until then no other process can have its number.
        """
        seconds = self.seconds
        self.signal(signal.SIGKILL)
        code = self._reap()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            self._drain(stream.fileno())
            stream.close()
        self._output.close()
        return Ending(code=code, seconds=seconds, last_words=self._output.last_words())

    def _reap(self) -> int | None:
        """Give the exit code; None where the system keeps none, which Popen itself would report as a success."""
        if self._process.returncode is not None:
            return self._process.returncode
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            self._process.returncode = -signal.SIGKILL
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode

    def _drain(self, pipe: int) -> None:
        """Take what the command has left in a pipe, as much as a pipe holds at most."""
        for _ in range(1 << 4):
            try:
                data = os.read(pipe, CHUNK)
            except OSError:
                return
            if not data:
                return
            self._output.take(data, error=self.pipes[pipe])
