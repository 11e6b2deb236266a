"""Two connections to one database, one of which is held before its commit while the other acts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

import longpole
from longpole.graph import kernel
from longpole.model import PENDING
from longpole.store.postgres_errors import UndoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Self

    from longpole.clock import Clock
    from longpole.project import Project
    from longpole.store import Store
    from longpole.store.dialect import Transaction

    Verb = Callable[[Project], Any]

PATIENCE_S = 30.0
WAITING = """
    SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"""


class Met(NamedTuple):
    """What two overlapping acts answered, an error for an answer where they raised one."""

    first: Any
    second: Any
    waited: bool  # whether the second waited for the first


class Pair:
    """`mine` and `theirs` are one project, opened twice. `theirs` claims and completes in one round trip, if `steps`.

    `undone` counts the transactions that had to be run anew.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, steps: bool = True) -> None:
        self._name = f"theirs-{time.monotonic_ns()}"
        self.mine = longpole.open(url, clock=clock)
        self.theirs = longpole.open(f"{url}&application_name={self._name}", clock=clock)
        self._watch = psycopg.connect(url, autocommit=True)
        self._threads = ThreadPoolExecutor(1)
        self._patch = pytest.MonkeyPatch()
        self.clock: Any = clock
        self.undone = 0
        for project in (self.mine, self.theirs):
            engine = project._store.engine
            self._patch.setattr(engine, "steps", steps and project is self.theirs)
            self._patch.setattr(engine, "patiently", self._counting(engine.patiently))

    def overlap(self, first: Verb, second: Verb, *, waiting: int = 1) -> Met:
        """Let `mine` do the first, and `theirs` the second just before the first commits.

        The first goes on when the second has ended, or so many of its transactions wait for a lock.
        """
        begun: list[Future[Any]] = []
        waited: list[bool] = []

        def between() -> None:
            if not begun:
                begun.append(self._threads.submit(caught, second, self.theirs))
                waited.append(self._waits(begun[0], waiting))

        with pytest.MonkeyPatch.context() as patch:
            store = self.mine._store
            patch.setattr(store, "act", held_act(store, between))
            told = caught(first, self.mine)
        assert begun, f"the first never came to its commit: {told!r}"
        return Met(told, begun[0].result(PATIENCE_S), waited[0])

    def in_turn(self, one: Verb, other: Verb, *, turned: bool) -> Met:
        """Overlap two acts, `other` the first if `turned`; the answers stand as the acts are given all the same."""
        if not turned:
            return self.overlap(one, other)
        met = self.overlap(other, one)
        return Met(met.second, met.first, met.waited)

    def _counting(self, patiently: Callable[[Callable[[], Any]], Any]) -> Callable[[Callable[[], Any]], Any]:
        def counting(transact: Callable[[], Any]) -> Any:
            def counted() -> Any:
                try:
                    return transact()
                except UndoneError:
                    self.undone += 1
                    raise

            return patiently(counted)

        return counting

    def waiting(self) -> int:
        """Count the transactions of `theirs` that wait for a lock."""
        row = self._watch.execute(WAITING, (self._name,)).fetchone()
        return row[0] if row else 0

    def _waits(self, future: Future[Any], waiting: int) -> bool:
        end = time.monotonic() + PATIENCE_S
        while not future.done():
            if self.waiting() >= waiting:
                return True
            assert time.monotonic() < end, "it neither ends nor waits for a lock"
            time.sleep(0.002)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        self._watch.close()
        self.mine.close()
        self.theirs.close()
        self._patch.undo()


def held_act(store: Store, between: Callable[[], None]) -> Callable[[Callable[[Transaction], Any]], Any]:
    """Give what acts as `store.act` does, but calls `between` before its commit."""

    def act(upon: Callable[[Transaction], Any]) -> Any:
        def transact() -> Any:
            with store.write() as tx:
                answer = upon(tx)
                between()
            return answer

        return store.engine.patiently(transact)

    return act


def caught(verb: Verb, project: Project) -> Any:
    """Do something and give its answer, or the error of longpole's that it raised."""
    try:
        return verb(project)
    except longpole.LongpoleError as error:
        return error


