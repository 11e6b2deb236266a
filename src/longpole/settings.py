"""What a person may set for a project: each setting with its unit, range, default and meaning."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


_NONE: dict[str, int] = {}


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
    switch_bonus_minutes: float = 0.0
    balance_todos: float = 1.0
    balance_minutes: float = 0.0
    cap: int = 0
    queue_refresh_s: float = 5.0
    leader_lease_s: float = 15.0
    accept_s: float = 30.0
    resources: dict[str, int] = _NONE  # capacity by name; one that is not named has a capacity of 1
    branch_caps: dict[str, int] = _NONE  # how many todos of a branch may be in progress at once

    @property
    def beat_every_s(self) -> float:
        """The seconds between two heartbeats: heartbeat_s, or a third of a lease that is too short for it."""
        return min(self.heartbeat_s, self.lease_s / 3)

    @property
    def wake_every_s(self) -> float:
        """The seconds after which a process that beats has to do something: beat, or see whether anybody leads."""
        return min(self.beat_every_s, self.leader_lease_s / 3) if self.coordination == "leader" else self.beat_every_s

    def spelled(self) -> dict[str, Any]:
        """Give the settings by the names under which they are set, those of a family one by one."""
        found = self.as_dict()
        for begins, field in FAMILIES.values():
            found |= {begins + name: value for name, value in sorted(found.pop(field).items())}
        return found


class Spec(Value):
    """How one setting is read: `low` and `high` bound a number, `choices` list the words of a text."""

    meaning: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()  # empty for a number, and for a text whose words others check


YEAR_S = 365 * 86400.0
MOST = 1_000_000
LONGEST_NAME = 200
FAMILIES = {"resource.NAME": ("resource.", "resources"), "cap.BRANCH": ("cap.", "branch_caps")}
"""Settings whose names a person makes: what each begins with, and the field that has them all."""

SPECS: dict[str, Spec] = {
    "strategy": Spec(
        meaning="the allocation strategy: critical_path, greedy, load_balanced, branch_affinity, context_aware, or"
        " one that is installed"
    ),
    "coordination": Spec(
        meaning="who runs the strategy; optimistic: the instance that asks, which picks and claims at once;"
        " work_queue: all take from one ranking; leader: one of them assigns. To compare with optimistic there are"
        " optimistic_loop, which reads what is ready and tries each in turn, and optimistic_random, at random among"
        " the first",
        choices=("optimistic", "work_queue", "leader", "optimistic_loop", "optimistic_random"),
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
    "switch_bonus_minutes": Spec(
        meaning="context_aware: by how much a critical path counts longer if it stays in the instance's branch",
        high=1e6,
    ),
    "balance_todos": Spec(
        meaning="load_balanced: how many todos above the average an instance may hold and still get another", high=MOST
    ),
    "balance_minutes": Spec(
        meaning="load_balanced: the same in estimated minutes; 0: they are not looked at", high=1e6
    ),
    "cap": Spec(meaning="how many todos may be in progress at once; 0: no limit", high=MOST),
    "queue_refresh_s": Spec(meaning="work_queue: seconds after which todos are ranked anew", low=0.01, high=YEAR_S),
    "leader_lease_s": Spec(
        meaning="leader: seconds without a sign of the leader until another leads", low=0.1, high=YEAR_S
    ),
    "accept_s": Spec(meaning="leader: seconds in which an assignment has to be taken up", low=0.1, high=YEAR_S),
    "resource.NAME": Spec(
        meaning="how much there is of a resource that todos take in their touches; 1 where it is not set", high=MOST
    ),
    "cap.BRANCH": Spec(meaning="how many todos of a branch may be in progress at once; 0: no limit", high=MOST),
}


def parsed(name: str, value: object) -> object:
    """Give the value of a setting in its own type, from text or from JSON.

    Raises InvalidInputError for an unknown name and for a value outside the setting's range.
    """
    spec = SPECS[family(known(name))]
    if family(name) in FAMILIES:
        return _number(name, spec, value, whole=True)
    default = getattr(Settings, name)  # the defaults carry the types
    if isinstance(default, str):
        return _text(name, spec, value)
    return _number(name, spec, value, whole=isinstance(default, int))


def known(name: str) -> str:
    """Give the name back if it is a setting's; raises InvalidInputError otherwise."""
    if family(name) not in SPECS or name in FAMILIES or not _is_sound(name):
        raise InvalidInputError(f"there is no setting {name[:80]!a}; there are: {', '.join(SPECS)}")
    return name


def _is_sound(name: str) -> bool:
    return len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def family(name: str) -> str:
    """Give the name under which SPECS explains a setting: resource.NAME for resource.gpu, any other for itself."""
    for one, (begins, _) in FAMILIES.items():
        if name.startswith(begins) and name != begins:
            return one
    return name


def merged(overrides: Mapping[str, object]) -> Settings:
    """Give the settings that these overrides make of the defaults; unknown names of a newer release are ignored."""
    values: dict[str, Any] = {name: parsed(name, value) for name, value in overrides.items() if family(name) in SPECS}
    for begins, field in FAMILIES.values():
        members = {name.removeprefix(begins): values.pop(name) for name in list(values) if name.startswith(begins)}
        values |= {field: members} if members else {}
    return Settings(**values)


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
