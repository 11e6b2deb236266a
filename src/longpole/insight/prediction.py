"""What becomes ready when todos that are under way are done, and when that may be."""

from __future__ import annotations

from longpole.errors import InstanceLostError
from longpole.insight.rules import rule_of
from longpole.model import Prediction
from longpole.store import claims, instances, outlook, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longpole.selection import Order
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.dialect import Transaction
    from longpole.store.outlook import Member

MOST = 100  # todos that are told of at once
MINUTE_US = 60_000_000
DONE_PERCENT = 100


def after_instance(store: Store, name: str) -> list[Prediction]:
    """Predict what becomes ready when all is done that an instance holds; see Project.predict.

    Raises InstanceLostError.
    """
    return _predicted(store, lambda tx: _held_by(tx, name))


def after_todos(store: Store, ids: Sequence[str]) -> list[Prediction]:
    """Predict what becomes ready when these todos are done, whoever does them. Raises UnknownTodoError."""
    return _predicted(store, lambda tx: _known(tx, ids))


def _predicted(store: Store, done: Callable[[Transaction], list[int]]) -> list[Prediction]:
    settings = store.look(store.state).settings
    order = rule_of(settings).order
    return store.look(lambda tx: _after(tx, done(tx), settings, order))


def _held_by(tx: Transaction, name: str) -> list[int]:
    lease = instances.named(tx, name)
    if lease is None:
        raise InstanceLostError(f"no live instance is called '{name}'; `longpole instances` lists them")
    return [held.number for held in claims.held_by(tx, lease.number)]


def _known(tx: Transaction, ids: Sequence[str]) -> list[int]:
    known = todos.numbers_of(tx, ids)
    for unknown in [one for one in ids if one not in known]:
        todos.number_of(tx, unknown)  # which refuses it, and names the nearest
    return list(known.values())


def _after(tx: Transaction, numbers: Sequence[int], settings: Settings, order: Order) -> list[Prediction]:
    members = outlook.members(tx, numbers)
    open_ones = [one.number for one in members]
    freed = outlook.freed_by(tx, open_ones, order=order, limit=MOST, settings=settings)
    within = outlook.within(tx, open_ones) if any(one.claimed_at is None for one in members) else []
    ends = _ends(members, within, now=tx.now, default=settings.default_estimate_minutes)
    ids = {one.number: one.id for one in members}
    return [
        Prediction(
            todo=todo,
            expected_minutes=max(ends[one] for one in blockers),
            expected_at=tx.now + round(max(ends[one] for one in blockers) * MINUTE_US),
            after=tuple(ids[one] for one in blockers),
        )
        for todo, blockers in zip(todos.by_numbers(tx, list(freed)), freed.values(), strict=True)
    ]


def _ends(
    members: Sequence[Member], within: Sequence[tuple[int, int]], *, now: int, default: float
) -> dict[int, float]:
    """Give the minutes from now until each of the todos may be done.

    What nobody works on is begun at once, or when those of the others are done that it waits for; what else it waits
    for is taken for done.
    """
    ends = _ends_under_way([one for one in members if one.claimed_at is not None], now=now, default=default)
    before: dict[int, list[int]] = {}
    for predecessor, dependent in within:
        before.setdefault(dependent, []).append(predecessor)
    for one in sorted((one for one in members if one.claimed_at is None), key=lambda one: -one.rank):
        begins = max((ends[number] for number in before.get(one.number, ())), default=0.0)
        ends[one.number] = begins + _minutes(one, default)
    return ends


def _ends_under_way(members: Sequence[Member], *, now: int, default: float) -> dict[int, float]:
    """Give the minutes from now until each claim may end. A batch is worked through one todo after the other."""
    ends: dict[int, float] = {}
    batches: dict[tuple[int | None, int | None], float] = {}
    for one in sorted(members, key=lambda one: one.reserved):
        batch = (one.holder, one.claimed_at)
        begins = batches.get(batch, 0.0) if one.reserved else 0.0
        elapsed = 0.0 if one.reserved and batch in batches else max(now - (one.claimed_at or now), 0) / MINUTE_US
        ends[one.number] = batches[batch] = begins + _left(one, default, elapsed=elapsed)
    return ends


def _left(member: Member, default: float, *, elapsed: float) -> float:
    """Give the minutes that are left of a todo under way: by what was reported, else by the time since its claim."""
    if member.progress_percent is not None:
        return _minutes(member, default) * (DONE_PERCENT - member.progress_percent) / DONE_PERCENT
    return max(_minutes(member, default) - elapsed, 0.0)


def _minutes(member: Member, default: float) -> float:
    return default if member.estimate_minutes is None else member.estimate_minutes
