"""A parser for the hot verbs: importing a command-line library would cost more than the claim itself."""

from __future__ import annotations

from longpole.cli.verbs import GLOBAL, VERBS
from longpole.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.cli.verbs import Option, Verb

KINDS = {"whole": int, "number": float, "text": str}
WANTED = {"whole": "a whole number", "number": "a number"}


def parse(words: list[str]) -> tuple[Verb, dict[str, object]]:
    """Give the verb and its values by name. Options may stand anywhere, as `--flag value` or `--flag=value`.

    Raises UsageError.
    """
    values: dict[str, object] = {}
    positional: list[str] = []
    rest = list(words)
    verb: Verb | None = None
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if word.startswith("-") and word != "-":
            _option(word, rest, verb, values)
        elif verb is None:
            verb = VERBS[word]
        else:
            positional.append(word)
    assert verb is not None  # the front door has seen it
    return verb, _complete(verb, positional, values)


def _option(word: str, rest: list[str], verb: Verb | None, values: dict[str, object]) -> None:
    flag, given, value = word.partition("=")
    for option in (*GLOBAL, *(verb.options if verb else ())):
        if option.flag == flag:
            found = _word_of(option, value if given else None, rest)
            before = values.get(option.name, ())
            values[option.name] = (*before, found) if option.kind == "texts" and isinstance(before, tuple) else found
            return
    where = f"longpole {verb.name}" if verb else "longpole"
    raise UsageError(f"{where} has no option {flag}; `{where} --help` lists them")


def _word_of(option: Option, given: str | None, rest: list[str]) -> str | bool:
    if option.kind == "flag":
        if given is not None:
            raise UsageError(f"{option.flag} takes no value")
        return True
    if given is None:
        if not rest:
            raise UsageError(f"{option.flag} needs a value: {option.help}")
        given = rest.pop(0)
    return given


def _value(option: Option, given: object) -> object:
    """Give what the last word for an option means; those before it count for nothing, as with click."""
    if not isinstance(given, str):
        return given
    try:
        return KINDS[option.kind](given)
    except ValueError:
        raise UsageError(f"{option.flag} needs {WANTED[option.kind]}, not '{given}'") from None


def _complete(verb: Verb, positional: list[str], values: dict[str, object]) -> dict[str, object]:
    if len(positional) != len(verb.arguments):
        wanted = " ".join(name.upper() for name in verb.arguments) or "no words beside its options"
        raise UsageError(f"longpole {verb.name} takes {wanted}; got {' '.join(positional) or 'nothing'}")
    for option in verb.options:
        if option.required and option.name not in values:
            raise UsageError(f"longpole {verb.name} needs {option.flag}: {option.help}")
    meant = {
        option.name: _value(option, values.get(option.name, option.default)) for option in (*GLOBAL, *verb.options)
    }
    return meant | dict(zip(verb.arguments, positional, strict=True))
