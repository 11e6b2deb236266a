"""What every mechanism of coordination shares: the words of a request, and the parts of an act in its transaction."""

from __future__ import annotations

from longpole.errors import ClaimLostError, InstanceLostError, StorageUnavailableError
from longpole.fleet import UnreadError
from longpole.model import Reason, Status
from longpole.store import claims, instances, projects, readiness, replies, todos
from longpole.store.claims import Held, Taken
from longpole.store.readiness import NoWork
from longpole.store.steps import Step
from longpole.strategies import Strategies
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from longpole.fleet import Workload
    from longpole.model import Todo
    from longpole.selection import BestOf, Selection
    from longpole.store import Store
    from longpole.store.dialect import T, Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow
    from longpole.store.steps import Finish

TRIES = 20  # of a claim that finds nothing although something is ready
HELD_BACK = NoWork(
    reason=Reason.AT_CAPACITY,
    detail="todos are ready, but none that the strategy wants for you, or others are about to take them",
    retry_at=0,
)
TAKEN_BACK = NoWork(
    reason=Reason.ALL_CLAIMED,
    detail="what was claimed along has been taken back since; ask for the next todo",
    retry_at=0,
)


class Asker:
    """An instance as its own process knows it, from one request for work to the next.

    `lost_attempts` and `empty_selections` are what came in the way since its last claim; the next one tells of them.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease, self.strategies = lease, Strategies()
        self.kept: tuple[str, ...] = ()  # branches that it kept to when it asked last
        self.lost_attempts = self.empty_selections = 0
        self.lead_at_s = 0.0  # on the monotonic clock: when to look again whether it is to lead
        self.refused: dict[tuple[int, int], float] = {}  # by number and token, since when: another had it assigned
        self._unanswered: dict[str, str] = {}

    def remember(self, taken: Sequence[Taken]) -> None:
        """Remember the branch that the last claim leads to."""
        for one in taken:
            if one.branch and one.branch != self.lease.branch:
                self.lease = self.lease.replace(branch=one.branch)

    def branches(self) -> tuple[str, ...]:
        """Give the branches that it kept to when it asked last. Only a twin of its name can have changed that since."""
        return self.kept

    def workloads(self) -> tuple[Workload, ...]:
        """Refuse: what others have in hand is not known here."""
        raise UnreadError("the others' workloads are not at hand")

    def ask(self, store: Store, act: str, key: str | None, do: Callable[[str | None], T]) -> T:
        """Do an act under the caller's key, or under one of its own where an answer can be lost on the way.

        An act of its own key that got no answer is done under the same key when it is asked for again: it may have
        come into force. Raises InvalidInputError for a key that could not be shown.
        """
        replies.check(key)
        own = self._unanswered.get(act) or store.engine.fresh_key() if key is None else None
        try:
            answer = do(key or own)
        except StorageUnavailableError:
            if own:
                self._unanswered[act] = own
            raise
        self._unanswered.pop(act, None)
        return answer


class Request(Value):
    """What an instance asks for at once. `act` names it for the idempotency key."""

    act: str
    key: str | None
    finishes: tuple[Finish, ...]
    count: int = 0
    strategy: str | None = None  # None: the project's

    def step(self, instance: int, selection: Selection | BestOf | None) -> Step:
        """Give the request as the store takes it in one round trip."""
        return Step(
            instance=instance,
            finishes=self.finishes,
            selection=selection,
            count=self.count,
            key=self.key,
            act=self.act,
        )


class Outcome(Value):
    """What a request for work came to. `ask_again_at`: when something is due that may bring work.

    `todos`: what was taken, where the act has read it already; empty otherwise.
    """

    taken: tuple[Taken, ...] = ()
    no_work: NoWork | None = None
    ask_again_at: int = 0
    lease_expires_at: int = 0
    todos: tuple[Todo, ...] = ()


def present(tx: Transaction, store: Store, number: int) -> tuple[Lease, ProjectRow]:
    """Give the live instance, its lease renewed where half a heartbeat has passed: to act is a sign of life."""
    state = store.turn(tx)
    lease = instances.live(tx, number)
    if lease is None:
        raise InstanceLostError
    if tx.now - lease.heartbeat_at > instances.microseconds(state.settings.beat_every_s / 2):
        expires_at = instances.beat(tx, number, state.settings.lease_s)
        lease = lease.replace(lease_expires_at=expires_at)
    return lease, state


def complete_all(tx: Transaction, number: int, finishes: Sequence[Finish]) -> None:
    """Complete claims of an instance, all or none. Raises ClaimLostError."""
    held = [held_as(tx, number, finish) for finish in finishes]
    if len(held) > 1:
        if tx.overlaps and any(claims.waits_again(tx, one.number) for one in held):
            tx.lock_project()  # before any row, as claims.complete does for a single one
        claims.lock_dependents(tx, [one.number for one in held])
    for one, finish in zip(held, finishes, strict=True):
        if not claims.complete(tx, one):
            raise lost(tx, number, finish)
        if finish.result is not None:
            claims.set_result(tx, one.number, finish.result)


def lost(tx: Transaction, number: int, finish: Finish) -> ClaimLostError:
    """Say why a live instance no longer has the claim that it speaks of."""
    place = todos.number_of(tx, finish.todo_id)
    todo = todos.by_number(tx, place)
    if todo.status == Status.COMPLETED and claims.completed_by(tx, place, finish.token) == number:
        return ClaimLostError(
            f"you have completed '{finish.todo_id}' with this token already; nothing is left to do for it,"
            " ask for the next todo",
            todo_id=finish.todo_id,
        )
    now = f"{todo.holder} holds it with token {todo.token}" if todo.holder else f"it is {todo.status.replace('_', ' ')}"
    return ClaimLostError(
        f"the claim on '{finish.todo_id}' with token {finish.token} is no longer yours ({now}):"
        " stop working on it, discard what you did, and ask for the next todo",
        todo_id=finish.todo_id,
    )


def held_as(tx: Transaction, number: int, finish: Finish) -> Held:
    """Give a claim as the instance that speaks of it thinks it stands. Raises UnknownTodoError."""
    return Held(number=todos.number_of(tx, finish.todo_id), holder=number, token=finish.token)


def hold_limit(tx: Transaction, state: ProjectRow) -> None:
    """See to it that a sweep ends a claim of this moment when it has been held too long."""
    if state.settings.max_hold_s:
        projects.sweep_by(tx, tx.now + instances.microseconds(state.settings.max_hold_s))


def claims_of(finishes: Sequence[Finish]) -> str:
    """Name claims in the name of an act: a key that was used for a former claim on a todo is not this act's."""
    return ", ".join(map(claim_of, finishes))


