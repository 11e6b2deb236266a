"""WHO runs the strategy, and WHEN. Every mechanism ends in the same claim, so a project may change it at any time."""

from __future__ import annotations

from longpole.coordination import optimistic
from longpole.strategies import Strategies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from longpole.coordination.optimistic import Outcome
    from longpole.store import Store
    from longpole.store.instances import Lease
    from longpole.store.steps import Finish

    class Mechanism(Protocol):
        """What `allocate` below does, by one mechanism."""

        def __call__(
            self,
            store: Store,
            asker: Asker,
            *,
            strategy: str | None,
            count: int,
            finishes: Sequence[Finish],
            key: str | None,
        ) -> Outcome: ...


class Asker:
    """An instance as its own process knows it, from one request for work to the next.

    `lost_attempts` and `empty_selections` are what came in the way since its last claim; the next one tells of them.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease, self.strategies = lease, Strategies()
        self.lost_attempts = self.empty_selections = 0


def allocate(
    store: Store,
    asker: Asker,
    *,
    strategy: str | None = None,
    count: int = 1,
    finishes: Sequence[Finish] = (),
    key: str | None = None,
) -> Outcome:
    """Complete the claims that are given, if any, and claim up to `count` todos by the project's mechanism.

    Which one that is was read along with the act before; after a change one act may still go the former way.
    Raises InstanceLostError if the instance is not live, ClaimLostError if the claim to complete is lost,
    InvalidInputError for an unknown strategy; nothing is changed then.
    """
    _, settings = store.settings_seen()
    mechanism = MECHANISMS[settings.coordination]
    return mechanism(store, asker, strategy=strategy, count=count, finishes=finishes, key=key)


def _optimistic(store: Store, asker: Asker, **asked: Any) -> Outcome:
    return optimistic.allocate(store, asker.lease, asker.strategies, **asked)


def _optimistic_loop(store: Store, asker: Asker, **asked: Any) -> Outcome:
    from longpole.coordination import optimistic_loop  # the default does not pay for what it does not use

    return optimistic_loop.allocate(store, asker, at_random=False, **asked)


def _optimistic_random(store: Store, asker: Asker, **asked: Any) -> Outcome:
    from longpole.coordination import optimistic_loop

    return optimistic_loop.allocate(store, asker, at_random=True, **asked)


MECHANISMS: dict[str, Mechanism] = {
    "optimistic": _optimistic,
    "optimistic_loop": _optimistic_loop,
    "optimistic_random": _optimistic_random,
}
"""The words of the setting `coordination`, and what each does."""
