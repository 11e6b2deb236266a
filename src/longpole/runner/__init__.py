"""Starts N instances that work a project off: one supervising process, the user's command once for each todo.

    from longpole import runner

    with longpole.open() as project:
        summary = runner.run_instances(
            project, ["claude", "-p", "…"], instances=4, strategy=None, reporter=runner.reporter_for(sys.stderr)
        )
    for line in runner.summary_lines(summary):              # with --json: runner.summary_document(summary)
        print(line)
    sys.exit(summary.exit_code)                             # 0 finished, 1 stuck or failed, 130 interrupted

`reporter_for(stream)` draws a live picture if the stream is a terminal and writes plain lines otherwise; without a
reporter the run is silent. Errors of the caller (a command that cannot be started, an unknown strategy) are raised as
InvalidInputError after everything was released.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from longpole.runner.report import Happening, Kind, Opening, Reporter
from longpole.runner.run import run_instances
from longpole.runner.summary import RunSummary, summary_document, summary_lines

if TYPE_CHECKING:
    from typing import TextIO

__all__ = [
    "Happening",
    "Kind",
    "Opening",
    "Reporter",
    "RunSummary",
    "reporter_for",
    "run_instances",
    "summary_document",
    "summary_lines",
]


def reporter_for(stream: TextIO) -> Reporter:
    """Give the reporter that suits a stream: a live picture for a terminal, plain lines for all else."""
    if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from longpole.runner.display import Display

        return Display(stream)
    from longpole.runner.lines import Lines

    return Lines(stream)
