"""Needs: the sets of labels that todos require of their instances, each a number in the index of what is ready.

A claim looks up one entry for each set that its instance offers, so that it never reads todos that are not for it.
"""

from __future__ import annotations

import json

from longpole.errors import InvalidInputError
from longpole.model import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.store.dialect import Transaction

ANYBODY = 0
GATE = -1
"""The need of a gate that a person opens: no instance ever meets it."""
OPENS = -2
"""The need of a gate that opens by itself as soon as nothing is in its way any more."""
NOTHING_OFFERED = "[]"
MOST_SETS = 100  # different ones in a project: a claim may have to look up one entry for each
# What instances with other labels may have, a few of each set counted by the index of what is ready.
READY_FOR_OTHERS = """
    SELECT n.labels, (SELECT COUNT(*) FROM
        (SELECT 1 FROM todo t WHERE t.project_id = n.project_id AND t.status = 'ready' AND t.need = n.number
        ORDER BY t.urgency, t.number LIMIT ?) AS r)
    FROM need n WHERE n.project_id = ? AND NOT (n.number IN INTS) ORDER BY n.number"""
UNFINISHED = """
    SELECT need, COUNT(*) FROM todo
    WHERE project_id = ? AND need > 0 AND status IN ('blocked', 'ready', 'in_progress', 'failed') GROUP BY need"""


def spelled(labels: Iterable[str]) -> str:
    """Spell labels as they are stored: sorted, each once."""
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def numbers_of(tx: Transaction, sets: Iterable[Iterable[str]], *, most: int = MOST_SETS) -> list[int]:
    """Give the number of each set of labels, a new one to a set that the project has not had; its lock is the caller's.

    Raises InvalidInputError where the project would have more than `most` different ones.
    """
    known = {NOTHING_OFFERED: ANYBODY}
    texts = [spelled(labels) for labels in sets]
    for text in texts:
        if text not in known:
            known[text] = _number_of(tx, text, keep=known.values(), most=most)
    return [known[text] for text in texts]


def number_of(tx: Transaction, labels: Iterable[str], *, most: int = MOST_SETS) -> int:
    """Give the number of one set of labels as `numbers_of` does."""
    return numbers_of(tx, [labels], most=most)[0]


def renew(tx: Transaction, number: int) -> None:
    """Note in a todo's row what its fields say that it needs: they were changed, or it was reopened.

    A gate waits for its time if that is still to come, else for a person: its time would open it at once.
    """
    row = tx.one(
        "SELECT d.kind, d.needs, h.until_at FROM todo_detail d"
        " LEFT JOIN hold h ON h.project_id = d.project_id AND h.number = d.number AND h.kind = 'gate'"
        " WHERE d.project_id = ? AND d.number = ?",
        (tx.project_id, number),
    )
    assert row is not None
    kind, labels, until_at = row
    need = number_of(tx, json.loads(labels)) if kind != Kind.GATE else GATE if until_at is None else OPENS
    tx.run("UPDATE todo SET need = ? WHERE project_id = ? AND number = ?", (need, tx.project_id, number))


def met_by(tx: Transaction, offers: str) -> tuple[int, ...]:
    """Give the needs that an instance with these labels, spelled as they are stored, meets."""
    if offers == NOTHING_OFFERED:
        return (ANYBODY,)
    offered = set(json.loads(offers))
    return (ANYBODY, *(number for number, labels in _sets(tx) if offered.issuperset(labels)))


def ready_for_others(tx: Transaction, met: Sequence[int], *, most: int) -> list[tuple[tuple[str, ...], int]]:
    """Give the sets of labels that ready todos need beside those that are met, each with how many, `most` at most."""
    rows = tx.all(READY_FOR_OTHERS, (most, tx.project_id, tx.listed(met)))
    return [(tuple(json.loads(labels)), count) for labels, count in rows if count]


def unoffered(tx: Transaction) -> list[tuple[tuple[str, ...], int]]:
    """Give the sets of labels that unfinished todos need and no live instance offers, each with how many there are.

    It reads the whole project: not for each poll.
    """
    offered = live_offers(tx)
    lacking = {number: labels for number, labels in _sets(tx) if not any(one.issuperset(labels) for one in offered)}
    rows = tx.all(UNFINISHED, (tx.project_id,)) if lacking else []
    return [(lacking[number], count) for number, count in sorted(rows) if number in lacking]


def live_offers(tx: Transaction) -> list[set[str]]:
    """Give what the live instances offer, equal ones once."""
    rows = tx.all("SELECT DISTINCT offers FROM instance WHERE project_id = ? AND state = 'live'", (tx.project_id,))
    return [set(json.loads(row[0])) for row in rows]


def _sets(tx: Transaction) -> list[tuple[int, tuple[str, ...]]]:
    rows = tx.all("SELECT number, labels FROM need WHERE project_id = ? ORDER BY number", (tx.project_id,))
    return [(number, tuple(json.loads(labels))) for number, labels in rows]


def _number_of(tx: Transaction, text: str, *, keep: Iterable[int], most: int) -> int:
    row = tx.one("SELECT number FROM need WHERE project_id = ? AND labels = ?", (tx.project_id, text))
    if row:
        return int(row[0])
    number = _next(tx, keep, most)
    tx.run("INSERT INTO need (project_id, number, labels) VALUES (?, ?, ?)", (tx.project_id, number, text))
    return number


def _next(tx: Transaction, keep: Iterable[int], most: int) -> int:
    """Give a number that no unfinished todo has. Where there are too many, sets that none has are forgotten."""
    taken = [number for number, _ in _sets(tx)]
    if len(taken) >= most:
        used = {row[0] for row in tx.all(UNFINISHED, (tx.project_id,))} | set(keep)
        unused = [number for number in taken if number not in used]
        tx.run("DELETE FROM need WHERE project_id = ? AND number IN INTS", (tx.project_id, tx.listed(unused)))
        if not unused:
            raise InvalidInputError(
                f"the unfinished todos have {len(taken)} different sets of needs already; give this one the labels of"
                " another"
            )
    return max(taken, default=0) + 1
