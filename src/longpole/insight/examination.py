"""What could be wrong around a project, judged from facts that others have gathered."""

from __future__ import annotations

from longpole.store.condition import FileCondition
from longpole.store.postgres_condition import PostgresCondition
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longpole.model import InstanceInfo
    from longpole.settings import Settings
    from longpole.store.condition import Condition

OK, WARNING, PROBLEM = "ok", "warning", "problem"
LARGE_WAL_BYTES = 256 << 20
EARLIEST = 1_767_225_600_000_000  # 2026: a clock before the first release of longpole is wrong
STEP_S = 1.0  # transactions that overlap may be ahead of each other by a little
FEW_BEATS = 3  # leases shorter than this many heartbeats end when a machine is merely busy


class Finding(Value):
    """What one check has found. `level`: ok, warning (works, but mind it) or problem (has to be mended)."""

    check: str
    level: str
    finding: str


def examine(
    condition: Condition,
    settings: Settings,
    instances: Sequence[InstanceInfo],
    problems: Sequence[str],
    *,
    unoffered: Sequence[tuple[Sequence[str], int]] = (),
) -> list[Finding]:
    """Judge the database's condition, the engine's own findings, the settings and the live instances.

    `unoffered`: labels that todos need and none of these offers, each set with the number of todos.
    """
    from longpole.insight import examination_postgres as server

    return [
        finding("database", OK, f"{condition.place}, schema {condition.schema_version}"),
        *(_file(condition) if isinstance(condition, FileCondition) else ()),
        *(server.examine(condition, settings) if isinstance(condition, PostgresCondition) else ()),
        *_integrity(problems),
        *_settings(settings),
        *_instances(instances, condition.now),
        *_unoffered(unoffered),
        *_clock(condition),
    ]


def finding(check: str, level: str, said: str) -> Finding:
    """Make a finding, in one line that ends with what to do next."""
    return Finding(check=check, level=level, finding=said)


def _file(condition: FileCondition) -> Iterator[Finding]:
    yield finding("sqlite", OK, ".".join(map(str, condition.sqlite_version)))
    yield finding("file system", OK, condition.file_system or "not told by this system; it must be a local disk")
    size = f"{condition.wal_bytes / (1 << 20):.1f} MiB"
    if condition.wal_bytes > LARGE_WAL_BYTES:
        yield finding("write-ahead log", WARNING, f"{size}: some process reads for very long; find and end it")
    else:
        yield finding("write-ahead log", OK, size)
    yield from _permissions(condition)


def _integrity(problems: Sequence[str]) -> Iterator[Finding]:
    if problems:
        yield finding("integrity", PROBLEM, f"{problems[0]} ({len(problems)} in all); go back to a backup")
    else:
        yield finding("integrity", OK, "sound")


def _permissions(condition: FileCondition) -> Iterator[Finding]:
    readable = [path for path, mode in condition.modes if mode & 0o077 and path.startswith(condition.path)]
    writable = [path for path, mode in condition.modes if mode & 0o022 and path not in readable]
    if readable or writable:
        yield finding("permissions", WARNING, f"others may get at {', '.join((*readable, *writable))}; chmod go= them")
    else:
        yield finding("permissions", OK, "readable by you alone")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.lease_s < FEW_BEATS * settings.heartbeat_s:
        advice = f"lease_s {settings.lease_s:g} is less than {FEW_BEATS} × heartbeat_s {settings.heartbeat_s:g}"
        yield finding("settings", WARNING, f"{advice}: one late heartbeat may cost an instance its claims")
    else:
        yield finding("settings", OK, f"lease {settings.lease_s:g} s, heartbeat {settings.heartbeat_s:g} s")
    if settings.durability != "full":
        yield finding("durability", WARNING, f"{settings.durability}: a power cut may take back what was answered last")


def _instances(instances: Sequence[InstanceInfo], now: int) -> Iterator[Finding]:
    silent = [one for one in instances if one.lease_expires_at <= now]
    for one in silent:
        silent_s = (now - one.heartbeat_at) / 1e6
        holds = f" and holds {', '.join(one.holding)}" if one.holding else ""
        yield finding(
            "instances", WARNING, f"{one.name} has been silent for {silent_s:.0f} s{holds}; the next claim ends it"
        )
    if not silent:
        yield finding("instances", OK, f"{len(instances)} live, none silent")


def _unoffered(unoffered: Sequence[tuple[Sequence[str], int]]) -> Iterator[Finding]:
    for labels, count in unoffered:
        flags = " ".join(f"--offers {label}" for label in labels)
        they_need = f"{count} todos need" if count > 1 else "1 todo needs"
        advice = f"{they_need} {', '.join(labels)}, which no live instance offers; start one with `{flags}`"
        yield finding("labels", WARNING, advice)


def _clock(condition: Condition) -> Iterator[Finding]:
    if condition.now < EARLIEST:
        yield finding("clock", PROBLEM, "the database's clock is years behind; set it, leases are judged by it")
    elif condition.newest_event_at > condition.now + STEP_S * 1e6:
        ahead_s = (condition.newest_event_at - condition.now) / 1e6
        yield finding(
            "clock", WARNING, f"the journal's last act lies {ahead_s:.0f} s in the future; the clock was set back"
        )
    else:
        yield finding("clock", OK, "goes on from the journal's last act")
