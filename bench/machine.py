"""What a figure depends on: the machine, the versions, and how long its disk takes to sync."""

from __future__ import annotations

import os
import platform
import statistics
import time
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from pathlib import Path

SYNCS = 300
BLOCK = 4096


def facts(folder: Path) -> dict[str, Any]:
    """Describe the machine without naming it."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "apsw": apsw.apsw_version(),
        "sync_ms": _sync_ms(folder / "sync"),
    }


def _sync_ms(path: Path) -> dict[str, float]:
    """Time the sync of a 4 KiB block that is overwritten, as in a log of steady size."""
    sync = getattr(os, "fdatasync", os.fsync)
    block, took = os.urandom(BLOCK), []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.seek(0)
            began = time.perf_counter()
            file.write(block)
            sync(file.fileno())
            took.append(1e3 * (time.perf_counter() - began))
    path.unlink()
    cuts = statistics.quantiles(took, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}
