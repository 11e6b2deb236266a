"""The one thing that all doors call: a project, opened by the URL of its database."""

from __future__ import annotations

import os

from longpole import coordination, limits, strategies
from longpole import settings as setting
from longpole.clock import Clock
from longpole.errors import InvalidInputError
from longpole.handles import Instance
from longpole.instances import failure, registration
from longpole.location import database
from longpole.model import Explanation, NewTodo, Status
from longpole.store import instances, journal, leadership, open_store, projects, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Self

    from longpole.insight.examination import Finding
    from longpole.insight.metrics import Metrics
    from longpole.interchange.values import ImportReport
    from longpole.model import Branch, Copy, DerivedBranch, Event, InstanceInfo, Prediction, ProjectStatus, Todo
    from longpole.settings import Settings
    from longpole.store import Store
    from longpole.store.additions import Addition
    from longpole.store.condition import Condition
    from longpole.store.dialect import Transaction

DEFAULT_PROJECT = "default"


def open(  # noqa: A001 - `longpole.open` is the documented name
    url: str | None = None, *, project: str | None = None, clock: Clock | None = None, create: bool = True
) -> Project:
    """Open a project by the URL of its database: a path, sqlite:///PATH, postgresql://…, or ":memory:" for a test.

    Without a URL it is LONGPOLE_DB, or the `.longpole/longpole.db` of the folder or of one above it. A database that
    is not there is made, unless `create` is off. The project's name defaults to LONGPOLE_PROJECT, then "default".
    Raises StorageUnavailableError, SchemaVersionError, InvalidInputError.
    """
    name = project or os.environ.get("LONGPOLE_PROJECT") or DEFAULT_PROJECT
    return Project(open_store(url or database(), name, clock, create=create))


def restore(file: str, url: str | None = None, *, clock: Clock | None = None) -> str | None:
    """Put a backup in the place of a database; give the path of the copy that was made of the former one, if any.

    Instances of before are given up. Raises InvalidInputError, StorageUnavailableError.
    """
    from longpole.store import backups

    return backups.restore(file, url or database(), clock or Clock())


def copy(
    source: str,
    target: str,
    *,
    project: str | None = None,
    anyway: bool = False,
    progress: Callable[[str, int], None] | None = None,
    clock: Clock | None = None,
) -> Copy:
    """Copy a project, or all, from one database into another, which may be of the other engine; see store.copying.

    Raises InvalidInputError where instances are live in the source (unless `anyway`: the copy gives them up) or the
    target has the project already, StorageUnavailableError; the target stays as it was then.
    """
    from longpole.store import copying

    return copying.copy(source, target, project=project, anyway=anyway, progress=progress, clock=clock)


