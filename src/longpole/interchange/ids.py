"""Ids for what came without one, names that were meant, and dependencies inside a file that a person wrote."""

from __future__ import annotations

import base64
import hashlib
from difflib import get_close_matches
from typing import TYPE_CHECKING

from longpole.errors import CycleError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_CANDIDATES = 2_000  # comparing a name with more than these takes too long for a hint
_SHORTEST = 8


class Namer:
    """Gives ids to records without one: the same file gives the same ids, so a second import finds its todos."""

    def __init__(self, taken: Iterable[str], *, prefix: str = "t-") -> None:
        self._taken = set(taken)
        self._prefix = prefix
        self._times: dict[str, int] = {}

    def name(self, *key: str) -> str:
        """An id made from this key and from how often it came before; not one of those taken."""
        joined = "\0".join(key)
        self._times[joined] = count = self._times.get(joined, 0) + 1
        digest = short_hash(f"{joined}\0{count}")
        length = next(n for n in range(_SHORTEST, len(digest)) if self._prefix + digest[:n] not in self._taken)
        found = self._prefix + digest[:length]
        self._taken.add(found)
        return found


def short_hash(text: str) -> str:
    """Lower-case letters and digits that stand for a text; take as many from the front as needed."""
    data = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(data).decode().rstrip("=").lower()


def nearest(name: str, known: Collection[str]) -> str:
    """A hint ("; did you mean 'x'?") at the known name that is most like this one; empty if none is."""
    found = get_close_matches(name, known, n=1) if len(known) <= _CANDIDATES else []
    return f"; did you mean {found[0]!r}?" if found else ""


def resolved(todo_id: str, after: Iterable[str], *, known: Collection[str], counts: dict[str, int]) -> tuple[str, ...]:
    """The dependencies of a todo as a person wrote them, repeated ones dropped and counted.

    Raises CycleError if it waits for itself, InvalidInputError for an id that is not known.
    """
    found: dict[str, None] = {}
    for dependency in after:
        if dependency == todo_id:
            raise CycleError((todo_id,))
        if dependency not in known:
            raise InvalidInputError(
                f"todo {todo_id!r} waits for {dependency!r}, which is neither in the file nor in the project"
                f"{nearest(dependency, known) or '; add it or correct the id'}",
                todo_id=todo_id,
            )
        if dependency in found:
            counts["dropped.repeated"] = counts.get("dropped.repeated", 0) + 1
        found[dependency] = None
    return tuple(found)
