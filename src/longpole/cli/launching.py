"""The verbs that start agents: run, demo."""

from __future__ import annotations

import click

from longpole.cli import hot
from longpole.cli.asked import Asked, verb
from longpole.cli.verbs import OFFERS


@verb(
    "run",
    example="longpole run -n 4 -- claude -p 'do the todo on standard input'\nlongpole run -n 2 -- sh -c 'cat; exit 0'",
    context_settings={"allow_interspersed_args": False},
)
@click.option("-n", "--instances", "count", type=int, default=1, show_default=True, help="how many at the same time")
@click.option("--strategy", help="the strategy for this run (default: the project's)")
@click.option("--coordination", help="the mechanism for this run (default: the project's)")
@click.option("--offers", multiple=True, metavar="LABEL", help=OFFERS.help)
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND…")
def _run(
    asked: Asked,
    *,
    count: int,
    strategy: str | None,
    coordination: str | None,
    offers: tuple[str, ...],
    command: tuple[str, ...],
) -> int:
    """Keep N instances of a command busy until all is done.

    Each call gets one todo: as JSON on standard input, and LONGPOLE_TODO_ID, LONGPOLE_TOKEN, LONGPOLE_INSTANCE,
    LONGPOLE_DB and LONGPOLE_PROJECT in its environment. Exit 0 completes the todo, anything else fails the attempt.
    What it leaves running in the background ends with it. Its output is kept in .longpole/logs, beside the database
    or, where that is on a server, in this folder.
    """
    from longpole.runner.command import run_command

    with asked.open() as project:
        return run_command(
            project,
            command,
            instances=count,
            strategy=strategy,
            coordination=coordination,
            offers=hot.offers_given({"offers": offers}) or (),
            as_json=asked.json,
            quiet=asked.quiet,
        )


@verb("demo", example="longpole demo")
@click.option("-n", "--instances", "count", type=int, default=4, show_default=True, help="how many at the same time")
@click.option("--keep", metavar="DATABASE", help="keep the demo's project: in a new file, or on a PostgreSQL server")
def _demo(asked: Asked, *, count: int, keep: str | None) -> int:
    """Run a small real project from beginning to end, in a database of its own."""
    from longpole.demo.command import demo_command

    return demo_command(instances=count, keep=keep, as_json=asked.json, quiet=asked.quiet)


COMMANDS = {"run": _run, "demo": _demo}
