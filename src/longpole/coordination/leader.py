"""Leader coordination: one instance matches those that are idle to what is ready, and each takes what it was assigned.

Whoever finds that nobody leads does so, for the time of a lease, in a new term. Nothing rests on there being a leader:
an instance without an assignment chooses for itself among what is assigned to nobody else, and takes even that where
its instance lets it wait. So none stands idle while another leads, or nobody does.
"""

from __future__ import annotations

from longpole.coordination import assigning, optimistic, taking
from longpole.errors import InvalidInputError, LongpoleError
from longpole.model import Reason
from longpole.store import claims, instances, leadership
from longpole.store.claims import Head
from longpole.store.instances import microseconds
from longpole.store.readiness import NoWork
from longpole.strategies import Strategies
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import ParamSpec, TypeVar

    from longpole.coordination.acts import Asker, Outcome, Request
    from longpole.coordination.assigning import Choice
    from longpole.coordination.taking import Pick
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.claims import Claimer, Taken
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.leadership import Assignment, Pair
    from longpole.strategies import Strategy

    P = ParamSpec("P")
    Answer = TypeVar("Answer")

LOOK_S = 0.25  # a leader looks for idle instances at most so often
# So long an assignment keeps its todo from an instance that has nothing else, and so long if that asks again: who waits
# hears of an assignment within POLL_S, and who polls comes back after a second.
YIELD_US, POLL_S = 1_000_000, 0.05


class View(Value):
    """What an instance sees that leads, or could. `term` None: nobody leads. `is_aging`: half of the lease is over."""

    term: int | None
    is_aging: bool
    choice: Choice | None


def allocate(store: Store, asker: Asker, request: Request) -> Outcome:
    """Complete the claims that are given, if any, and take what is assigned; see coordination.allocate.

    The instance leads if nobody does: before it claims, or where it completes something, after that.
    """
    if not request.finishes:
        _lead_in_time(store, asker, asks=True)
    outcome = _claim(store, asker, request)
    if request.finishes:
        _lead_in_time(store, asker, asks=False)
    return outcome


def lead(store: Store, number: int, strategies: Strategies | None = None, *, asks: bool = False) -> float:
    """Become leader if nobody leads; who leads assigns what is ready. Tell after how many seconds to look again.

    It raises nothing: leading is nobody's errand, and whoever asks for work is told what is wrong.
    """
    try:
        return _lead(store, number, strategies or Strategies(), asks=asks)
    except LongpoleError:
        return LOOK_S


def view(store: Store, number: int, strategies: Strategies, *, asks: bool = False) -> View | None:
    """Look whether it is for this instance to lead, and at what could be assigned then; None if another leads."""

    def at(tx: Transaction) -> View | None:
        state = store.state(tx)
        seen = leadership.seen(tx)
        lasts = seen is not None and seen.lasts(tx.now)
        if seen and lasts and seen.instance != number:
            return None
        choose = strategies.get(state.settings.strategy)
        half = microseconds(state.settings.leader_lease_s / 2)
        return View(
            term=seen.term if seen and lasts else None,
            is_aging=seen is not None and seen.lease_expires_at - tx.now < half,
            choice=choose and assigning.choice(tx, number, _tamed(choose), state, asks=asks),
        )

    return store.look(at)


def elect(store: Store, number: int, settings: Settings) -> int | None:
    """Let an instance lead, and give its term; None if another does by now, or if the instance was given up."""

    def upon(tx: Transaction) -> int | None:
        if instances.live(tx, number) is None:
            return None
        return leadership.lead(tx, number, microseconds(settings.leader_lease_s))

    return store.act(upon)


def assign(store: Store, number: int, term: int, pairs: Iterable[Pair], *, settings: Settings) -> int:
    """Assign todos in the name of a term and renew its lease; nothing happens if it is over. Tell how many it were."""

    def upon(tx: Transaction) -> int:
        if not leadership.still_leads(tx, number, term, microseconds(settings.leader_lease_s)):
            return 0
        return leadership.assign(tx, term, pairs, accept_us=microseconds(settings.accept_s))

    return store.act(upon)


def _lead_in_time(store: Store, asker: Asker, *, asks: bool) -> None:
    """Lead, unless the instance has looked a moment ago. `asks`: it is about to ask for work itself."""
    now_s = store.engine.clock.monotonic()
    if now_s >= asker.lead_at_s:
        asker.lead_at_s = now_s + lead(store, asker.lease.number, asker.strategies, asks=asks)


