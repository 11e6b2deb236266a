"""What a person may set for a project: each setting with its unit, range, default and meaning."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Settings(Value):
    """The settings of one project, all of them, defaults filled in. SPECS explains each."""

    strategy: str = "critical_path"
    coordination: str = "optimistic"
    lease_s: float = 300.0
    heartbeat_s: float = 60.0
    max_attempts: int = 3
    max_hold_s: float = 0.0
    retry_backoff_s: float = 1.0
    default_estimate_minutes: float = 30.0
    durability: str = "full"

    @property
    def beat_every_s(self) -> float:
        """The seconds between two heartbeats: heartbeat_s, or a third of a lease that is too short for it."""
        return min(self.heartbeat_s, self.lease_s / 3)


class Spec(Value):
    """How one setting is read: `low` and `high` bound a number, `choices` list the words of a text."""

    meaning: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()  # empty for a number, and for a text whose words others check


YEAR_S = 365 * 86400.0

SPECS: dict[str, Spec] = {
    "strategy": Spec(meaning="the allocation strategy: critical_path, greedy, or one that is installed"),
    "coordination": Spec(
        meaning="how claims are settled; optimistic: pick and claim at once; the others are there to compare with it:"
        " optimistic_loop reads what is ready and tries each in turn, optimistic_random at random among the first",
        choices=("optimistic", "optimistic_loop", "optimistic_random"),
    ),
    "lease_s": Spec(meaning="seconds without a heartbeat until an instance is given up", low=0.1, high=YEAR_S),
    "heartbeat_s": Spec(meaning="seconds between two heartbeats; a third of lease_s at most", low=0.05, high=YEAR_S),
    "max_attempts": Spec(meaning="failed or expired attempts until a todo is set aside as failed", low=1, high=1000),
    "max_hold_s": Spec(meaning="seconds that a claim may last however lively its instance; 0: no limit", high=YEAR_S),
    "retry_backoff_s": Spec(
        meaning="seconds that a todo rests after its first failed attempt, doubled at each further one", high=86400.0
    ),
    "default_estimate_minutes": Spec(meaning="what a todo without an estimate counts", low=0.001, high=1e6),
    "durability": Spec(
        meaning="full: an answered act survives a power cut; normal: it may be lost then, the file stays sound",
        choices=("full", "normal"),
    ),
}


def parsed(name: str, value: object) -> object:
    """Give the value of a setting in its own type, from text or from JSON.

    Raises InvalidInputError for an unknown name and for a value outside the setting's range.
    """
    spec = SPECS[known(name)]
    default = getattr(Settings, name)  # the defaults carry the types
    if isinstance(default, str):
        return _text(name, spec, value)
    return _number(name, spec, value, whole=isinstance(default, int))


def known(name: str) -> str:
    """Give the name back if it is a setting's; raises InvalidInputError otherwise."""
    if name not in SPECS:
        raise InvalidInputError(f"there is no setting '{name}'; there are: {', '.join(SPECS)}")
    return name


def merged(overrides: Mapping[str, object]) -> Settings:
    """Give the settings that these overrides make of the defaults; unknown names of a newer release are ignored."""
    known_ones: dict[str, Any] = {name: parsed(name, value) for name, value in overrides.items() if name in SPECS}
    return Settings(**known_ones)


def _text(name: str, spec: Spec, value: object) -> str:
    if not isinstance(value, str) or not value or (spec.choices and value not in spec.choices):
        wanted = " or ".join(spec.choices) or "a name"
        raise InvalidInputError(f"{name} must be {wanted}, not {value!r}")
    return value


def _number(name: str, spec: Spec, value: object, *, whole: bool) -> float | int:
    try:
        number = float(value)  # type: ignore[arg-type] # a wrong type is one of the refusals
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not spec.low <= number <= spec.high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise InvalidInputError(f"{name} must be {kind} from {spec.low:g} to {spec.high:g}, not {value!r}")
    return int(number) if whole else number
