"""An import from its first character to its report: read and decide first, then write everything in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole import interchange
from longpole.interchange import apply, sniff
from longpole.interchange.values import SourceRecord
from longpole.limits import checked_count
from longpole.model import EventKind, Status
from longpole.store import additions, edits, journal, records, todos
from longpole.store.additions import Addition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.interchange.values import ImportPlan, ImportReport, Parsed, ParsedTodo
    from longpole.store import Store
    from longpole.store.dialect import Transaction


def import_text(
    store: Store,
    text: str,
    *,
    name: str,
    format: str,  # noqa: A002 - its name outside
    dry_run: bool,
    break_cycles: bool,
) -> ImportReport:
    """Bring a text in one of the import formats into the project; with `dry_run` only say what would happen.

    Raises InvalidInputError, CycleError, UsageError; nothing is changed then.
    """
    chosen = sniff.detect(name, text) if format == "auto" else format
    known = {todo.id for todo in store.look(todos.listing)} if chosen != "beads" else set()
    parsed = interchange.parse(text, format=chosen, known_ids=known)
    checked_count(len(parsed.todos))
    if dry_run:
        plan = store.look(lambda tx: _plan(tx, parsed, break_cycles=break_cycles))
        return apply.report(parsed, plan, dry_run=True)

    constrains = any(todo.new.touches for todo in parsed.todos)

    def upon(tx: Transaction) -> tuple[ImportPlan, int]:
        settings = store.lock(tx, constrains=constrains).settings
        plan = _plan(tx, parsed, break_cycles=break_cycles)
        _write(tx, parsed, plan, settings.default_estimate_minutes)
        return plan, todos.counts(tx)[Status.READY]

    plan, ready = store.act(upon)
    return apply.report(parsed, plan, dry_run=False, ready=ready)


def export_text(store: Store, format: str) -> str:  # noqa: A002 - its name outside
    """Give the project in one of the export formats. Raises UsageError for another format."""
    found, kept = store.look(lambda tx: (todos.listing(tx), records.read(tx)))
    sources = [
        SourceRecord(format=format_, position=position, id=record_id, todo=is_todo, raw=raw)
        for format_, position, record_id, is_todo, raw in kept
    ]
    return interchange.export(format, found, sources, project=store.project)


def _plan(tx: Transaction, parsed: Parsed, *, break_cycles: bool) -> ImportPlan:
    existing = {todo.id: todo for todo in todos.listing(tx)}
    return apply.plan_import(parsed, existing, records.edited(tx), break_cycles=break_cycles)


def _write(tx: Transaction, parsed: Parsed, plan: ImportPlan, default: float) -> None:
    additions.add(tx, [_addition(todo) for todo in plan.added], default_estimate=default)
    for todo_id, changes in plan.changed:
        _change(tx, todo_id, changes, default)
    _relink(tx, {todo_id: set(changes["after"]) for todo_id, changes in plan.changed if "after" in changes}, default)
    for todo in plan.completed:
        edits.complete_by_hand(tx, str(todo.new.id), result=todo.result, default_estimate=default)
    for todo in plan.cancelled:
        edits.cancel(tx, str(todo.new.id), cascade=False, default_estimate=default)
    for todo_id, changes in plan.changed:
        records.forget_edits(tx, todo_id, changes)
    records.update(tx, parsed.format, _rows(parsed.records))
    if plan.added or plan.changed or plan.completed or plan.cancelled:
        counts = {"added": len(plan.added), "changed": len(plan.changed), "completed": len(plan.completed)}
        journal.write(tx, EventKind.IMPORTED, data={"format": parsed.format, **counts})


def _rows(kept: Sequence[SourceRecord]) -> list[records.Record]:
    return [(record.format, record.position, record.id, record.todo, record.raw) for record in kept]


def _change(tx: Transaction, todo_id: str, changes: dict[str, Any], default: float) -> None:
    fields = {name: value for name, value in changes.items() if name not in ("after", "hold")}
    if fields:
        edits.edit(tx, todo_id, fields, default_estimate=default)
    if "hold" in changes:
        _hold(tx, todo_id, changes["hold"])


def _relink(tx: Transaction, wanted: dict[str, set[str]], default: float) -> None:
    """Bring dependencies to what is wanted: all that go first, since one turned round would close a circle."""
    now = {todo_id: set(todos.by_id(tx, todo_id).depends_on) for todo_id in wanted}
    for todo_id, after in wanted.items():
        edits.unlink(tx, todo_id, now[todo_id] - after, default_estimate=default)
    for todo_id, after in wanted.items():
        edits.link(tx, todo_id, after - now[todo_id], default_estimate=default, imported=True)


def _hold(tx: Transaction, todo_id: str, reason: str | None) -> None:
    if any(hold.kind == "manual" for hold in todos.by_id(tx, todo_id).holds):
        edits.lift(tx, todo_id)
    if reason is not None:
        edits.hold(tx, todo_id, reason)


def _addition(todo: ParsedTodo) -> Addition:
    status = Status.COMPLETED if todo.completed else Status.CANCELLED if todo.cancelled else None
    return Addition(
        new=todo.new,
        status=status,
        hold=todo.hold,
        result=todo.result,
        former_holder=todo.former_holder,
        created_at=todo.created_at,
        finished_at=todo.finished_at,
    )
