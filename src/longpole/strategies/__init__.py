"""ALLOCATION: which todo an instance should get. A strategy is a pure function that gives Selections; a file each."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.selection import Selection
from longpole.strategies import critical_path, greedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        return _checked(name, point.load())
    known = ", ".join([*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP))])
    raise InvalidInputError(f"no strategy '{name}' is installed; there are: {known}")


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

    def choose(instance: str) -> Sequence[Selection]:
        selections = found(instance)
        if not isinstance(selections, list | tuple) or not all(isinstance(one, Selection) for one in selections):
            raise InvalidInputError(f"the strategy '{name}' must give a list of Selections, not {selections!r}")
        return selections

    return choose
