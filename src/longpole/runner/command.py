"""`longpole run`: a run told on the standard error, and its summary on the standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from longpole.runner import reporter_for, run_instances, summary_document, summary_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.project import Project


def run_command(
    project: Project,
    command: Sequence[str],
    *,
    instances: int,
    strategy: str | None = None,
    coordination: str | None = None,
    offers: Sequence[str] = (),
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Run, print what came of it, give the exit code. Raises as `run_instances` does."""
    reporter = None if quiet else reporter_for(sys.stderr)
    summary = run_instances(
        project,
        command,
        instances=instances,
        strategy=strategy,
        coordination=coordination,
        offers=offers,
        reporter=reporter,
    )
    if as_json:
        sys.stdout.write(json.dumps(summary_document(summary), ensure_ascii=False) + "\n")
    elif not quiet:
        sys.stdout.write("\n".join(summary_lines(summary)) + "\n")
    return summary.exit_code
