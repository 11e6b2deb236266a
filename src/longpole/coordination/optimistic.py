"""Optimistic coordination: the instance that asks runs the strategy itself, and the claim settles it.

Pick and claim are one statement, so there is no lost race to catch. Completing a todo and claiming the next is one
transaction: 1.3 to 1.8 times the rate of two.
"""

from __future__ import annotations

from longpole.coordination import acts, refusals, taking
from longpole.coordination.acts import HELD_BACK, TRIES, Outcome
from longpole.fleet import Fleet, UnreadError
from longpole.instances import failure
from longpole.store import branches, claims, projects, readiness, replies, steps, todos
from longpole.store.readiness import NoWork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.coordination.acts import Asker, Request
    from longpole.coordination.taking import Pick, Picker
    from longpole.selection import BestOf, Selection
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow
    from longpole.strategies import Strategy


def allocate(store: Store, asker: Asker, request: Request) -> Outcome:
    """Complete the claims that are given, if any, and claim todos, in one transaction; see coordination.allocate."""
    if store.engine.steps and (outcome := at_once(store, asker, request)):
        return outcome
    return allocate_by(store, asker, request, taking.directly)


def allocate_by(store: Store, asker: Asker, request: Request, picker: Picker) -> Outcome:
    """Do as `allocate` does, statement by statement, each todo picked as the picker says."""
    number, unknown = asker.lease.number, ""

    def upon(tx: Transaction) -> Outcome | None:
        nonlocal unknown
        if told := acts.again(tx, request.key, request.act, number, completed=bool(request.finishes)):
            return told
        lease, state = acts.present(tx, store, number)
        unknown = request.strategy or state.settings.strategy
        choose = asker.strategies.get(unknown)
        if choose is None:
            return None
        pick = picker(unknown, choose, state.settings)
        outcome = _allocate(tx, request, lease, state, choose=choose, pick=pick)
        asker.kept = branches.kept_by(tx, number) if store.engine.steps else ()
        return acts.read_at_once(tx, outcome)

    while True:
        if outcome := acts.keyed(store, request.key, upon):
            asker.remember(outcome.taken)
            return outcome
        # Somebody else's module: not to be loaded while everybody waits for the write lock.
        asker.strategies.load(unknown, asked_for=request.strategy is not None)


def at_once(store: Store, asker: Asker, request: Request) -> Outcome | None:
    """Do the whole act in one round trip; None, and nothing is changed, if it has to go the long way."""
    _, settings = store.settings_seen()
    choose = asker.strategies.get(request.strategy or settings.strategy)
    wanted = choose and _wanted_at_hand(asker, settings, choose)
    if wanted is None or settings.max_hold_s or settings.cap:
        return None
    stepped = steps.take(store, request.step(asker.lease.number, wanted))
    if stepped is None:
        return None
    asker.remember(stepped.taken)
    return Outcome(taken=stepped.taken, todos=stepped.todos, lease_expires_at=stepped.lease_expires_at)


def _wanted_at_hand(asker: Asker, settings: Settings, choose: Strategy) -> Selection | BestOf | None:
    """Give what a strategy wants first, if it can tell by what the instance remembers and a step can take it."""
    fleet = Fleet(asker.lease.name, settings, branch=asker.lease.branch, reader=asker)
    try:
        selections = choose(fleet)
    except UnreadError:
        return None
    return selections[0] if selections and steps.can_take(selections[0]) else None


def _allocate(
    tx: Transaction, request: Request, lease: Lease, state: ProjectRow, *, choose: Strategy, pick: Pick
) -> Outcome:
    if request.finishes:
        acts.complete_all(tx, lease.number, request.finishes)
    if failure.is_due(tx, state, lease):
        failure.sweep(tx, state)
    outcome = _take(tx, choose, lease, state, pick=pick, count=request.count)
    if outcome.taken or request.finishes:
        replies.keep(tx, request.key, request.act, acts.answer_of(outcome))
    return outcome


def _take(tx: Transaction, choose: Strategy, lease: Lease, state: ProjectRow, *, pick: Pick, count: int) -> Outcome:
    """Claim as `pick` says; what became ready while others were waited for counts as well."""
    if no_work := readiness.withheld(tx, state):
        return Outcome(no_work=no_work, ask_again_at=projects.sweep_due(tx))
    for empty in range(TRIES if tx.overlaps else 1):
        taken = taking.several(tx, choose, lease, state, pick=pick, count=count, empty=empty)
        if isinstance(taken, NoWork):
            due_at = projects.sweep_due(tx)
            return Outcome(no_work=taken, ask_again_at=min(taken.retry_at or due_at, due_at))
        if taken:
            acts.hold_limit(tx, state)
            return Outcome(taken=taken, lease_expires_at=lease.lease_expires_at)
        met = taking.claimer(tx, lease).needs
        no_work = readiness.explain(tx, met) or readiness.full(tx, state)
        if no_work := no_work or taking.held_back(tx, choose, lease, state.settings):
            if no_work.detail == readiness.OPENING:
                projects.sweep_by(tx, tx.now)
            return Outcome(no_work=no_work, ask_again_at=projects.sweep_due(tx))
    return Outcome(no_work=HELD_BACK, ask_again_at=projects.sweep_due(tx))


def claim_todo(store: Store, asker: Asker, todo_id: str, *, key: str | None = None) -> Outcome:
    """Claim one certain todo. A claim that the instance has already is given again.

    Raises AlreadyClaimedError, NotReadyError, UnknownTodoError, InstanceLostError.
    """
    number = asker.lease.number
    act = f"claim {number} {todo_id}"

    def upon(tx: Transaction) -> Outcome:
        if told := acts.again(tx, key, act, number, completed=False):
            return told
        lease, state = acts.present(tx, store, number)
        failure.sweep(tx, state)
        todo = todos.number_of(tx, todo_id)
        who, bar = taking.claimer(tx, lease), refusals.barred(tx, state)
        taken = None if bar else claims.take_this(tx, todo, who, why=f"asked for by {lease.name}")
        taken = taken or claims.taken_before(tx, todo, number)
        if taken is None:
            raise refusals.refusal(tx, todo, todo_id, lease, bar=bar)
        taking.settle(tx, lease, taken)
        outcome = Outcome(taken=(taken,), lease_expires_at=lease.lease_expires_at)
        acts.hold_limit(tx, state)
        replies.keep(tx, key, act, acts.answer_of(outcome))
        return acts.read_at_once(tx, outcome)

    outcome = store.act(upon)
    asker.remember(outcome.taken)
    return outcome
