"""How far a long act is, said on stderr."""

from __future__ import annotations

import math
import sys
import time

QUIET_S = 2.0  # what is done by then needs no report
EVERY_S, EVERY_S_IN_A_FILE = 0.5, 10.0


class Progress:
    """Says how far something is: in one line that changes, or in a file now and then in a new one."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_terminal, self._is_shown = sys.stderr.isatty(), False
        self._due_at = math.inf if is_quiet else time.monotonic() + QUIET_S

    def say(self, text: str) -> None:
        """Take note of how far it is, and say so if it is time to."""
        if time.monotonic() < self._due_at:
            return
        print(f"\r{text}" if self._is_terminal else text, end="" if self._is_terminal else "\n", file=sys.stderr)
        sys.stderr.flush()
        self._is_shown = self._is_terminal
        self._due_at = time.monotonic() + (EVERY_S if self._is_terminal else EVERY_S_IN_A_FILE)

    def end(self) -> None:
        """Leave the line that changes."""
        if self._is_shown:
            print(file=sys.stderr)
