"""Text of todos is data: before it reaches a terminal, what could steer the terminal is taken out of it."""

from __future__ import annotations

_SPACES = frozenset("\t\n\r\v\f\x85\u2028\u2029")


def one_line(text: str) -> str:
    """Give a text as one line without control and direction characters; breaks and tabs become spaces."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter in _SPACES else "" for letter in text).strip()


def without_password(text: str) -> str:
    """Give a text in which a URL, wherever it stands, has no password."""
    if "://" not in text and "password=" not in text:
        return text
    import re

    return re.sub(r"(://[^:/@\s]*):\S*@", r"\1@", re.sub(r"(password=)[^&\s]*", r"\1…", text))


def many_lines(text: str) -> str:
    """Give a text of several lines, each without control and direction characters."""
    return text if text.isprintable() else "\n".join(one_line(line) for line in text.expandtabs(4).split("\n"))
