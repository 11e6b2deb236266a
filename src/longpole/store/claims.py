"""Claims: how a todo comes into an instance's hands and how it leaves them again.

Each change of hands is one conditional UPDATE and its journal row in one transaction. A claim raises the todo's
token; everything said about the claim later must name holder and token, so whoever was given up changes nothing.
`give_back` is the only way back to the pool: release, failure, unregistering and an ended lease all pass through it.
"""

from __future__ import annotations

from longpole.model import EventKind, Status
from longpole.selection import BestOf
from longpole.store import conflicts, holds, journal, needs, picks
from longpole.transitions import Act
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.selection import Selection
    from longpole.settings import Settings
    from longpole.store.dialect import Row, Transaction


RETURNS = {Act.RELEASE: EventKind.RELEASED, Act.FAIL: EventKind.FAILED, Act.EXPIRE: EventKind.EXPIRED}


class Taken(Value):
    """A fresh claim, as the statement that made it tells."""

    number: int
    token: int
    attempt: int
    why: str
    branch: str | None = None


class Claimer(Value):
    """Who claims: the instance, the needs of todos that it meets, and the place of what it claims in its batch.

    `avoid`: todos that it must leave to others, no more than there are instances.
    """

    holder: int
    needs: tuple[int, ...] = (0,)
    reserved: int = 0
    avoid: frozenset[int] = frozenset()


class Held(Value):
    """A claim as its row has it."""

    number: int
    holder: int
    token: int


class Head(Value):
    """A ready todo as it was read, with the token that it had then; `why` is the selection's.

    `keeps`: whoever claims it keeps to its branch.
    """

    number: int
    token: int
    why: str
    keeps: bool = False


FENCE = "WHERE project_id = ? AND number = ? AND holder = ? AND token = ? AND status = 'in_progress'"
COMPLETE = f"""
    UPDATE todo SET status = 'completed', holder = NULL, finished_at = ?, progress_percent = NULL
    {FENCE} RETURNING unmet, exclusive"""  # noqa: S608 - FENCE is a constant, as below
BEGIN = f"UPDATE todo SET reserved = 0 {FENCE}"  # noqa: S608
STANDS = f"SELECT 1 FROM todo {FENCE}"  # noqa: S608
SET_RESULT = "UPDATE todo_detail SET result = ? WHERE project_id = ? AND number = ?"
PROGRESS = f"UPDATE todo SET progress_percent = ?, reserved = 0 {FENCE}"  # noqa: S608
GIVE_BACK = f"""
    UPDATE todo SET holder = NULL, claimed_at = NULL, progress_percent = NULL,
        attempts = attempts - ?, unmet = unmet + ?,
        finished_at = ?,
        status = CASE WHEN ? THEN 'failed' WHEN unmet + ? > 0 THEN 'blocked' ELSE 'ready' END
    {FENCE} RETURNING status, exclusive"""  # noqa: S608
REOPENED = """
    SELECT 1 FROM todo t WHERE t.project_id = ? AND t.number = ? AND t.unmet > 0
    AND EXISTS (SELECT 1 FROM dependency e JOIN todo p ON p.project_id = e.project_id AND p.number = e.predecessor
        WHERE e.project_id = t.project_id AND e.dependent = t.number AND p.status NOT IN ('completed', 'cancelled'))"""
DEPENDENTS = """
    SELECT 1 FROM todo WHERE project_id = ? AND number IN
        (SELECT dependent FROM dependency WHERE project_id = ? AND predecessor IN INTS) ORDER BY number"""
# Dependents that are cancelled or completed count along, so that `unmet` stays true whatever happens to them later.
SATISFY = """
    UPDATE todo SET unmet = todo.unmet - 1,
        status = CASE WHEN todo.unmet = 1 AND todo.status = 'blocked' THEN 'ready' ELSE todo.status END
    FROM dependency e
    WHERE e.project_id = ? AND e.predecessor = ? AND todo.project_id = e.project_id AND todo.number = e.dependent"""
SATISFIED = f"{SATISFY} RETURNING todo.need, todo.status"


