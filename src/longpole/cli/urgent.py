"""The hot verbs as click commands, from the same table as their fast parser: for their help, and for completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from longpole.cli import asked, hot
from longpole.cli.verbs import VERBS

if TYPE_CHECKING:
    from longpole.cli import verbs

EXAMPLES = {
    "next": "longpole next --as claude-1 --wait 30 --json",
    "claim": "longpole claim api --as claude-1",
    "done": 'longpole done api --as claude-1 --token 1 --result "see docs/api.md" --next --json',
    "fail": 'longpole fail api --as claude-1 --token 1 --reason "the tests hang"',
    "release": "longpole release api --as claude-1 --token 1",
    "progress": 'longpole progress api --as claude-1 --token 1 --percent 40 --note "routes stand"',
    "heartbeat": "longpole heartbeat --as claude-1",
}


def _command(verb: verbs.Verb) -> click.Command:
    @click.pass_obj
    def call(common: asked.Asked, /, **values: Any) -> int:
        return hot.act(verb.name, {**common.as_dict(), **values})

    return asked.Verb(
        name=verb.name,
        help=verb.help,
        example=EXAMPLES[verb.name],
        callback=call,
        params=[
            *(click.Argument([name]) for name in verb.arguments),
            *(asked.click_option(option) for option in verb.options),
        ],
    )


COMMANDS: dict[str, click.Command] = {name: _command(verb) for name, verb in VERBS.items()}
