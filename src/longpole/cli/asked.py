"""What every verb of the command line has in common: the global options, its help, its example, its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from longpole.cli import hot
from longpole.cli.verbs import GLOBAL
from longpole.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.cli.verbs import Option
    from longpole.project import Project

KINDS = {"whole": click.INT, "number": click.FLOAT, "text": click.STRING, "texts": click.STRING}
HELP_FLAGS = {"help_option_names": ["--help", "-h"]}
GLOBAL_NAMES = frozenset(option.name for option in GLOBAL)


class Asked(Value):
    """The global options of one call; the one after the verb counts where both places have one."""

    db: str | None
    project: str | None
    json: bool
    quiet: bool

    def open(self) -> Project:
        """Open the project that is meant. Raises StorageUnavailableError where `longpole init` was never called."""
        from longpole.project import open as open_project

        return open_project(self.db, project=self.project, create=False)

    def tell(self, document: dict[str, Any], words: str | Callable[[], None]) -> None:
        """Answer with the document if JSON was asked for, else in words, or by calling what prints them."""
        if self.json:
            hot.put({"v": 1, **document})
        elif self.quiet:
            return
        elif callable(words):
            words()
        else:
            print(words)


class _WithGlobals(click.Command):
    """A command that takes the global options as well, and shows them apart from its own."""

    example = ""

    def __init__(self, *positional: Any, example: str = "", **attributes: Any) -> None:
        attributes["context_settings"] = HELP_FLAGS | attributes.get("context_settings", {})
        super().__init__(*positional, **attributes)
        self.example = example or self.example
        self.params += [click_option(option) for option in GLOBAL]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Give the help option, in the tone of the others."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "show this help"
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verb's own options, then those that every verb has."""
        shown = [(param, param.get_help_record(ctx)) for param in self.get_params(ctx)]
        own = [record for param, record in shown if record and param.name not in GLOBAL_NAMES]
        common = [record for param, record in shown if record and param.name in GLOBAL_NAMES]
        for title, records in (("Options", own), ("Everywhere", common)):
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the example below everything else."""
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")


class Verb(_WithGlobals):
    """One verb. Its callback gets an Asked first and gives the exit code, None for 0."""

    def invoke(self, ctx: click.Context) -> Any:
        """Gather the global options from before and after the verb, and call."""
        ctx.obj = _asked(ctx)
        ctx.params = {name: value for name, value in ctx.params.items() if name not in GLOBAL_NAMES}
        return super().invoke(ctx)


class Verbs(_WithGlobals, click.Group):
    """A group of verbs; alone it explains itself, and for a slip of the finger it names the verb that was meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where no verb is named."""
        if not args and not ctx.resilient_parsing:  # completion asks with no words at all
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the verbs."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb. Raises click's UsageError naming the nearest ones."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = ", ".join(get_close_matches(args[0], self.list_commands(ctx), n=3))
            ctx.fail(f"there is no verb '{args[0]}'" + (f"; did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)


def click_option(option: Option) -> click.Option:
    """Give an option of the table as click's."""
    if option.kind == "flag":
        return click.Option([option.flag, option.name], is_flag=True, default=False, help=option.help)
    if option.kind == "texts":
        return click.Option([option.flag, option.name], multiple=True, metavar="LABEL", help=option.help)
    # Since click 8.3 a default of None is a default, with which nothing is missing.
    default: dict[str, Any] = {} if option.default is None else {"default": option.default, "show_default": True}
    return click.Option(
        [option.flag, option.name], type=KINDS[option.kind], required=option.required, help=option.help, **default
    )


def verb(name: str, *, example: str, **attributes: Any) -> Callable[[Callable[..., int | None]], Verb]:
    """Make a function the verb of this name; its docstring is the help, and it gets an Asked first."""

    def make(function: Callable[..., int | None]) -> Verb:
        return click.command(name, cls=Verb, example=example, **attributes)(click.pass_obj(function))

    return make


def _asked(ctx: click.Context) -> Asked:
    values: dict[str, Any] = {option.name: option.default for option in GLOBAL}
    chain: list[click.Context] = []
    here: click.Context | None = ctx
    while here is not None:
        chain.append(here)
        here = here.parent
    for level in reversed(chain):
        values |= {name: level.params[name] for name in GLOBAL_NAMES if level.params.get(name) not in (None, False)}
    return Asked(**values)
