"""What came of a run, and the tally that it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.documents import versioned
from longpole.runner.report import counted
from longpole.value import Value

if TYPE_CHECKING:
    from longpole.model import ProjectStatus, Todo

FINISHED, STUCK, PAUSED, INTERRUPTED = "finished", "stuck", "paused", "interrupted"
EXIT_CODES = {FINISHED: 0, STUCK: 1, PAUSED: 3, INTERRUPTED: 130}


class RunSummary(Value):
    """What came of a run. `outcome`: finished, stuck, paused (the project is drained) or interrupted.

    `critical_path_s` is the longest chain of dependent todos, each with the time that its command took in this run:
    no number of instances and no order could have finished sooner. `critical_path` are its ids, first to last.
    """

    project: str
    outcome: str
    makespan_s: float
    completed: int
    failed_attempts: int
    retries: int
    lost: int
    busy_s: float
    utilization: tuple[tuple[str, float], ...]  # for each seat its instance's name and busy / total
    critical_path_s: float
    critical_path: tuple[str, ...]
    counts: dict[str, int]
    stuck: tuple[str, ...]
    pause: str | None  # why the project is paused, empty if nobody said why; None: it is not
    exit_code: int


class Tally:
    """Counts of a run, and its longest chain as far as it is completed."""

    def __init__(self) -> None:
        self.completed = self.failed = self.retries = self.lost = 0
        self.busy_s: dict[int, float] = {}
        self._chains: dict[str, tuple[float, str | None]] = {}  # seconds to the end of each, what came before
        self._longest: str | None = None

    def work(self, seat: int, seconds: float) -> None:
        """Note that a seat's command ran for so long."""
        self.busy_s[seat] = self.busy_s.get(seat, 0.0) + seconds

    def complete(self, todo: Todo, seconds: float) -> None:
        """Note a completed todo. What it waited for was completed before, so its chain is known at once."""
        self.completed += 1
        before = max((one for one in todo.depends_on if one in self._chains), key=self._until, default=None)
        self._chains[todo.id] = (seconds + (self._until(before) if before else 0.0), before)
        if self._longest is None or self._until(todo.id) > self._until(self._longest):
            self._longest = todo.id

    @property
    def critical_path_s(self) -> float:
        """Seconds of the longest chain; 0 without a completed todo."""
        return self._until(self._longest) if self._longest else 0.0

    def critical_path(self) -> tuple[str, ...]:
        """List the ids of the longest chain, first to last."""
        path, at = [], self._longest
        while at is not None:
            path.append(at)
            at = self._chains[at][1]
        return tuple(reversed(path))

    def _until(self, todo_id: str) -> float:
        return self._chains[todo_id][0]


def summarise(
    tally: Tally, status: ProjectStatus, *, outcome: str, makespan_s: float, names: dict[int, str]
) -> RunSummary:
    """Make the summary of a run; `names` are those of its seats."""
    shares = [(name, tally.busy_s.get(seat, 0.0) / makespan_s if makespan_s else 0.0) for seat, name in names.items()]
    return RunSummary(
        project=status.project,
        outcome=outcome,
        makespan_s=makespan_s,
        completed=tally.completed,
        failed_attempts=tally.failed,
        retries=tally.retries,
        lost=tally.lost,
        busy_s=sum(tally.busy_s.values()),
        utilization=tuple((name, min(share, 1.0)) for name, share in shares),
        critical_path_s=tally.critical_path_s,
        critical_path=tally.critical_path(),
        counts=status.counts,
        stuck=status.stuck,
        pause=status.pause,
        exit_code=EXIT_CODES[outcome],
    )


def summary_document(summary: RunSummary) -> dict[str, Any]:
    """Shape a summary as the JSON document that `longpole run --json` prints."""
    fields = {name: _rounded(value) for name, value in summary.as_dict().items() if name != "utilization"}
    shares = {name: round(share, 3) for name, share in summary.utilization}
    return versioned({**fields, "utilization": shares})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return list(value) if isinstance(value, tuple) else value


def summary_lines(summary: RunSummary) -> list[str]:
    """Say in a few lines what came of a run."""
    lines = [_headline(summary)]
    if summary.completed:
        share = summary.critical_path_s / summary.makespan_s if summary.makespan_s else 0.0
        lines.append(
            f"  {share:.0%} of the time was the critical path ({summary.critical_path_s:.1f} s): nobody could beat it"
        )
        busy = sum(share for _, share in summary.utilization) / len(summary.utilization)
        lines.append(f"  instances were busy for {busy:.0%} of the time, {summary.busy_s:.1f} s of work in all")
    if summary.failed_attempts or summary.lost:
        lines.append(
            f"  {counted(summary.failed_attempts, 'failed attempt')}, {counted(summary.lost, 'lost claim')},"
            f" {summary.retries} second or later attempts"
        )
    if summary.outcome == PAUSED:
        why = f": {summary.pause}" if summary.pause else ""
        lines.append(f"  the project is paused and drained{why}; `longpole resume`, then run again")
    return lines + [f"  stuck: {cause}" for cause in summary.stuck]


def _headline(summary: RunSummary) -> str:
    done, total = summary.counts["completed"], sum(summary.counts.values())
    if not total:
        return f"{summary.project} has no todos yet; add some with `longpole add` or `longpole import`"
    if summary.outcome == FINISHED and not summary.completed:
        return f"{summary.project} is finished already: {done} of {total} todos are completed"
    return (
        f"{summary.outcome}: {counted(summary.completed, 'todo')} completed in {summary.makespan_s:.1f} s"
        f" by {counted(len(summary.utilization), 'instance')}; {done} of {total} are done"
    )
