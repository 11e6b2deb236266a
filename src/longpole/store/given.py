"""How a todo was given out last, as the journal tells."""

from __future__ import annotations

import json

from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.dialect import Transaction

REACHES = (100, 3_000, 100_000)  # events from the end; there is no index by todo (docs/decisions/0006)
CLAIMS = """
    SELECT i.name, j.token, j.why, j.data FROM
        (SELECT seq, todo, kind, instance, token, why, data FROM journal
        WHERE project_id = ? ORDER BY seq DESC LIMIT ?) AS j
    LEFT JOIN instance i ON i.project_id = ? AND i.number = j.instance
    WHERE j.todo = ? AND j.kind = 'claimed' ORDER BY j.seq DESC LIMIT 1"""


class Given(Value):
    """To whom a todo was given, with which token, by which rule; `met` counts what was in the way before."""

    instance: str | None
    token: int
    why: str
    met: dict[str, int]


def last(tx: Transaction, number: int) -> Given | None:
    """Give the latest claim of a todo, found from the journal's end on; None if there is none within reach."""
    for reach in REACHES:
        row = tx.one(CLAIMS, (tx.project_id, reach, tx.project_id, number))
        if row:
            met = json.loads(row[3]) if row[3] else {}
            return Given(instance=row[0], token=row[1], why=row[2] or "", met=met)
    return None
