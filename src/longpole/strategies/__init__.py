"""ALLOCATION: which todo an instance should get. A strategy is a pure function that gives Selections; a file each."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.strategies import critical_path, greedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longpole.selection import Selection

    Strategy = Callable[[str], Sequence[Selection]]
    """From the name of the instance that asks to what it should get, best first; the store takes the first there is."""

BUILT_IN: dict[str, Strategy] = {
    "critical_path": critical_path.choose,
    "greedy": greedy.choose,
}
GROUP = "longpole.strategies"


class Strategies:
    """The strategies that a process has at hand; others are loaded once."""

    def __init__(self) -> None:
        self._loaded = dict(BUILT_IN)

    def get(self, name: str) -> Strategy | None:
        """Give a strategy that is at hand; None if it has to be loaded first."""
        return self._loaded.get(name)

    def load(self, name: str) -> None:
        """Bring a strategy to hand. Raises InvalidInputError for a name that nothing provides."""
        self._loaded[name] = named(name)


def named(name: str) -> Strategy:
    """Give a strategy by its name: built in, installed under the entry point group, or `package.module:function`.

    Raises InvalidInputError for a name that nothing provides.
    """
    found = BUILT_IN.get(name)
    if found is not None:
        return found
    return _imported(name) if ":" in name else _installed(name)


def _installed(name: str) -> Strategy:
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        return _checked(name, point.load())
    known = ", ".join([*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP))])
    raise InvalidInputError(f"there is no strategy '{name}'; choose {known}, or name package.module:function")


def _imported(name: str) -> Strategy:
    from importlib import import_module

    module, _, function = name.partition(":")
    try:
        return _checked(name, getattr(import_module(module), function))
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInputError(f"cannot load the strategy '{name}': {error}") from error


def _checked(name: str, found: object) -> Strategy:
    if not callable(found):
        raise InvalidInputError(f"the strategy '{name}' is not a function of the instance's name")
    return found