def take(
    tx: Transaction,
    wanted: Selection | BestOf,
    claimer: Claimer,
    *,
    patient: bool,
    met: Mapping[str, int] | None = None,
) -> Taken | None:
    """Claim the first ready todo of a selection that nobody is about to change; None if there is none.

    `patient` waits for those who are. An act that has claimed something already must not: two could wait in a ring.
    `met` counts what was in the way before, for the journal.
    """
    if isinstance(wanted, BestOf) or len(claimer.needs) > 1 or claimer.avoid:
        return _take_best(tx, wanted, claimer, patient=patient, met=met)
    (need,) = claimer.needs
    parameters = (
        *(claimer.holder, tx.now, claimer.reserved, tx.project_id),
        *(tx.project_id, *picks.of_branch(wanted), need),
    )
    row = tx.one(picks.FIRST_READY[picks.kind(wanted)], parameters)
    if row is None and patient and tx.overlaps:
        row = tx.one(picks.FIRST_HELD_UP[picks.kind(wanted)], parameters)
    return _taken(tx, row, claimer.holder, wanted.why, met=met)


def _take_best(
    tx: Transaction, wanted: Selection | BestOf, claimer: Claimer, *, patient: bool, met: Mapping[str, int] | None
) -> Taken | None:
    """Claim the best of what several look-ups find first; they lock it, so that it is still there to be claimed.

    Whoever reads past what it must avoid waits for the one row alone: several would come in another order than edits
    lock them.
    """
    rows = _open(tx, wanted, claimer, lock=picks.FREE)
    if not rows and patient and tx.overlaps:
        rows = _open(tx, wanted, claimer, lock="" if claimer.avoid else picks.WAIT)
    return take_this(tx, rows[0][4], claimer, why=rows[0][-1].why, met=met) if rows else None


def _open(tx: Transaction, wanted: Selection | BestOf, claimer: Claimer, *, lock: str) -> list[Row]:
    """Read the first ready todos that a claimer need not avoid, best first."""
    rows = picks.read(tx, wanted, claimer.needs, limit=1 + len(claimer.avoid), lock=lock)
    return [row for row in rows if row[4] not in claimer.avoid]


def take_this(
    tx: Transaction, number: int, claimer: Claimer, *, why: str, met: Mapping[str, int] | None = None
) -> Taken | None:
    """Claim one certain todo; None if it is not ready, or needs what the instance does not offer."""
    row = tx.one(
        picks.BY_NUMBER,
        (claimer.holder, tx.now, claimer.reserved, tx.project_id, number, tx.listed(claimer.needs)),
    )
    return _taken(tx, row, claimer.holder, why, met=met)


def taken_before(tx: Transaction, number: int, holder: int) -> Taken | None:
    """Give the claim that an instance has on a todo already; None if it has none."""
    row = tx.one(
        "SELECT number, token, attempts FROM todo"
        " WHERE project_id = ? AND number = ? AND holder = ? AND status = 'in_progress'",
        (tx.project_id, number, holder),
    )
    return None if row is None else Taken(number=row[0], token=row[1], attempt=row[2], why="yours already")


def complete(tx: Transaction, held: Held) -> bool:
    """Complete a claim and make its dependents ready where nothing else is in their way; False if it was lost."""
    if tx.overlaps and waits_again(tx, held.number):
        tx.lock_project()  # before any row, as edits do: they would wait for each other otherwise
    row = tx.one(COMPLETE, (tx.now, tx.project_id, held.number, held.holder, held.token))
    if row is None:
        return False
    opens_gates = satisfy_dependents(tx, held.number)
    unmet, exclusive = row
    if exclusive:
        conflicts.completed(tx, held.number)
    if unmet and waits_again(tx, held.number):
        _shorten_the_paths_before(tx, held.number)
    journal.write(tx, EventKind.COMPLETED, todo=held.number, instance=held.holder, token=held.token)
    if opens_gates:
        from longpole.store import gates

        gates.open_due(tx)
    return True


def begin(tx: Transaction, held: Held) -> bool:
    """Note that a claim of a batch is being worked on: no idle instance may have it any more. False if it was lost."""
    return bool(tx.run(BEGIN, (tx.project_id, held.number, held.holder, held.token)))


