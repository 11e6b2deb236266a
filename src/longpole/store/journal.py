"""The journal: append-only history, written in the transaction of the act itself."""

from __future__ import annotations

import json

from longpole.model import Event, EventKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.store.dialect import Row, Transaction

PAGE = 1000
START = "0"
"""The cursor before the first event."""
# What instances do between claim and completion brings nobody work. All else may: who waits is told.
NO_NEWS = frozenset(
    (
        *(EventKind.CLAIMED, EventKind.PROGRESSED, EventKind.REGISTERED, EventKind.OFFERED, EventKind.UNREGISTERED),
        EventKind.ELECTED,
        *(EventKind.BRANCH_KEPT, EventKind.BRANCH_FREED),  # its todos are given out in any case
    )
)
COLUMNS = "project_id, at, kind, todo, instance, token, why, data"
INSERT = f"INSERT INTO journal ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant
SELECT = """
    SELECT j.seq, j.at, j.kind, d.id, i.name, j.token, j.why, j.data
    FROM journal j
    LEFT JOIN todo_detail d ON d.project_id = j.project_id AND d.number = j.todo
    LEFT JOIN instance i ON i.project_id = j.project_id AND i.number = j.instance
    WHERE j.project_id = ? AND {behind}"""


def write(
    tx: Transaction,
    kind: EventKind,
    *,
    todo: int | None = None,
    instance: int | None = None,
    token: int | None = None,
    why: str | None = None,
    data: Mapping[str, object] | None = None,
) -> None:
    """Note one act. `data` is what only this kind of act has, as JSON values."""
    text = None if data is None else json.dumps(data, ensure_ascii=False)
    tx.run(INSERT, (tx.project_id, tx.now, kind.value, todo, instance, token, why, text))
    if kind not in NO_NEWS:
        tx.announce()


def write_added(tx: Transaction, added: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Note that todos were added, each given as its number and the ids that it waits for."""
    kind = EventKind.ADDED.value
    tx.announce()
    tx.insert(
        "journal",
        COLUMNS,
        (
            (
                tx.project_id,
                tx.now,
                kind,
                number,
                None,
                None,
                None,
                json.dumps({"after": list(after)}) if after else None,
            )
            for number, after in added
        ),
    )


def write_edited(tx: Transaction, edited: Iterable[tuple[int, Mapping[str, object]]], *, why: str) -> None:
    """Note that todos were edited for one reason, each given as its number and what changed."""
    kind = EventKind.EDITED.value
    tx.announce()
    rows = (
        (tx.project_id, tx.now, kind, number, None, None, why, json.dumps(changes, ensure_ascii=False))
        for number, changes in edited
    )
    tx.insert("journal", COLUMNS, rows)


def page(tx: Transaction, cursor: str, *, todo: int | None = None, limit: int = PAGE) -> tuple[list[Event], bool]:
    """Give the next events behind a cursor, causes before effects, and whether these are all.

    Nothing is ever stepped over, whatever the order in which transactions commit. Raises InvalidInputError for a text
    that is no cursor.
    """
    events, whole = _page(tx, cursor, todo, limit)
    further = tx.cursor_at(cursor, None, whole=True)
    if whole and further not in (cursor, tx.cursor_at(START, None, whole=True)):
        # The cursor was inside a page of an earlier time, and that page has been given to its end.
        more, whole = _page(tx, further, todo, limit - len(events))
        events += more
    return events, whole


def _page(tx: Transaction, cursor: str, todo: int | None, limit: int) -> tuple[list[Event], bool]:
    behind, from_there = tx.behind(cursor)
    mine, about = ("", ()) if todo is None else (" AND j.todo = ?", (todo,))
    select = SELECT.format(behind=behind)
    rows = tx.all(f"{select}{mine} ORDER BY j.seq LIMIT ?", (tx.project_id, *from_there, *about, limit))
    whole = len(rows) < limit
    events = [_event(row, tx.cursor_at(cursor, row[0], whole=whole and row is rows[-1])) for row in rows]
    return events, whole


def newest(tx: Transaction) -> str:
    """Give the cursor behind all that has happened."""
    row = tx.one("SELECT seq FROM journal WHERE project_id = ? ORDER BY seq DESC LIMIT 1", (tx.project_id,))
    return tx.cursor_at(START, row[0] if row else None, whole=True)


def newest_at(tx: Transaction) -> int:
    """Tell when the newest event was; 0 for an empty journal."""
    row = tx.one("SELECT at FROM journal WHERE project_id = ? ORDER BY seq DESC LIMIT 1", (tx.project_id,))
    return row[0] if row else 0


def _event(row: Row, cursor: str) -> Event:
    seq, at, kind, todo, instance, token, why, data = row
    return Event(
        seq=seq,
        at=at,
        kind=EventKind(kind),
        todo=todo,
        instance=instance,
        token=token,
        why=why,
        data=None if data is None else json.loads(data),
        cursor=cursor,
    )
