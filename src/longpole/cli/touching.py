"""The options that say what a todo touches: paths that it changes or only reads, and what it takes of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from longpole.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONS = (
    click.option(
        "--touches", multiple=True, metavar="PATH", help="a file or folder that it changes (may be given again)"
    ),
    click.option("--reads", multiple=True, metavar="PATH", help="one that it only reads (may be given again)"),
    click.option(
        "--takes",
        multiple=True,
        metavar="RESOURCE[=N]",
        help="how much it takes of a resource, 1 if no number is given (may be given again)",
    ),
)


def touching(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a verb."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def taken_from(given: dict[str, Any]) -> tuple[str | dict[str, Any], ...]:
    """Take the options out of what a verb was given, and give what the todo touches. Raises UsageError."""
    touches, reads, takes = given.pop("touches"), given.pop("reads"), given.pop("takes")
    reading = ({"path": path, "mode": "read"} for path in reads if path)
    return (*(path for path in touches if path), *reading, *(_taken(word) for word in takes if word))


def _taken(word: str) -> dict[str, Any]:
    resource, separator, amount = word.partition("=")
    if separator and not amount.isdecimal():
        raise UsageError(f"--takes needs RESOURCE or RESOURCE=N with a whole number N, not '{word}'")
    return {"resource": resource, "amount": int(amount)} if separator else {"resource": resource}