def claimed(project: Project, *todos: str, by: str = "me") -> None:
    """Register an instance that holds these todos."""
    me = project.register(by, heartbeat=False)
    for todo in todos:
        me.claim_todo(todo)


def ask(name: str = "me", **how: Any) -> Verb:
    """Ask for work: the id that was given, or the reason why there was none."""

    def verb(project: Project) -> Any:
        allocation = project.instance(name).allocate(**how)
        return [one.todo.id for one in allocation.claims] or allocation.reason

    return verb


def completes(todo: str, name: str = "me", token: int = 1) -> Verb:
    """Complete a claim, the first on its todo."""
    return lambda project: project.instance(name).complete(todo, token)


def links(todo: str, *after: str) -> Verb:
    """Let a todo wait for others."""
    return lambda project: project.link(todo, after=after)


def unlinks(todo: str, *after: str) -> Verb:
    """Let a todo no longer wait for others."""
    return lambda project: project.unlink(todo, after=after)


def untruths(project: Project) -> list[str]:
    """Name what the rows say wrongly, each number counted afresh from the graph and its statuses."""
    default_minutes = project.settings().default_estimate_minutes
    with project._store.read() as tx:
        return [*_wrong_counters(tx), *_wrong_holders(tx), *_wrong_measures(tx, default_minutes)]


def _wrong_counters(tx: Transaction) -> Iterator[str]:
    rows = tx.all(
        "SELECT d.id, t.status, t.unmet, (SELECT COUNT(*) FROM hold h WHERE h.number = t.number)"
        " + (SELECT COUNT(*) FROM dependency e JOIN todo p ON p.number = e.predecessor"
        "   WHERE e.dependent = t.number AND p.status NOT IN ('completed', 'cancelled'))"
        " FROM todo t JOIN todo_detail d ON d.number = t.number ORDER BY t.number"
    )
    for todo, status, unmet, truth in rows:
        if unmet != truth:
            yield f"{todo} waits for {truth}, not {unmet}"
        if status in ("blocked", "ready") and status != ("blocked" if truth else "ready"):
            yield f"{todo} waits for {truth} and is {status}"


def _wrong_holders(tx: Transaction) -> Iterator[str]:
    rows = tx.all(
        "SELECT d.id, t.status, t.holder, i.state FROM todo t JOIN todo_detail d ON d.number = t.number"
        " LEFT JOIN instance i ON i.number = t.holder ORDER BY t.number"
    )
    for todo, status, holder, state in rows:
        if (status == "in_progress") != (holder is not None):
            yield f"{todo} is {status} with holder {holder}"
        if status == "in_progress" and state != "live":
            yield f"{todo} is held by an instance that is {state}"


def _wrong_measures(tx: Transaction, default_minutes: float) -> Iterator[str]:
    rows = tx.all(
        "SELECT number, status, estimate_minutes, priority, rank, critical_path_minutes, urgency, immediate_dependents,"
        " total_descendants FROM todo ORDER BY number"
    )
    place = {row[0]: index for index, row in enumerate(rows)}
    pairs = [(place[first], place[then]) for first, then in tx.all("SELECT predecessor, dependent FROM dependency")]
    pending = [row[1] in PENDING for row in rows]
    try:
        found = kernel.measure(
            kernel.Graph.build(len(rows), pairs),
            weights=[default_minutes if row[2] is None else row[2] for row in rows],
            priorities=[row[3] for row in rows],
            pending=pending,
        )
    except kernel.Cycle as cycle:
        yield f"a circle: {cycle.path}"
        return
    columns = zip(found.critical_path_minutes, found.urgency, found.immediate_dependents, strict=True)
    for row, truth, counts in zip(rows, columns, pending, strict=True):
        if counts and row[5:8] != truth:
            yield f"todo {row[0]} has the measures {row[5:8]}, not {truth}"
    for first, then in pairs:
        if rows[first][4] <= rows[then][4]:
            yield f"todo {rows[first][0]} ranks no higher than {rows[then][0]}, which waits for it"
