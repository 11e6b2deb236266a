"""The two clocks that SQLite projects are judged by; a test passes its own."""

from __future__ import annotations

import time


class Clock:
    """The machine's clocks, which every process that shares an SQLite file sees alike."""

    def now(self) -> int:
        """Tell the wall clock in microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Tell the seconds since boot without those asleep; never steps, the same in all processes of a machine."""
        return time.monotonic()
