"""What an instance does with claims that it has: it completes them, gives them back, or tells how far they are."""

from __future__ import annotations

from longpole.coordination import acts
from longpole.coordination.acts import Request
from longpole.model import Status
from longpole.store import claims, replies, steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.coordination.acts import Asker
    from longpole.store import Store
    from longpole.store.dialect import Transaction
    from longpole.store.steps import Finish
    from longpole.transitions import Act


def complete(store: Store, asker: Asker, finishes: Sequence[Finish], *, key: str | None = None) -> None:
    """Complete claims, all or none. Raises ClaimLostError or InstanceLostError, changing nothing."""
    number = asker.lease.number
    act = f"complete {number} {acts.claims_of(finishes)}"

    def ask(key: str | None) -> None:
        def upon(tx: Transaction) -> None:
            if replies.find(tx, key, act) is None:
                acts.present(tx, store, number)
                acts.complete_all(tx, number, finishes)
                replies.keep(tx, key, act, {})

        request = Request(act=act, key=key, finishes=tuple(finishes))
        if not (store.engine.steps and steps.take(store, request.step(number, None))):
            acts.keyed(store, key, upon)

    asker.ask(store, act, key, ask)


def hand_back(store: Store, number: int, finish: Finish, act: Act, *, key: str | None = None) -> Status:
    """Return a claim to the pool by FAIL or RELEASE, `finish.result` saying why; give the todo's new status.

    Raises ClaimLostError or InstanceLostError, changing nothing.
    """
    name = f"{act} {number} {acts.claim_of(finish)}"

    def upon(tx: Transaction) -> Status:
        answer = replies.find(tx, key, name)
        if answer is not None:
            return Status(answer["status"])
        _, state = acts.present(tx, store, number)
        why = finish.result or act.value
        status = claims.give_back(tx, acts.held_as(tx, number, finish), act, why=why, settings=state.settings)
        if status is None:
            raise acts.lost(tx, number, finish)
        replies.keep(tx, key, name, {"status": status})
        return status

    return acts.keyed(store, key, upon)


def begin(store: Store, number: int, finish: Finish) -> None:
    """Note that a claim of a batch is being worked on. Raises as `complete` does."""

    def upon(tx: Transaction) -> None:
        acts.present(tx, store, number)
        if not claims.begin(tx, acts.held_as(tx, number, finish)):
            raise acts.lost(tx, number, finish)

    store.act(upon)


def progress(store: Store, number: int, finish: Finish, percent: int) -> None:
    """Note how far a claim is; `finish.result` is a note for whoever reads it. Raises as `complete` does."""

    def upon(tx: Transaction) -> None:
        acts.present(tx, store, number)
        if not claims.progress(tx, acts.held_as(tx, number, finish), percent, finish.result):
            raise acts.lost(tx, number, finish)

    store.act(upon)
