"""The verbs that tell how the whole project stands: status, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longpole import documents
from longpole.cli import screen, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.screen import Column
from longpole.cli.text import one_line
from longpole.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longpole.insight.metrics import InstanceMetrics, Metrics
    from longpole.model import ProjectStatus, Todo

SHOWN = 20
BAR_ORDER = (Status.COMPLETED, Status.IN_PROGRESS, Status.READY, Status.BLOCKED, Status.FAILED, Status.CANCELLED)
METRICS_COLUMNS = (
    Column(title="instance", wide=True),
    *(Column(title=title, right=True) for title in ("claimed", "completed", "failed", "released", "expired", "busy")),
)


@verb("status", example="longpole status")
def _status(asked: Asked) -> None:
    """Tell how the project stands.

    That is: counts, time left, who holds what, what is stuck and why.
    """
    with asked.open() as project:
        told, path = project.status(), project.critical_path()
        held = project.todos(status=Status.IN_PROGRESS)
    holding = [{"id": one.id, "instance": one.holder, "progress_percent": one.progress_percent} for one in held]
    content = {
        **told.as_dict(),
        "remaining_minutes": documents.number(told.remaining_minutes),
        "stuck": list(told.stuck),
        "gates": list(told.gates),
        "unoffered": [{"needs": list(labels), "todos": count} for labels, count in told.unoffered],
        "holding": holding,
    }
    asked.tell(content, lambda: _tell_status(told, path, held))


@verb("metrics", example="longpole metrics --json")
def _metrics(asked: Asked) -> None:
    """Tell what each instance has done, and how long it was busy."""
    with asked.open() as project:
        metrics = project.metrics()
    asked.tell(metrics.as_document(), lambda: _tell_metrics(metrics))


def _tell_status(told: ProjectStatus, path: Sequence[Todo], held: Sequence[Todo]) -> None:
    print("\n".join(_summary(told, path)))
    screen.bar([(status, told.counts.get(status, 0)) for status in BAR_ORDER])
    counts = " · ".join(f"{told.counts.get(status, 0)} {wording.spoken(status)}" for status in BAR_ORDER)
    print("\n".join([counts, *_detail(told, held)]))


def _summary(told: ProjectStatus, path: Sequence[Todo]) -> Iterator[str]:
    total = sum(told.counts.values())
    done = told.counts.get(Status.COMPLETED, 0) + told.counts.get(Status.CANCELLED, 0)
    if not total:
        yield f'{told.project}: no todos yet; `longpole add "TITLE"` or `longpole import FILE`'
        return
    share = f"{100 * done // total} %"
    yield f"{told.project}: {'finished' if told.finished else f'{done} of {total} finished ({share})'}"
    if path:
        ends = f"{path[0].id} … {path[-1].id}" if len(path) > 1 else path[0].id
        yield f"critical path: {wording.minutes(told.remaining_minutes)} left ({ends})"


def _detail(told: ProjectStatus, held: Sequence[Todo]) -> Iterator[str]:
    yield f"{wording.plural(told.live_instances, 'live instance')}"
    if told.leader:
        assigned = f"; assigned and not begun: {wording.plural(told.assigned, 'todo')}" if told.assigned else ""
        yield one_line(f"{told.leader} leads, term {told.term}{assigned}")
    for todo in held[:SHOWN]:
        percent = "" if todo.progress_percent is None else f" ({todo.progress_percent} %)"
        yield f"  {one_line(todo.holder or '?')} holds {wording.named(todo)}{percent}"
    if len(held) > SHOWN:
        yield f"  … and {len(held) - SHOWN} more"
    yield from (f"stuck: {one_line(cause)}" for cause in told.stuck)
    yield from _for_people(told)


def _for_people(told: ProjectStatus) -> Iterator[str]:
    """Say what waits for a person to do something about it."""
    if told.pause is not None:
        drained = "; runners go home" if told.draining else ""
        yield one_line(f"paused{f': {told.pause}' if told.pause else ''} (until `longpole resume`{drained})")
    for branch, reason in told.paused_branches.items():
        yield one_line(f"paused: {branch}{f': {reason}' if reason else ''} (until `longpole resume --branch {branch}`)")
    for gate in told.gates:
        yield f"gate: {gate} waits for a person (`longpole approve {gate}`)"
    for labels, count in told.unoffered:
        needs = "need" if count > 1 else "needs"
        yield one_line(f"{wording.plural(count, 'todo')} {needs} {', '.join(labels)}: no live instance offers that")


def _tell_metrics(metrics: Metrics) -> None:
    rows = [(one.name, *_figures(one)) for one in metrics.instances]
    screen.table(METRICS_COLUMNS, rows, empty="nothing has been claimed yet")
    if rows:
        print(f"{wording.plural(metrics.completed, 'todo')} completed, {metrics.completed_by_hand} of them by hand")


def _figures(one: InstanceMetrics) -> tuple[str, ...]:
    counts = (one.claimed, one.completed, one.failed, one.released, one.expired)
    return (*(str(count) for count in counts), wording.seconds(one.busy_s))


COMMANDS = {"status": _status, "metrics": _metrics}
