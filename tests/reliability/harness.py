"""The crash harness: real processes on one database, killed and stopped at random, judged by the checker afterwards.

Run it for long: `python -m tests.reliability.harness --seconds 1800 --processes 8`. It prints its figures as JSON
and ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw

import longpole
from tests.reliability import checker
from tests.reliability.acts import layered, pairs

ROOT = Path(__file__).parents[2]
LEASE_S, HEARTBEAT_S = 0.6, 0.2
FAULT_EVERY_S = 0.15
STOPPED_SHARE, STOPPED_AT_ONCE, STOPPED_S = 0.3, 3, 1.5 * LEASE_S
CLAIMS_PER_SECOND = 2_500  # more than a machine does, so that the work does not run out


class Herd:
    """The processes: a place each, in which a killed one is followed by its next generation."""

    def __init__(self, url: str, folder: Path, *, processes: int, seed: int) -> None:
        self._url, self._folder, self._rng = url, folder, random.Random(seed)
        self._generations = [0] * processes
        self._resume_at: dict[int, float] = {}  # place → when the stopped process goes on
        self.kills = self.stops = 0
        self._members = [self._start(place) for place in range(processes)]

    def hurt(self) -> None:
        """Stop or kill one of the running processes."""
        running = [place for place in range(len(self._members)) if place not in self._resume_at]
        place = self._rng.choice(running)
        if self._rng.random() < STOPPED_SHARE and len(self._resume_at) < STOPPED_AT_ONCE:
            self._members[place].send_signal(signal.SIGSTOP)
            self._resume_at[place] = time.monotonic() + STOPPED_S
            self.stops += 1
        else:
            self._end(self._members[place])
            self._members[place] = self._start(place)
            self.kills += 1

    def resume_due(self) -> None:
        """Let those go on that were stopped for long enough."""
        for place in [place for place, at in self._resume_at.items() if at <= time.monotonic()]:
            del self._resume_at[place]
            self._members[place].send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill all of them."""
        for member in self._members:
            self._end(member)

    def fallen(self) -> list[int]:
        """List the exit codes of processes that ended by themselves: they never should."""
        return [member.returncode for member in self._members if member.poll() is not None]

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        self._generations[place] += 1
        name = f"g{self._generations[place]}-p{place}"
        acks, errors = self._folder / f"{name}.acks", self._folder / f"{name}.stderr"
        options = ["--db", self._url, "--name", name, "--acks", str(acks), "--seed", str(self._rng.randrange(1 << 30))]
        with errors.open("wb") as file:
            command = [sys.executable, "-m", "tests.reliability.agent", *options]
            return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stderr=file)

    def _end(self, member: subprocess.Popen[bytes]) -> None:
        member.kill()
        member.wait(timeout=30)


def environment() -> dict[str, str]:
    """Give the environment in which a child process finds the same longpole as this one."""
    source = str(Path(longpole.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}


def run(url: str, folder: Path, *, seconds: float, processes: int, todos: int, seed: int = 1) -> dict[str, Any]:
    """Let processes work and fall for some seconds; give the figures, with all violations."""
    graph = list(layered(todos))
    with longpole.open(url) as project:
        project.configure(lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S, max_attempts=1000, durability="normal")
        project.add_many(graph)
    herd = Herd(url, folder, processes=processes, seed=seed)
    try:
        _trouble(herd, seconds, random.Random(seed))
        fallen = herd.fallen()
    finally:
        herd.end()
    figures = judge(url, folder, pairs(graph))
    return {"seconds": seconds, "kills": herd.kills, "stops": herd.stops, "fallen": fallen, **figures}


def _trouble(herd: Herd, seconds: float, rng: random.Random) -> None:
    end = time.monotonic() + seconds
    next_at = time.monotonic() + 1.0  # the first processes start in peace
    while time.monotonic() < end:
        herd.resume_due()
        if time.monotonic() >= next_at:
            herd.hurt()
            next_at = time.monotonic() + FAULT_EVERY_S * rng.uniform(0.5, 1.5)
        time.sleep(0.01)


def judge(url: str, folder: Path, dependencies: list[tuple[str, str]]) -> dict[str, Any]:
    """Compare journal, acknowledgements and rows; count what happened."""
    acks = [ack for path in sorted(folder.glob("*.acks")) for ack in checker.read_acks(path)]
    history = checker.History(dependencies, one_each=True)
    with longpole.open(url) as project:
        for event in project.journal():
            history.add(event.as_dict())
        history.judge_acks(acks)
        history.judge_end(project.todos())
    told = {act: {(ack.todo, ack.token) for ack in acks if ack.act == act} for act in ("claimed", "completed")}
    return {
        "claims": history.counts["claimed"],
        "completions": history.counts["completed"],
        "expiries": history.counts["expired"],
        "refusals": sum(ack.act == "refused" for ack in acks),
        "idle": sum(ack.act == "idle" for ack in acks),
        "claims_never_acknowledged": len(history.claims.keys() - told["claimed"]),
        "completions_never_acknowledged": len(history.completions - told["completed"]),
        "stderr": [text for path in sorted(folder.glob("*.stderr")) if (text := path.read_text()[-2000:])],
        "integrity": integrity(url),
        "violations": [f"{rule}, at {seq}: {text}" for rule, seq, text in history.violations[:20]],
        "violation_count": len(history.violations),
    }


def integrity(url: str) -> list[str]:
    """Give what SQLite's own integrity check says, ["ok"] if all is well; nothing for another engine."""
    if "://" in url and not url.startswith("sqlite://"):
        return []
    connection = apsw.Connection(url.removeprefix("sqlite:///"))
    return [row[0] for row in connection.execute("PRAGMA integrity_check")]


def sound(figures: dict[str, Any]) -> bool:
    """Tell whether nothing at all was wrong in a run."""
    wrong = figures["violation_count"] or figures["fallen"] or figures["stderr"]
    return not wrong and figures["integrity"] in (["ok"], [])


def main() -> int:
    """Run for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--todos", type=int, help="default: more than can be done in the time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", help="an empty database; default: a new SQLite file")
    options = parser.parse_args()
    todos = options.todos or int(options.seconds * CLAIMS_PER_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        url = options.db or str(Path(folder) / "longpole.db")
        begun = time.monotonic()
        figures = run(
            url, Path(folder), seconds=options.seconds, processes=options.processes, todos=todos, seed=options.seed
        )
    print(json.dumps({**figures, "whole_seconds": round(time.monotonic() - begun, 1)}, indent=1))
    return 0 if sound(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
