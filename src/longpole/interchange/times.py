"""Times as other tools write them, and microseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def read_time(value: Any) -> int | None:
    """Microseconds since 1970 of a time like 2026-01-31T10:00:00Z; None if it is no time after 1970.

    A time without a zone is taken as UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return moment // _MICROSECOND if moment > timedelta(0) else None


def write_time(at: int) -> str:
    """The time as text in UTC, with a fraction only where there is one."""
    return (_EPOCH + at * _MICROSECOND).isoformat().replace("+00:00", "Z")


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
