"""One line of a beads file: what it is, and what longpole takes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.errors import InvalidInputError
from longpole.interchange.safe import dump_json, load_json
from longpole.interchange.times import read_time
from longpole.interchange.values import ParsedTodo
from longpole.limits import TITLE_CHARACTERS, checked, checked_id, checked_reason, checked_text
from longpole.model import Kind, NewTodo

if TYPE_CHECKING:
    from collections.abc import Iterable

FAILED_MARK = "longpole: failed: "
OWN_KEY = "longpole"  # in an issue's metadata: what beads has no field for

_DONE = ("closed", "done")
_OPEN = ("open", "in_progress", "hooked", "active", "wip")
_HELD_ELSEWHERE = ("in_progress", "hooked")
_SET_ASIDE = ("blocked", "deferred", "frozen")
_NO_WORK = ("message", "gate", "agent", "convoy", "molecule", "event")
_NOTHING_TO_DO = ("pinned", "tombstone")
_SECTIONS = (("design", "Design"), ("acceptance_criteria", "Acceptance criteria"), ("notes", "Notes"))
_TEXTS = ("title", "description", "design", "acceptance_criteria", "notes", "status", "issue_type", "close_reason")
_SHOWN = 60


class Issue:
    """A record of the file. `todo_id` is None where no todo stands for it; relations add to `holds`."""

    def __init__(self, raw: str, record: dict[str, Any], line: int) -> None:
        self.raw, self.record, self.line = raw, record, line
        self.kind: str = str(record.get("_type") or "issue")
        self.id: str | None = _own_id(record, line, needed=self.kind == "issue")
        if self.kind == "issue":
            _check_texts(record, line)
        self.status: str = record.get("status") or "open"
        self.type: str = record.get("issue_type") or "task"
        metadata = record.get("metadata")
        own = metadata.get(OWN_KEY) if isinstance(metadata, dict) else None
        self.own: dict[str, Any] = own if isinstance(own, dict) else {}
        self.todo_id: str | None = self.id if self.why_no_todo() is None else None
        self.holds: list[str] = []

    @property
    def is_done(self) -> bool:
        """Whether it counts as completed."""
        return self.status in _DONE

    @property
    def is_waited_for(self) -> bool:
        """Whether something that waits for this record, though it is no todo, has to wait still."""
        return not self.is_done and self.status not in _NOTHING_TO_DO and self.record.get("is_template") is not True

    def why_no_todo(self) -> str | None:
        """The reason why no todo stands for it; None if one does."""
        if self.kind != "issue":
            return self.kind[:_SHOWN]
        if self.type in _NO_WORK:
            return self.type
        if self.status in _NOTHING_TO_DO:
            return self.status
        if self.record.get("is_template"):
            return "template"
        return "pinned" if self.record.get("pinned") and not self.is_done else None

    def status_hold(self, now_at: int) -> tuple[str | None, str | None]:
        """Why its status sets it aside, and a warning about it; None each if there is nothing to say."""
        if self.is_done:
            return None, None
        if self.status in _SET_ASIDE:
            return f"{self.status} in beads", None
        if self.status not in _OPEN:
            shown = ascii(self.status[:_SHOWN])
            return f"status {shown} in beads", f"{self.id}: the status {shown} is not known; the todo is on hold"
        until_at = read_time(self.record.get("defer_until"))
        if until_at is not None and until_at > now_at:
            return f"deferred until {ascii(self.record['defer_until'][:_SHOWN])[1:-1]} in beads", None
        return None, None

    def description(self) -> str:
        """The issue's texts as one, without what longpole itself noted about a failure."""
        parts = [self.record.get("description") or ""]
        for key, heading in _SECTIONS:
            text = self.record.get(key) or ""
            parts.append(f"## {heading}\n\n{without_failure(text)}" if without_failure(text) else "")
        return "\n\n".join(part for part in parts if part)

    def todo(
        self, *, after: Iterable[str], branch: str | None, set_aside: str | None, labels_as_needs: bool
    ) -> ParsedTodo:
        """The todo that stands for it; `set_aside` is what `status_hold` says of it.

        Raises InvalidInputError, naming the line, for values out of range.
        """
        try:
            return self._todo(
                checked(self._new(branch, labels_as_needs=labels_as_needs)).replace(after=tuple(after)),
                "; ".join([*([set_aside] if set_aside else ()), *self.holds])[:TITLE_CHARACTERS],
            )
        except InvalidInputError as error:
            raise InvalidInputError(f"line {self.line}: {error}", todo_id=error.todo_id or self.id) from None

    def _todo(self, new: NewTodo, hold: str) -> ParsedTodo:
        hold = self.own.get("hold", hold)
        assignee = self.record.get("assignee") if self.status in _HELD_ELSEWHERE else None
        reason = self.record.get("close_reason") if self.is_done else None
        return ParsedTodo(
            new=new,
            completed=self.is_done,
            hold=checked_reason(hold) if hold and not self.is_done else None,
            result=checked_text(reason) if reason else None,
            former_holder=checked_reason(assignee) if assignee else None,
            finished_at=read_time(self.record.get("closed_at")) if self.is_done else None,
            created_at=read_time(self.record.get("created_at")),
        )

    def _new(self, branch: str | None, *, labels_as_needs: bool) -> NewTodo:
        record, own = self.record, self.own
        title = record.get("title") or ""
        labels = record.get("labels") if labels_as_needs else None
        return NewTodo(
            title=" ".join(title.split()) if any(letter in title for letter in "\t\n\r") else title,
            id=self.todo_id,
            description=self.description(),
            estimate_minutes=own.get("estimate_minutes", record.get("estimated_minutes")),
            priority=2 if record.get("priority") is None else record["priority"],
            branch=own.get("branch", branch),
            touches=own.get("touches", ()),
            needs=own.get("needs", labels or ()),
            kind=own.get("kind", Kind.TODO),
            opens_at=own.get("opens_at"),
        )

    def relations(self) -> list[dict[str, Any]]:
        """Its dependency records. Raises InvalidInputError if they are none."""
        found = self.record.get("dependencies")
        if found is None or self.kind != "issue":
            return []
        if not isinstance(found, list) or not all(_is_relation(item) for item in found):
            raise InvalidInputError(
                f"line {self.line}: the dependencies are no list of objects with depends_on_id and type; correct them",
                todo_id=self.id,
            )
        return found

    def without(self) -> list[str]:
        """Todos that longpole was told not to wait for, though the file says so."""
        found = self.own.get("without")
        return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []


