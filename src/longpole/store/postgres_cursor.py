"""Cursors of the journal on PostgreSQL, where an event's number is given out before its transaction commits.

Whoever remembers the largest number seen steps over the events that commit late. So a cursor is a snapshot: which
transactions had ended when the journal was read. What comes after it is what was written by any other, in the order
of the numbers, which puts causes before effects: an act that another made possible gets its number afterwards.
(The idea is River's and others'; numbers and transactions may cross, which rules out a pair of the two as a cursor.)

As text: "N" is behind all events numbered up to N, for a person to type; "XMIN:XMAX:XIPS" is a snapshot as
PostgreSQL spells it; "BEFORE/UNTIL/N" is inside the page of what UNTIL sees and BEFORE did not, behind its event N.
"""

from __future__ import annotations

from longpole.errors import InvalidInputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Condition = tuple[str, tuple[object, ...]]

MAX_DIGITS = 18  # below 2**63
SNAPSHOT = "SELECT pg_current_snapshot()::TEXT"


def behind(cursor: str, now: str) -> Condition:
    """Give the condition for the journal rows `j` behind a cursor, of which `now` is the snapshot that reads them.

    Raises InvalidInputError for a text that is no cursor.
    """
    before, until, seq = _parts(cursor, now)
    unseen, from_there = _not_in(before, now) if before else ("TRUE", ())
    seen, up_to = _in(until, now) if until != now else ("TRUE", ())
    return f"{unseen} AND {seen} AND j.seq > ?", (*from_there, *up_to, seq)


def at(cursor: str, now: str, seq: int | None, *, whole: bool) -> str:
    """Give the cursor behind an event of the page that `cursor` gave; see dialect.Transaction.cursor_at."""
    before, until, _ = _parts(cursor, now)
    if whole:
        return until
    return cursor if seq is None else f"{before}/{until}/{seq}"


def _parts(cursor: str, now: str) -> tuple[str, str, int]:
    """Give what was seen before the page, what the page is to see, and the event that it begins behind."""
    before, _, rest = cursor.partition("/")
    until, _, seq = rest.partition("/")
    if rest and _is_number(seq) and _is_snapshot(until) and (not before or _is_snapshot(before)):
        return before, until, int(seq)
    if not rest and _is_number(cursor):
        return "", now, int(cursor)
    if not rest and _is_snapshot(cursor):
        return cursor, now, 0
    raise InvalidInputError(f"'{cursor}' is no journal cursor; use one that longpole gave")


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS


def _is_snapshot(text: str) -> bool:
    parts = text.split(":")
    running = parts[-1].split(",") if parts[-1] else []
    return len(parts) == 3 and all(map(_is_number, (*parts[:2], *running)))  # noqa: PLR2004 - xmin, xmax, the running


def _numbers(snapshot: str) -> tuple[int, int, list[int]]:
    xmin, xmax, running = snapshot.split(":")
    return int(xmin), int(xmax), [int(xid) for xid in running.split(",") if xid]


def _in(snapshot: str, now: str) -> Condition:
    """Take in what bears numbers of transactions that have not been, see `_not_in`: whoever is new gets it once."""
    xmin, xmax, running = _numbers(snapshot)
    _, end, _ = _numbers(now)
    if not running:
        return "(j.xid < ? OR j.xid >= ?)", (xmax, end)
    return "(j.xid < ? OR (j.xid < ? AND NOT j.xid = ANY (?)) OR j.xid >= ?)", (xmin, xmax, running, end)


def _not_in(snapshot: str, now: str) -> Condition:
    """Leave out, too, what bears numbers of transactions that have not been: a dump of another server brought it."""
    xmin, xmax, running = _numbers(snapshot)
    _, end, _ = _numbers(now)
    bounds = "j.xid >= ? AND j.xid < ?"
    if not running:
        return f"{bounds} AND j.xid >= ?", (xmin, max(end, xmax), xmax)
    return f"{bounds} AND (j.xid >= ? OR j.xid = ANY (?))", (xmin, max(end, xmax), xmax, running)
