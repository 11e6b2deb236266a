"""What could be wrong around a project, judged from facts that others have gathered."""

from __future__ import annotations

from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longpole.model import InstanceInfo
    from longpole.settings import Settings
    from longpole.store.condition import Condition

SAFE_SQLITE = (3, 51, 3)
LARGE_WAL_BYTES = 256 << 20
EARLIEST = 1_767_225_600_000_000  # 2026: a clock before the first release of longpole is wrong
FEW_BEATS = 3  # leases shorter than this many heartbeats end when a machine is merely busy


class Finding(Value):
    """What one check has found. `level`: ok, warning (works, but mind it) or problem (has to be mended)."""

    check: str
    level: str
    finding: str


def examine(
    condition: Condition, settings: Settings, instances: Sequence[InstanceInfo], problems: Sequence[str]
) -> list[Finding]:
    """Judge the database's condition, SQLite's own findings, the settings and the live instances."""
    return [
        *_database(condition, problems),
        *_permissions(condition),
        *_settings(settings),
        *_instances(instances, condition.now),
        *_clock(condition),
    ]


def _database(condition: Condition, problems: Sequence[str]) -> Iterator[Finding]:
    yield _ok("database", f"{condition.path}, schema {condition.schema_version}")
    spelled = ".".join(map(str, condition.sqlite_version))
    if condition.sqlite_version < SAFE_SQLITE:
        yield _problem("sqlite", f"SQLite {spelled} can corrupt a database under load; install a newer apsw")
    else:
        yield _ok("sqlite", spelled)
    yield _ok("file system", condition.file_system or "not told by this system; it must be a local disk")
    if problems:
        yield _problem("integrity", f"{problems[0]} ({len(problems)} in all); `longpole db restore` a backup")
    else:
        yield _ok("integrity", "sound")
    size = f"{condition.wal_bytes / (1 << 20):.1f} MiB"
    if condition.wal_bytes > LARGE_WAL_BYTES:
        yield _warning("write-ahead log", f"{size}: some process reads for very long; find and end it")
    else:
        yield _ok("write-ahead log", size)


def _permissions(condition: Condition) -> Iterator[Finding]:
    readable = [path for path, mode in condition.modes if mode & 0o077 and path.startswith(condition.path)]
    writable = [path for path, mode in condition.modes if mode & 0o022 and path not in readable]
    if readable or writable:
        yield _warning("permissions", f"others may get at {', '.join((*readable, *writable))}; chmod go= them")
    else:
        yield _ok("permissions", "readable by you alone")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.lease_s < FEW_BEATS * settings.heartbeat_s:
        advice = f"lease_s {settings.lease_s:g} is less than {FEW_BEATS} × heartbeat_s {settings.heartbeat_s:g}"
        yield _warning("settings", f"{advice}: one late heartbeat may cost an instance its claims")
    else:
        yield _ok("settings", f"lease {settings.lease_s:g} s, heartbeat {settings.heartbeat_s:g} s")
    if settings.durability != "full":
        yield _warning("durability", f"{settings.durability}: a power cut may take back what was answered last")


def _instances(instances: Sequence[InstanceInfo], now: int) -> Iterator[Finding]:
    silent = [one for one in instances if one.lease_expires_at <= now]
    for one in silent:
        silent_s = (now - one.heartbeat_at) / 1e6
        holds = f" and holds {', '.join(one.holding)}" if one.holding else ""
        yield _warning("instances", f"{one.name} has been silent for {silent_s:.0f} s{holds}; the next claim ends it")
    if not silent:
        yield _ok("instances", f"{len(instances)} live, none silent")


def _clock(condition: Condition) -> Iterator[Finding]:
    if condition.now < EARLIEST:
        yield _problem("clock", "this machine's clock is years behind; set it, leases are judged by it")
    elif condition.newest_event_at > condition.now:
        ahead_s = (condition.newest_event_at - condition.now) / 1e6
        yield _warning("clock", f"the journal's last act lies {ahead_s:.0f} s in the future; the clock was set back")
    else:
        yield _ok("clock", "goes on from the journal's last act")


def _ok(check: str, finding: str) -> Finding:
    return Finding(check=check, level="ok", finding=finding)


def _warning(check: str, finding: str) -> Finding:
    return Finding(check=check, level="warning", finding=finding)


def _problem(check: str, finding: str) -> Finding:
    return Finding(check=check, level="problem", finding=finding)
