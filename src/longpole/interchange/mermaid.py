"""The graph as a Mermaid flowchart; written only."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from longpole.interchange.drawing import critical_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.model import Todo

_STEERING = frozenset('"#&<>;%`{}[]|\\\n\r')
_CLASSES = """  classDef completed fill:#d9ead3,stroke:#38761d
  classDef cancelled fill:#eeeeee,stroke:#999999,stroke-dasharray:4
  classDef failed fill:#f4cccc,stroke:#990000
  classDef in_progress fill:#fff2cc,stroke:#bf9000
  classDef ready fill:#cfe2f3,stroke:#0b5394
  classDef blocked fill:#ffffff,stroke:#666666
  classDef critical stroke-width:4px
"""


def export(todos: Sequence[Todo], *, project: str) -> str:
    """A flowchart from left to right, an arrow from each todo to what waits for it, the critical path bold."""
    names = {todo.id: f"n{number}" for number, todo in enumerate(todos)}
    critical = critical_ids(todos)
    bold = set(pairwise(critical))
    lines = [f'  {names[todo.id]}["{_escaped(todo.id)}<br/>{_escaped(todo.title)}"]:::{todo.status}' for todo in todos]
    lines += [
        f"  {names[other]} {'==>' if (other, todo.id) in bold else '-->'} {names[todo.id]}"
        for todo in todos
        for other in todo.depends_on
        if other in names
    ]
    lines += [f"  class {','.join(names[todo_id] for todo_id in critical)} critical"] if critical else []
    return f"%% {_escaped(project)}\nflowchart LR\n" + "".join(f"{line}\n" for line in lines) + _CLASSES


def _escaped(text: str) -> str:
    return "".join(f"#{ord(letter)};" if letter in _STEERING else letter for letter in text)
