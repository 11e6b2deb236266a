"""ALLOCATION: which todo an instance should get. A strategy is a pure function that gives Selections; a file each."""

from __future__ import annotations

from longpole.errors import InvalidInputError, LongpoleError
from longpole.selection import BestOf, Order, Selection
from longpole.strategies import branch_affinity, context_aware, critical_path, greedy, load_balanced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longpole.fleet import Fleet

    Strategy = Callable[[Fleet], Sequence[Selection | BestOf]]
    """From who asks, and the fleet around it, to what it should get, best first; the store takes the first there is.

    Nothing to offer means that the instance is held back for now.
    """

BUILT_IN: dict[str, Strategy] = {
    "critical_path": critical_path.choose,
    "greedy": greedy.choose,
    "load_balanced": load_balanced.choose,
    "branch_affinity": branch_affinity.choose,
    "context_aware": context_aware.choose,
}
GROUP = "longpole.strategies"
TYPES = {"order": (Order,), "why": (str,), "branch": (str, type(None)), "bonus_minutes": (int, float)}
"""Of the fields of a Selection, as far as a wrong one would be noticed late."""


class Strategies:
    """The strategies that a process has at hand; others are loaded once."""

    def __init__(self) -> None:
        self._loaded = dict(BUILT_IN)

    def get(self, name: str) -> Strategy | None:
        """Give a strategy that is at hand; None if it has to be loaded first."""
        return self._loaded.get(name)

    def load(self, name: str, *, asked_for: bool) -> None:
        """Bring a strategy to hand; `asked_for` in this very call, else by the project's settings.

        Raises InvalidInputError for a name that nothing provides.
        """
        self._loaded[name] = named(name) if asked_for else installed(name)


def named(name: str) -> Strategy:
    """Give a strategy that somebody names for a call of their own: an installed one, or `package.module:function`.

    Raises InvalidInputError for a name that nothing provides.
    """
    return _imported(name) if ":" in name else installed(name)


def installed(name: str) -> Strategy:
    """Give a strategy by its name: built in, or installed under the entry point group.

    Settings may name no others: what one person sets runs in everybody's processes.
    Raises InvalidInputError for a name that nothing provides.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        return _loaded(name, point.load)
    known = ", ".join([*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP))])
    raise InvalidInputError(f"no strategy '{name}' is installed; there are: {known}")


def _imported(name: str) -> Strategy:
    from importlib import import_module

    module, _, function = name.partition(":")
    return _loaded(name, lambda: getattr(import_module(module), function))


def _loaded(name: str, load: Callable[[], object]) -> Strategy:
    """Load somebody else's function; whatever is wrong with it is told as theirs."""
    try:
        found = load()
    except Exception as error:
        raise InvalidInputError(
            f"cannot load the strategy '{name}': {error}; mend its module, or choose another"
        ) from error
    if not callable(found):
        raise InvalidInputError(f"the strategy '{name}' is not a function of the fleet")

    def choose(fleet: Fleet) -> Sequence[Selection | BestOf]:
        try:
            selections = found(fleet)
        except LongpoleError:
            raise
        except Exception as error:
            raise InvalidInputError(f"the strategy '{name}' failed: {error!r}; mend it, or choose another") from error
        if not isinstance(selections, list | tuple) or not all(_is_sound(one) for one in selections):
            raise InvalidInputError(
                f"the strategy '{name}' must give a list of Selections, and of BestOfs of Selections by critical path"
                f" that neither are unheld nor keep; mend it: it gave {selections!r}"
            )
        return selections

    return choose


def _is_sound(one: object) -> bool:
    if isinstance(one, BestOf):
        return bool(one.selections) and all(map(_is_comparable, one.selections))
    return isinstance(one, Selection) and _is_typed(one) and not (one.unheld and one.branch)


def _is_typed(one: Selection) -> bool:
    return all(isinstance(getattr(one, name), types) for name, types in TYPES.items())


def _is_comparable(one: object) -> bool:
    if not isinstance(one, Selection) or not _is_typed(one):
        return False
    return one.order is Order.CRITICAL_PATH and not (one.unheld or one.keep)
