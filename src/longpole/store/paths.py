"""Paths that todos touch, as keys of which one begins with the other exactly where the two overlap.

A key begins and ends in '/': that of 'src/api' is '/src/api/', that of the whole project '/'. So all that lies beneath
a path is one range of an index, and what it lies beneath is a short list of keys.
"""

from __future__ import annotations

WHOLE = "/"
WILD = frozenset("*?{")  # brackets are names: frameworks route by files such as [id].tsx
KEY_BYTES = 2000  # an index of PostgreSQL takes 2,700 in all


def key_of(path: str) -> str:
    """Give the key of a path as somebody wrote it: './a//b' has that of 'a/b/'.

    A pattern counts as the folder in which all that it can match lies, and so does a path too long for an index.
    """
    key = WHOLE
    for part in path.split("/"):
        longer = f"{key}{part}/"
        if not WILD.isdisjoint(part) or len(longer.encode()) > KEY_BYTES:
            break
        if part not in ("", "."):
            key = longer
    return key


def above(key: str) -> list[str]:
    """Give the keys of the folders that a path lies in, the whole project first."""
    return [key[: end + 1] for end, letter in enumerate(key[:-1]) if letter == "/"]


def beyond(key: str) -> str:
    """Give the text before which all that lies beneath a path ends: '0' comes right after '/'."""
    return key[:-1] + "0"


def overlap(one: str, other: str) -> bool:
    """Tell whether one of two keys lies in the other, or is the other."""
    return one.startswith(other) or other.startswith(one)


def shown(key: str) -> str:
    """Spell a key as a path."""
    return key.strip("/") or "."
