"""Leadership: which instance leads, in which term, and what it has assigned to the others.

A term is given once. Whoever assigns names the term in which it read and thought: the row of the leader is locked and
compared in the same transaction, so an instance that leads no more changes nothing. Locks come in this order: an
instance's row, the leader's, assignments, todos. Nobody who has the leader's row waits for an instance's.
"""

from __future__ import annotations

from longpole.model import EventKind
from longpole.store import journal, todos
from longpole.store.instances import Lease
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from longpole.model import InstanceInfo
    from longpole.store.dialect import Transaction

LEAD = """
    INSERT INTO leader (project_id, instance, term, lease_expires_at) VALUES (?, ?, 1, ?)
    ON CONFLICT (project_id) DO UPDATE
        SET instance = excluded.instance, term = leader.term + 1, lease_expires_at = excluded.lease_expires_at
        WHERE leader.lease_expires_at <= ? OR NOT EXISTS (SELECT 1 FROM instance i
            WHERE i.project_id = leader.project_id AND i.number = leader.instance AND i.state = 'live')
    RETURNING term"""
STILL_LEADS = """
    UPDATE leader SET lease_expires_at = ?
    WHERE project_id = ? AND instance = ? AND term = ? AND lease_expires_at > ?"""
SEEN = """
    SELECT l.instance, l.term, l.lease_expires_at, i.name, i.state FROM leader l
    JOIN instance i ON i.project_id = l.project_id AND i.number = l.instance WHERE l.project_id = ?"""
# The status in a form that no index over ready todos answers to: the number is to be looked up by the key.
IN_FORCE = """
    a.accept_by > ? AND EXISTS (SELECT 1 FROM todo t WHERE t.project_id = a.project_id AND t.number = a.number
        AND COALESCE(t.status, '') = 'ready' AND t.token = a.token)"""
ASSIGNED = """
    SELECT a.instance, a.number, a.token, a.term, a.keeps, a.why, a.assigned_at, a.accept_by,
        a.accept_by > ? AND COALESCE(t.status, '') = 'ready' AND t.token = a.token, t.need
    FROM assignment a JOIN todo t ON t.project_id = a.project_id AND t.number = a.number
    WHERE a.project_id = ? ORDER BY a.instance"""
# Whoever let an assignment lapse gets no other before it has asked for work: it may be away, and the todo waits.
IDLE = f"""
    SELECT i.number, i.name, i.heartbeat_at, i.lease_expires_at, i.offers, i.branch FROM instance i
    WHERE i.project_id = ? AND i.state = 'live' AND i.lease_expires_at > ?
    AND NOT EXISTS (SELECT 1 FROM todo t
        WHERE t.project_id = i.project_id AND t.holder = i.number AND t.status = 'in_progress')
    AND NOT EXISTS (SELECT 1 FROM assignment a
        WHERE a.project_id = i.project_id AND a.instance = i.number AND (a.accept_by <= ? OR {IN_FORCE}))
    ORDER BY i.name LIMIT ?"""  # noqa: S608 - IN_FORCE is a constant, as below
PUT = f"""
    INSERT INTO assignment (project_id, instance, number, token, term, keeps, why, assigned_at, accept_by)
    SELECT t.project_id, i.number, t.number, t.token, ?, ?, ?, ?, ? FROM todo t
    JOIN instance i ON i.project_id = t.project_id AND i.number = ? AND i.state = 'live'
    WHERE t.project_id = ? AND t.number = ? AND COALESCE(t.status, '') = 'ready' AND t.token = ?
    AND NOT EXISTS (SELECT 1 FROM todo h
        WHERE h.project_id = i.project_id AND h.holder = i.number AND h.status = 'in_progress')
    AND NOT EXISTS (SELECT 1 FROM assignment a
        WHERE a.project_id = t.project_id AND a.number = t.number AND {IN_FORCE})
    ON CONFLICT (project_id, instance) DO NOTHING"""  # noqa: S608
CLEAR = f"""
    DELETE FROM assignment AS a WHERE a.project_id = ? AND a.accept_by > ? AND NOT ({IN_FORCE})"""  # noqa: S608


class Leadership(Value):
    """Who leads: the instance and its name, in which term, until when at least."""

    instance: int
    name: str
    term: int
    lease_expires_at: int
    is_live: bool

    def lasts(self, now: int) -> bool:
        """Tell whether it is in force."""
        return self.is_live and self.lease_expires_at > now


class Assignment(Value):
    """A ready todo that an instance is to take next; of no force any more once it is claimed or `accept_by` has passed.

    `need`: the todo's, as in needs.py. `keeps`: the instance is to keep to its branch.
    """

    instance: int
    number: int
    token: int
    term: int
    keeps: bool
    why: str
    assigned_at: int
    accept_by: int
    in_force: bool
    need: int


class Pair(Value):
    """What a leader wants to assign: a todo, as it was read, to an instance."""

    instance: int
    number: int
    token: int
    keeps: bool = False


