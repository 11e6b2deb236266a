"""What test processes share: acknowledgement files, and the graph that all of them work on."""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

from longpole.model import NewTodo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any, Self

    from tests.reliability.checker import Ack


class AckFile:
    """An instance's own file of what it was told, appended line by line in single writes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, ack: Ack) -> None:
        """Append one line; a process that is killed in the middle of it leaves a torn last line, nothing worse."""
        os.write(self._file, json.dumps(ack._asdict()).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def layered(count: int, *, width: int = 400, predecessors: int = 2, seed: int = 1) -> Iterator[NewTodo]:
    """Give todos in layers of `width`, each waiting for at most `predecessors` of the layer before."""
    rng = random.Random(seed)
    for number in range(count):
        start = number // width * width - width
        after = {start + rng.randrange(width) for _ in range(rng.randint(0, predecessors))} if start >= 0 else set()
        yield NewTodo(title=f"todo {number}", id=f"t{number}", after=tuple(f"t{need}" for need in sorted(after)))


def touching(todos: Iterable[NewTodo], *, folders: int = 200, seed: int = 1) -> Iterator[NewTodo]:
    """Let todos write to a file, or to a folder, or only read it, and some of them take of a resource."""
    rng = random.Random(seed)
    for todo in todos:
        folder = f"src/{rng.randrange(folders)}"
        touches: list[str | dict[str, Any]] = [f"{folder}/{todo.id}.py"]
        if rng.random() < 0.3:
            touches = [{"path": folder, "mode": rng.choice(["read", "write"])}]
        if rng.random() < 0.05:
            touches.append({"resource": "gpu", "amount": rng.randint(1, 2)})
        yield todo.replace(touches=tuple(touches))


def pairs(todos: list[NewTodo]) -> list[tuple[str, str]]:
    """List the (predecessor, dependent) pairs of new todos, all of which have ids."""
    return [(need, str(todo.id)) for todo in todos for need in todo.after]
