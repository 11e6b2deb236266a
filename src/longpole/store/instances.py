"""Instances: a row for each start of an agent session, with the one lease that covers all its claims."""

from __future__ import annotations

import json
import os

from longpole.fleet import Workload
from longpole.model import EventKind, InstanceInfo
from longpole.store import journal, projects
from longpole.transitions import Act
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.dialect import Row, Transaction

ENDS = {Act.RELEASE: ("left", EventKind.UNREGISTERED), Act.EXPIRE: ("lost", EventKind.LOST)}
LEASE = "number, name, heartbeat_at, lease_expires_at, offers, branch"
# Whoever gives an instance up locks its row FOR UPDATE, and so waits for acts that count on it; a heartbeat does not.
LIVE = f"""
    SELECT {LEASE} FROM instance
    WHERE project_id = ? AND number = ? AND state = 'live' FOR KEY SHARE"""  # noqa: S608 - constants, as below
COLUMNS = "number, name, state, registered_at, heartbeat_at, lease_expires_at, host, process_id, offers, branch"

COUNT_LIVE = "SELECT COUNT(*) FROM instance WHERE project_id = ? AND state = 'live'"
NOTE_BRANCH = "UPDATE instance SET branch = ? WHERE project_id = ? AND number = ?"


class Lease(Value):
    """What an act needs to know of a live instance."""

    number: int
    name: str
    heartbeat_at: int
    lease_expires_at: int
    offers: str = "[]"  # labels, as needs.py spells them
    branch: str | None = None  # that of its last claim that had one


def register(
    tx: Transaction,
    name: str | None,
    *,
    lease_s: float,
    host: str | None = None,
    process_id: int | None = None,
    offers: str = "[]",
) -> Lease:
    """Add a live instance; without a name it is called agent-NUMBER. The caller has seen that the name is free."""
    number = projects.next_instance(tx)
    name = name or f"agent-{number}"
    expires_at = tx.now + microseconds(lease_s)
    tx.run(
        f"INSERT INTO instance (project_id, {COLUMNS}) VALUES (?, ?, ?, 'live', ?, ?, ?, ?, ?, ?, NULL)",  # noqa: S608 - constant
        (tx.project_id, number, name, tx.now, tx.now, expires_at, host, process_id, offers),
    )
    projects.sweep_by(tx, expires_at)
    offered = json.loads(offers)
    journal.write(tx, EventKind.REGISTERED, instance=number, data={"offers": offered} if offered else None)
    return Lease(number=number, name=name, heartbeat_at=tx.now, lease_expires_at=expires_at, offers=offers)


def offer(tx: Transaction, lease: Lease, offers: str) -> Lease:
    """Let a live instance offer other labels from now on."""
    if tx.run(
        "UPDATE instance SET offers = ? WHERE project_id = ? AND number = ? AND state = 'live'",
        (offers, tx.project_id, lease.number),
    ):
        journal.write(tx, EventKind.OFFERED, instance=lease.number, data={"offers": json.loads(offers)})
    return lease.replace(offers=offers)


def live(tx: Transaction, number: int) -> Lease | None:
    """Give a live instance by its number; None once it has left or was given up. It stays live until the act ends."""
    return _lease(tx.one(LIVE, (tx.project_id, number)))


def named(tx: Transaction, name: str) -> Lease | None:
    """Give the live instance of a name; None if there is none."""
    row = tx.one(
        f"SELECT {LEASE} FROM instance WHERE project_id = ? AND name = ? AND state = 'live'",  # noqa: S608
        (tx.project_id, name),
    )
    return _lease(row)


def beat(tx: Transaction, number: int, lease_s: float) -> int | None:
    """Renew an instance's lease and give its new end; None, changing nothing, if the instance is not live."""
    row = tx.one(
        "UPDATE instance SET heartbeat_at = ?, lease_expires_at = ?"
        " WHERE project_id = ? AND number = ? AND state = 'live' RETURNING lease_expires_at",
        (tx.now, tx.now + microseconds(lease_s), tx.project_id, number),
    )
    if row is None:
        return None
    projects.sweep_by(tx, row[0])  # a lease that was made shorter may end before the sweep that is due
    return int(row[0])


def end(tx: Transaction, number: int, act: Act, why: str) -> None:
    """Retire a live instance: as `left` by RELEASE, as `lost` by EXPIRE. Its claims are the caller's to return."""
    state, kind = ENDS[act]
    if tx.run(
        "UPDATE instance SET state = ? WHERE project_id = ? AND number = ? AND state = 'live'",
        (state, tx.project_id, number),
    ):
        journal.write(tx, kind, instance=number, why=why)


