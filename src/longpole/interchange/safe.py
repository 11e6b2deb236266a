"""Reading what others wrote: files, JSON and YAML, with every hostile shape turned into one clear error."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from sys import intern
from typing import Any, NoReturn

import yaml

from longpole.errors import InvalidInputError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64

_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)  # the last quote may be missing: no restart
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,3999})")  # with a leading zero it is a name: 007
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read_text(path: str | Path) -> str:
    """The text of a file, without byte order mark, with lines ended by a newline alone.

    Raises InvalidInputError if it is missing, a folder, unreadable, empty, too large, binary or not UTF-8.
    """
    place = Path(path)
    try:
        if place.is_dir():
            raise InvalidInputError(f"{place} is a folder; name the file in it that is to be imported")
        size = place.stat().st_size
        data = place.read_bytes() if size <= MAX_BYTES else b""
    except FileNotFoundError:
        raise InvalidInputError(f"{place} does not exist; check the name") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{str(place)!r} cannot be read ({error}); check its permissions") from None
    if size > MAX_BYTES:
        raise InvalidInputError(f"{place} has {size} bytes; split it into files of {MAX_BYTES} at most")
    return decode(data, name=str(place))


def decode(data: bytes, *, name: str) -> str:
    """The text that these bytes hold, as `read_text` gives it; for standard input and the like."""
    if len(data) > MAX_BYTES:
        raise InvalidInputError(f"{name} has more than {MAX_BYTES} bytes; split it into smaller files")
    if b"\0" in data:
        raise InvalidInputError(f"{name} is binary (it has NUL bytes); give a text file in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{name} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    return plain_text(text, name=name)


def plain_text(text: str, *, name: str = "the text") -> str:
    """The same text without byte order mark and carriage returns. Raises InvalidInputError if nothing is in it."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InvalidInputError(f"{name} is empty; there is nothing to import")
    return text


def load_json(text: str, *, where: str = "the file") -> Any:
    """The value of a JSON text.

    Raises InvalidInputError for broken JSON, NaN and Infinity, a key given twice, nesting deeper than 64,
    numbers out of range and text that no file could hold.
    """
    _check_depth(text, where)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if "\n" in text else f"column {error.colno}"
        raise InvalidInputError(f"{where} is not valid JSON: {error.msg} ({place}); correct it there") from None
    except RecursionError:
        raise InvalidInputError(f"{where} is nested too deeply; flatten it to {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise InvalidInputError(f"{where} cannot be used: {error}") from None
    if "\\ud" in text or "\\uD" in text:
        _check_encodable(value, where)
    return value


def dump_json(value: Any, *, spaced: bool = True) -> str:
    """One line of JSON, keys in their order, other letters than ASCII as they are."""
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)


def load_yaml(text: str, *, where: str = "the file") -> Any:
    """The value of a YAML text: maps with text keys, lists, texts, numbers, true, false and null.

    Plain words are read as YAML 1.2 reads them: `no` and `2026-01-31` are texts.
    Raises InvalidInputError for anchors and aliases, tags, a key given twice, several documents in one file,
    nesting deeper than 64 and broken YAML, naming the line.
    """
    builder = _Builder(where)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", "") or "broken").split("\n")[0]
        raise InvalidInputError(f"{where} is not valid YAML: {problem}{place}; correct it there") from None
    except RecursionError:
        raise InvalidInputError(f"{where} is nested too deeply; flatten it to {MAX_DEPTH} levels") from None
    except UnicodeError:
        raise InvalidInputError(f"{where} has half of a surrogate pair, which is no character; leave it out") from None
    return builder.value


class _Builder:
    """Values put together from the parser's events: without recursion, and with the line of each mistake."""

    def __init__(self, where: str) -> None:
        self.value: Any = None
        self._where = where
        self._open: list[tuple[Any, str | None]] = []  # a container, and in a map the key that waits for its value
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse(event, "has an anchor or alias; write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            self._refuse(event, f"has the tag {event.tag[:40]!r}; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            self._put(event, _scalar(event.value) if event.implicit[0] else event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(event, "begins a second document; put one document into a file")

    def _begin(self, event: Any, container: Any) -> None:
        self._put(event, container)
        self._open.append((container, None))
        if len(self._open) > MAX_DEPTH:
            self._refuse(event, f"is nested too deeply; flatten it to {MAX_DEPTH} levels")

    def _put(self, event: Any, value: Any) -> None:
        if not self._open:
            self.value = value
            return
        container, key = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif key is not None:
            container[key] = value
            self._open[-1] = (container, None)
        else:
            self._open[-1] = (container, self._key(event, container))

    def _key(self, event: Any, container: dict[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "has a key that is no text; write a plain word before the colon")
        if event.value in container:
            self._refuse(event, f"has the key {event.value[:40]!r} twice; keep one of them")
        return str(event.value)

    def _refuse(self, event: Any, problem: str) -> NoReturn:
        raise InvalidInputError(f"{self._where}, line {event.start_mark.line + 1} {problem}")


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _check_depth(text: str, where: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", _STRINGS.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise InvalidInputError(f"{where} is nested too deeply; flatten it to {MAX_DEPTH} levels")


def _check_encodable(value: Any, where: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{where} has half of a surrogate pair, which is no character; leave it out") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {intern(key): value for key, value in pairs}  # a file of lines would hold each key once a line
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} is given twice; keep one of them")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is out of range; write a smaller one")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON; leave it out")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)
