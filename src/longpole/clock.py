"""The clocks that leases are judged by; a test passes its own."""

from __future__ import annotations

import time

JUMP_S = 5.0  # a clock that stood still or stepped by more than this gets every instance a lease of grace


class Clock:
    """The machine's clocks, which every process that shares an SQLite file sees alike."""

    def now(self) -> int:
        """Tell the wall clock in microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Tell the seconds since boot without those asleep; never steps, the same in all processes of a machine."""
        return time.monotonic()

    def jumped(self, now: int, mark: str) -> tuple[str, bool]:
        """Give a mark of now, and whether the wall clock has stepped, or stood still, since the mark given.

        The mark is "wall minus monotonic, monotonic", in seconds. After a restart of the machine the monotonic
        clock is behind the mark; no process lived through that, so it is no jump.
        """
        monotonic = self.monotonic()
        offset = now / 1e6 - monotonic
        then, _, passed = mark.partition(" ")
        jumped = bool(mark) and monotonic >= float(passed) - 1 and abs(offset - float(then)) > JUMP_S
        return f"{offset:.3f} {monotonic:.3f}", jumped


class ServerClock(Clock):
    """A database server's wall clock, as it was last heard, carried on by this machine's monotonic one."""

    def __init__(self) -> None:
        self._ahead_us = 0

    def heard(self, now: int) -> None:
        """Take note of what the server's clock says."""
        self._ahead_us = now - int(self.monotonic() * 1e6)

    def now(self) -> int:
        """Tell about what the server's clock says, in microseconds since 1970, UTC."""
        return self._ahead_us + int(self.monotonic() * 1e6)
