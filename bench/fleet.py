"""A fleet of processes that run contenders in slices, all at the same time, one contender at a time."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection

    from bench.contenders import Contender

RUN_UP_S = 0.02
MOST_PARTS = 1000
SHORTEST_S = 0.05


@dataclass
class Lap:
    """What one process did in a slice: when each act ended, how long each took, and whether work ran out.

    `cpu_s`: processor time of all acts together, the kernel's included.
    """

    ended: list[float]
    took: list[float]
    dry_at: float | None = None
    cpu_s: float = 0.0


@dataclass
class Slice:
    """What a fleet did in a slice. `window_s` ends with the time, or where the first process ran out of work."""

    window_s: float
    acts: list[int]
    took: list[float]
    cpu_s: float = 0.0
    dry: bool = False

    @property
    def cpu_us(self) -> float:
        """Processor time of an act in microseconds: what is left of its cost on a disk that syncs at once."""
        return 1e6 * self.cpu_s / len(self.took)

    @property
    def rate(self) -> float:
        """Acts per second of the whole fleet."""
        return sum(self.acts) / self.window_s

    def quantile(self, share: float) -> float:
        """Give a quantile of the latency in seconds; 1.0 is the worst."""
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Fleet:
    """Processes that each have opened all contenders."""

    def __init__(self, contenders: Mapping[str, Contender], processes: int) -> None:
        # spawn: a database's connections must not cross a fork, and the parent holds some.
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, dict(contenders)), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(mine)
            self._processes.append(process)
        self._heard()

    def run(self, name: str, seconds: float, processes: int | None = None) -> Slice:
        """Run one contender for so long, or until work runs out; in the first few processes alone, None: in all."""
        self._tell((name, seconds), processes)
        self._heard(processes)
        start_at = time.monotonic() + RUN_UP_S
        self._tell(start_at, processes)
        laps: list[Lap] = self._heard(processes)
        self._heard(processes)
        return _together(laps, start_at, seconds)

    def measure(self, name: str, seconds: float, refill: Callable[[], None], *, processes: int | None = None) -> Slice:
        """Run one contender for so long in all, refilling the database whenever work runs out."""
        parts: list[Slice] = []
        while (left := seconds - sum(part.window_s for part in parts)) > seconds / 20 or not _acted(parts):
            parts.append(self.run(name, max(left, SHORTEST_S), processes))
            if parts[-1].dry:
                refill()
            if len(parts) > MOST_PARTS:
                raise RuntimeError(f"{name} found hardly anything to do; take more todos or more seconds")
        return _joined(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._tell(None)
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.join()

    def _tell(self, order: object, processes: int | None = None) -> None:
        for pipe in self._pipes[:processes]:
            pipe.send(order)

    def _heard(self, processes: int | None = None) -> list[Lap]:
        return [pipe.recv() for pipe in self._pipes[:processes]]


def _serve(pipe: Connection, contenders: dict[str, Contender]) -> None:
    """Do what the parent says until it says None."""
    for contender in contenders.values():
        contender.open()
    pipe.send("open")
    while (order := pipe.recv()) is not None:
        name, seconds = order
        contenders[name].begin()
        pipe.send("ready")
        pipe.send(_lap(contenders[name], pipe.recv(), seconds))
        contenders[name].end()
        pipe.send("done")
    for contender in contenders.values():
        contender.close()


def _lap(contender: Contender, start_at: float, seconds: float) -> Lap:
    lap = Lap([], [])
    deadline = start_at + seconds
    time.sleep(max(0.0, start_at - time.monotonic()))
    cpu_s = time.process_time()
    while True:
        took = contender.act()
        now = time.monotonic()
        if took is None:
            lap.dry_at = now
            break
        lap.ended.append(now)
        lap.took.append(took)
        if now >= deadline:
            break
    lap.cpu_s = time.process_time() - cpu_s
    return lap


def _together(laps: Sequence[Lap], start_at: float, seconds: float) -> Slice:
    """Count what ended inside the window; latencies count whole, for a worst wait may well end after it."""
    dry = [lap.dry_at for lap in laps if lap.dry_at is not None]
    end = min([start_at + seconds, *dry])
    return Slice(
        window_s=max(end - start_at, 1e-6),
        acts=[sum(ended <= end for ended in lap.ended) for lap in laps],
        took=[took for lap in laps for took in lap.took],
        cpu_s=sum(lap.cpu_s for lap in laps),
        dry=bool(dry),
    )


def _joined(parts: Sequence[Slice]) -> Slice:
    return Slice(
        window_s=sum(part.window_s for part in parts),
        acts=[sum(counts) for counts in zip(*(part.acts for part in parts), strict=True)],
        took=[took for part in parts for took in part.took],
        cpu_s=sum(part.cpu_s for part in parts),
    )


def _acted(parts: Sequence[Slice]) -> bool:
    return any(sum(part.acts) for part in parts)
