"""By which rule a project gives out what is ready, as far as that can be told without knowing who asks."""

from __future__ import annotations

from longpole import strategies
from longpole.errors import InvalidInputError
from longpole.fleet import Anybody, UnreadError
from longpole.selection import Order, Selection
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.settings import Settings


class Rule(Value):
    """A project's strategy and coordination, and the order in which todos are given out by them.

    `is_for_everybody` is off where the strategy looks at who asks: the order is the one by critical path then.
    """

    strategy: str
    coordination: str
    order: Order
    is_for_everybody: bool


def rule_of(settings: Settings) -> Rule:
    """Give a project's rule. A strategy that is not installed here counts as one that looks at who asks.

    It runs the strategy, which may be somebody else's: not to be called inside a transaction.
    """
    found: Order | None = None
    try:
        selections = strategies.installed(settings.strategy)(Anybody(settings))
        if selections and isinstance(selections[0], Selection):
            found = selections[0].order
    except (UnreadError, InvalidInputError):
        pass
    return Rule(
        strategy=settings.strategy,
        coordination=settings.coordination,
        order=found or Order.CRITICAL_PATH,
        is_for_everybody=found is not None,
    )
