"""The verbs by which a person decides what goes on: pause, resume, approve."""

from __future__ import annotations

import click

from longpole.cli import wording
from longpole.cli.asked import Asked, verb
from longpole.cli.text import one_line


@verb(
    "pause",
    example='longpole pause --reason "the main branch is broken"\nlongpole pause --drain\nlongpole pause --branch api',
)
@click.option("--reason", default="", help="why; whoever asks for work is told")
@click.option("--branch", help="only the todos of this branch")
@click.option("--drain", is_flag=True, help="let runners and waiting instances go home instead of waiting")
def _pause(asked: Asked, *, reason: str, branch: str | None, drain: bool) -> None:
    """Give nothing new out until `longpole resume`.

    What instances have in hand goes on and may be completed.
    """
    with asked.open() as project:
        held = project.pause(reason, branch=branch, drain=drain)
        what = f"the branch {branch}" if branch else project.name
    more = "" if held is None else f", with {wording.plural(held, 'unfinished todo')}"
    resume = f"longpole resume --branch {branch}" if branch else "longpole resume"
    content = {"paused": True, "branch": branch, "reason": reason, "draining": drain, "todos": held}
    asked.tell(content, one_line(f"{what} is paused{more}; `{resume}` goes on"))


@verb("resume", example="longpole resume\nlongpole resume --branch api")
@click.option("--branch", help="only the todos of this branch")
def _resume(asked: Asked, *, branch: str | None) -> None:
    """End a pause of the project, or of a branch."""
    with asked.open() as project:
        was_paused = project.resume(branch=branch)
        what = f"the branch {branch}" if branch else project.name
    said = f"{what} goes on" if was_paused else f"{what} was not paused"
    asked.tell({"paused": False, "branch": branch, "was_paused": was_paused}, one_line(said))


@verb("approve", example='longpole approve release --note "looked at it on the test server"')
@click.argument("gate")
@click.option("--note", help="what to note with it")
def _approve(asked: Asked, *, gate: str, note: str | None) -> None:
    """Open a gate: what waits for it may begin.

    All before it has to be done; `longpole done GATE --force` opens it all the same.
    """
    with asked.open() as project:
        project.approve(gate, note=note)
    asked.tell({"approved": gate}, f"{gate} is open")


COMMANDS = {"pause": _pause, "resume": _resume, "approve": _approve}
