"""A project as a beads issue file: the records as they came, with longpole's changes laid over them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from longpole.interchange.beads import FORMAT, read_issues, todos_of
from longpole.interchange.beads_issue import FAILED_MARK, OWN_KEY, without_failure
from longpole.interchange.beads_links import BLOCKS, OWN_ONLY, Links
from longpole.interchange.cycles import break_cycles
from longpole.interchange.ids import Namer
from longpole.interchange.safe import dump_json
from longpole.interchange.times import now, write_time
from longpole.interchange.values import manual_hold
from longpole.model import PENDING, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.interchange.beads_issue import Issue
    from longpole.interchange.values import ParsedTodo, SourceRecord
    from longpole.model import Todo

_OWN_FIELDS = ("branch", "touches", "needs", "opens_at")
_CLOSED_KEYS = ("closed_at", "close_reason", "closed_by_session")
_SET_ASIDE = ("blocked", "deferred", "frozen")


def export(
    todos: Sequence[Todo], records: Sequence[SourceRecord] = (), *, project: str, now_at: int | None = None
) -> str:
    """The issue file: unchanged records as they came, changed ones with the changed keys alone, then new todos.

    What beads has no field for stands in an issue's metadata under "longpole", where an import finds it again.
    """
    kept = sorted((record for record in records if record.format == FORMAT), key=lambda record: record.position)
    issues = read_issues(record.raw for record in kept)
    for issue, record in zip(issues, kept, strict=True):
        issue.todo_id = record.id if record.todo else None
    overlay = _Overlay(issues, todos, project=project, now_at=now() if now_at is None else now_at)
    lines = [overlay.line(issue) for issue in issues]
    lines += [overlay.new_line(todo) for todo in overlay.new]
    return "".join(f"{line}\n" for line in lines)


class _Overlay:
    """The difference between what the records say and what longpole knows."""

    def __init__(self, issues: list[Issue], todos: Sequence[Todo], *, project: str, now_at: int) -> None:
        self._now_at = now_at
        self._todos = {todo.id: todo for todo in todos}
        self._ids = {issue.todo_id: str(issue.id) for issue in issues if issue.todo_id is not None}
        links = Links(issues)
        self._expected = {str(todo.new.id): todo for todo in todos_of(issues, links, now_at=now_at)}
        self._changed = self._unlink(issues, links)
        if self._changed:
            links = Links(issues)
        self._after = links.after
        self._spaced = bool(issues) and issues[0].raw.partition(":")[2].startswith(" ")
        self.new = [todo for todo in todos if todo.id not in self._ids]
        self._name_new({issue.id for issue in issues if issue.id is not None}, project)

    def line(self, issue: Issue) -> str:
        """The line of a record that came from beads."""
        todo = self._todos.get(str(issue.todo_id))
        if todo is None:
            return issue.raw
        expected = self._expected[todo.id]
        changed = todo.id in self._changed
        record, own = issue.record, dict(issue.own)
        changed |= self._lay_fields(record, own, todo, expected)
        changed |= self._lay_status(issue, own, todo, expected)
        changed |= self._lay_links(issue, own, todo)
        changed |= _lay_own(record, issue.own, own)
        if not changed:
            return issue.raw
        record["updated_at"] = self._updated_at(todo)
        return dump_json(record, spaced=self._spaced)

    def new_line(self, todo: Todo) -> str:
        """The line of a todo that beads does not know yet."""
        created_at = write_time(todo.created_at)
        record: dict[str, Any] = {"id": self._ids[todo.id], "title": todo.title, "description": todo.description}
        record |= {"status": "open", "priority": todo.priority, "issue_type": "task"}
        record |= {"created_at": created_at, "created_by": "longpole", "updated_at": created_at}
        own: dict[str, Any] = {} if self._ids[todo.id] == todo.id else {"id": todo.id}
        own |= {key: _plain(getattr(todo, key)) for key in _OWN_FIELDS if getattr(todo, key)}
        own |= {"kind": todo.kind} if todo.kind == Kind.GATE else {}
        _lay_estimate(record, own, todo.estimate_minutes)
        _lay_state(record, own, todo)
        if todo.depends_on:
            record["dependencies"] = [self._relation(todo, other) for other in todo.depends_on]
        _lay_own(record, {}, own)
        return dump_json(record, spaced=self._spaced)

    def _unlink(self, issues: list[Issue], links: Links) -> set[str]:
        """Take relations out of the records that longpole took out of the graph; gives the todos they are on."""
        closing = set(break_cycles(links.after, lambda _todo, _other: True).dropped)
        gone: dict[str, set[str]] = {}
        for todo_id, waiting in links.after.items():
            todo = self._todos.get(todo_id)
            if todo is not None:
                left = set(waiting).difference(todo.depends_on)
                gone[todo_id] = {
                    self._ids[other]
                    for other in left
                    if links.given[todo_id][other] == "blocks" and (todo_id, other) not in closing
                }
        self._closing = closing
        changed = set()
        for issue in issues:
            relations = issue.relations()
            kept = [
                r for r in relations if not _is_gone(r, gone.get(str(links.todo_id(r.get("issue_id") or issue.id)), ()))
            ]
            if len(kept) != len(relations):
                issue.record["dependencies"] = kept
                changed.add(str(issue.todo_id))
        return changed

    def _lay_fields(self, record: dict[str, Any], own: dict[str, Any], todo: Todo, expected: ParsedTodo) -> bool:
        new = expected.new
        changed = False
        for key in ("title", "priority"):
            if getattr(todo, key) != getattr(new, key):
                record[key] = getattr(todo, key)
                changed = True
        if todo.description != new.description:
            _lay_description(record, todo.description, new.description)
            changed = True
        if todo.estimate_minutes != new.estimate_minutes:
            _lay_estimate(record, own, todo.estimate_minutes)
            changed = True
        for key in _OWN_FIELDS:
            if getattr(todo, key) != getattr(new, key):
                own[key] = _plain(getattr(todo, key))
        return changed

    def _lay_status(self, issue: Issue, own: dict[str, Any], todo: Todo, expected: ParsedTodo) -> bool:
        record = issue.record
        before = {key: record.get(key) for key in ("status", "assignee", "notes", "defer_until", *_CLOSED_KEYS)}
        if todo.status in (Status.COMPLETED, Status.CANCELLED):
            reason = "cancelled" if todo.status is Status.CANCELLED else todo.result
            is_news = todo.status is Status.COMPLETED and reason is not None and reason != expected.result
            if is_news or not expected.completed:
                _close(record, todo, reason)
        else:
            if expected.completed:
                record["status"] = "open"
                for key in _CLOSED_KEYS:
                    record.pop(key, None)
            if todo.status in (Status.IN_PROGRESS, Status.FAILED):
                _lay_state(record, own, todo)
            else:
                self._lay_hold(issue, own, todo, expected)
        return any(record.get(key) != value for key, value in before.items())

    def _lay_hold(self, issue: Issue, own: dict[str, Any], todo: Todo, expected: ParsedTodo) -> None:
        reason = manual_hold(todo)
        deferred = reason is not None and reason.startswith("deferred until ") and issue.record.get("defer_until")
        if reason == expected.hold or (deferred and not expected.hold):
            return
        if reason is not None:
            own["hold"] = reason
            if issue.record.get("status") not in _SET_ASIDE:
                issue.record["status"] = "blocked"
            return
        own.pop("hold", None)
        if issue.status_hold(self._now_at)[0] is not None:
            issue.record["status"] = "open"
            issue.record.pop("defer_until", None)
        if issue.holds:
            own["hold"] = ""

    def _lay_links(self, issue: Issue, own: dict[str, Any], todo: Todo) -> bool:
        """Add relations and exceptions until the record says what the todo waits for."""
        wanted, expected = set(todo.depends_on), set(self._after[todo.id])
        without = issue.without()
        added = []
        for other in todo.depends_on:
            if other in expected:
                continue
            if other in without:
                without.remove(other)
            elif other in self._ids:
                added.append(self._relation(todo, other))
        without += [
            other for other in self._after[todo.id] if other not in wanted and (todo.id, other) not in self._closing
        ]
        if without != issue.without():
            own["without"] = without
        if added:
            issue.record["dependencies"] = [*issue.relations(), *added]
        return bool(added)

    def _relation(self, todo: Todo, other: str) -> dict[str, Any]:
        return {
            "issue_id": self._ids[todo.id],
            "depends_on_id": self._ids.get(other, other),
            "type": "blocks",
            "created_at": write_time(todo.created_at),
            "created_by": "longpole",
            "metadata": f'{{"{OWN_ONLY}": "own"}}',
        }

    def _updated_at(self, todo: Todo) -> str:
        at = todo.finished_at if todo.status not in PENDING else todo.claimed_at if todo.holder else None
        return write_time(at or self._now_at)

    def _name_new(self, taken: set[str], project: str) -> None:
        prefix = _prefix(taken) if taken else _letters(project)
        fitting = {todo.id for todo in self.new if todo.id.startswith(f"{prefix}-") and todo.id not in taken}
        namer = Namer(taken | fitting, prefix=f"{prefix}-")
        for todo in self.new:
            self._ids[todo.id] = todo.id if todo.id in fitting else namer.name(todo.id)


def _lay_state(record: dict[str, Any], own: dict[str, Any], todo: Todo) -> None:
    if todo.status in (Status.COMPLETED, Status.CANCELLED):
        _close(record, todo, "cancelled" if todo.status is Status.CANCELLED else todo.result)
    elif todo.status is Status.IN_PROGRESS:
        record["status"] = "in_progress"
        if todo.holder:
            record["assignee"] = todo.holder
    elif todo.status is Status.FAILED:
        notes = without_failure(record.get("notes") or "")
        record["notes"] = f"{notes}\n\n{FAILED_MARK}{todo.result}" if notes else f"{FAILED_MARK}{todo.result}"
        record["status"] = "open"
    elif manual_hold(todo) is not None:
        record["status"] = "blocked"
        own["hold"] = manual_hold(todo)


def _close(record: dict[str, Any], todo: Todo, reason: str | None) -> None:
    record["status"] = "closed"
    record["closed_at"] = write_time(todo.finished_at or todo.created_at)
    if reason is not None:
        record["close_reason"] = reason


def _lay_description(record: dict[str, Any], new: str, old: str) -> None:
    """Put an edited description where it came from, the sections after it untouched if they still end it."""
    own = record.get("description") or ""
    rest = old[len(own) :]
    if own and rest and new.endswith(rest) and len(new) > len(rest):
        record["description"] = new[: -len(rest)]
        return
    record["description"] = new
    for key in ("design", "acceptance_criteria", "notes"):
        record.pop(key, None)


def _lay_estimate(record: dict[str, Any], own: dict[str, Any], minutes: float | None) -> None:
    own.pop("estimate_minutes", None)
    record.pop("estimated_minutes", None)
    if minutes is not None and minutes > 0 and minutes == int(minutes):
        record["estimated_minutes"] = int(minutes)
    elif minutes is not None:
        own["estimate_minutes"] = minutes


def _lay_own(record: dict[str, Any], before: dict[str, Any], own: dict[str, Any]) -> bool:
    own = {key: value for key, value in own.items() if value != [] or key != "without"}
    metadata = record.get("metadata")
    if own == before or not isinstance(metadata, dict | None):
        return False
    kept = {key: value for key, value in (metadata or {}).items() if key != OWN_KEY}
    record["metadata"] = {**kept, OWN_KEY: own} if own else kept
    return True


def _is_gone(relation: dict[str, Any], gone: set[str] | tuple[()]) -> bool:
    return relation.get("type", "blocks") in BLOCKS and relation["depends_on_id"] in gone


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _prefix(ids: set[str]) -> str:
    """What the ids of a file begin with, before a hyphen."""
    first, last = min(ids), max(ids)  # what these two share, all between them share
    length = next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))
    shared = first[:length].rpartition("-")[0]
    return shared or Counter(value.partition("-")[0] for value in sorted(ids)).most_common(1)[0][0]


def _letters(project: str) -> str:
    found = "".join(letter for letter in project.lower() if letter.isascii() and letter.isalnum())
    return found[:20] if found[:1].isalpha() else f"lp{found[:20]}"