def progress(tx: Transaction, held: Held, percent: int, note: str | None) -> bool:
    """Note how far a claim is; False if it was lost."""
    if not tx.run(PROGRESS, (percent, tx.project_id, held.number, held.holder, held.token)):
        return False
    data = {"percent": percent} | ({"note": note} if note else {})
    journal.write(tx, EventKind.PROGRESSED, todo=held.number, instance=held.holder, token=held.token, data=data)
    return True


def give_back(tx: Transaction, held: Held, act: Act, *, why: str, settings: Settings) -> Status | None:
    """Return a claim to the pool by RELEASE, FAIL or EXPIRE; None, changing nothing, if it was lost already.

    A released claim does not count as an attempt. A failed one rests for its backoff. Attempts that are used up
    make the todo `failed`; what waits for it is stranded then, and shown as such.
    """
    attempts = _attempts(tx, held.number)
    used_up = act is not Act.RELEASE and attempts >= settings.max_attempts
    rest_s = settings.retry_backoff_s * 2 ** min(attempts - 1, 20) if act is Act.FAIL and not used_up else 0.0
    row = tx.one(
        GIVE_BACK,
        (
            *(int(act is Act.RELEASE), int(rest_s > 0), tx.now if used_up else None, used_up, int(rest_s > 0)),
            *(tx.project_id, held.number, held.holder, held.token),
        ),
    )
    if row is None:
        return None
    status, is_exclusive = Status(row[0]), row[1]
    if is_exclusive and conflicts.given_back(tx, held.number) and status == Status.READY:
        status = Status.BLOCKED
    if rest_s:
        holds.rest(tx, held.number, rest_s, why)
    if used_up or act is Act.FAIL:
        set_result(tx, held.number, why)  # what is stuck behind it is told why
    _journal_return(tx, held, act, why=why, used_up=used_up)
    return status


def is_held(tx: Transaction, held: Held) -> bool:
    """Tell whether a claim still stands."""
    return tx.one(STANDS, (tx.project_id, held.number, held.holder, held.token)) is not None


def held_by(tx: Transaction, holder: int) -> list[Held]:
    """List the claims of an instance, by todo number."""
    rows = tx.all(
        "SELECT number, holder, token FROM todo"
        " WHERE project_id = ? AND status = 'in_progress' AND holder = ? ORDER BY number",
        (tx.project_id, holder),
    )
    return [_held(row) for row in rows]


def orphaned(tx: Transaction) -> list[Held]:
    """List the claims whose instance is not live. There should be none, ever; the sweep looks all the same."""
    rows = tx.all(
        "SELECT t.number, t.holder, t.token FROM todo t WHERE t.project_id = ? AND t.status = 'in_progress'"
        " AND NOT EXISTS (SELECT 1 FROM instance i"
        " WHERE i.project_id = t.project_id AND i.number = t.holder AND i.state = 'live') ORDER BY t.number",
        (tx.project_id,),
    )
    return [_held(row) for row in rows]


def held_since(tx: Transaction, at: int) -> list[Held]:
    """List the claims that began at or before a time."""
    rows = tx.all(
        "SELECT number, holder, token FROM todo"
        " WHERE project_id = ? AND status = 'in_progress' AND claimed_at <= ? ORDER BY number",
        (tx.project_id, at),
    )
    return [_held(row) for row in rows]


def grace(tx: Transaction) -> None:
    """Let every claim count as begun now: time stepped, or stood still while nobody worked.

    Those of one batch stay together, and apart from others: a microsecond is enough.
    """
    rows = tx.all(
        "SELECT number, claimed_at FROM todo WHERE project_id = ? AND status = 'in_progress' ORDER BY number",
        (tx.project_id,),
    )
    before = sorted({claimed_at for _, claimed_at in rows})
    now = {claimed_at: tx.now - len(before) + place for place, claimed_at in enumerate(before, 1)}
    tx.many(
        "UPDATE todo SET claimed_at = ? WHERE project_id = ? AND number = ?",
        [(now[claimed_at], tx.project_id, number) for number, claimed_at in rows],
    )


def oldest(tx: Transaction) -> int | None:
    """Tell when the oldest claim began; None without claims."""
    row = tx.one("SELECT MIN(claimed_at) FROM todo WHERE project_id = ? AND status = 'in_progress'", (tx.project_id,))
    return row[0] if row else None


