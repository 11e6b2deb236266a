"""All verbs as click commands, each loaded when it is called; the road of everything that is not urgent."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from longpole import __version__
from longpole.cli import exits, hot
from longpole.cli.asked import Verbs
from longpole.cli.text import one_line
from longpole.cli.verbs import VERBS
from longpole.errors import LongpoleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTIONS = {
    "Plan": ("init", "add", "link", "unlink", "edit", "cancel", "retry", "reopen", "import", "export"),
    "Work": ("next", "claim", "done", "progress", "fail", "release", "register", "heartbeat", "unregister"),
    "Look": (
        *("list", "show", "why", "status", "critical-path", "branches", "instances", "predict"),
        *("journal", "metrics"),
    ),
    "Decide": ("approve", "pause", "resume"),
    "Run": ("run", "demo"),
    "Keep": ("settings", "db", "doctor", "completion"),
}
HOMES = {
    "planning": ("init", "add", "link", "unlink"),
    "steering": ("edit", "cancel", "retry", "reopen"),
    "exchanging": ("import", "export"),
    "urgent": tuple(VERBS),
    "belonging": ("register", "unregister", "instances"),
    "looking": ("list", "show", "why", "critical-path"),
    "branching": ("branches",),
    "standing": ("status", "metrics"),
    "history": ("journal",),
    "foreseeing": ("predict",),
    "pausing": ("pause", "resume", "approve"),
    "launching": ("run", "demo"),
    "keeping": ("settings", "db", "doctor"),
    "completing": ("completion",),
}
COMPLETE = "_LONGPOLE_COMPLETE"


def run(arguments: list[str]) -> int:
    """Parse, act, print; give the exit code."""
    try:
        hot.refuse_bytes(arguments)
        if COMPLETE in os.environ:
            return int(ROOT.main(arguments, prog_name="longpole", complete_var=COMPLETE, standalone_mode=False) or 0)
        with ROOT.make_context("longpole", list(arguments)) as ctx:
            return int(ROOT.invoke(ctx) or exits.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return hot.report(UsageError(_in_words(error)), as_json=is_json(arguments))
    except LongpoleError as error:
        return hot.report(error, as_json=is_json(arguments))
    except (KeyboardInterrupt, click.Abort):
        print(file=sys.stderr)
        return exits.INTERRUPTED


def is_json(arguments: list[str]) -> bool:
    """Tell whether JSON was asked for, on a command line that may be wrong otherwise."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


class _Root(Verbs):
    """The group of all verbs, which imports the module of a verb only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names of all verbs, in the order in which the help shows them."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Load the verb of this name; None if there is none."""
        home = next((home for home, names in HOMES.items() if cmd_name in names), None)
        if home is None:
            return None
        commands: dict[str, click.Command] = import_module(f"longpole.cli.{home}").COMMANDS
        return commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs by what they are for."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(self._summaries(ctx, names)))

    def _summaries(self, ctx: click.Context, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for name in names:
            command = self.get_command(ctx, name)
            assert command is not None  # a test goes through all of them
            yield name, command.get_short_help_str(limit=100)


def _in_words(error: click.ClickException) -> str:
    """Say in one line what is wrong with the command line, and where to read on."""
    message = one_line(error.format_message()).rstrip(".")
    message = message[:1].lower() + message[1:]
    if message.endswith("?"):  # "did you mean …?" says enough
        return message
    ctx = getattr(error, "ctx", None)
    where = ctx.command_path if isinstance(ctx, click.Context) else "longpole"
    return f"{message}; see `{where} --help`"


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted and not ctx.resilient_parsing:
        print(f"longpole {__version__}")
        ctx.exit()


ROOT = _Root(
    name="longpole",
    help="Hands out the todos of a dependency graph to many agent instances: never one twice, the long pole first.",
    example='longpole init\nlongpole add "Design the schema" --estimate 30m\nlongpole next --as claude-1 --json',
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="print the version",
        )
    ],
)
