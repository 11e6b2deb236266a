"""What an import changes in a project: decided here, without a database, and applied by the project in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.errors import CycleError
from longpole.interchange import cycles
from longpole.interchange.values import ImportPlan, ImportReport, Parsed, ParsedTodo, manual_hold
from longpole.model import FINISHED, PENDING, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from longpole.model import Todo

_ALL = ("title", "description", "after", "estimate_minutes", "priority", "branch", "touches", "needs", "opens_at")
_SPEAKS_OF: dict[str, tuple[str, ...]] = {
    "plan": _ALL,
    "markdown": ("title", "description", "after", "estimate_minutes", "branch"),
    "beads": (*_ALL, "hold"),
    "jsonl": (*_ALL, "hold"),
}
_ONLY_IF_GIVEN = {"beads": ("touches", "needs", "estimate_minutes")}


def plan_import(
    parsed: Parsed,
    existing: Mapping[str, Todo],
    edited: Mapping[str, Collection[str]],
    *,
    break_cycles: bool = False,
) -> ImportPlan:
    """What is to be added and changed so that the project has what the file says.

    `existing` are all todos of the project; `edited` names for each the fields (of NewTodo, and `hold`) that were
    changed in longpole since they were imported, which stay as they are. For a todo that longpole itself added
    these are all fields that the file should not touch. What is held or finished is left alone.
    Raises CycleError naming one cycle; with `break_cycles` the dependencies that close cycles are left out instead.
    """
    changes = _Changes(parsed, existing, edited)
    for todo in parsed.todos:
        changes.take(todo)
    dropped = _break(parsed, changes, existing, may_drop=break_cycles)
    if dropped:
        changes.leave_out(set(dropped))
    return changes.plan(dropped)


def report(parsed: Parsed, plan: ImportPlan, *, dry_run: bool, ready: int | None = None) -> ImportReport:
    """The report on an import; `ready` is the number of ready todos afterwards, where the project has counted it."""
    counts = parsed.counts
    dropped = _beneath(counts, "dropped")
    if plan.dropped:
        dropped["cycle"] = len(plan.dropped)
    return ImportReport(
        format=parsed.format,
        dry_run=dry_run,
        records=counts.get("records", len(parsed.todos)),
        todos=len(parsed.todos),
        added=len(plan.added),
        changed=len(plan.changed),
        completed=len(plan.completed),
        cancelled=len(plan.cancelled),
        unchanged=len(plan.unchanged),
        left_alone=plan.left_alone,
        skipped=_beneath(counts, "skipped"),
        dependencies=_beneath(counts, "dependencies"),
        relations=_beneath(counts, "relations"),
        dangling=counts.get("dangling", 0),
        dropped=dropped,
        dropped_dependencies=plan.dropped,
        holds=counts.get("holds", 0),
        ready=plan.ready if ready is None else ready,
        warnings=parsed.warnings,
    )


class _Changes:
    """The changes found so far."""

    def __init__(self, parsed: Parsed, existing: Mapping[str, Todo], edited: Mapping[str, Collection[str]]) -> None:
        self._existing, self._edited = existing, edited
        self._fields = _SPEAKS_OF[parsed.format]
        self._only_if_given = _ONLY_IF_GIVEN.get(parsed.format, ())
        self._tells_state = parsed.format != "plan"
        self._knows_gates = parsed.format != "markdown"
        self.added: dict[str, ParsedTodo] = {}
        self.changed: dict[str, dict[str, Any]] = {}
        self._completed: dict[str, ParsedTodo] = {}
        self._cancelled: dict[str, ParsedTodo] = {}
        self._unchanged: list[str] = []
        self._left_alone: list[tuple[str, str]] = []

    def take(self, new: ParsedTodo) -> None:
        """Note what one todo of the file changes."""
        todo_id = str(new.new.id)
        old = self._existing.get(todo_id)
        if old is None:
            self.added[todo_id] = new
            return
        if self._knows_gates and old.kind != new.new.kind:
            self._leave(todo_id, f"a {old.kind} in longpole, a {new.new.kind} in the file")
            return
        differing = self._differing(new, old)
        kept = [name for name in differing if name in self._edited.get(todo_id, ())]
        settles = (new.completed or new.cancelled) and old.status in PENDING
        if old.status is Status.IN_PROGRESS:
            self._leave(todo_id, f"held by {old.holder}" if differing or settles else None)
            return
        changes = {name: value for name, value in differing.items() if name not in kept}
        if changes:
            self.changed[todo_id] = changes
        if settles:
            (self._completed if new.completed else self._cancelled)[todo_id] = new
        reasons = [f"{', '.join(kept)} changed in longpole"] if kept else []
        if self._tells_state and old.status in FINISHED and not (new.completed or new.cancelled):
            reasons.append(f"{old.status} in longpole, not in the file")
        if reasons or not (changes or settles):
            self._leave(todo_id, "; ".join(reasons) or None)

    def after(self) -> dict[str, tuple[str, ...]]:
        """What each todo of the project waits for once this is applied."""
        after = {todo_id: todo.depends_on for todo_id, todo in self._existing.items()}
        after |= {todo_id: todo.new.after for todo_id, todo in self.added.items()}
        return after | {todo_id: changes["after"] for todo_id, changes in self.changed.items() if "after" in changes}

    def leave_out(self, dropped: set[tuple[str, str]]) -> None:
        """Take these dependencies out of what was noted."""
        for todo_id in {todo_id for todo_id, _ in dropped}:
            if todo_id in self.added:
                todo = self.added[todo_id]
                after = tuple(other for other in todo.new.after if (todo_id, other) not in dropped)
                self.added[todo_id] = todo.replace(new=todo.new.replace(after=after))
                continue
            changes = self.changed[todo_id]
            changes["after"] = tuple(other for other in changes["after"] if (todo_id, other) not in dropped)
            if set(changes["after"]) == set(self._existing[todo_id].depends_on):
                del changes["after"]
            if not changes:
                del self.changed[todo_id]
                self._leave(todo_id, None)

    def plan(self, dropped: tuple[tuple[str, str], ...]) -> ImportPlan:
        """All of it as a value."""
        return ImportPlan(
            added=tuple(self.added.values()),
            changed=tuple(self.changed.items()),
            completed=tuple(self._completed.values()),
            cancelled=tuple(self._cancelled.values()),
            unchanged=tuple(self._unchanged),
            left_alone=tuple(self._left_alone),
            dropped=dropped,
            ready=self._ready(),
        )

    def _differing(self, new: ParsedTodo, old: Todo) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in self._fields:
            if name == "hold":
                now, wanted = manual_hold(old), new.hold
                if old.status not in (*FINISHED, Status.FAILED) and now != wanted:
                    found[name] = wanted
            elif name == "after":
                if set(new.new.after) != set(old.depends_on):
                    found[name] = new.new.after
            else:
                wanted_value = getattr(new.new, name)
                if name == "estimate_minutes" and old.kind == Kind.GATE:
                    wanted_value = wanted_value or 0.0
                given = name not in self._only_if_given or wanted_value not in (None, ())
                if given and wanted_value != getattr(old, name):
                    found[name] = wanted_value
        return found

    def _leave(self, todo_id: str, reason: str | None) -> None:
        if reason is None:
            self._unchanged.append(todo_id)
        else:
            self._left_alone.append((todo_id, reason))

    def _ready(self) -> int:
        after = self.after()
        settled = {todo_id for todo_id, todo in self._existing.items() if todo.status in FINISHED}
        settled.update(self._completed, self._cancelled)
        settled.update(todo_id for todo_id, todo in self.added.items() if todo.completed or todo.cancelled)
        return sum(
            todo_id not in settled and self._is_free(todo_id) and settled.issuperset(waiting)
            for todo_id, waiting in after.items()
        )

    def _is_free(self, todo_id: str) -> bool:
        """Whether it is neither held, failed nor set aside."""
        if todo_id in self.added:
            return self.added[todo_id].hold is None and self.added[todo_id].new.opens_at is None
        old = self._existing[todo_id]
        hold = self.changed.get(todo_id, {}).get("hold", old.holds)
        return old.status in (Status.READY, Status.BLOCKED) and not hold


def _break(
    parsed: Parsed, changes: _Changes, existing: Mapping[str, Todo], *, may_drop: bool
) -> tuple[tuple[str, str], ...]:
    if not any(todo.new.after for todo in parsed.todos):
        return ()

    def comes_from_file(todo_id: str, other: str) -> bool:
        if todo_id not in existing:
            return True
        return "after" in changes.changed.get(todo_id, {}) and other not in existing[todo_id].depends_on

    broken = cycles.break_cycles(changes.after(), comes_from_file if may_drop else lambda _todo, _other: False)
    if broken.cycle:
        raise CycleError(broken.cycle)
    return broken.dropped


def _beneath(counts: Mapping[str, int], group: str) -> dict[str, int]:
    """The numbers whose names begin with the group's, under the rest of their names."""
    return {name.partition(".")[2]: count for name, count in counts.items() if name.startswith(f"{group}.")}
