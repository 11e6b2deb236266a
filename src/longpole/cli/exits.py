"""What the command line ends with; the numbers are promised to scripts."""

from __future__ import annotations

DONE = 0
ERROR = 1
USAGE = 2
NO_WORK = 3
LOST = 4
FINISHED = 5
BUSY = 75
INTERRUPTED = 130
