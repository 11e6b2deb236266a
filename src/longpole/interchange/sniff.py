"""Which format a file has: by its name, then by its shape."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from longpole.errors import InvalidInputError, UsageError
from longpole.interchange.safe import load_json, load_yaml, plain_text

SUPPORTED = ("plan", "markdown", "beads", "jsonl")

_TASK_ITEM = re.compile(r"^\s{0,200}(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s", re.MULTILINE)
_LOOK = 20  # lines, or list entries, that are looked at


def detect(name: str | None, text: str) -> str:
    """The format of a text; `name` is the file's, None for standard input.

    Raises UsageError for a format that is recognised but not supported yet, and where several or none fit.
    """
    found = _by_name(name)
    if found in ([], ["taskmaster"]):  # a plan may be called tasks.json as well
        found = _by_shape(name, plain_text(text, name=name or "the text")) or found
    if len(found) != 1:
        raise UsageError(
            f"the format of {name or 'the text'} is not clear; say --format {' or --format '.join(found or SUPPORTED)}"
        )
    if found[0] not in SUPPORTED:
        raise UsageError(
            f"{name or 'the text'} is recognised as {found[0]}, which cannot be imported yet;"
            f" formats are {', '.join(SUPPORTED)}"
        )
    return found[0]


def _by_name(name: str | None) -> list[str]:
    path = PurePath(name or "")
    if path.name in ("issues.jsonl", "beads.jsonl"):
        return ["beads"]
    if path.name == "tasks.json":
        return ["taskmaster"]
    if path.suffix == ".md":
        return ["backlog"] if "backlog" in path.parts[:-1] else []
    is_numbered = path.suffix == ".json" and path.stem.isdigit()
    return ["claude"] if is_numbered and path.parts[-3:-2] == ("tasks",) else []


def _by_shape(name: str | None, text: str) -> list[str]:
    start = text.lstrip()
    if start.startswith(("{", "[")):
        return _by_value(_json_or_lines(text))
    if (name or "").endswith((".md", ".markdown")) or _TASK_ITEM.search(text):
        return ["backlog"] if start.startswith("---\n") and "\nid:" in text else ["markdown"]
    try:
        return _by_value(load_yaml(text))
    except InvalidInputError:
        return ["plan"] if (name or "").endswith((".yaml", ".yml")) else []


def _json_or_lines(text: str) -> Any:
    """The JSON value, or for a file of lines a list of the first ones. A broken text gives what its name promises."""
    first, _, rest = text.strip().partition("\n")
    if rest.strip():
        try:
            head = load_json(first)
            if isinstance(head, dict):
                return [_Line(head), *(_Line(load_json(line)) for line in rest.split("\n", _LOOK)[:-1] if line.strip())]
        except InvalidInputError:
            pass  # a document over several lines, or a broken line that the importer will name
    try:
        value = load_json(text)
    except InvalidInputError:
        return _broken(text)
    return [_Line(value)] if isinstance(value, dict) and _is_line(value) else value


class _Line:
    """An object that stood on a line of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value if isinstance(value, dict) else {}


def _is_line(value: dict[str, Any]) -> bool:
    return "todos" not in value and ("issue_type" in value or "depends_on" in value)


def _broken(text: str) -> Any:
    """Something with the shape that a broken file most likely has, so that its importer can say what is wrong."""
    if '"issue_type"' in text or '"depends_on_id"' in text:
        return [_Line({"issue_type": ""})]
    return {"todos": []} if '"todos"' in text or text.lstrip().startswith("[") else None


def _by_value(value: Any) -> list[str]:
    if isinstance(value, list):
        if value and isinstance(value[0], _Line):
            return _of_objects([line.value for line in value], lines=True)
        return _of_objects([item for item in value[:_LOOK] if isinstance(item, dict)], lines=False)
    if not isinstance(value, dict):
        return []
    if "todos" in value:
        return ["plan"]
    if "data" in value or "issues" in value:
        return ["github"]
    if "tasks" in value or any(isinstance(tag, dict) and "tasks" in tag for tag in value.values()):
        return ["taskmaster"]
    return [name for name in _of_objects([value], lines=False) if name != "plan"]


def _of_objects(items: list[dict[str, Any]], *, lines: bool) -> list[str]:
    keys = set().union(*items)
    if "subject" in keys and keys & {"blockedBy", "blocks", "activeForm"}:
        return ["claude"]
    if {"number", "state"} <= keys:
        return ["github"]
    if not lines:
        return ["plan"]
    if "issue_type" in keys or any("depends_on_id" in str(item.get("dependencies")) for item in items):
        return ["beads"]
    return ["jsonl"] if {"id", "depends_on"} <= keys or {"id", "unmet"} <= keys else ["beads", "jsonl"]
