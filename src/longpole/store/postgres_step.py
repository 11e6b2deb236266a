"""The function of postgres_step.sql: its text, made of the statements in claims.py, and how it is called.

One call takes 0.47 of what raw one-row commits reach on one connection, the same statements one by one 0.22
(docs/decisions/0010). Its name carries a checksum of its text, so that each release in a fleet finds its own.
"""

from __future__ import annotations

import os
import zlib

from psycopg import errors

from longpole.model import EventKind
from longpole.selection import Order
from longpole.store import batches, claims, instances, journal, picks
from longpole.store.postgres_transaction import LOCK_TIMEOUT, MIGRATING, TURN, with_arrays

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

FILE = os.path.join(os.path.dirname(__file__), "postgres_step.sql")
CALL = """
    SELECT {name}(%s, %s, %s, %s, %s, %s, ARRAY[{marks}]::TEXT[], ARRAY[{marks}]::BIGINT[], ARRAY[{marks}]::TEXT[],
        %s, %s, %s, %s, %s, %s, %s, %s)"""
DONE = "v_done"
# What picks.TAKE and picks.READY ask for, in their order. Whoever has labels to match goes the long way.
CLAIMED = ("p_instance", "v_now", "(n - 1)", "p_project")
LOOKED_AT = {"any": ("p_project", "0"), "branch": ("p_project", "p_branch", "0")}
BY_CONTEXT = picks.TAKE.format(
    pick=f"""number = (
        SELECT number FROM ({picks.heads(((Order.CRITICAL_PATH, True), (Order.CRITICAL_PATH, False)), picks.FREE)}) AS b
        ORDER BY urgency, critical_path_minutes + CASE WHEN look = 0 THEN p_bonus ELSE 0 END DESC,
            total_descendants DESC, immediate_dependents DESC, number LIMIT 1)"""  # noqa: S608 - constants
)
# A process that dies here must not keep the lock from the others.
BOUNDS = (
    f"SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', TRUE),"
    " set_config('idle_in_transaction_session_timeout', '60s', TRUE)"
)


class Function:
    """The function as this release of longpole has it."""

    def __init__(self) -> None:
        with open(FILE, encoding="utf-8") as file:
            text = file.read()
        words = _words()
        self._name = f"longpole_step_{zlib.crc32(text.format(**words, name='').encode()):08x}"
        self._text = text.format(**words, name=self._name)
        self._calls: dict[int, str] = {}  # by the number of claims to complete
        self._refused = False

    def call(self, connection: Connection, finished: int, parameters: Sequence[object]) -> str | None:
        """Call the function to complete so many claims, and make it first where it is not there.

        None where it may not be made. Raises psycopg.Error.
        """
        if self._refused:
            return None
        try:
            row = connection.execute(self._statement(finished), parameters).fetchone()
        except errors.UndefinedFunction:
            if not self._make(connection):
                return None
            row = connection.execute(self._statement(finished), parameters).fetchone()
        return row[0] if row else None

    def _statement(self, finished: int) -> str:
        """Spell a call with a mark for each value: psycopg takes 60 µs longer for lists."""
        if finished not in self._calls:
            self._calls[finished] = CALL.format(name=self._name, marks=", ".join(["%s"] * finished))
        return self._calls[finished]

    def _make(self, connection: Connection) -> bool:
        try:
            with connection.transaction():
                connection.execute(BOUNDS)
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
                connection.execute(self._text.encode())
        except errors.InsufficientPrivilege:
            self._refused = True
        return not self._refused


def _words() -> dict[str, str]:
    return {
        "lock_timeout": LOCK_TIMEOUT,
        "turn": str(TURN),
        "complete": _bound(claims.COMPLETE, "v_now", "p_project", DONE, "p_instance", "p_tokens[n]"),
        "lock_dependents": "PERFORM"
        + _bound(f"{claims.DEPENDENTS} FOR UPDATE", "p_project", "p_project", "v_numbers").removeprefix("SELECT"),
        "satisfy": _bound(claims.SATISFY, "p_project", DONE),
        "set_result": _bound(claims.SET_RESULT, "p_results[n]", "p_project", DONE),
        "live": _bound(instances.COUNT_LIVE, "p_project"),
        "ready": _bound(batches.READY, "p_project", "0", "p_count * v_live"),
        "take_by_critical_path": _take((Order.CRITICAL_PATH, False)),
        "take_of_branch": _take((Order.CRITICAL_PATH, True)),
        "take_by_arrival": _take((Order.ARRIVAL, False)),
        "take_of_branch_by_arrival": _take((Order.ARRIVAL, True)),
        "take_by_context": _bound(_unassigned(BY_CONTEXT), *CLAIMED, *LOOKED_AT["branch"], "1", *LOOKED_AT["any"], "1"),
        "note_branch": _bound(instances.NOTE_BRANCH, "v_todo.branch", "p_project", "p_instance"),
        "note_completed": _note(EventKind.COMPLETED, DONE, "p_tokens[n]", "NULL"),
        "note_claimed": _note(EventKind.CLAIMED, "v_todo.number", "v_todo.token", "v_why"),
    }


def _take(kind: tuple[Order, bool]) -> str:
    return _bound(_unassigned(picks.FIRST_FREE[kind]), *CLAIMED, *LOOKED_AT["branch" if kind[1] else "any"])


def _unassigned(take: str) -> str:
    """Pass over what is assigned to others: at most as many rows as there are instances, and none as a rule."""
    return take.replace("status = 'ready'", "status = 'ready' AND number <> ALL (v_others)")


def _note(kind: EventKind, todo: str, token: str, why: str) -> str:
    return _bound(journal.INSERT, "p_project", "v_now", f"'{kind}'", todo, "p_instance", token, why, "NULL")


def _bound(sql: str, *names: str) -> str:
    """Put the function's own names in the place of a statement's marks."""
    pieces = with_arrays(sql).split("?")
    return "".join(piece + name for piece, name in zip(pieces, (*names, ""), strict=True)).strip()