def _lead(store: Store, number: int, strategies: Strategies, *, asks: bool) -> float:
    _, settings = store.settings_seen()
    if strategies.get(settings.strategy) is None:
        _tamed(strategies.load)(settings.strategy, asked_for=False)
    seen = view(store, number, strategies, asks=asks)
    if seen is None or (term := seen.term or elect(store, number, settings)) is None:
        return settings.leader_lease_s / 3
    pairs = assigning.pairs(seen.choice) if seen.choice else []
    if any(pair.instance != number for pair in pairs) or (seen.term and seen.is_aging):
        assign(store, number, term, pairs, settings=settings)
    return min(LOOK_S, settings.leader_lease_s / 3)


def _tamed(ask: Callable[P, Answer]) -> Callable[P, Answer]:
    """Let whatever somebody else's strategy raises be an error of longpole's: no heartbeat is to end by it."""

    def asked(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return ask(*args, **kwargs)
        except LongpoleError:
            raise
        except Exception as error:
            raise InvalidInputError(f"the project's strategy failed ({error!r}); choose another") from error

    return asked


def _claim(store: Store, asker: Asker, request: Request) -> Outcome:
    """Claim; in one round trip where nothing is assigned to this instance."""
    if store.engine.steps and (outcome := optimistic.at_once(store, asker, request)):
        return outcome
    now_s = store.engine.clock.monotonic()

    def picker(_name: str, choose: Strategy, settings: Settings) -> Pick:
        return _Picking(asker, choose, settings, now_s=now_s, takes_up=request.strategy is None).pick

    return optimistic.allocate_by(store, asker, request, picker)


class _Picking:
    """How one act picks. An instance that names a strategy of its own for the call does without its assignment."""

    def __init__(self, asker: Asker, choose: Strategy, settings: Settings, *, now_s: float, takes_up: bool) -> None:
        self._asker, self._choose, self._settings = asker, choose, settings
        self._now_s, self._takes_up = now_s, takes_up
        self._others: list[Assignment] = []  # assignments in force of todos that the instance could have as well

    def pick(self, tx: Transaction, lease: Lease, who: Claimer, met: Mapping[str, int] | None) -> Taken | NoWork | None:
        """Claim what is assigned to the instance, else what the strategy wants of all that is assigned to nobody."""
        if who.reserved:
            return self._choice(tx, lease, who, met, avoid=self._others)
        assigned = leadership.assigned(tx)
        mine = next((one for one in assigned if one.instance == lease.number), None)
        self._others = [one for one in assigned if one.in_force and one != mine and one.need in who.needs]
        taken = mine and self._take_up(tx, lease, who, met, mine=mine)
        return taken or self._choice(tx, lease, who, met, avoid=self._others) or self._last_resort(tx, lease, who, met)

    def _take_up(
        self, tx: Transaction, lease: Lease, who: Claimer, met: Mapping[str, int] | None, *, mine: Assignment
    ) -> Taken | None:
        leadership.drop(tx, lease.number)
        if not (mine.in_force and self._takes_up):
            return None
        head = Head(number=mine.number, token=mine.token, why=mine.why)
        taken = claims.take_unchanged(tx, head, who, met=met or {})
        if taken:
            taking.settle(tx, lease, taken, keep=mine.keeps)
        return taken

    def _choice(
        self,
        tx: Transaction,
        lease: Lease,
        who: Claimer,
        met: Mapping[str, int] | None,
        *,
        avoid: Sequence[Assignment],
    ) -> Taken | None:
        who = who.replace(avoid=frozenset(one.number for one in avoid))
        return taking.first(tx, self._choose, lease, self._settings, who=who, met=met)

    def _last_resort(
        self, tx: Transaction, lease: Lease, who: Claimer, met: Mapping[str, int] | None
    ) -> Taken | NoWork | None:
        """Claim what another lets wait for too long; if there is only what it may still take up, say so."""
        refused = {(one.number, one.token): self._now_s for one in self._others} | self._asker.refused
        fresh = [one for one in self._others if not self._waits_too_long(one, tx.now, refused)]
        if late := [one.instance for one in self._others if one not in fresh]:
            leadership.lapse(tx, late)
            if taken := self._choice(tx, lease, who, met, avoid=fresh):
                return taken
        if not fresh or not self._choose(taking.fleet_around(tx, lease, self._settings)):
            return None
        self._asker.refused = {(one.number, one.token): refused[one.number, one.token] for one in fresh}
        return NoWork(
            reason=Reason.ALL_CLAIMED,
            detail="all that is ready is assigned to others, who are about to begin it",
            retry_at=min(one.assigned_at for one in fresh) + YIELD_US,
        )

    def _waits_too_long(self, one: Assignment, now: int, refused: Mapping[tuple[int, int], float]) -> bool:
        """Tell whether a todo was kept from this instance, or from anybody, for long enough."""
        return one.assigned_at + YIELD_US <= now or refused[one.number, one.token] + POLL_S <= self._now_s
