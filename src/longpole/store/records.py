"""The records of imported files, kept as they were, and which fields of a todo longpole has changed since."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.store.dialect import Transaction

    Record = tuple[str, int, str | None, bool, str]
    """Format, position, id, whether a todo stands for it, and the record itself."""


def read(tx: Transaction) -> list[Record]:
    """Give all records kept, by format and position."""
    rows = tx.all(
        "SELECT format, position, id, is_todo, raw FROM source_record WHERE project_id = ? ORDER BY format, position",
        (tx.project_id,),
    )
    return [(format_, position, record_id, bool(is_todo), raw) for format_, position, record_id, is_todo, raw in rows]


def update(tx: Transaction, format_: str, records: Sequence[Record]) -> None:
    """Keep these records of a format, in their order; behind them those kept before that a newer file left out."""
    ids = {record[2] for record in records if record[2] is not None}
    left_out = [
        record for record in read(tx) if record[0] == format_ and record[2] is not None and record[2] not in ids
    ]
    tx.run("DELETE FROM source_record WHERE project_id = ? AND format = ?", (tx.project_id, format_))
    tx.insert(
        "source_record",
        "project_id, format, position, id, is_todo, raw",
        (
            (tx.project_id, format_, position, record_id, int(is_todo), raw)
            for position, (_, _, record_id, is_todo, raw) in enumerate([*records, *left_out])
        ),
    )


def edited(tx: Transaction) -> dict[str, set[str]]:
    """Name for each todo the fields that longpole has changed; todos without any are left out."""
    rows = tx.all("SELECT id, edited FROM todo_detail WHERE project_id = ? AND edited <> '[]'", (tx.project_id,))
    return {todo_id: set(json.loads(fields)) for todo_id, fields in rows}


def forget_edits(tx: Transaction, todo_id: str, fields: Iterable[str]) -> None:
    """Take these fields of a todo for unchanged again: what was just written came from a file."""
    row = tx.one("SELECT edited FROM todo_detail WHERE project_id = ? AND id = ?", (tx.project_id, todo_id))
    assert row is not None
    left = json.dumps(sorted(set(json.loads(row[0])) - set(fields)))
    tx.run("UPDATE todo_detail SET edited = ? WHERE project_id = ? AND id = ?", (left, tx.project_id, todo_id))


def mark_edited(tx: Transaction, number: int, fields: Iterable[str]) -> None:
    """Note which fields of a todo longpole has changed, so that no import undoes it."""
    row = tx.one("SELECT edited FROM todo_detail WHERE project_id = ? AND number = ?", (tx.project_id, number))
    assert row is not None
    marked = json.dumps(sorted({*json.loads(row[0]), *fields}))
    tx.run("UPDATE todo_detail SET edited = ? WHERE project_id = ? AND number = ?", (marked, tx.project_id, number))


def mark_all_edited(tx: Transaction, numbers: Sequence[int], field: str) -> None:
    """Note for many todos that longpole has changed one field, as `mark_edited` does for one."""
    of_them = "project_id = ? AND number IN INTS"
    some = tx.all(
        f"SELECT number FROM todo_detail WHERE {of_them} AND edited <> '[]'",  # noqa: S608 - constant, as below
        (tx.project_id, tx.listed(numbers)),
    )
    for (number,) in some:
        mark_edited(tx, number, [field])
    tx.run(
        f"UPDATE todo_detail SET edited = ? WHERE {of_them} AND edited = '[]'",  # noqa: S608
        (json.dumps([field]), tx.project_id, tx.listed(numbers)),
    )
