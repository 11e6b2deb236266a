"""What a todo may hold: the checks that every door applies before a transaction begins, equal for all databases."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.model import Kind, NewTodo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

TITLE_CHARACTERS = 500
ID_CHARACTERS = 200
LABEL_CHARACTERS = 200
PATH_CHARACTERS = 1_024
DESCRIPTION_BYTES = 1 << 20
ESTIMATE_MINUTES = 1_000_000
DEPENDENCIES_PER_TODO = 1_000
LABELS_PER_TODO = 1_000
TODOS_PER_IMPORT = 200_000
RESOURCE_AMOUNT = 1_000_000
OFFERS_PER_INSTANCE = 100
LATEST_AT = 253_402_300_799_999_999  # the end of the year 9999, in microseconds since 1970
_SHOWN = 80  # a message stays one line

_ANOTHER = "cancel the todo and add another"
FIXED = {"id": _ANOTHER, "kind": _ANOTHER, "after": "use link and unlink"}
"""Fields that a todo is added with and no edit changes, with what to do instead."""

_SURROGATES = ("\ud800", "\udfff")
_HIDDEN = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Separators and direction marks that let a title look like something else than it is."""
_TAG_CHARACTERS = ("\U000e0000", "\U000e007f")


def checked(new: NewTodo) -> NewTodo:
    """The todo with each field in its plain form (lists as tuples, minutes as float).

    Raises InvalidInputError naming the todo and the field for what no database should be asked to keep.
    """
    values = {name: checked_field(name, value, todo=new.id or new.title) for name, value in new.as_dict().items()}
    found = NewTodo(**values)
    return found if found.kind == Kind.TODO and found.opens_at is None else _checked_gate(found)


def checked_new(one: NewTodo | Mapping[str, Any]) -> NewTodo:
    """The todo, given as a value or by the names of its fields, as `checked` gives it."""
    if isinstance(one, NewTodo):
        return checked(one)
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in one.items()}
    try:
        new = NewTodo(**fields)
    except TypeError as error:
        raise InvalidInputError(f"cannot make a todo of {sorted(one)}: {error}; a todo needs a title") from error
    return checked(new)


def checked_change(name: str, value: Any) -> Any:
    """A field's new value, as `checked_field` gives it, if it is one that may be edited."""
    if name in FIXED:
        raise InvalidInputError(f"{name} cannot be edited; {FIXED[name]}")
    return checked_field(name, value)


def checked_field(name: str, value: Any, *, todo: str | None = None) -> Any:
    """One field of a todo in its plain form; `todo` is its id or title, for the message.

    Raises InvalidInputError, also for a name that is no field of a todo.
    """
    check = _CHECKS.get(name)
    if check is None:
        raise InvalidInputError(f"a todo has no field {_shown(name)}; fields are {', '.join(_CHECKS)}")
    try:
        return check(value)
    except InvalidInputError as error:
        where = f"todo {_shown(todo)}: " if isinstance(todo, str) else ""
        raise InvalidInputError(f"{where}{name} {error}", todo_id=_as_id(todo)) from None


def checked_id(value: Any) -> str:
    """An id: printable, without white space, at most 200 characters, not beginning with "-"."""
    if not isinstance(value, str) or not value:
        raise InvalidInputError(f"is {_shown(value)}; write a text of one or more characters")
    if len(value) > ID_CHARACTERS:
        raise InvalidInputError(f"has {len(value)} characters; use at most {ID_CHARACTERS}")
    if value.startswith("-"):
        raise InvalidInputError(f"{_shown(value)} begins with '-' and would look like an option; begin with a letter")
    if not value.isprintable() or " " in value:
        raise InvalidInputError(f"{_shown(value)} has white space or unprintable characters; leave them out")
    return value


def checked_ids(values: Any) -> tuple[str, ...]:
    """The ids that a todo waits for, in order, at most 1,000."""
    return _several(values, checked_id, limit=DEPENDENCIES_PER_TODO)


def checked_reason(value: Any) -> str:
    """A reason or a name that is shown in one line: not empty, at most 500 characters, none that steers a terminal."""
    return _title(value)


def checked_offers(values: Any) -> tuple[str, ...]:
    """The labels that an instance offers, at most 100. Raises InvalidInputError."""
    try:
        return _several(values, _label, limit=OFFERS_PER_INSTANCE)
    except InvalidInputError as error:
        raise InvalidInputError(f"offers {error}") from None


def refuse_work(field: str, value: Any, *, todo: str) -> None:
    """Raise InvalidInputError if a gate is given what only matters to those who work on a todo."""
    if field in ("touches", "needs") and value:
        raise InvalidInputError(f"{_shown(todo)} is a gate: nobody works on it, so it has no {field}; leave them out")


def checked_text(value: Any) -> str:
    """A text of several lines, such as a result: at most 1 MiB, without NUL and halves of surrogate pairs."""
    return _text(value)


def checked_count(count: int) -> int:
    """The number of todos in one import. Raises InvalidInputError above 200,000."""
    if count > TODOS_PER_IMPORT:
        raise InvalidInputError(f"{count} todos in one import; split the file into parts of {TODOS_PER_IMPORT} at most")
    return count


