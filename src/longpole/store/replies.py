"""What acts with an idempotency key answered: a retry after a lost reply gets the same answer and changes nothing."""

from __future__ import annotations

import json

from longpole.errors import InvalidInputError
from longpole.store import projects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from longpole.store.dialect import Transaction

KEPT_S = 86400
MAX_KEY = 200


def find(tx: Transaction, key: str | None, act: str) -> dict[str, Any] | None:
    """Give the answer that this key got before; None if it is new, or if there is no key.

    Raises InvalidInputError if the key belongs to another act: of another instance, another verb, another todo.
    """
    if key is None:
        return None
    check(key)
    row = tx.one("SELECT act, answer FROM reply WHERE project_id = ? AND key = ?", (tx.project_id, key))
    if row is None:
        return None
    if row[0] != act:
        raise InvalidInputError(f"the idempotency key {key!r} was used for another act ({row[0]}); use a new one")
    answer: dict[str, Any] = json.loads(row[1])
    return answer


def check(key: str | None) -> None:
    """Raise InvalidInputError for a key that could not be shown."""
    if key is not None and (not 0 < len(key) <= MAX_KEY or not key.isprintable()):
        raise InvalidInputError(f"an idempotency key is 1 to {MAX_KEY} printable characters")


def keep(tx: Transaction, key: str | None, act: str, answer: dict[str, Any]) -> None:
    """Keep the answer of an act that has just been done in this transaction."""
    if key is not None:
        tx.run(
            "INSERT INTO reply (project_id, key, at, act, answer) VALUES (?, ?, ?, ?, ?)",
            (tx.project_id, key, tx.now, act, json.dumps(answer)),
        )


def forget(tx: Transaction, key: str | None) -> None:
    """Forget the answer of a key; the act counts as new then."""
    tx.run("DELETE FROM reply WHERE project_id = ? AND key = ?", (tx.project_id, key))


def prune(tx: Transaction, pruned_at: int) -> None:
    """Forget the answers older than a day, once a day: it reads them all, and an index would cost every act a page."""
    before = tx.now - KEPT_S * 1_000_000
    if pruned_at < before:
        tx.run("DELETE FROM reply WHERE project_id = ? AND at < ?", (tx.project_id, before))
        projects.pruned(tx)
