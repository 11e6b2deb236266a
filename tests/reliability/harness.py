"""The crash harness: real processes on one database, killed and stopped at random, judged by the checker afterwards.

Run it for long: `python -m tests.reliability.harness --seconds 1800 --processes 8`, with `--db postgresql://…` on
PostgreSQL. With `--kill-database 20` it starts a PostgreSQL of its own and kills that as well. It prints its figures as
JSON and ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longpole
from tests import postgres
from tests.reliability import checker, rights
from tests.reliability.acts import layered, pairs, touching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longpole.model import NewTodo

ROOT = Path(__file__).parents[2]
LEASE_S, HEARTBEAT_S = 0.6, 0.2
FAULT_EVERY_S = 0.15
STOPPED_SHARE, STOPPED_AT_ONCE, STOPPED_S = 0.3, 3, 1.5 * LEASE_S
CLAIMS_PER_SECOND = 2_500  # more than a machine does, so that the work does not run out
AWAY_S = 2.0  # how long a killed server stays away at most, beside its own start
RESUMED_BYTES = 500  # of acknowledgements, after which a process counts as back at work
BACK_WITHIN_S = 30.0


class Herd:
    """The processes: a place each, in which a killed one is followed by its next generation."""

    def __init__(self, url: str, folder: Path, *, processes: int, seed: int, options: tuple[str, ...] = ()) -> None:
        self._url, self._folder, self._rng, self._options = url, folder, random.Random(seed), options
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

    def acknowledged(self) -> dict[Path, int]:
        """Give how many bytes each running process has written of what it was told, by its file."""
        running = [place for place in range(len(self._members)) if place not in self._resume_at]
        paths = [self._folder / f"{self._name(place)}.acks" for place in running]
        return {path: path.stat().st_size if path.exists() else 0 for path in paths}

    def fallen(self) -> list[int]:
        """List the exit codes of processes that ended by themselves: they never should."""
        return [member.returncode for member in self._members if member.poll() is not None]

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        self._generations[place] += 1
        name = self._name(place)
        acks, errors = self._folder / f"{name}.acks", self._folder / f"{name}.stderr"
        options = ["--db", self._url, "--name", name, "--acks", str(acks), "--seed", str(self._rng.randrange(1 << 30))]
        with errors.open("wb") as file:
            command = [sys.executable, "-m", "tests.reliability.agent", *options, *self._options]
            return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stderr=file)

    def _name(self, place: int) -> str:
        return f"g{self._generations[place]}-p{place}"

    def _end(self, member: subprocess.Popen[bytes]) -> None:
        member.kill()
        member.wait(timeout=30)


class Outages:
    """Kills the database's server so many times, evenly over some seconds, and starts it again."""

    def __init__(self, server: postgres.Server, *, kills: int, seconds: float, seed: int = 1) -> None:
        self._server, self._rng = server, random.Random(seed)
        self._every_s, self._wanted = seconds / (kills + 1), kills
        self._due_at = time.monotonic() + self._every_s
        self.kills, self.resumed_s = 0, 0.0

    @property
    def are_over(self) -> bool:
        """Whether the server has been killed as often as it was to be."""
        return self.kills == self._wanted

    def strike(self, herd: Herd) -> None:
        """Kill the server if it is time, and see how long after its return all processes are back at work."""
        if self.are_over or time.monotonic() < self._due_at:
            return
        self._server.kill()
        self.kills += 1
        time.sleep(self._rng.uniform(0.0, AWAY_S))
        self._server.start()
        back_at, before = time.monotonic(), herd.acknowledged()
        while _idle(before, herd.acknowledged()) and time.monotonic() < back_at + BACK_WITHIN_S:
            time.sleep(0.05)
        self.resumed_s = max(self.resumed_s, time.monotonic() - back_at)
        self._due_at += self._every_s


def _idle(before: dict[Path, int], now: dict[Path, int]) -> list[Path]:
    return [path for path, size in before.items() if now.get(path, 0) < size + RESUMED_BYTES]


