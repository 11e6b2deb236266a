"""What the runner's tests share: projects, commands, and a runner that is a process of its own.

`python -m tests.runner.runs DATABASE INSTANCES COMMAND…` runs, and prints the summary as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longpole
from longpole import runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.model import Event

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
PID_AND_SLEEP = 'sleep 600 & echo $! > "$0/$LONGPOLE_TODO_ID.grandchild"; echo $$ > "$0/$LONGPOLE_TODO_ID.child"; wait'


def make(path: Path | str, *todos: dict[str, Any], **settings: Any) -> str:
    """Make a project of these todos; give its database."""
    with longpole.open(str(path)) as project:
        project.configure(retry_backoff_s=0, **settings)
        project.add_many([{"title": todo["id"], **todo} for todo in todos])
    return str(path)


def run(database: str, command: list[str], *, instances: int = 1, **options: Any) -> runner.RunSummary:
    """Run in this process."""
    with longpole.open(database) as project:
        return runner.run_instances(project, command, instances=instances, **options)


def start(database: str, instances: int, *command: str, folder: Path = ROOT) -> subprocess.Popen[str]:
    """Start a runner as a process of its own."""
    source = str(Path(longpole.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runner.runs", database, str(instances), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def python(code: str) -> list[str]:
    """Give the command that runs Python code which may import longpole."""
    source = str(Path(longpole.__file__).parents[1])
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{code}"]


def events(database: str, *kinds: str) -> list[Event]:
    """Give the journal's events of these kinds, all of them without any."""
    with longpole.open(database) as project:
        return [event for event in project.journal() if not kinds or event.kind in kinds]


def until(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and give what it gave."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


def pid_in(path: Path) -> int:
    """Wait for a file with the number of a process."""
    until(lambda: path.exists() and path.read_text().strip())
    return int(path.read_text())


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def main() -> None:
    """Run as the arguments say."""
    database, instances, *command = sys.argv[1:]
    with longpole.open(database) as project:
        summary = runner.run_instances(
            project, command, instances=int(instances), reporter=runner.reporter_for(sys.stderr), grace_s=1.0
        )
    print(json.dumps(runner.summary_document(summary)))
    sys.exit(summary.exit_code)


if __name__ == "__main__":
    main()