def expired(tx: Transaction) -> list[Lease]:
    """List the live instances whose lease has ended, and keep them from coming back before this transaction ends."""
    rows = tx.all(
        f"SELECT {LEASE} FROM instance"  # noqa: S608
        " WHERE project_id = ? AND state = 'live' AND lease_expires_at <= ? ORDER BY number FOR UPDATE",
        (tx.project_id, tx.now),
    )
    return [lease for row in rows if (lease := _lease(row))]


def lock(tx: Transaction, number: int) -> None:
    """Wait until every act of an instance has ended; what it holds then stays the same until this transaction ends."""
    tx.lock_rows("SELECT 1 FROM instance WHERE project_id = ? AND number = ?", (tx.project_id, number))


def grace(tx: Transaction, lease_s: float) -> None:
    """Give every live instance a whole lease from now on, neither more nor less: time stepped, or stood still."""
    tx.run(
        "UPDATE instance SET heartbeat_at = ?, lease_expires_at = ? WHERE project_id = ? AND state = 'live'",
        (tx.now, tx.now + microseconds(lease_s), tx.project_id),
    )


def next_expiry(tx: Transaction) -> int | None:
    """Tell when the first lease ends; None without live instances."""
    row = tx.one("SELECT MIN(lease_expires_at) FROM instance WHERE project_id = ? AND state = 'live'", (tx.project_id,))
    return row[0] if row else None


def note_branch(tx: Transaction, number: int, branch: str) -> None:
    """Note the branch that an instance works in from now on: it matters to strategies that avoid to leave one."""
    tx.run(NOTE_BRANCH, (branch, tx.project_id, number))


def workloads(tx: Transaction, default_estimate: float) -> tuple[Workload, ...]:
    """Give what each live instance has in its hands, by number; its estimates less what it reported as done."""
    rows = tx.all(
        "SELECT i.name, COUNT(t.number), SUM(CASE WHEN t.number IS NULL THEN 0.0"
        " ELSE COALESCE(t.estimate_minutes, ?) * (100 - COALESCE(t.progress_percent, 0)) / 100.0 END)"
        " FROM instance i LEFT JOIN todo t"
        " ON t.project_id = i.project_id AND t.holder = i.number AND t.status = 'in_progress'"
        " WHERE i.project_id = ? AND i.state = 'live' GROUP BY i.number, i.name ORDER BY i.number",
        (default_estimate, tx.project_id),
    )
    return tuple(Workload(instance=name, active_todos=count, estimated_minutes=left) for name, count, left in rows)


def count_live(tx: Transaction) -> int:
    """Count the live instances."""
    row = tx.one(COUNT_LIVE, (tx.project_id,))
    return row[0] if row else 0


def listing(tx: Transaction, *, every: bool = False) -> list[InstanceInfo]:
    """List the live instances, or every one there ever was, by number, each with the todos it holds."""
    rows = tx.all(
        f"SELECT {COLUMNS} FROM instance WHERE project_id = ? AND (state = 'live' OR ?) ORDER BY number",  # noqa: S608
        (tx.project_id, every),
    )
    held: dict[int, list[str]] = {}
    for holder, todo_id in tx.all(
        "SELECT t.holder, d.id FROM todo t JOIN todo_detail d ON d.project_id = t.project_id AND d.number = t.number"
        " WHERE t.project_id = ? AND t.status = 'in_progress' ORDER BY t.holder, t.number",
        (tx.project_id,),
    ):
        held.setdefault(holder, []).append(todo_id)
    return [_info(row, tuple(held.get(row[0], ()))) for row in rows]


def microseconds(seconds: float) -> int:
    """Turn a duration into the unit of stored times."""
    return int(seconds * 1_000_000)


def _lease(row: Row | None) -> Lease | None:
    if row is None:
        return None
    return Lease(number=row[0], name=row[1], heartbeat_at=row[2], lease_expires_at=row[3], offers=row[4], branch=row[5])


def _info(row: Row, holding: tuple[str, ...]) -> InstanceInfo:
    names = ("number", "name", "state", "registered_at", "heartbeat_at", "lease_expires_at", "host", "process_id")
    *plain, offers, branch = row
    return InstanceInfo(
        **dict(zip(names, plain, strict=True)), offers=tuple(json.loads(offers)), branch=branch, holding=holding
    )


def process_is_gone(tx: Transaction, number: int) -> bool:
    """Tell whether an instance lived in a process of this machine that has ended; False where nobody can tell."""
    row = tx.one("SELECT host, process_id FROM instance WHERE project_id = ? AND number = ?", (tx.project_id, number))
    if row is None or row[1] is None or row[0] != os.uname().nodename:
        return False
    try:
        os.kill(row[1], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
