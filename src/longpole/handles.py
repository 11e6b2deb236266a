"""What a program holds in its hand: an Instance that asks for work, and the Claims that it gets."""

from __future__ import annotations

import time

from longpole.coordination import allocate, ends, lead, optimistic
from longpole.coordination.acts import Asker
from longpole.errors import InvalidInputError
from longpole.instances import registration
from longpole.limits import checked_text
from longpole.model import Allocation, ClaimedTodo, Reason, Status
from longpole.store import todos
from longpole.store.steps import Finish
from longpole.transitions import Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from longpole.coordination.acts import Outcome
    from longpole.instances.heartbeat import Heartbeat
    from longpole.model import Todo
    from longpole.store import Store
    from longpole.store.instances import Lease
    from longpole.store.readiness import NoWork

MAX_COUNT = 100
LONGEST_WAIT_S = 365 * 86400.0
SOONEST_S = 0.01
ASK_ANYWAY_S = 5.0
ASK_AGAIN_S = 1.0  # what is advised to those who poll: an answer costs everybody a turn at the write lock
WORTH_WAITING = (Reason.ALL_CLAIMED, Reason.ALL_BLOCKED, Reason.AT_CAPACITY, Reason.CONFLICTS, Reason.PAUSED)


class Instance:
    """One running agent session. As a context manager it unregisters at the end, which releases what it holds."""

    def __init__(self, store: Store, lease: Lease, *, heartbeat: Heartbeat | None = None) -> None:
        self._store, self._heartbeat = store, heartbeat
        self._asker, self.name, self.number = Asker(lease), lease.name, lease.number

    def claim(
        self,
        *,
        count: int = 1,
        wait_s: float = 0.0,
        strategy: str | None = None,
        coordination: str | None = None,
        key: str | None = None,
    ) -> list[Claim]:
        """Claim up to `count` todos, waiting for the first up to `wait_s` seconds; empty if there was no work.

        Beyond the first it gets no more than its share of what is ready: call `begin` on each of these as you come to
        it.

        `strategy` and `coordination` take precedence over the project's. With a `key` a retry gets the same claims
        again. Raises InstanceLostError.
        """
        return self._claims(
            self.allocate(count=count, wait_s=wait_s, strategy=strategy, coordination=coordination, key=key)
        )

    def allocate(
        self,
        *,
        count: int = 1,
        wait_s: float = 0.0,
        strategy: str | None = None,
        coordination: str | None = None,
        key: str | None = None,
    ) -> Allocation:
        """Claim as `claim` does; the answer also says why there was no work, and when to ask again."""
        _check_wait(wait_s)
        deadline = time.monotonic() + wait_s
        while True:
            mark = self._store.engine.mark(self._store.project_id) if wait_s > 0 else 0
            outcome = self._ask(count=count, strategy=strategy, coordination=coordination, key=key)
            left_s = deadline - time.monotonic()
            no_work = outcome.no_work
            if outcome.taken or left_s <= 0 or (no_work and not _is_worth_waiting(no_work)):
                return self._told(outcome)
            self._wait(outcome, mark, left_s)

    def claim_todo(self, todo_id: str, *, key: str | None = None) -> Claim:
        """Claim one certain todo. Raises AlreadyClaimedError, NotReadyError, UnknownTodoError, InstanceLostError."""
        (claim,) = self._claims(self.allocate_todo(todo_id, key=key))
        return claim

    def allocate_todo(self, todo_id: str, *, key: str | None = None) -> Allocation:
        """Claim one certain todo as `claim_todo` does; the answer has the shape of `allocate`'s."""
        return self._told(optimistic.claim_todo(self._store, self._asker, todo_id, key=key))

    def complete(self, todo_id: str, token: int, *, result: str | None = None, key: str | None = None) -> None:
        """Complete a claim. Raises ClaimLostError or InstanceLostError if it is no longer this instance's."""
        ends.complete(self._store, self._asker, [_finish(todo_id, token, result)], key=key)

    def complete_and_allocate(
        self,
        todo_id: str,
        token: int,
        *,
        result: str | None = None,
        count: int = 1,
        strategy: str | None = None,
        coordination: str | None = None,
        key: str | None = None,
    ) -> Allocation:
        """Complete a claim and claim the next todos in one transaction. Raises as `complete` does."""
        finishes = [_finish(todo_id, token, result)]
        return self._told(
            self._ask(count=count, strategy=strategy, coordination=coordination, key=key, finishes=finishes)
        )

    def complete_many(
        self,
        claims: Iterable[Claim | tuple[Claim, str]],
        *,
        count: int = 0,
        strategy: str | None = None,
        coordination: str | None = None,
        key: str | None = None,
    ) -> list[Claim]:
        """Complete several claims and claim up to `count` todos, in one transaction: all of it or nothing.

        A claim with what came of it is a pair. Gives the new claims. Raises as `complete` does.
        """
        pairs = [one if isinstance(one, tuple) else (one, None) for one in claims]
        finishes = [_finish(claim.id, claim.token, result) for claim, result in pairs]
        if len(finishes) > MAX_COUNT:
            raise InvalidInputError(f"at most {MAX_COUNT} claims are completed at once, not {len(finishes)}")
        if count:
            outcome = self._ask(count=count, strategy=strategy, coordination=coordination, key=key, finishes=finishes)
            return self._claims(self._told(outcome))
        ends.complete(self._store, self._asker, finishes, key=key)
        return []

    def fail(self, todo_id: str, token: int, reason: str, *, key: str | None = None) -> Status:
        """Give a todo up for a reason: it rests and is tried again, or fails for good. Raises as `complete` does."""
        return self._hand_back(_finish(todo_id, token, reason), Act.FAIL, key)

    def release(self, todo_id: str, token: int, *, key: str | None = None) -> Status:
        """Give a todo back unfinished, without a mark against it. Raises as `complete` does."""
        return self._hand_back(_finish(todo_id, token), Act.RELEASE, key)

    def progress(self, todo_id: str, token: int, percent: int, *, note: str | None = None) -> None:
        """Note how far a claim is, in percent. Raises as `complete` does."""
        if type(percent) is not int or not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
            raise InvalidInputError(f"progress is 0 to 100 percent, not {percent!r}")
        finish = _finish(todo_id, token, note)
        ends.progress(self._store, self.number, finish, percent)

    def begin(self, todo_id: str, token: int) -> None:
        """Say that work on a claim begins: no idle instance may have it any more. Raises as `complete` does."""
        ends.begin(self._store, self.number, _finish(todo_id, token))

    def heartbeat(self) -> int:
        """Renew the lease and give its new end. Raises InstanceLostError."""
        expires_at = registration.beat(self._store, self.number)
        lead(self._store, self.number)
        return expires_at

    def unregister(self) -> None:
        """Leave: what is held is released. An instance that is gone already is left be."""
        if self._heartbeat:
            self._heartbeat.stop()
        registration.unregister(self._store, self.number)

    @property
    def is_lost(self) -> bool:
        """Whether the heartbeat in the background has learned that this instance was given up: work is in vain then.

        It costs nothing to ask in the midst of long work. Every act asks the database itself.
        """
        return self._heartbeat is not None and self._heartbeat.lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()

    def __repr__(self) -> str:
        return f"<longpole.Instance {self.name}>"

    def _ask(
        self,
        *,
        count: int,
        strategy: str | None,
        coordination: str | None,
        key: str | None,
        finishes: Sequence[Finish] = (),
    ) -> Outcome:
        if type(count) is not int or not 1 <= count <= MAX_COUNT:
            raise InvalidInputError(f"count is 1 to {MAX_COUNT}, not {count!r}")
        return allocate(
            self._store,
            self._asker,
            strategy=strategy,
            coordination=coordination,
            count=count,
            key=key,
            finishes=finishes,
        )

    def _hand_back(self, finish: Finish, act: Act, key: str | None) -> Status:
        return ends.hand_back(self._store, self.number, finish, act, key=key)

    def _wait(self, outcome: Outcome, mark: int, left_s: float) -> None:
        """Sleep until somebody may have brought work since the mark, something is due, or the time is up."""
        engine = self._store.engine
        due_s = (outcome.ask_again_at - engine.clock.now()) / 1e6 if outcome.ask_again_at else ASK_ANYWAY_S
        engine.wait(self._store.project_id, mark, max(min(left_s, due_s, ASK_ANYWAY_S), SOONEST_S))

    def _told(self, outcome: Outcome) -> Allocation:
        no_work = outcome.no_work
        if no_work is None:
            return Allocation(claims=tuple(self._claimed(outcome)))
        retry_after_s = None
        if no_work.retry_at is not None:
            soonest = max(no_work.retry_at, 0) - self._store.engine.clock.now()
            retry_after_s = max(soonest / 1e6, ASK_AGAIN_S)
        return Allocation(reason=no_work.reason, detail=no_work.detail, retry_after_s=retry_after_s)

    def _claimed(self, outcome: Outcome) -> Iterator[ClaimedTodo]:
        """Read what was claimed after the commit: the write lock is for the claim alone."""
        numbers = [taken.number for taken in outcome.taken]
        found = outcome.todos or self._store.look(lambda tx: tuple(todos.by_number(tx, number) for number in numbers))
        for taken, todo in zip(outcome.taken, found, strict=True):
            yield ClaimedTodo(
                todo=todo,
                token=taken.token,
                attempt=taken.attempt,
                why=taken.why,
                lease_expires_at=outcome.lease_expires_at,
            )

    def _claims(self, allocation: Allocation) -> list[Claim]:
        return [Claim(self, claimed) for claimed in allocation.claims]


