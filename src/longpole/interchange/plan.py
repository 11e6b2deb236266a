"""longpole's own plan: the graph of a project in JSON or YAML, without any state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longpole.durations import format_minutes, parse_minutes, parse_moment
from longpole.errors import InvalidInputError
from longpole.interchange.ids import Namer, nearest, resolved
from longpole.interchange.safe import load_json, load_yaml, plain_text
from longpole.interchange.times import write_time
from longpole.interchange.values import Parsed, ParsedTodo
from longpole.limits import checked, checked_count, checked_field
from longpole.model import Kind, NewTodo

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from longpole.model import Todo

FORMAT = "plan"
KEYS = ("id", "title", "description", "after", "estimate", "priority", "branch", "touches", "needs", "kind", "opens")
_TOP_KEYS = ("project", "todos")


def parse(text: str, *, known_ids: Collection[str] = frozenset()) -> Parsed:
    """The todos of a plan; `known_ids` are those of the project, which `after` may name as well.

    Todos without an id get one that is made from their title, the same at every import.
    Raises InvalidInputError, and CycleError for a todo that waits for itself.
    """
    project, items = _items(_load(plain_text(text, name="the plan")))
    counts = {"records": len(items), "todos": len(items)}
    for index, item in enumerate(items):
        items[index] = _new_todo(index + 1, item)  # in place: the space of the one serves for the other
    todos = _named(items)
    if any(todo.after for todo in todos):
        known = {str(todo.id) for todo in todos}.union(known_ids)
        todos = [_linked(todo, known, counts) for todo in todos]
    counts["dependencies.after"] = sum(len(todo.after) for todo in todos)
    return Parsed(format=FORMAT, project=project, todos=tuple(ParsedTodo(new=todo) for todo in todos), counts=counts)


def export(todos: Sequence[Todo], *, project: str) -> str:
    """The graph as a plan in JSON, todos and dependencies in the order given."""
    items = [_item(todo) for todo in todos]
    return json.dumps({"project": project, "todos": items}, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _load(text: str) -> Any:
    if text.lstrip().startswith(("{", "[")):
        return load_json(text, where="the plan")
    return load_yaml(text, where="the plan")


def _items(document: Any) -> tuple[str | None, list[Any]]:
    if isinstance(document, dict):
        _refuse_unknown(document, _TOP_KEYS, "the plan")
        items, project = document.get("todos"), document.get("project")
    else:
        items, project = document, None
    if not isinstance(items, list):
        raise InvalidInputError('the plan has no list of todos; write {"project": NAME, "todos": [{"title": …}, …]}')
    if project is not None and not isinstance(project, str):
        raise InvalidInputError("the plan's project is no text; write its name")
    checked_count(len(items))
    return project, items


def _new_todo(index: int, item: Any) -> NewTodo:
    if not isinstance(item, dict):
        raise InvalidInputError(f'todo {index} of the plan is no object; write {{"title": …}}')
    _refuse_unknown(item, KEYS, f"todo {index} of the plan")
    given = {key: value for key, value in item.items() if value is not None}
    if "title" not in given:
        raise InvalidInputError(f"todo {index} of the plan has no title; say what is to be done")
    if "id" in given:
        given["id"] = _id(given["id"])
    if isinstance(given.get("after"), list):
        given["after"] = [_id(value) for value in given["after"]]
    if "estimate" in given:
        given["estimate_minutes"] = _minutes(index, given.pop("estimate"))
    if "opens" in given:
        given["opens_at"] = _moment(index, given.pop("opens"))
    try:
        return checked(NewTodo(**given))
    except InvalidInputError as error:
        raise InvalidInputError(f"todo {index} of the plan: {error}", todo_id=error.todo_id) from None


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else value


def _minutes(index: int, value: Any) -> float:
    if not isinstance(value, str):
        raise InvalidInputError(f'todo {index} of the plan: the estimate has no unit; write it like "30m" or "2h"')
    try:
        return parse_minutes(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"todo {index} of the plan: {error}") from None


def _moment(index: int, value: Any) -> int:
    text = value if isinstance(value, str) else str(value)  # YAML reads a bare time as one
    try:
        return parse_moment(text)
    except InvalidInputError as error:
        raise InvalidInputError(f"todo {index} of the plan: opens: {error}") from None


def _refuse_unknown(item: dict[str, Any], known: Collection[str], where: str) -> None:
    for key in item:
        if key not in known:
            hint = nearest(key, known) or f"; keys are {', '.join(known)}"
            raise InvalidInputError(f"{where} has the unknown key {key[:80]!r}{hint}")


def _named(todos: list[NewTodo]) -> list[NewTodo]:
    """The todos with an id each. Raises InvalidInputError for an id given twice."""
    places: dict[str, int] = {}
    for index, todo in enumerate(todos, start=1):
        if todo.id is not None and places.setdefault(todo.id, index) != index:
            raise InvalidInputError(
                f"todos {places[todo.id]} and {index} of the plan have the same id {todo.id!r}; rename one of them",
                todo_id=todo.id,
            )
    if len(places) == len(todos):
        return todos
    namer = Namer(places)
    return [todo if todo.id is not None else todo.replace(id=namer.name(todo.title)) for todo in todos]


def _linked(todo: NewTodo, known: Collection[str], counts: dict[str, int]) -> NewTodo:
    after = resolved(str(todo.id), todo.after, known=known, counts=counts)
    return todo if after == todo.after else todo.replace(after=after)


def _item(todo: Todo) -> dict[str, Any]:
    estimate = todo.estimate_minutes
    item = {
        "id": todo.id,
        "title": todo.title,
        "description": todo.description,
        "after": list(todo.depends_on),
        "estimate": None if estimate is None else format_minutes(float(checked_field("estimate_minutes", estimate))),
        "priority": None if todo.priority == NewTodo.priority else todo.priority,
        "branch": todo.branch,
        "touches": list(todo.touches),
        "needs": list(todo.needs),
        "kind": None if todo.kind == Kind.TODO else todo.kind,
        "opens": None if todo.opens_at is None else write_time(todo.opens_at),
    }
    return {key: value for key, value in item.items() if value not in (None, "", [])}
