"""The contenders that PostgreSQL alone has. See bench.contenders.Contender."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from bench.contenders import Longpole, Merged
from bench.databases import RAW_ROWS
from bench.postgres.server import connected
from longpole.errors import ClaimLostError

if TYPE_CHECKING:
    from longpole.handles import Claim

# Half of each page is left free, so that a row's next version always fits beside it: the least that a commit can cost.
RAW_TABLE = f"""
    CREATE TABLE raw (id BIGINT PRIMARY KEY, value BIGINT NOT NULL) WITH (fillfactor = 50);
    INSERT INTO raw SELECT number, 0 FROM generate_series(0, {RAW_ROWS - 1}) number"""  # noqa: S608 - a constant
UPDATE = "UPDATE raw SET value = value + 1 WHERE id = %s RETURNING value"
BATCH = 10


class Raw:
    """The limit: change one row and commit, in one round trip, by a prepared statement."""

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> None:
        """Connect."""
        self._connection = connected(self._url)
        self._connection.execute("SET synchronous_commit = on")
        self._draw = random.Random()  # noqa: S311 - which row does not matter

    def begin(self) -> None:
        """Nothing to get ready."""

    def act(self) -> float:
        """Change a row and commit."""
        began = time.monotonic()
        self._connection.execute(UPDATE, (self._draw.randrange(RAW_ROWS),), prepare=True).fetchone()
        return time.monotonic() - began

    def end(self) -> None:
        """Nothing is in hand."""

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class Unkeyed(Merged):
    """Merged cycles as a program runs them that gives no idempotency keys."""

    def act(self) -> float | None:
        """Go from one todo to the next."""
        if self._claim is None:
            return None
        began = time.monotonic()
        claims = self._claim.complete_and_claim()
        took = time.monotonic() - began
        self._claim = claims[0] if claims else None
        return took


class Batch(Longpole):
    """Complete ten todos and claim the next ten in one act, which counts as ten: nine of them take no time."""

    def begin(self) -> None:
        """Register and claim a first batch."""
        super().begin()
        self._claims: list[Claim] = self._me.claim(count=BATCH)
        self._counted = 0

    def act(self) -> float | None:
        """Count a todo of the batch; with the last complete them all and claim the next."""
        self._counted += 1
        if self._counted < len(self._claims):
            return 0.0
        if not self._claims:
            return None
        began = time.monotonic()
        self._claims, self._counted = self._complete(count=BATCH), 0
        return time.monotonic() - began

    def end(self) -> None:
        """Complete what is left of the batch and unregister."""
        self._complete(count=0)
        super().end()

    def _complete(self, *, count: int) -> list[Claim]:
        """Complete what is still its own: as the project runs out, others take over what was not begun."""
        while True:
            try:
                return self._me.complete_many(self._claims, count=count)
            except ClaimLostError as lost:
                self._claims = [claim for claim in self._claims if claim.id != lost.todo_id]


class Beat(Longpole):
    """Renew a lease."""

    def act(self) -> float:
        """Beat once."""
        began = time.monotonic()
        self._me.heartbeat()
        return time.monotonic() - began
