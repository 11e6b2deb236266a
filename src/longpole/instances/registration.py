"""An instance comes, beats, and leaves."""

from __future__ import annotations

import os

from longpole.errors import InstanceLostError, InvalidInputError
from longpole.instances import failure
from longpole.store import instances, needs
from longpole.transitions import Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from longpole.store import Store
    from longpole.store.dialect import Transaction
    from longpole.store.instances import Lease
    from longpole.store.projects import ProjectRow

MAX_NAME = 100


def register(store: Store, name: str | None, *, process_id: int | None, offers: Iterable[str] = ()) -> Lease:
    """Start an instance. A new start never continues an old one: it gets a number of its own.

    `process_id` is the process on this machine that the instance lives in; None if nobody can tell. `offers` are labels
    that todos may need. Raises InvalidInputError for a name that cannot be shown, or that a live instance has.
    """

    def upon(tx: Transaction) -> Lease:
        state = store.turn(tx)
        failure.sweep(tx, state)
        if name is not None:
            _free(tx, _checked(name), state)
        return _start(tx, name, state, process_id, offers=needs.spelled(offers))

    return store.act(upon)


def find_or_register(store: Store, name: str, offers: Iterable[str] | None = None) -> Lease:
    """Give the live instance of a name, or start one: for commands that come one process at a time.

    `offers` are the labels that it offers from now on; None: those that it has.
    """
    wanted = None if offers is None else needs.spelled(offers)

    def upon(tx: Transaction) -> Lease:
        found = instances.named(tx, name)
        if found:
            return found if wanted in (None, found.offers) else instances.offer(tx, found, wanted or "")
        state = store.turn(tx)
        failure.sweep(tx, state)
        return _start(tx, _checked(name), state, None, offers=wanted or needs.NOTHING_OFFERED)

    there = store.look(lambda tx: instances.named(tx, name))
    return there if there and wanted in (None, there.offers) else store.act(upon)


def find(store: Store, name: str) -> Lease:
    """Give the live instance of a name. Raises InstanceLostError if there is none (any more)."""
    found = store.look(lambda tx: instances.named(tx, name))
    if found is None:
        raise InstanceLostError(
            f"no live instance is called '{name}': it was never registered, it left, or it was given up after its lease"
            " and its claims were returned; discard unfinished work and ask for the next todo"
        )
    return found


def beat(store: Store, number: int) -> int:
    """Renew an instance's lease and sweep what is due; give the lease's new end.

    Raises InstanceLostError if the instance was given up.
    """

    def upon(tx: Transaction) -> int:
        state = store.turn(tx)
        lease = instances.live(tx, number)
        expires_at = instances.beat(tx, number, state.settings.lease_s)
        if lease is None or expires_at is None:
            raise InstanceLostError
        if failure.is_due(tx, state, lease):
            failure.sweep(tx, state)
        return expires_at

    return store.act(upon)


def unregister(store: Store, number: int) -> None:
    """Let an instance leave; what it holds is released in the same transaction. An instance that is gone is left be."""

    def upon(tx: Transaction) -> None:
        settings = store.turn(tx).settings
        instances.lock(tx, number)  # before `live` shares the row: two who share it would wait for each other here
        if instances.live(tx, number):
            failure.retire(tx, number, Act.RELEASE, why="unregistered", settings=settings)

    store.act(upon)


def _start(tx: Transaction, name: str | None, state: ProjectRow, process_id: int | None, *, offers: str) -> Lease:
    host = None if process_id is None else os.uname().nodename
    return instances.register(tx, name, lease_s=state.settings.lease_s, host=host, process_id=process_id, offers=offers)


def _free(tx: Transaction, name: str, state: ProjectRow) -> None:
    """Make sure that no live instance has this name; one whose lease or process has ended is given up at once."""
    found = _ended(tx, name)
    if found is None:
        return
    instances.lock(tx, found.number)
    again = _ended(tx, name)  # it may have beaten, or left, before the row was locked
    if again and again.number == found.number:
        failure.give_up(tx, again, state.settings)


def _ended(tx: Transaction, name: str) -> Lease | None:
    """Give the live instance of a name if its lease or process has ended; None if there is no live instance."""
    found = instances.named(tx, name)
    if found and found.lease_expires_at > tx.now and not instances.process_is_gone(tx, found.number):
        raise InvalidInputError(
            f"the instance '{name}' is live (last heartbeat {(tx.now - found.heartbeat_at) / 1e6:.0f} s ago);"
            f" choose another name, or end it with `longpole unregister --as {name}`"
        )
    return found


def _checked(name: str) -> str:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip() or name.startswith("-"):
        raise InvalidInputError(f"an instance's name is 1 to {MAX_NAME} printable characters, not {name!r}")
    return name
