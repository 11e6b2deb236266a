"""The graph in Graphviz' language; written only."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from longpole.interchange.drawing import critical_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Todo

_COLOURS = {
    "completed": "#d9ead3",
    "cancelled": "#eeeeee",
    "failed": "#f4cccc",
    "in_progress": "#fff2cc",
    "ready": "#cfe2f3",
    "blocked": "#ffffff",
}


def export(todos: Sequence[Todo], *, project: str) -> str:
    """A directed graph from left to right, an arrow from each todo to what waits for it, the critical path bold."""
    names = {todo.id: f"n{number}" for number, todo in enumerate(todos)}
    critical = critical_ids(todos)
    on_path, bold = set(critical), set(pairwise(critical))
    lines = [
        f'  {names[todo.id]} [label="{_escaped(todo.id)}\\n{_escaped(todo.title)}", fillcolor="{_COLOURS[todo.status]}"'
        f"{', penwidth=3' if todo.id in on_path else ''}];"
        for todo in todos
    ]
    lines += [
        f"  {names[other]} -> {names[todo.id]}{' [penwidth=3]' if (other, todo.id) in bold else ''};"
        for todo in todos
        for other in todo.depends_on
        if other in names
    ]
    head = f'digraph "{_escaped(project)}" {{\n  rankdir=LR;\n  node [shape=box, style="rounded,filled"];\n'
    return head + "".join(f"{line}\n" for line in lines) + "}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