def completed_by(tx: Transaction, number: int, token: int) -> int | None:
    """Give the instance that completed a todo with a token, by the journal; None if nobody did."""
    row = tx.one(
        "SELECT instance FROM journal WHERE project_id = ? AND todo = ? AND token = ? AND kind = 'completed'",
        (tx.project_id, number, token),
    )
    return row[0] if row else None


def set_result(tx: Transaction, number: int, result: str) -> None:
    """Note what came of a todo."""
    tx.run(SET_RESULT, (result, tx.project_id, number))


def satisfy_dependents(tx: Transaction, number: int) -> bool:
    """Let the dependents of a finished todo wait for one thing less; those that waited for it alone are ready.

    Tells whether a gate among these opens by itself: that is the caller's to see to, once the journal has the cause.
    """
    lock_dependents(tx, [number])
    rows = tx.all(SATISFIED, (tx.project_id, number))
    return any(need == needs.OPENS and status == Status.READY for need, status in rows)


def lock_dependents(tx: Transaction, numbers: Iterable[int]) -> None:
    """Lock the rows of all that waits for these todos directly."""
    tx.lock_rows(DEPENDENTS, (tx.project_id, tx.project_id, tx.listed(numbers)))


def lock(tx: Transaction, numbers: Iterable[int]) -> None:
    """Lock the rows of these todos: what they say now they say until the transaction ends."""
    statement = "SELECT 1 FROM todo WHERE project_id = ? AND number IN INTS ORDER BY number"
    tx.lock_rows(statement, (tx.project_id, tx.listed(numbers)))


def heads(tx: Transaction, wanted: Selection | BestOf, needs: Sequence[int], limit: int) -> list[Head]:
    """Read the first ready todos of a selection, locking nothing: by the time one is tried it may be somebody's."""
    rows = picks.read(tx, wanted, needs, limit=limit, lock="")[:limit]
    return [Head(number=row[4], token=row[5], why=row[-1].why) for row in rows]


def take_unchanged(tx: Transaction, head: Head, claimer: Claimer, *, met: Mapping[str, int]) -> Taken | None:
    """Claim a todo that is still as it was read; None if its token has gone up, or it is not ready for it any more.

    `met` counts what was in the way before, for the journal.
    """
    parameters = (claimer.holder, tx.now, 0, tx.project_id, head.number, head.token, tx.listed(claimer.needs))
    return _taken(tx, tx.one(picks.UNCHANGED, parameters), claimer.holder, head.why, met=met)


def waits_again(tx: Transaction, number: int) -> bool:
    """Tell whether something before a todo was reopened since it was begun."""
    return tx.one(REOPENED, (tx.project_id, number)) is not None


def _shorten_the_paths_before(tx: Transaction, number: int) -> None:
    """A todo was completed although something before it is open again: alone then does progress change measures."""
    from longpole.store import measures, projects

    tx.lock_project()
    default = projects.load(tx, projects.SettingsCache()).settings.default_estimate_minutes
    measures.settle(tx, default, lambda upkeep: upkeep.changed(number))


def _taken(
    tx: Transaction, row: Row | None, holder: int, why: str, *, met: Mapping[str, int] | None = None
) -> Taken | None:
    if row is None:
        return None
    number, token, attempt, urgency, minutes, branch, exclusive = row
    if exclusive:
        conflicts.hold_others_back(tx, number)
    why = f"{why}: {int(minutes + 0.5)} min to the end, urgency {urgency}"
    data = {name: count for name, count in (met or {}).items() if count}
    journal.write(tx, EventKind.CLAIMED, todo=number, instance=holder, token=token, why=why, data=data or None)
    return Taken(number=number, token=token, attempt=attempt, why=why, branch=branch)


def _attempts(tx: Transaction, number: int) -> int:
    row = tx.one("SELECT attempts FROM todo WHERE project_id = ? AND number = ?", (tx.project_id, number))
    return row[0] if row else 0


def _held(row: Row) -> Held:
    return Held(number=row[0], holder=row[1], token=row[2])


def _journal_return(tx: Transaction, held: Held, act: Act, *, why: str, used_up: bool) -> None:
    kinds = [RETURNS[act], EventKind.QUARANTINED] if used_up else [RETURNS[act]]
    for kind in kinds:
        journal.write(tx, kind, todo=held.number, instance=held.holder, token=held.token, why=why)