def seen(tx: Transaction) -> Leadership | None:
    """Give whoever led last; None if nobody ever did."""
    row = tx.one(SEEN, (tx.project_id,))
    if row is None:
        return None
    instance, term, expires_at, name, state = row
    return Leadership(instance=instance, name=name, term=term, lease_expires_at=expires_at, is_live=state == "live")


def current(tx: Transaction) -> Leadership | None:
    """Give whoever leads now; None if nobody does."""
    last = seen(tx)
    return last if last and last.lasts(tx.now) else None


def lead(tx: Transaction, instance: int, lease_us: int) -> int | None:
    """Let a live instance lead from now on, and give its term; None if another leads."""
    row = tx.one(LEAD, (tx.project_id, instance, tx.now + lease_us, tx.now))
    if row is None:
        return None
    journal.write(tx, EventKind.ELECTED, instance=instance, data={"term": row[0]})
    return int(row[0])


def still_leads(tx: Transaction, instance: int, term: int, lease_us: int) -> bool:
    """Renew the lease of a term, and keep all others from leading until this transaction ends; False if it is over."""
    return tx.run(STILL_LEADS, (tx.now + lease_us, tx.project_id, instance, term, tx.now)) == 1


def leave(tx: Transaction, instance: int) -> None:
    """Take leadership and assignment from an instance that has left or was given up."""
    tx.run(
        "UPDATE leader SET lease_expires_at = 0 WHERE project_id = ? AND instance = ? AND lease_expires_at > 0",
        (tx.project_id, instance),
    )
    if tx.run("DELETE FROM assignment WHERE project_id = ? AND instance = ?", (tx.project_id, instance)):
        tx.announce()


def grace(tx: Transaction, lease_us: int) -> None:
    """Let time begin anew: it stepped, or stood still. The leader has one lease, and nothing is assigned."""
    tx.run(
        "UPDATE leader SET lease_expires_at = ? WHERE project_id = ? AND lease_expires_at > ?",
        (tx.now + lease_us, tx.project_id, tx.now + lease_us),
    )
    if tx.run("DELETE FROM assignment WHERE project_id = ?", (tx.project_id,)):
        tx.announce()


def tidy(tx: Transaction, *, before: int) -> None:
    """Forget assignments that lapsed before a time: their instances may have come back."""
    tx.run("DELETE FROM assignment WHERE project_id = ? AND accept_by <= ?", (tx.project_id, before))


def assigned(tx: Transaction) -> list[Assignment]:
    """List the assignments by instance, those of no force any more as well."""
    rows = tx.all(ASSIGNED, (tx.now, tx.project_id))
    return [Assignment(**dict(zip(Assignment._fields, row, strict=True))) for row in rows]


def drop(tx: Transaction, instance: int) -> None:
    """Take out the assignment of an instance: it is taken up, or of no force any more."""
    tx.run("DELETE FROM assignment WHERE project_id = ? AND instance = ?", (tx.project_id, instance))


def lapse(tx: Transaction, instances: Iterable[int]) -> None:
    """Let the assignments of instances be of no force any more: others wait for what they have not begun."""
    tx.run(
        "UPDATE assignment SET accept_by = ? WHERE project_id = ? AND instance IN INTS AND accept_by > ?",
        (tx.now, tx.project_id, tx.listed(instances), tx.now),
    )


def idle(tx: Transaction, limit: int) -> list[Lease]:
    """List live instances with nothing in their hands and nothing assigned, by name."""
    rows = tx.all(IDLE, (tx.project_id, tx.now, tx.now, tx.now, limit))
    return [Lease(**dict(zip(Lease._fields, row, strict=True))) for row in rows]


def branches_of(tx: Transaction, numbers: Iterable[int]) -> dict[int, str]:
    """Give the branches of todos that have one."""
    rows = tx.all(
        "SELECT number, branch FROM todo WHERE project_id = ? AND number IN INTS AND branch IS NOT NULL",
        (tx.project_id, tx.listed(numbers)),
    )
    return dict(rows)


def assign(tx: Transaction, term: int, pairs: Iterable[Pair], *, accept_us: int) -> int:
    """Assign what can still be: the todo is as it was read, the instance still idle. Tell how many it were.

    The caller has locked the leader's row by `still_leads`.
    """
    tx.run(CLEAR, (tx.project_id, tx.now, tx.now))
    leader = seen(tx)
    why = f"leader {leader.name if leader else '?'}, term {term}"
    count = sum(
        tx.run(
            PUT,
            (
                *(term, int(pair.keeps), why, tx.now, tx.now + accept_us),
                *(pair.instance, tx.project_id, pair.number, pair.token, tx.now),
            ),
        )
        for pair in pairs
    )
    if count:
        tx.announce()
    return count


def told_of(tx: Transaction, listed: Iterable[InstanceInfo]) -> list[InstanceInfo]:
    """Add to what is told of instances who leads, and what is assigned to whom."""
    leader, found = current(tx), {one.instance: one for one in assigned(tx) if one.in_force}
    ids = todos.ids_of(tx, [one.number for one in found.values()])
    return [
        one.replace(
            leads_in_term=leader.term if leader and leader.instance == one.number else None,
            assigned=ids[found[one.number].number] if one.number in found else None,
        )
        for one in listed
    ]
