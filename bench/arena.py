"""Where contenders meet: a fresh copy of a project's database, and a file for raw commits on the same disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import longpole
from bench import databases, graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any


class Templates:
    """The databases that this run has built, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built_s: dict[str, float] = {}

    def shape(self, shape: str, size: int) -> Path:
        """Give the database of a graph of this shape and size."""
        return self._template(f"{shape}-{size}", lambda: graphs.SHAPES[shape](size))

    def hub(self, size: int, free: int) -> Path:
        """Give a database where so many todos wait for one hub, and some are free."""
        return self._template(f"hub-{size}", lambda: graphs.hub(size, free))

    def _template(self, name: str, todos: Callable[[], Iterable[dict[str, Any]]]) -> Path:
        path = self.folder / f"{name}.db"
        if name not in self.built_s:
            self.built_s[name] = databases.build(path, todos())
        return path


class Arena:
    """A project copied from a template, warmed up; while it is open its write-ahead logs keep their steady size."""

    def __init__(self, template: Path, name: str) -> None:
        self.path = databases.copy(template, template.with_name(f"arena-{name}.db"))
        self.raw_path = self.path.with_name(f"raw-{name}.db")
        self._raw = databases.make_raw(self.raw_path, databases.page_size(self.path))
        self._project = longpole.open(str(self.path))
        databases.warm(self.path, self._project)

    def claim_hub(self) -> None:
        """Let an instance hold the hub for as long as the arena stands."""
        self._project.register("keeper").claim_todo(graphs.HUB)

    def refill(self) -> None:
        """Put the todos back to where they began."""
        databases.refill(self._project)

    def close(self) -> None:
        """Close and remove both files."""
        self._project.close()
        self._raw.close()
        databases.remove(self.path)
        databases.remove(self.raw_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
