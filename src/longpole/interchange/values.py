"""What importers hand over and what an import tells about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.value import Value

if TYPE_CHECKING:
    from longpole.model import NewTodo, Todo


class SourceRecord(Value):
    """A record of another tool, kept so that export gives it back with only longpole's changes in it."""

    format: str
    id: str | None  # the todo's id where one stands for it, else the record's own; None: it has none
    raw: str  # the record exactly as given: one JSON document in one line
    todo: bool  # whether a todo stands for it
    position: int  # its place among the file's records, from 0


class ParsedTodo(Value):
    """A todo as a file describes it; `new.after` names ids of the same file or of the project."""

    new: NewTodo
    completed: bool = False
    cancelled: bool = False
    hold: str | None = None  # the reason why it was set aside; becomes a manual hold
    result: str | None = None
    former_holder: str | None = None
    finished_at: int | None = None
    created_at: int | None = None


class Parsed(Value):
    """All of one file. `counts` holds numbers for the report under names such as `dropped.self`."""

    format: str
    project: str | None = None
    todos: tuple[ParsedTodo, ...] = ()  # in the file's order
    records: tuple[SourceRecord, ...] = ()  # in the file's order, those without a todo included
    counts: dict[str, int] = {}  # noqa: RUF012 - a Value is frozen, and nobody changes the default
    warnings: tuple[str, ...] = ()


class ImportPlan(Value):
    """What an import changes in a project, decided before anything is written."""

    added: tuple[ParsedTodo, ...] = ()
    changed: tuple[tuple[str, dict[str, Any]], ...] = ()  # id, and new values of fields of NewTodo or of `hold`
    completed: tuple[ParsedTodo, ...] = ()  # todos of the project that the file has as done
    cancelled: tuple[ParsedTodo, ...] = ()
    unchanged: tuple[str, ...] = ()
    left_alone: tuple[tuple[str, str], ...] = ()  # id and reason
    dropped: tuple[tuple[str, str], ...] = ()  # (todo, dependency) left out because it closed a cycle
    ready: int = 0  # todos of the project that are ready once this is applied


class ImportReport(Value):
    """What an import did, or with `dry_run` would do."""

    format: str
    dry_run: bool
    records: int
    todos: int
    added: int
    changed: int
    completed: int
    cancelled: int
    unchanged: int
    left_alone: tuple[tuple[str, str], ...]
    skipped: dict[str, int]  # records without a todo, by the reason
    dependencies: dict[str, int]  # by what they were made from
    relations: dict[str, int]  # dependency records of the file, by their type
    dangling: int  # relations whose target is not in the file; they do not block
    dropped: dict[str, int]  # dependencies left out: self, repeated, join, inherited, cycle
    dropped_dependencies: tuple[tuple[str, str], ...]
    holds: int
    ready: int
    warnings: tuple[str, ...]

    def as_document(self) -> dict[str, Any]:
        """The report as a JSON document for `import --json`."""
        document = self.as_dict()
        document["left_alone"] = [{"todo": todo, "reason": reason} for todo, reason in self.left_alone]
        document["dropped_dependencies"] = [{"todo": todo, "after": after} for todo, after in self.dropped_dependencies]
        document["warnings"] = list(self.warnings)
        return {"v": 1, "import": document}


def manual_hold(todo: Todo) -> str | None:
    """The reason why somebody set a todo aside; None if nobody did."""
    return next((hold.reason for hold in todo.holds if hold.kind == "manual"), None)