def environment() -> dict[str, str]:
    """Give the environment in which a child process finds the same longpole as this one."""
    source = str(Path(longpole.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}


def run(
    url: str,
    folder: Path,
    *,
    seconds: float,
    processes: int,
    todos: int | list[NewTodo],
    seed: int = 1,
    outages: Outages | None = None,
    faults: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Let processes work and fall for some seconds; give the figures, with all violations.

    Without `faults` the processes are left in peace. `outages` are those of the database's server.
    """
    graph = todos if isinstance(todos, list) else list(layered(todos))
    # A killed process loses nothing that was committed; a killed server does, unless it waits for the disk.
    durability = "full" if outages else "normal"
    usual: dict[str, Any] = {
        "lease_s": LEASE_S,
        "heartbeat_s": HEARTBEAT_S,
        "max_attempts": 1000,
        "durability": durability,
    }
    with longpole.open(url) as project:
        project.configure(**{**usual, "resource.gpu": 2, **settings})
        project.add_many(graph)
    herd = Herd(url, folder, processes=processes, seed=seed, options=() if faults else ("--overrun", "0"))
    try:
        _trouble(herd, seconds, random.Random(seed) if faults else None, outages)
        fallen = herd.fallen()
    finally:
        herd.end()
    away = {"database_kills": outages.kills, "all_resumed_after_s": round(outages.resumed_s, 1)} if outages else {}
    figures = judge(url, folder, graph)
    return {"seconds": seconds, "kills": herd.kills, "stops": herd.stops, **away, "fallen": fallen, **figures}


def _trouble(herd: Herd, seconds: float, rng: random.Random | None, outages: Outages | None) -> None:
    end = time.monotonic() + seconds
    next_at = time.monotonic() + 1.0  # the first processes start in peace
    while time.monotonic() < end or (outages and not outages.are_over):
        herd.resume_due()
        if outages:
            outages.strike(herd)
        if rng and time.monotonic() >= next_at:
            herd.hurt()
            next_at = time.monotonic() + FAULT_EVERY_S * rng.uniform(0.5, 1.5)
        time.sleep(0.01)


def judge(url: str, folder: Path, graph: list[NewTodo]) -> dict[str, Any]:
    """Compare journal, acknowledgements and rows; count what happened."""
    acks = [ack for path in sorted(folder.glob("*.acks")) for ack in checker.read_acks(path)]
    history = checker.History(pairs(graph), one_each=True)
    with longpole.open(url) as project:
        events, settings = list(project.journal()), project.settings()
        for event in events:
            history.add(event.as_dict())
        history.judge_acks(acks)
        history.judge_end(project.todos(), settings)
        history.violations += rights.judge(events, graph, lambda _: set(), settings)
        problems = project.problems()
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
        "problems": problems,
        "violations": [f"{rule}, at {seq}: {text}" for rule, seq, text in history.violations[:20]],
        "violation_count": len(history.violations),
    }


def sound(figures: dict[str, Any]) -> bool:
    """Tell whether nothing at all was wrong in a run."""
    return not any(figures[name] for name in ("violation_count", "fallen", "stderr", "problems"))


def main() -> int:
    """Run for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--todos", type=int, help="default: more than can be done in the time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", help="an empty database; default: a new SQLite file")
    parser.add_argument("--conflicts", action="store_true", help="let todos touch paths and take of a resource")
    parser.add_argument("--kill-database", type=int, default=0, metavar="N", help="on a PostgreSQL of its own")
    options = parser.parse_args()
    todos = options.todos or int(options.seconds * CLAIMS_PER_SECOND)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        url, outages = options.db or str(Path(folder) / "longpole.db"), None
        if options.kill_database:
            server, url = stack.enter_context(own_server())
            outages = Outages(server, kills=options.kill_database, seconds=options.seconds, seed=options.seed)
        figures = run(
            url,
            Path(folder),
            seconds=options.seconds,
            processes=options.processes,
            todos=list(touching(layered(todos))) if options.conflicts else todos,
            seed=options.seed,
            outages=outages,
        )
    print(json.dumps({**figures, "whole_seconds": round(time.monotonic() - begun, 1)}, indent=1))
    return 0 if sound(figures) else 1


@contextlib.contextmanager
def own_server() -> Iterator[tuple[postgres.Server, str]]:
    """Give a PostgreSQL server that may be killed, and the URL of an empty schema on it."""
    with postgres.server() as server, postgres.schema(server.url) as url:
        yield server, url


if __name__ == "__main__":
    sys.exit(main())
