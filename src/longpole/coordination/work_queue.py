"""Work queue coordination: one ranking for everybody, of which each instance takes the first item that is left.

The strategy runs once for many claims, by whoever finds the ranking out of date, in the transaction of its own claim.
To take an item is to claim its todo; if the claim does not come about, the item is back in its place.
"""

from __future__ import annotations

from longpole import strategies
from longpole.coordination import optimistic, taking
from longpole.errors import InvalidInputError
from longpole.fleet import Anybody, UnreadError
from longpole.selection import Selection
from longpole.store import claims, picks, queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longpole.coordination.acts import Asker, Outcome, Request
    from longpole.coordination.taking import Pick
    from longpole.selection import BestOf
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.claims import Claimer, Taken
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.queue import Item, Ranking
    from longpole.strategies import Strategy

MINUTE, DAY = 60_000_000, 86_400_000_000


def allocate(store: Store, asker: Asker, request: Request) -> Outcome:
    """Complete the claims that are given, if any, and claim from the ranking; see coordination.allocate."""
    return optimistic.allocate_by(store, asker, request, picker)


def picker(name: str, choose: Strategy, settings: Settings) -> Pick:
    """Pick from the ranking by a strategy. Raises InvalidInputError for one that depends on who asks."""
    return _Queue(name, for_everybody(name, choose, settings), settings.queue_refresh_s).pick


def check(settings: Settings) -> None:
    """Raise InvalidInputError for settings by whose strategy no work queue can go."""
    for_everybody(settings.strategy, strategies.installed(settings.strategy), settings)


def for_everybody(name: str, choose: Strategy, settings: Settings) -> Sequence[Selection | BestOf]:
    """Give what a strategy wants, whoever asks. Raises InvalidInputError if it depends on that."""
    try:
        wanted = choose(Anybody(settings))
    except UnreadError:
        wanted = None
    if wanted is None or any(isinstance(one, Selection) and (one.unheld or one.keep) for one in wanted):
        raise InvalidInputError(
            f"the strategy '{name}' depends on who asks, and a work queue ranks for everybody; choose critical_path or"
            " greedy, or another coordination"
        )
    return wanted


class _Queue:
    """The ranking, as one act takes from it."""

    def __init__(self, strategy: str, wanted: Sequence[Selection | BestOf], refresh_s: float) -> None:
        self._strategy, self._wanted, self._refresh_s = strategy, wanted, refresh_s

    def pick(self, tx: Transaction, lease: Lease, who: Claimer, met: Mapping[str, int] | None) -> Taken | None:
        """Claim the first todo of the ranking that the instance may have; None if nothing is ready for it."""
        best = self._first_ready(tx, who)
        if best is None:
            return None
        ranking = queue.ranking(tx)
        if self._is_stale(ranking, tx.now):
            ranking = self._ranked(tx, ranking)
        item = queue.first(tx, ranking.edition, who.needs)
        if (item is None or item.number != best) and queue.is_new(tx, ranking.edition, best):
            # It would have come first; or there is nothing left but what was ranked for nobody yet.
            ranking = self._ranked(tx, ranking)
            item = queue.first(tx, ranking.edition, who.needs)
        taken = _take(tx, who, item, why=_why(ranking, item), met=met) if item else self._take_unranked(tx, who, met)
        if taken:
            taking.settle(tx, lease, taken)
        return taken

    def _first_ready(self, tx: Transaction, who: Claimer) -> int | None:
        """Give the todo that the strategy wants first of all; None if it wants nothing, or nothing is ready."""
        for one in self._wanted:
            rows = picks.read(tx, one, who.needs, limit=1, lock="")
            if rows:
                return int(rows[0][4])
        return None

    def _is_stale(self, ranking: Ranking, now: int) -> bool:
        """Tell whether todos are to be ranked anew. A ranking far in the future tells that the clock was set back."""
        return (
            ranking.graph_version != ranking.graph_now
            or ranking.strategy != self._strategy
            or abs(now - ranking.ranked_at) >= self._refresh_s * 1e6
        )

    def _ranked(self, tx: Transaction, seen: Ranking) -> Ranking:
        """Rank anew, unless somebody has done so since `seen`, or is about to."""
        latest = queue.lock(tx)
        if latest is None or latest.edition != seen.edition:
            return latest or seen
        return queue.rank(tx, latest, self._strategy, self._wanted)

    def _take_unranked(self, tx: Transaction, who: Claimer, met: Mapping[str, int] | None) -> Taken | None:
        """Claim without the ranking: another is about to make it, or has in hand what is left of it."""
        for patient in (False,) if who.reserved else (False, True):
            for one in self._wanted:
                if taken := claims.take(tx, _unranked(one), who, patient=patient, met=met):
                    return taken
        return None


def _unranked(wanted: Selection | BestOf) -> Selection | BestOf:
    if isinstance(wanted, Selection):
        return wanted.replace(why=f"work_queue by {wanted.why}, not ranked yet")
    return wanted.replace(selections=tuple(_unranked(one) for one in wanted.selections))


def _take(tx: Transaction, who: Claimer, item: Item, *, why: str, met: Mapping[str, int] | None) -> Taken | None:
    queue.drop(tx, item)
    return claims.take_this(tx, item.number, who, why=why, met=met)


def _why(ranking: Ranking, item: Item) -> str:
    hours, minutes = divmod(ranking.ranked_at % DAY // MINUTE, 60)
    return f"work_queue by {item.why}, place {item.place} of the ranking of {hours:02}:{minutes:02} UTC"
