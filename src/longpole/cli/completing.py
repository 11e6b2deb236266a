"""The verb that teaches a shell to complete longpole's words: completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from longpole.cli.asked import Asked, verb

SHELLS = ("bash", "zsh", "fish")


@verb(
    "completion",
    example='eval "$(longpole completion bash)"      # in ~/.bashrc; zsh alike\n'
    "longpole completion fish > ~/.config/fish/completions/longpole.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
def _completion(asked: Asked, *, shell: str) -> None:
    """Print what a shell reads to complete verbs and options."""
    from longpole.cli.commands import COMPLETE, ROOT

    found = get_completion_class(shell)
    assert found is not None  # click knows all of SHELLS
    script = found(ROOT, {}, "longpole", COMPLETE).source()
    asked.tell({"shell": shell, "script": script}, script)


COMMANDS = {"completion": _completion}