class Project:
    """A project of todos. Safe to use from several threads; as a context manager it closes its database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def name(self) -> str:
        """The project's name."""
        return self._store.project

    @property
    def url(self) -> str:
        """The URL of the database."""
        return self._store.engine.url

    @property
    def place(self) -> str:
        """The database as it may be printed: its path, or its URL without the password."""
        return self._store.engine.where

    # Adding and editing

    def add(self, title: str, **fields: Any) -> Todo:
        """Add a todo; the fields are those of model.NewTodo.

        Raises InvalidInputError, UnknownTodoError for a dependency on nothing.
        """
        (todo_id,) = self.add_many([{"title": title, **fields}])
        return self.todo(todo_id)

    def add_many(self, new: Iterable[NewTodo | Mapping[str, Any]]) -> list[str]:
        """Add todos in one transaction and give their ids in the same order; they may wait for one another.

        Raises InvalidInputError, UnknownTodoError, CycleError; nothing is added then.
        """
        from longpole.store.additions import Addition

        return self._add([Addition(new=limits.checked_new(one)) for one in new])

    def link(self, todo_id: str, *, after: Iterable[str]) -> list[str]:
        """Let a todo wait for others; give those that are new to it.

        Raises CycleError naming the path, UnknownTodoError, InvalidInputError for a todo that is under way.
        """
        from longpole.store import edits

        wanted = _several(after)
        return self._store.act(lambda tx: edits.link(tx, todo_id, wanted, default_estimate=self._default_estimate(tx)))

    def unlink(self, todo_id: str, *, after: Iterable[str]) -> list[str]:
        """Let a todo no longer wait for others; give those that it waited for. Raises UnknownTodoError."""
        from longpole.store import edits

        wanted = _several(after)
        return self._store.act(
            lambda tx: edits.unlink(tx, todo_id, wanted, default_estimate=self._default_estimate(tx))
        )

    def edit(self, todo_id: str, **changes: Any) -> Todo:
        """Change a todo's title, description, estimate_minutes, priority, branch, touches, needs or opens_at.

        Raises InvalidInputError, UnknownTodoError.
        """
        from longpole.store import edits

        checked = {name: limits.checked_change(name, value) for name, value in changes.items()}

        def upon(tx: Transaction) -> Todo:
            default = self._default_estimate(tx, constrains=bool(checked.get("touches")))
            edits.edit(tx, todo_id, checked, default_estimate=default)
            return todos.by_id(tx, todo_id)

        return self._store.act(upon)

    def cancel(self, todo_id: str, *, cascade: bool = False) -> list[str]:
        """Cancel a todo: its dependents no longer wait for it, or with `cascade` are cancelled as well.

        Raises AlreadyClaimedError if one is in progress, InvalidInputError if it is finished, UnknownTodoError.
        """
        from longpole.store import edits

        return self._store.act(
            lambda tx: edits.cancel(tx, todo_id, cascade=cascade, default_estimate=self._default_estimate(tx))
        )

    def complete(self, todo_id: str, *, result: str | None = None) -> None:
        """Note that a todo was done outside, by hand. Raises as `cancel` does."""
        from longpole.store import edits

        def upon(tx: Transaction) -> None:
            edits.complete_by_hand(tx, todo_id, result=result, default_estimate=self._default_estimate(tx))

        self._store.act(upon)

    def retry(self, todo_id: str) -> None:
        """Give a failed todo its attempts again. Raises InvalidInputError, UnknownTodoError."""
        from longpole.store import edits

        self._store.edit(lambda tx: edits.retry(tx, todo_id))

    def reopen(self, todo_id: str) -> list[str]:
        """Take up a finished todo again; give the dependents under way or done that need a second look.

        Raises InvalidInputError, UnknownTodoError.
        """
        from longpole.store import edits

        def upon(tx: Transaction) -> list[str]:  # it may be the first again that touches anything
            return edits.reopen(tx, todo_id, default_estimate=self._default_estimate(tx, constrains=True))

        return self._store.act(upon)

    def hold(self, todo_id: str, reason: str) -> None:
        """Set a todo aside until `lift`. Raises InvalidInputError, AlreadyClaimedError, UnknownTodoError."""
        from longpole.store import edits

        self._store.edit(lambda tx: edits.hold(tx, todo_id, limits.checked_reason(reason)))

    def lift(self, todo_id: str) -> None:
        """Lift a hold. Raises InvalidInputError, UnknownTodoError."""
        from longpole.store import edits

        self._store.edit(lambda tx: edits.lift(tx, todo_id))

    def derive_branches(
        self, *, dry_run: bool = False, progress: Callable[[int], None] | None = None
    ) -> list[DerivedBranch]:
        """Give the unfinished todos that have no branch one, from the graph: the longest path, then the next longest.

        `dry_run` only tells them. `progress` is told now and then how many todos have theirs.
        """
        from longpole.store import lines

        return lines.derive(self._store, dry_run=dry_run, progress=progress)

    def approve(self, todo_id: str, *, note: str | None = None) -> None:
        """Open a gate. Raises NotReadyError if something before it is not done, InvalidInputError, UnknownTodoError."""
        from longpole.store import gates

        checked = None if note is None else limits.checked_text(note)
        self._store.edit(lambda tx: gates.approve(tx, todo_id, checked))

    def pause(self, reason: str = "", *, branch: str | None = None, drain: bool = False) -> int | None:
        """Give nothing out any more, in all of the project or of a branch; what is in hand goes on, and may be done.

        `drain` tells those who ask not to wait for the end of the pause. Of a branch it tells how many todos are held.
        Raises InvalidInputError.
        """
        from longpole.store import pauses

        return pauses.pause(self._store, reason, branch=branch, drain=drain)

    def resume(self, *, branch: str | None = None) -> bool:
        """Give todos out again; False if the project, or the branch, was not paused."""
        from longpole.store import pauses

        return pauses.resume(self._store, branch=branch)

    # Import and export

    def import_text(
        self,
        text: str,
        *,
        name: str = "",
        format: str = "auto",  # noqa: A002 - its name outside
        dry_run: bool = False,
        break_cycles: bool = False,
    ) -> ImportReport:
        """Bring in a plan, a Markdown task list, beads JSONL or longpole's own JSONL, wholly or not at all.

        `name` is the file's, which helps `format="auto"`. `dry_run` only reports. `break_cycles` leaves out the
        dependencies that close a cycle and lists them. Raises InvalidInputError, CycleError, UsageError.
        """
        from longpole.interchange.importing import import_text

        return import_text(self._store, text, name=name, format=format, dry_run=dry_run, break_cycles=break_cycles)

    def export(self, format: str = "plan") -> str:  # noqa: A002 - its name outside
        """Give the project as plan, beads, mermaid, dot, csv or jsonl. Raises UsageError for another format."""
        from longpole.interchange.importing import export_text

        return export_text(self._store, format)

    # Looking

    def todos(self, *, status: str | None = None, branch: str | None = None) -> list[Todo]:
        """List todos as they were added, all or those of a status or branch. Raises InvalidInputError."""
        wanted = None if status is None else _status(status)
        return self._store.look(lambda tx: todos.listing(tx, status=wanted, branch=branch))

    def todo(self, todo_id: str) -> Todo:
        """Give one todo. Raises UnknownTodoError."""
        return self._store.look(lambda tx: todos.by_id(tx, todo_id))

    def critical_path(self) -> list[Todo]:
        """Give the longest remaining path, from its first todo to its last; empty when all is finished."""
        return self._store.look(lambda tx: todos.by_numbers(tx, todos.critical_path(tx)))

    def why(self, todo_id: str) -> Explanation:
        """Explain why a todo is ready, blocked, given to somebody, or finished. Raises UnknownTodoError."""
        from longpole.insight.why import explain

        todo, summary, lines = explain(self._store, todo_id)
        return Explanation(todo=todo, summary=summary, lines=lines)

    def predict(self, instance: str | Instance) -> list[Prediction]:
        """Predict what becomes ready when all is done that an instance holds, in the order of the project's strategy.

        A hundred todos at most. Raises InstanceLostError.
        """
        from longpole.insight import prediction

        return prediction.after_instance(self._store, instance if isinstance(instance, str) else instance.name)

    def predict_after(self, ids: Iterable[str]) -> list[Prediction]:
        """Predict as `predict` does what becomes ready when these todos are done. Raises UnknownTodoError."""
        from longpole.insight import prediction

        return prediction.after_todos(self._store, _several(ids))

    def status(self) -> ProjectStatus:
        """Tell how the project stands."""
        from longpole.insight import standing

        return standing.status(self._store)

    def branches(self) -> list[Branch]:
        """List the branches by name: those that have todos, are kept to, paused or capped."""
        from longpole.store import lines

        return self._store.look(lambda tx: lines.listing(tx, self._store.state(tx).settings))

    def instances(self, *, every: bool = False) -> list[InstanceInfo]:
        """List the live instances, or every one there ever was, with what they hold."""
        return self._store.look(lambda tx: leadership.told_of(tx, instances.listing(tx, every=every)))

    def journal(self, *, after: str | None = None, todo: str | None = None) -> Iterator[Event]:
        """Give what happened, in commit order, from the start or after a cursor; all of it or about one todo.

        A cursor is what `cursor` gave, or an event's own; a number stands for the events with larger ones.
        Raises InvalidInputError, UnknownTodoError.
        """
        cursor = journal.START if after is None else after
        self._store.look(lambda tx: tx.behind(cursor))
        number = None if todo is None else self._store.look(lambda tx: todos.number_of(tx, todo))
        return self._events(cursor, number)

    def cursor(self) -> str:
        """Give the journal's position now: `journal(after=…)` then gives what comes after it."""
        return self._store.look(journal.newest)

    def now(self) -> int:
        """Give the time by the database's clock, in microseconds since 1970."""
        return self._store.engine.clock.now()

    def heard(self) -> int:
        """Give a number that changes when somebody may have brought work; it costs nothing to ask."""
        return self._store.engine.mark(self._store.project_id)

    def metrics(self) -> Metrics:
        """Count what each instance has claimed and how it ended, and how long each was busy."""
        from longpole.insight import metrics

        return metrics.fold(self.journal(), now=self._store.engine.clock.now())

    # The database

    def condition(self) -> Condition:
        """Tell the state of the database: its schema, its files, its engine."""
        from longpole.store import condition

        return condition.gather(self._store)

    def problems(self) -> list[str]:
        """List what the engine's own check of the whole database finds; empty when it is sound."""
        return self._store.engine.problems()

    def examine(self) -> list[Finding]:
        """Judge the database, the settings, the instances and the clock."""
        from longpole.insight.examination import examine

        lacking = self.status().unoffered
        return examine(self.condition(), self.settings(), self.instances(), self.problems(), unoffered=lacking)

    def upgrade(self) -> int:
        """See to what a dump of another server leaves out of order in the journal; tell how many events it were.

        The schema itself is upgraded whenever a database is opened.
        """
        return self._store.act(lambda tx: tx.adopt_events())

    def distribute(self, *, dry_run: bool = False) -> list[str]:
        """Spread the tables over a Citus cluster by project, and give the statements that were run, or would be.

        Raises InvalidInputError for SQLite, and where the extension is not there.
        """
        from longpole.store import distribution

        return distribution.distribute(self._store, dry_run=dry_run)

    def back_up(self, path: str) -> None:
        """Copy the whole database to a new file while everybody works on. Raises StorageUnavailableError."""
        self._store.engine.back_up(path)

    # Instances

    def register(
        self,
        name: str | None = None,
        *,
        heartbeat: bool = True,
        process_id: int | None = None,
        offers: Iterable[str] = (),
    ) -> Instance:
        """Start an instance that lives in this process (or in `process_id`) and beats in the background.

        Without `heartbeat` the caller beats. `offers` are labels that todos may need.
        Raises InvalidInputError if a live instance has this name.
        """
        labels = limits.checked_offers(offers)
        lease = registration.register(self._store, name, process_id=process_id or os.getpid(), offers=labels)
        if not heartbeat:
            return Instance(self._store, lease)
        from longpole.instances.heartbeat import Heartbeat

        beating = Heartbeat(self._store, lease.number, lead=coordination.lead)
        beating.start()
        return Instance(self._store, lease, heartbeat=beating)

    def instance(self, name: str) -> Instance:
        """Give the live instance of a name. Raises InstanceLostError if there is none (any more)."""
        return Instance(self._store, registration.find(self._store, name))

    def instance_or_register(self, name: str, *, offers: Iterable[str] | None = None) -> Instance:
        """Give the live instance of a name, or start one that no process stands for; its caller beats by acting.

        `offers` are the labels that it offers from now on; None: those that it has.
        """
        labels = None if offers is None else limits.checked_offers(offers)
        return Instance(self._store, registration.find_or_register(self._store, name, labels))

    def sweep(self) -> list[str]:
        """Give up the instances whose lease has ended, and see to all else that is due; name those given up."""
        return self._store.act(lambda tx: failure.sweep(tx, self._store.turn(tx)))

    # Settings

    def settings(self) -> Settings:
        """Give the project's settings, defaults included."""
        return self._store.look(self._store.state).settings

    def configure(self, **changes: Any) -> Settings:
        """Change settings; None puts one back to its default.

        Raises InvalidInputError, changing nothing, also for a strategy that the project's coordination cannot go by.
        """
        if changes.get("strategy") is not None:
            strategies.installed(str(setting.parsed("strategy", changes["strategy"])))

        def upon(tx: Transaction) -> Settings:
            settings = projects.configure(tx, changes)
            if settings.coordination == "work_queue" and not changes.keys().isdisjoint(("strategy", "coordination")):
                from longpole.coordination import work_queue

                work_queue.check(settings)
            if "default_estimate_minutes" in changes:
                from longpole.store import measures

                measures.recompute(tx, settings.default_estimate_minutes)
            return settings

        settings = self._store.act(upon)
        self._store.engine.set_durability(settings.durability)
        return settings

    def hurry(self) -> None:
        """Wait only briefly, from now on, for a server that is away. A signal handler may call it."""
        self._store.engine.hurry()

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<longpole.Project {self.name} in {self.place}>"

    def _add(self, additions: Sequence[Addition]) -> list[str]:
        from longpole.store import additions as adding

        constrains = any(addition.new.touches for addition in additions)
        return self._store.act(
            lambda tx: adding.add(tx, additions, default_estimate=self._default_estimate(tx, constrains=constrains))
        )

    def _default_estimate(self, tx: Transaction, *, constrains: bool = False) -> float:
        return self._store.lock(tx, constrains=constrains).settings.default_estimate_minutes

    def _events(self, cursor: str, number: int | None) -> Iterator[Event]:
        whole = False
        while not whole:
            events, whole = self._store.look(lambda tx: journal.page(tx, cursor, todo=number))  # noqa: B023 - at once
            yield from events
            cursor = events[-1].cursor if events else cursor


def _several(ids: Iterable[str]) -> list[str]:
    return [ids] if isinstance(ids, str) else list(ids)


def _status(name: str) -> Status:
    try:
        return Status(name)
    except ValueError:
        raise InvalidInputError(f"there is no status '{name}'; there are: {', '.join(Status)}") from None
