"""The verb for lines of work: branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole.cli import screen, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.progress import Progress
from longpole.cli.screen import Column
from longpole.errors import UsageError
from longpole.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Branch, DerivedBranch

SHOWN = 20
COLUMNS = (
    Column(title="branch"),
    *(Column(title=wording.spoken(status), right=True) for status in Status),
    Column(title="left", right=True),
    Column(title="kept by"),
    Column(title="since", spare=1),
    Column(title="cap", right=True, spare=2),
    Column(title="paused", wide=True),
)


@verb("branches", example="longpole branches\nlongpole branches --derive --dry-run")
@click.option("--derive", is_flag=True, help="give the unfinished todos that have none a branch, from the graph")
@click.option("--dry-run", is_flag=True, help="with --derive: show the branches, change nothing")
def _branches(asked: Asked, *, derive: bool, dry_run: bool) -> None:
    """Show the branches: their todos by status, what is left, and who keeps to each.

    "left" is the sum of the estimates of all that is not finished. With the strategy branch_affinity an instance keeps
    to a branch from its first todo on, until it turns to another one.

    With --derive the longest path through the unfinished todos that have no branch becomes one, the longest path
    through those that are left the next, and so on. A branch is called by the id of its first todo.
    """
    if derive:
        _derive(asked, dry_run=dry_run)
        return
    if dry_run:
        raise UsageError("--dry-run goes with --derive")
    with asked.open() as project:
        branches = project.branches()
    empty = "no todo has a branch; `longpole edit ID --branch NAME` gives it one, `longpole branches --derive` all"
    asked.tell(
        {"branches": [documents.branch(one) for one in branches]},
        lambda: screen.table(COLUMNS, [_row(one) for one in branches], empty=empty),
    )


def _row(one: Branch) -> tuple[str, ...]:
    return (
        one.name,
        *(str(one.counts.get(status) or "") for status in Status),
        wording.minutes(one.remaining_minutes) if one.remaining_minutes else "",
        one.holder or "",
        wording.moment(one.held_at),
        str(one.cap or ""),
        one.pause or "",
    )


def _derive(asked: Asked, *, dry_run: bool) -> None:
    progress = Progress(is_quiet=asked.quiet)
    try:
        with asked.open() as project:
            derived = project.derive_branches(
                dry_run=dry_run, progress=lambda count: progress.say(f"{wording.plural(count, 'todo')} with a branch")
            )
    finally:
        progress.end()
    content = [documents.derived_branch(one) for one in derived]
    asked.tell({"derived": content, "dry_run": dry_run}, "\n".join(_in_words(derived, dry_run=dry_run)))


def _in_words(derived: Sequence[DerivedBranch], *, dry_run: bool) -> list[str]:
    if not derived:
        return ["every unfinished todo has a branch"]
    count = sum(len(one.todos) for one in derived)
    verb = "would get" if dry_run else "got"
    first = f"{wording.plural(count, 'todo')} {verb} {wording.plural(len(derived), 'branch', 'branches')}"
    lines = [f"  {one.name}: {_size(one)}" for one in derived[:SHOWN]]
    more = [f"  … and {len(derived) - SHOWN} more"] if len(derived) > SHOWN else []
    return [first, *lines, *more]


def _size(one: DerivedBranch) -> str:
    time = f" ({wording.minutes(one.minutes)})"
    return f"{wording.plural(len(one.todos), 'todo')}{time}" + (f", to {one.todos[-1]}" if len(one.todos) > 1 else "")


COMMANDS = {"branches": _branches}
