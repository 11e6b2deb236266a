"""Durations and times as people write them: "30m", "2h", "1d", "1h30m"; "2026-12-01T09:00Z". A day has 24 hours."""

from __future__ import annotations

from longpole.errors import InvalidInputError

_MINUTES = {"d": 1440.0, "h": 60.0, "m": 1.0, "s": 1 / 60}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST_TEXT = 40


def parse_minutes(text: str) -> float:
    """Minutes that a duration such as "1h30m" or "1.5h" stands for.

    Units fall from d through h and m to s, each at most once.
    Raises InvalidInputError for anything else, a number without a unit included.
    """
    parts = _split(text)
    if not parts:
        raise InvalidInputError(f"{text[:_LONGEST_TEXT]!r} is no duration; write it like 30m, 2h, 1d, 90s or 1h30m")
    if len(parts) == 1:
        amount, unit = parts[0]
        return amount / 60 if unit == "s" else amount * _MINUTES[unit]
    return sum(amount * _SECONDS[unit] for amount, unit in parts) / 60


def format_minutes(minutes: float) -> str:
    """The shortest usual way to write so many minutes; reading it back gives the same number."""
    seconds = round(minutes * 60)
    text = _compose(seconds)
    if parse_minutes(text) == minutes:
        return text
    from decimal import Decimal  # an estimate that is no whole number of seconds is rare

    return f"{Decimal(repr(float(minutes))):f}m"


def parse_moment(text: str, *, now_at: int | None = None) -> int:
    """Microseconds since 1970 of a time such as "2026-12-01T09:00Z", or of a duration such as "2h" from `now_at` on.

    A time has its zone. Raises InvalidInputError, also for a duration without `now_at`.
    """
    from datetime import UTC, datetime, timedelta  # whoever reads durations alone does not pay for it

    if now_at is not None and _split(text):
        return now_at + round(parse_minutes(text) * 60_000_000)
    try:
        found = datetime.fromisoformat(text.strip())
        return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):  # TypeError: it has no zone
        hint = "" if now_at is None else ", or from now on like 2h"
        raise InvalidInputError(
            f"{text[:_LONGEST_TEXT]!r} is no time; write it with its zone like 2026-12-01T09:00Z{hint}"
        ) from None


def _compose(seconds: int) -> str:
    text = ""
    for unit, size in _SECONDS.items():
        amount, seconds = divmod(seconds, size)
        text += f"{amount}{unit}" if amount else ""
    return text or "0m"


def _split(text: str) -> list[tuple[float, str]]:
    """Amounts with their units in the order written; empty if the text is no duration."""
    parts: list[tuple[float, str]] = []
    digits, left = "", "dhms"
    for letter in text.strip().lower():
        if (letter.isascii() and letter.isdigit()) or letter == ".":
            digits += letter
        elif letter in left and digits.strip(".") and digits.count(".") <= 1:
            parts.append((float(digits), letter))
            digits, left = "", left[left.index(letter) + 1 :]
        else:
            return []
    return [] if digits else parts
