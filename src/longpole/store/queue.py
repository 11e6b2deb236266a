"""The work queue: ready todos as they were ranked for everybody, of which each claim takes the first that is left.

Nobody ever waits here. Whoever ranks locks the ranking's row, and nobody else ranks meanwhile; the others go on with
the edition before, whose items stay until the edition after. An item that was claimed from both is one whose todo is
no longer ready, and is passed over like any other. Dead rows of former editions lie outside of what is looked at.
"""

from __future__ import annotations

from longpole.store import needs, picks
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longpole.selection import BestOf, Selection
    from longpole.store.dialect import Row, Transaction

MOST = 200  # items of an edition: ranking takes 0.7 ms on SQLite and 2.4 on PostgreSQL, in a project of any size
FEWEST = 5  # of each need all the same
# The status in a form that no index over ready todos answers to: the number is to be looked up by the key.
FIRST = """
    SELECT q.place, q.number, q.why FROM queue q JOIN todo t ON t.project_id = q.project_id AND t.number = q.number
    WHERE q.project_id = ? AND q.edition = ? AND COALESCE(t.status, '') = 'ready' AND t.need IN INTS
    ORDER BY q.place LIMIT 1 FOR UPDATE SKIP LOCKED"""
RANKING = """
    SELECT edition, strategy, graph_version, ranked_at,
        (SELECT p.graph_version FROM project p WHERE p.project_id = r.project_id)
    FROM ranking r WHERE project_id = ?"""
# One statement, and so one state of things: what another has just claimed is neither ready nor in the queue. It reads
# the edition; PostgreSQL would look up an item by an index over numbers as well, and read all of its edition each time.
IS_NEW = """
    SELECT 1 FROM todo t WHERE t.project_id = ? AND t.number = ? AND t.status = 'ready'
    AND NOT EXISTS (SELECT 1 FROM queue q
        WHERE q.project_id = t.project_id AND q.edition = ? AND q.number = t.number)"""
FORGET = """
    DELETE FROM queue WHERE project_id = ? AND (edition, place) IN
        (SELECT edition, place FROM queue WHERE project_id = ? AND edition < ? FOR UPDATE SKIP LOCKED)"""


class Ranking(Value):
    """An edition of the queue: by which strategy, of which graph, and when. `graph_now`: the graph's version now."""

    edition: int
    strategy: str
    graph_version: int
    ranked_at: int
    graph_now: int


NONE_YET = Ranking(edition=0, strategy="", graph_version=0, ranked_at=0, graph_now=0)


class Item(Value):
    """A todo in its place of an edition; `why` is the selection's."""

    edition: int
    place: int
    number: int
    why: str


def ranking(tx: Transaction) -> Ranking:
    """Give the latest edition; before the first it is one of number 0, by no strategy."""
    row = tx.one(RANKING, (tx.project_id,))
    return _ranking(row) if row else NONE_YET


def first(tx: Transaction, edition: int, needs_met: Iterable[int]) -> Item | None:
    """Give the first item whose todo is ready and wanted by nobody else, and lock both; None if there is none."""
    row = tx.one(FIRST, (tx.project_id, edition, tx.listed(needs_met)))
    return Item(edition=edition, place=row[0], number=row[1], why=row[2]) if row else None


def drop(tx: Transaction, item: Item) -> None:
    """Take an item out."""
    tx.run(
        "DELETE FROM queue WHERE project_id = ? AND edition = ? AND place = ?",
        (tx.project_id, item.edition, item.place),
    )


def is_new(tx: Transaction, edition: int, number: int) -> bool:
    """Tell whether a todo is ready and has no item: it came, or came back, after the others had been ranked."""
    return tx.one(IS_NEW, (tx.project_id, number, edition)) is not None


def lock(tx: Transaction) -> Ranking | None:
    """Give the latest edition to be replaced by this transaction alone; None if another is about to replace it.

    Only the first of all is waited for.
    """
    statement = f"{RANKING} FOR UPDATE SKIP LOCKED"
    row = tx.one(statement, (tx.project_id,))
    if row is None and ranking(tx) == NONE_YET:
        tx.run(
            "INSERT INTO ranking (project_id, edition, strategy, graph_version, ranked_at) VALUES (?, 0, '', 0, 0)"
            " ON CONFLICT (project_id) DO NOTHING",
            (tx.project_id,),
        )
        row = tx.one(statement, (tx.project_id,))
    return _ranking(row) if row else None


def rank(tx: Transaction, former: Ranking, strategy: str, wanted: Sequence[Selection | BestOf]) -> Ranking:
    """Make the edition after `former`, which is locked, of what is ready now, in the order that a strategy wants.

    Todos of each need are in it, so that nobody finds only what is for others.
    """
    edition = former.edition + 1
    tx.run(FORGET, (tx.project_id, tx.project_id, former.edition))
    items = _items(tx, wanted, _needs(tx))
    tx.insert(
        "queue",
        "project_id, edition, place, number, why",
        [(tx.project_id, edition, place, number, why) for place, (number, why) in enumerate(items.items(), start=1)],
    )
    tx.run(
        "UPDATE ranking SET edition = ?, strategy = ?, graph_version = ?, ranked_at = ? WHERE project_id = ?",
        (edition, strategy, former.graph_now, tx.now, tx.project_id),
    )
    return former.replace(edition=edition, strategy=strategy, graph_version=former.graph_now, ranked_at=tx.now)


def _items(tx: Transaction, wanted: Sequence[Selection | BestOf], of_needs: Sequence[int]) -> dict[int, str]:
    """Give the ready todos in order, each with the reason of the first selection that offers it."""
    limit = max(MOST // len(of_needs), FEWEST)
    found: dict[int, str] = {}
    for one in wanted:
        for row in picks.read(tx, one, of_needs, limit=limit, lock=""):
            found.setdefault(row[4], row[-1].why)
    return found


def _needs(tx: Transaction) -> list[int]:
    rows = tx.all("SELECT number FROM need WHERE project_id = ? ORDER BY number", (tx.project_id,))
    return [needs.ANYBODY, *(row[0] for row in rows)]


def _ranking(row: Row) -> Ranking:
    return Ranking(edition=row[0], strategy=row[1], graph_version=row[2], ranked_at=row[3], graph_now=row[4])