def _is_worth_waiting(no_work: NoWork) -> bool:
    """Tell whether what others do may bring work. Whoever drains a project wants nobody to wait for the end of it."""
    drained = no_work.reason == Reason.PAUSED and no_work.retry_at is None
    return no_work.reason in WORTH_WAITING and not drained


def _check_wait(wait_s: object) -> None:
    if not isinstance(wait_s, int | float) or not 0 <= wait_s <= LONGEST_WAIT_S:
        raise InvalidInputError(f"one may wait 0 to {LONGEST_WAIT_S:.0f} seconds, not {wait_s!r}")


def _finish(todo_id: str, token: int, result: str | None = None) -> Finish:
    if type(token) is not int or not 0 <= token < 1 << 63:
        raise InvalidInputError(f"a token is the whole number that came with the claim, not {token!r}", todo_id=todo_id)
    return Finish(todo_id=todo_id, token=token, result=None if result is None else checked_text(result))


class Claim:
    """A todo in the hands of an instance, with the token that proves it."""

    def __init__(self, instance: Instance, claimed: ClaimedTodo) -> None:
        self._instance = instance
        self.todo: Todo = claimed.todo
        self.token, self.attempt, self.why = claimed.token, claimed.attempt, claimed.why
        self.lease_expires_at = claimed.lease_expires_at

    @property
    def id(self) -> str:
        """The todo's id."""
        return self.todo.id

    @property
    def title(self) -> str:
        """The todo's title."""
        return self.todo.title

    def complete(self, result: str | None = None, *, key: str | None = None) -> None:
        """Say that the todo is done. Raises ClaimLostError or InstanceLostError if it is no longer yours."""
        self._instance.complete(self.id, self.token, result=result, key=key)

    def complete_and_claim(
        self,
        result: str | None = None,
        *,
        count: int = 1,
        strategy: str | None = None,
        coordination: str | None = None,
        key: str | None = None,
    ) -> list[Claim]:
        """Say that the todo is done and claim the next in one transaction; empty if there was no work."""
        told = self._instance.complete_and_allocate(
            self.id, self.token, result=result, count=count, strategy=strategy, coordination=coordination, key=key
        )
        return [Claim(self._instance, claimed) for claimed in told.claims]

    def fail(self, reason: str, *, key: str | None = None) -> Status:
        """Give the todo up for a reason; give its new status. Raises as `complete` does."""
        return self._instance.fail(self.id, self.token, reason, key=key)

    def release(self, *, key: str | None = None) -> Status:
        """Give the todo back unfinished, without a mark against it. Raises as `complete` does."""
        return self._instance.release(self.id, self.token, key=key)

    def begin(self) -> None:
        """Say that you begin with this one, where it came in a batch.

        Until then, or until all that was claimed before it is done, an idle instance may have it instead; this raises
        ClaimLostError then, before any work is in vain. Progress says the same.
        """
        self._instance.begin(self.id, self.token)

    def progress(self, percent: int, *, note: str | None = None) -> None:
        """Note how far the work is, in percent. Raises as `complete` does."""
        self._instance.progress(self.id, self.token, percent, note=note)

    def __repr__(self) -> str:
        return f"<longpole.Claim {self.id} token {self.token}>"
