"""Run the command line like `longpole` does and write the process's peak memory in kB to the file PEAK_FILE.

It asks the process itself: what the kernel tells a parent about a child may be the parent's own size.
"""

from __future__ import annotations

import atexit
import os
import resource
import sys
from pathlib import Path

from longpole.__main__ import main


def _peak_kb() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _report() -> None:
    if os.getpid() == ME:
        Path(os.environ["PEAK_FILE"]).write_text(str(_peak_kb()), encoding="ascii")


if __name__ == "__main__":
    ME = os.getpid()
    atexit.register(_report)
    main()
