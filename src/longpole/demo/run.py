"""Runs the demo's plan in a database of its own and says what came of it."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from longpole import runner
from longpole.demo import work
from longpole.demo.recorder import Recorder
from longpole.demo.timeline import PLAIN, Signs, Timeline
from longpole.errors import InvalidInputError
from longpole.project import open as open_project
from longpole.runner.report import Silence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from longpole.project import Project
    from longpole.runner import Reporter, RunSummary

PROJECT = "webshop"
PLAN = Path(__file__).with_name("plan.yaml")
MINUTE_S = 0.04  # what an estimated minute takes here
REST_S = 0.3  # so long a killed todo rests before it is given out again
WIDEST = 100


def run(
    *,
    instances: int = 4,
    keep: str | None = None,
    as_json: bool = False,
    quiet: bool = False,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> int:
    """Run the demo and give its exit code: pictures and lines go to `err`, what came of it to `out`.

    `keep`: the file, or the URL of the PostgreSQL database, where the project stays; without it nothing stays. With
    `as_json` one document is all that is printed, with `quiet` nothing is. Raises InvalidInputError if the file is
    there already, or the database has the project.
    """
    with _database(keep) as url, open_project(url, project=PROJECT) as project:
        if project.todos():
            raise InvalidInputError(f"{project.place} has a project '{PROJECT}' already; name another database")
        project.configure(retry_backoff_s=REST_S)
        project.import_text(PLAN.read_text(encoding="utf-8"), format="plan")
        demo = _Demo(project, instances=instances, keep=project.place if keep else None, out=out or sys.stdout)
        if as_json or quiet:
            summary, _ = demo.work(Silence())
            if as_json:
                demo.say(json.dumps(runner.summary_document(summary)))
            return summary.exit_code
        return demo.show(runner.reporter_for(err or sys.stderr))


@contextmanager
def _database(keep: str | None) -> Iterator[str]:
    path = (keep or "").removeprefix("sqlite:///")
    if not path:
        with tempfile.TemporaryDirectory(prefix="longpole-demo-") as folder:
            yield str(Path(folder, "demo.db"))
    elif "://" not in path and Path(path).exists():
        raise InvalidInputError(f"{path} is there already; name a new file to keep the demo's database in")
    else:
        yield path


class _Demo:
    def __init__(self, project: Project, *, instances: int, keep: str | None, out: TextIO) -> None:
        self._project, self._instances, self._keep = project, instances, keep
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._signs = Signs() if self._console.encoding.startswith("utf") else PLAIN

    def work(self, reporter: Reporter) -> tuple[RunSummary, Recorder]:
        """Let the agents work; give what came of it and who did what."""
        recorder = Recorder(reporter)
        command = [sys.executable, "-I", "-S", work.__file__, str(MINUTE_S)]
        summary = runner.run_instances(
            self._project, command, instances=self._instances, reporter=recorder, name="agent"
        )
        return summary, recorder

    def show(self, reporter: Reporter) -> int:
        """Tell what begins, let them work, draw what came of it; give the exit code."""
        self.say(*_opening(self._project, self._instances))
        summary, recorder = self.work(reporter)
        if summary.outcome != "finished":
            self.say(*runner.summary_lines(summary))
            return summary.exit_code
        self.say("")
        for line in self._timeline(summary, recorder).lines():
            self._console.print(line)
        self.say("", *_figures(summary, self._signs), *_came_back(recorder, self._signs), "", *_next(self._keep))
        return summary.exit_code

    def say(self, *lines: str) -> None:
        """Print lines as they are, at once: what goes to the other stream must not overtake them."""
        for line in lines:
            self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()

    def _timeline(self, summary: RunSummary, recorder: Recorder) -> Timeline:
        width = min(self._console.width, WIDEST)
        return Timeline(recorder.bouts, critical=summary.critical_path, width=width, signs=self._signs)


def _opening(project: Project, instances: int) -> list[str]:
    todos = project.todos()
    hours = sum(todo.estimate_minutes or 0 for todo in todos) / 60
    branches = len(project.branches())
    return [
        f"A small web shop: {len(todos)} todos in {branches} branches, {hours:.0f} hours of work for one agent.",
        f"{instances} agents, real processes, work it off; an estimated minute takes {MINUTE_S:g} s here.",
    ]


def _figures(summary: RunSummary, signs: Signs) -> list[str]:
    count = len(summary.utilization)
    path_s, shared_s, took_s = summary.critical_path_s, summary.busy_s / count, summary.makespan_s
    path = summary.critical_path
    chain = f"{path[0]} {signs.between} {path[1]} {signs.more} {path[-1]} ({len(path)} todos)"
    above = took_s / max(path_s, shared_s) - 1
    return [
        f"{summary.completed} todos in {took_s:.1f} s by {count} agents. No schedule can beat the longer of",
        f"  the critical path  {path_s:5.1f} s  {chain}",
        f"  all the work / {count}   {shared_s:5.1f} s",
        f"and this one took {above:.0%} more than that.",
    ]


def _came_back(recorder: Recorder, signs: Signs) -> list[str]:
    bouts = [bout for bout in recorder.bouts if not bout.completed]
    if not recorder.killed or not bouts:
        return []
    lost = bouts[0]
    again = next(bout for bout in recorder.bouts if bout.completed and bout.todo_id == lost.todo_id)
    return [
        f"{lost.instance} was killed with -9 in the middle of {lost.todo_id} ({signs.killed}). Nothing was lost:",
        f"the todo came back, and {again.instance} took it up {again.began_s - lost.ended_s:.1f} s later.",
    ]


def _next(keep: str | None) -> list[str]:
    lines = [
        "longpole init && longpole add TITLE      begin with a project of your own",
        "longpole import plan.yaml                or bring a whole plan",
        "longpole run -n 4 -- COMMAND             let four agents work it off",
    ]
    kept = [f"longpole --db {keep} --project {PROJECT} status   look at what the demo left"] if keep else []
    return [*lines, *kept]
