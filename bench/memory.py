"""How much memory an import and the runner take at their peak."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench import databases, graphs
from bench.figures import Figure
from bench.start import child_environment

if TYPE_CHECKING:
    from pathlib import Path

    from bench.arena import Templates
    from bench.options import Options

SIZE = 100_000
RUN_SIZE = 200
LIMIT_S = 600


def measure(options: Options, templates: Templates) -> tuple[dict[str, Any], list[Figure]]:
    """Import a file of todos, and let eight commands work off a small project, each in a process that is watched."""
    size = options.up_to(SIZE)
    plan = _written(templates.folder / "plan.jsonl", size)
    empty = templates.folder / "import.db"
    databases.build(empty, ())
    imported = _peak_mb(empty, ["import", str(plan), "--format", "jsonl"])
    path = databases.copy(templates.shape("layered", options.up_to(RUN_SIZE)), templates.folder / "run.db")
    ran = _peak_mb(path, ["run", "-n", "8", "--", "true"])
    found = {"import": {"size": size, **imported}, "run": ran}
    return found, [
        Figure(f"peak of importing {size:,}", imported["peak_mb"], "MB", at_most=300, note=imported["error"]),
        Figure("peak of run -n 8, without its children", ran["peak_mb"], "MB", at_most=60, note=ran["error"]),
    ]


def _written(path: Path, size: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for todo in graphs.layered(size):
            file.write(json.dumps(todo) + "\n")
    return path


def _peak_mb(database: Path, words: list[str]) -> dict[str, Any]:
    peak = database.with_suffix(".peak")
    environment = {**child_environment(database), "PEAK_FILE": str(peak)}
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "bench.peak", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode or not peak.exists():
        return {"peak_mb": None, "error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    return {"peak_mb": int(peak.read_text(encoding="ascii")) / 1024, "error": ""}
