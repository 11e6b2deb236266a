"""The journal: append-only history, written in the transaction of the act itself."""

from __future__ import annotations

import json

from longpole.model import Event, EventKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.store.dialect import Row, Transaction

PAGE = 1000
INSERT = "INSERT INTO journal (project_id, at, kind, todo, instance, token, why, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SELECT = """
    SELECT j.seq, j.at, j.kind, d.id, i.name, j.token, j.why, j.data
    FROM journal j
    LEFT JOIN todo_detail d ON d.project_id = j.project_id AND d.number = j.todo
    LEFT JOIN instance i ON i.project_id = j.project_id AND i.number = j.instance
    WHERE j.project_id = ? AND j.seq > ?"""


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


def write_added(tx: Transaction, added: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Note that todos were added, each given as its number and the ids that it waits for."""
    kind = EventKind.ADDED.value
    tx.many(
        INSERT,
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


def page(tx: Transaction, after: int, *, todo: int | None = None, limit: int = PAGE) -> list[Event]:
    """Give the next events after a position, in commit order; empty at the end."""
    mine, about = ("", ()) if todo is None else (" AND j.todo = ?", (todo,))
    rows = tx.all(f"{SELECT}{mine} ORDER BY j.seq LIMIT ?", (tx.project_id, after, *about, limit))
    return [_event(row) for row in rows]


def newest(tx: Transaction) -> int:
    """Give the position of the newest event; 0 for an empty journal."""
    row = tx.one("SELECT seq FROM journal WHERE project_id = ? ORDER BY seq DESC LIMIT 1", (tx.project_id,))
    return row[0] if row else 0


def newest_at(tx: Transaction) -> int:
    """Tell when the newest event was; 0 for an empty journal."""
    row = tx.one("SELECT at FROM journal WHERE project_id = ? ORDER BY seq DESC LIMIT 1", (tx.project_id,))
    return row[0] if row else 0


def _event(row: Row) -> Event:
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
    )