def read_issue(raw: str, line: int) -> Issue:
    """The issue in one line of a file. Raises InvalidInputError naming the line."""
    record = load_json(raw, where=f"line {line}")
    if not isinstance(record, dict):
        raise InvalidInputError(f"line {line} is no JSON object; each line of a beads file holds one issue")
    return Issue(raw, record, line)


def issue_of(record: dict[str, Any], line: int) -> Issue:
    """The issue that an object in memory describes."""
    return Issue(dump_json(record), record, line)


def own_todo_id(issue: Issue) -> str | None:
    """The id that the todo had in longpole before it was exported; None: the same as in beads."""
    if issue.own.get("id") is None:
        return None
    try:
        return checked_id(issue.own["id"])
    except InvalidInputError as error:
        raise InvalidInputError(f"line {issue.line}: the id in metadata.{OWN_KEY} {error}") from None


def without_failure(notes: str) -> str:
    """The notes without the last paragraph, if that is longpole's about a failure."""
    start = notes.rfind(FAILED_MARK)
    if start == 0 or (start > 0 and notes.endswith("\n\n", 0, start)):
        return notes[:start].removesuffix("\n\n")
    return notes


def _own_id(record: dict[str, Any], line: int, *, needed: bool) -> str | None:
    if not needed:
        return record["id"] if isinstance(record.get("id"), str) else None
    try:
        return checked_id(record.get("id"))
    except InvalidInputError as error:
        raise InvalidInputError(f"line {line}: the id {error}") from None


def _check_texts(record: dict[str, Any], line: int) -> None:
    for key in _TEXTS:
        value = record.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidInputError(f"line {line}: {key} is no text; correct it", todo_id=record["id"])
    labels = record.get("labels")
    if labels is not None and not isinstance(labels, list):
        raise InvalidInputError(f"line {line}: labels is no list; correct it", todo_id=record["id"])


def _is_relation(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("depends_on_id"), str)
        and isinstance(item.get("type", "blocks"), str)
        and isinstance(item.get("issue_id", ""), str)
    )