def claim_of(finish: Finish) -> str:
    """Name a claim in the name of an act."""
    return f"{finish.todo_id} {finish.token}"


def answer_of(outcome: Outcome) -> dict[str, Any]:
    """Give what a key is answered with, as JSON."""
    no_work = outcome.no_work.as_dict() if outcome.no_work else None
    return {"taken": [taken.as_dict() for taken in outcome.taken], "no_work": no_work}


def again(tx: Transaction, key: str | None, act: str, number: int, *, completed: bool) -> Outcome | None:
    """Give the answer that a key got before, less the claims that have been lost since; None if it counts as new.

    A completion is confirmed even to an instance that was given up meanwhile. An answer of which no claim is left
    and that completed nothing is forgotten. Raises InstanceLostError.
    """
    answer = replies.find(tx, key, act)
    if answer is None:
        return None
    lease = instances.live(tx, number)
    if lease is None and not completed:
        raise InstanceLostError
    given = [Taken(**taken) for taken in answer["taken"]]
    taken = tuple(one for one in given if claims.is_held(tx, Held(number=one.number, holder=number, token=one.token)))
    if not taken and not completed:
        replies.forget(tx, key)
        return None
    no_work = readiness.recalled(answer["no_work"]) if answer["no_work"] else None if taken else TAKEN_BACK
    expires_at = lease.lease_expires_at if lease else 0
    return read_at_once(tx, Outcome(taken=taken, no_work=no_work, lease_expires_at=expires_at))


def keyed(store: Store, key: str | None, upon: Callable[[Transaction], T]) -> T:
    """Act; if a claim was lost to the same act, asked for at the same time, its key has the answer by now."""
    try:
        return store.act(upon)
    except ClaimLostError:
        if key is None:
            raise
        return store.act(upon)


def read_at_once(tx: Transaction, outcome: Outcome) -> Outcome:
    """Read what was claimed in the same transaction where that saves a round trip, and an answer that can be lost.

    SQLite reads it afterwards: its write lock is for the claim alone.
    """
    if not tx.overlaps or not outcome.taken:
        return outcome
    return outcome.replace(todos=tuple(todos.by_number(tx, taken.number) for taken in outcome.taken))
