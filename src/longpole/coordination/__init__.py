"""WHO runs the strategy, and WHEN. Every mechanism ends in the same claim, so a project may change it at any time."""

from __future__ import annotations

from longpole.coordination import acts, optimistic
from longpole.coordination.acts import Request
from longpole.settings import parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longpole.coordination.acts import Asker, Outcome
    from longpole.store import Store
    from longpole.store.steps import Finish

    Mechanism = Callable[[Store, Asker, Request], Outcome]


def allocate(
    store: Store,
    asker: Asker,
    *,
    strategy: str | None = None,
    coordination: str | None = None,
    count: int = 1,
    finishes: Sequence[Finish] = (),
    key: str | None = None,
) -> Outcome:
    """Complete the claims that are given, if any, and claim up to `count` todos.

    `strategy` and `coordination` None are the project's. Its mechanism was read along with the act before; after a
    change one act may still go the former way. Raises InstanceLostError if the instance is not live, ClaimLostError if
    a claim to complete is lost, InvalidInputError for a strategy or a mechanism that is unknown, or a strategy that
    the mechanism cannot go by; nothing is changed then.
    """
    if coordination is not None:
        parsed("coordination", coordination)
    act = f"allocate {asker.lease.number} {acts.claims_of(finishes)}"

    def ask(key: str | None) -> Outcome:
        _, settings = store.settings_seen()
        request = Request(act=act, key=key, finishes=tuple(finishes), count=count, strategy=strategy)
        return MECHANISMS[coordination or settings.coordination](store, asker, request)

    return asker.ask(store, act, key, ask)


def lead(store: Store, number: int) -> None:
    """Let an instance lead the others, where they are led and nobody else does. It comes with each heartbeat."""
    _, settings = store.settings_seen()
    if settings.coordination == "leader":
        from longpole.coordination import leader  # the default does not pay for what it does not use

        leader.lead(store, number)


def _work_queue(store: Store, asker: Asker, request: Request) -> Outcome:
    from longpole.coordination import work_queue

    return work_queue.allocate(store, asker, request)


def _leader(store: Store, asker: Asker, request: Request) -> Outcome:
    from longpole.coordination import leader

    return leader.allocate(store, asker, request)


def _optimistic_loop(store: Store, asker: Asker, request: Request) -> Outcome:
    from longpole.coordination import optimistic_loop

    return optimistic_loop.allocate(store, asker, request, at_random=False)


def _optimistic_random(store: Store, asker: Asker, request: Request) -> Outcome:
    from longpole.coordination import optimistic_loop

    return optimistic_loop.allocate(store, asker, request, at_random=True)


MECHANISMS: dict[str, Mechanism] = {
    "optimistic": optimistic.allocate,
    "work_queue": _work_queue,
    "leader": _leader,
    "optimistic_loop": _optimistic_loop,
    "optimistic_random": _optimistic_random,
}
"""The words of the setting `coordination`, and what each does."""
