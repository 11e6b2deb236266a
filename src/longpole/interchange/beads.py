"""The issue file of beads, a JSON object a line: every record is kept, and todos are made of those that are work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.errors import InvalidInputError
from longpole.interchange.beads_issue import Issue, issue_of, own_todo_id, read_issue
from longpole.interchange.beads_links import Links
from longpole.interchange.safe import load_json, plain_text
from longpole.interchange.times import now
from longpole.interchange.values import Parsed, SourceRecord
from longpole.limits import checked_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longpole.interchange.values import ParsedTodo

FORMAT = "beads"
_FLAGS = ("pinned", "ephemeral", "is_template")


def parse(text: str, *, labels_as_needs: bool = False, now_at: int | None = None) -> Parsed:
    """The todos and records of an issue file; `now_at` decides which `defer_until` lie in the future.

    Relations to issues that are not in the file are counted and kept, and do not block.
    Raises InvalidInputError naming the line.
    """
    lines = plain_text(text, name="the file").split("\n")
    return _parsed(
        [read_issue(line, number) for number, line in enumerate(lines, start=1) if line.strip()],
        labels_as_needs=labels_as_needs,
        now_at=now_at,
    )


def parse_backup(tables: Mapping[str, str], *, labels_as_needs: bool = False, now_at: int | None = None) -> Parsed:
    """The same from a backup folder: the texts of issues.jsonl, dependencies.jsonl, labels.jsonl, comments.jsonl.

    The keys of `tables` are those names without the ending; only `issues` must be there.
    """
    issues = {str(row.get("id")): row for row in _rows(tables, "issues")}
    for row in issues.values():
        row.update({flag: bool(row[flag]) for flag in _FLAGS if flag in row})
    for table in ("dependencies", "labels", "comments"):
        for row in _rows(tables, table):
            owner = issues.get(str(row.get("issue_id")))
            if owner is not None:
                owner.setdefault(table, []).append(row.get("label") if table == "labels" else row)
    return _parsed(
        [issue_of(row, number) for number, row in enumerate(issues.values(), start=1)],
        labels_as_needs=labels_as_needs,
        now_at=now_at,
    )


def read_issues(lines: Iterable[str]) -> list[Issue]:
    """Issues with the ids that their todos have in longpole; for export, which compares with them."""
    issues = [read_issue(line, number) for number, line in enumerate(lines, start=1)]
    _give_todo_ids(issues, [])
    return issues


def todos_of(
    issues: Sequence[Issue],
    links: Links,
    *,
    labels_as_needs: bool = False,
    now_at: int | None = None,
    forget: bool = False,
) -> list[ParsedTodo]:
    """The todos that stand for these issues, in their order; warnings are added to those of the links.

    With `forget` each issue loses its record as soon as its todo is made, for the sake of the space.
    """
    moment = now() if now_at is None else now_at
    branches = links.branches()
    todos = []
    for issue in issues:
        if issue.todo_id is not None:
            set_aside, warning = issue.status_hold(moment)
            links.warnings += [warning] if warning else []
            todo = issue.todo(
                after=links.after[issue.todo_id],
                branch=branches.get(str(issue.id)),
                set_aside=set_aside,
                labels_as_needs=labels_as_needs,
            )
            todos.append(todo)
            if forget:
                issue.record = {}
    return todos


def _parsed(issues: list[Issue], *, labels_as_needs: bool, now_at: int | None) -> Parsed:
    checked_count(len(issues))
    warnings: list[str] = []
    _refuse_twins(issues)
    _give_todo_ids(issues, warnings)
    links = Links(issues)
    todos = todos_of(issues, links, labels_as_needs=labels_as_needs, now_at=now_at, forget=True)
    links.count("records", len(issues))
    links.count("todos", len(todos))
    links.count("without_todo", len(issues) - len(todos))
    links.count("completed", sum(todo.completed for todo in todos))
    links.count("holds", sum(todo.hold is not None for todo in todos))
    for issue in issues:
        if issue.todo_id is None:
            links.count(f"skipped.{issue.why_no_todo()}")
    return Parsed(
        format=FORMAT,
        todos=tuple(todos),
        records=tuple(_record(issue, position) for position, issue in enumerate(issues)),
        counts=links.counts,
        warnings=(*warnings, *links.warnings),
    )


def _refuse_twins(issues: list[Issue]) -> None:
    lines: dict[str, int] = {}
    for issue in issues:
        if issue.id is not None and issue.kind == "issue" and lines.setdefault(issue.id, issue.line) != issue.line:
            raise InvalidInputError(
                f"lines {lines[issue.id]} and {issue.line} have the same id {issue.id!r}; keep one of them",
                todo_id=issue.id,
            )


def _give_todo_ids(issues: list[Issue], warnings: list[str]) -> None:
    """Let issues that longpole exported under a new id have their old one again, where that is free."""
    taken = {issue.id for issue in issues if issue.todo_id is not None}
    for issue in issues:
        wanted = own_todo_id(issue) if issue.todo_id is not None else None
        if wanted in (None, issue.id):
            continue
        if wanted in taken:
            warnings.append(f"{issue.id}: the id {wanted!r} of its todo is taken; the todo is named {issue.id}")
            continue
        taken.add(wanted)
        issue.todo_id = wanted


def _record(issue: Issue, position: int) -> SourceRecord:
    has_todo = issue.todo_id is not None
    key = issue.todo_id if has_todo else issue.id
    return SourceRecord(format=FORMAT, id=key, raw=issue.raw, todo=has_todo, position=position)


def _rows(tables: Mapping[str, str], table: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(tables.get(table, "").split("\n"), start=1):
        if line.strip():
            row = load_json(line, where=f"{table}.jsonl, line {number}")
            if not isinstance(row, dict):
                raise InvalidInputError(f"{table}.jsonl, line {number} is no JSON object; correct it")
            rows.append(row)
    return rows