def _checked_gate(new: NewTodo) -> NewTodo:
    """A gate takes no time of its own unless somebody says so."""
    name = new.id or new.title
    if new.kind != Kind.GATE:
        raise InvalidInputError(
            f"{_shown(name)} is no gate and cannot open by itself; add it as a gate", todo_id=new.id
        )
    for field in ("touches", "needs"):
        refuse_work(field, getattr(new, field), todo=name)
    return new.replace(estimate_minutes=new.estimate_minutes or 0.0)


def _title(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        raise InvalidInputError("is empty; say what is to be done")
    return _line(value, limit=TITLE_CHARACTERS)


def _line(value: Any, *, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"is {_shown(value)}; write a text")
    if len(value) > limit:
        raise InvalidInputError(f"has {len(value)} characters; use at most {limit}")
    if not value.isprintable() and any(_is_refused(letter) for letter in value):
        raise InvalidInputError(f"{_shown(value)} has control or direction characters; leave them out")
    return value


def _is_refused(letter: str) -> bool:
    return (
        letter < " "
        or "\x7f" <= letter <= "\x9f"
        or letter in _HIDDEN
        or _SURROGATES[0] <= letter <= _SURROGATES[1]
        or _TAG_CHARACTERS[0] <= letter <= _TAG_CHARACTERS[1]
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"is {_shown(value)}; write a text")
    if "\0" in value:
        raise InvalidInputError("has a NUL character; leave it out")
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInputError("has half of a surrogate pair, which is no character; leave it out") from None
    if size > DESCRIPTION_BYTES:
        raise InvalidInputError(f"has {size} bytes; keep it below {DESCRIPTION_BYTES} and refer to a file for the rest")
    return value


def _priority(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 4:  # noqa: PLR2004 - 0 is the most urgent, 4 the least
        raise InvalidInputError(f"is {_shown(value)}; write a whole number from 0 (most urgent) to 4")
    return value


def _estimate(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= ESTIMATE_MINUTES:
        raise InvalidInputError(f"is {_shown(value)}; write minutes from 0 to {ESTIMATE_MINUTES}")
    return float(value)


def _kind(value: Any) -> str:
    if value not in tuple(Kind):
        raise InvalidInputError(f"is {_shown(value)}; write {' or '.join(Kind)}")
    return Kind(value).value


def _opens_at(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 < value <= LATEST_AT):
        raise InvalidInputError(f"is {_shown(value)}; write microseconds since 1970")
    return value


def _label(value: Any) -> str:
    text = _line(value, limit=LABEL_CHARACTERS)
    if not text or text != text.strip():
        raise InvalidInputError(f"{_shown(text)} is empty or begins or ends with a space; write a short name")
    return text


def _path(value: str) -> str:
    text = _line(value, limit=PATH_CHARACTERS)
    if not text.strip() or "\\" in text:
        raise InvalidInputError(f"{_shown(text)} is no path; write one with '/', relative to the project's folder")
    if text.startswith(("/", "~")) or text[1:2] == ":" or ".." in text.split("/"):
        raise InvalidInputError(f"{_shown(text)} leads out of the project's folder; name one inside it")
    return text


def _touch(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str):
        return _path(value)
    keys = set(value) if isinstance(value, dict) else set()
    if keys in ({"path"}, {"path", "mode"}) and isinstance(value["path"], str):
        if value.get("mode", "write") not in ("read", "write"):
            raise InvalidInputError(f"has the mode {_shown(value['mode'])}; write read or write")
        return {**value, "path": _path(value["path"])}
    if keys in ({"resource"}, {"resource", "amount"}) and isinstance(value["resource"], str):
        amount = value.get("amount", 1)
        if type(amount) is not int or not 1 <= amount <= RESOURCE_AMOUNT:
            raise InvalidInputError(f"has the amount {_shown(amount)}; write 1 to {RESOURCE_AMOUNT}")
        return {**value, "resource": _label(value["resource"])}
    raise InvalidInputError(
        f'has {_shown(value)}; write a path, {{"path", "mode": "read" | "write"}} or {{"resource", "amount"}}'
    )


def _several(values: Any, check: Callable[[Any], Any], *, limit: int) -> tuple[Any, ...]:
    if isinstance(values, str) or not hasattr(values, "__iter__") or isinstance(values, dict):
        raise InvalidInputError(f"is {_shown(values)}; write a list")
    found = tuple(_at_most(values, limit))
    return tuple(check(value) for value in found)


def _at_most(values: Iterable[Any], limit: int) -> list[Any]:
    found = list(values)
    if len(found) > limit:
        raise InvalidInputError(f"has {len(found)} entries; use at most {limit}")
    return found


def _shown(value: Any) -> str:
    try:
        text = ascii(value[:_SHOWN]) if isinstance(value, str) and not value.isprintable() else repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists within lists
        text = f"a {type(value).__name__} that is too large"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _as_id(todo: str | None) -> str | None:
    return todo if isinstance(todo, str) and todo.isprintable() and len(todo) <= ID_CHARACTERS else None


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "title": _title,
    "id": lambda value: None if value is None else checked_id(value),
    "description": _text,
    "after": checked_ids,
    "estimate_minutes": _estimate,
    "priority": _priority,
    "branch": lambda value: None if value is None else _label(value),
    "touches": lambda value: _several(value, _touch, limit=LABELS_PER_TODO),
    "needs": lambda value: _several(value, _label, limit=LABELS_PER_TODO),
    "kind": _kind,
    "opens_at": _opens_at,
}
