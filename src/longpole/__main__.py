"""The front door: the verbs that agents call all day without a command-line library, everything else through click."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HOT = frozenset(("next", "claim", "done", "fail", "release", "progress", "heartbeat"))
HELP = frozenset(("--help", "-h"))
INTERRUPTED = 130  # as in cli/exits.py, which an interrupt may hit before it is imported
WITH_VALUE = frozenset(("--db", "--project"))


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    _prepare_stdout()
    try:
        code = _road(arguments)(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:  # the reader had enough: `longpole list | head`
        _forget_stdout()
        code = 0
    except OSError as error:
        if error.filename is not None:  # of some other file: that is a mistake of ours
            raise
        _forget_stdout()
        told = f"longpole: the answer could not be written ({error.strerror}); a change that was asked for is made"
        print(told, file=sys.stderr)
        code = 1
    sys.exit(code)


def _road(arguments: list[str]) -> Callable[[list[str]], int]:
    """Give the function that runs this command line."""
    if not HELP & set(arguments) and _verb(arguments) in HOT:
        from longpole.cli import hot

        return hot.run
    from longpole.cli import commands

    return commands.run


def _prepare_stdout() -> None:
    """See to it that whatever a todo's text is can be printed, or goes nowhere if stdout is closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open for as long as we run
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a text file, in tests as well


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _verb(arguments: list[str]) -> str | None:
    """Give the verb: the first word that is no global option and no value of one."""
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif word in WITH_VALUE:
            skip = True
        elif word == "--":
            return None
        elif word == "-" or not word.startswith("-"):
            return word
    return None


if __name__ == "__main__":
    main()
