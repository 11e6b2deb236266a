"""Where contenders meet on SQLite: a fresh copy of a project's file, and a file for raw commits on the same disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import longpole
from bench import databases, graphs
from bench.contenders import Merged, Raw, Separate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from bench.contenders import Contender


class Templates:
    """The databases that this run has built, each once. See ground.Ground."""

    engine = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built_s: dict[str, float] = {}

    def arena(self, shape: str, size: int, name: str) -> Arena:
        """Give an arena with a graph of this shape and size."""
        return Arena(self.shape(shape, size), name)

    def hub_arena(self, size: int, free: int, name: str) -> Arena:
        """Give an arena where so many todos wait for one hub, and some are free."""
        return Arena(self._template(f"hub-{size}", lambda: graphs.hub(size, free)), name)

    def path_arena(self, behind: int, free: int, *, touching: bool) -> Arena:
        """Give an arena where so many todos want a path that another one touches, and some are free."""
        name = f"paths-{behind}{'-touching' if touching else ''}"
        return Arena(self._template(name, lambda: graphs.paths(behind, free, touching=touching)), name)

    def shape(self, shape: str, size: int) -> Path:
        """Give the database of a graph of this shape and size."""
        return self._template(f"{shape}-{size}", lambda: graphs.SHAPES[shape](size))

    def _template(self, name: str, todos: Callable[[], Iterable[dict[str, Any]]]) -> Path:
        path = self.folder / f"{name}.db"
        if name not in self.built_s:
            self.built_s[name] = databases.build(path, todos())
        return path


class Arena:
    """A project copied from a template, warmed up; while it is open its write-ahead logs keep their steady size."""

    def __init__(self, template: Path, name: str) -> None:
        path = databases.copy(template, template.with_name(f"arena-{name}.db"))
        self.url = str(path)
        self.raw_path = path.with_name(f"raw-{name}.db")
        self._raw = databases.make_raw(self.raw_path, databases.page_size(path))
        self._project = longpole.open(self.url)
        databases.warm(path, self._project)

    def contenders(self) -> dict[str, Contender]:
        """Give the raw commits, both kinds of cycle, and raw commits that take turns as longpole's do."""
        return {
            "raw": Raw(self.raw_path),
            "merged": Merged(self.url),
            "separate": Separate(self.url),
            "raw_fair": Raw(self.raw_path, fair=True),
        }

    def claim_hub(self) -> None:
        """Let an instance hold the hub for as long as the arena stands."""
        self.claim(graphs.HUB)

    def claim(self, todo: str) -> None:
        """Let an instance hold a todo for as long as the arena stands."""
        self._project.register("keeper").claim_todo(todo)

    def reopen(self) -> None:
        """Put what was completed back to where it began, and nothing else."""
        databases.reopen(self._project)

    def tidy(self) -> None:
        """Nothing to do: what was changed leaves nothing behind."""

    def refill(self) -> None:
        """Put the todos back to where they began."""
        databases.refill(self._project)

    def close(self) -> None:
        """Close and remove both files."""
        self._project.close()
        self._raw.close()
        databases.remove(Path(self.url))
        databases.remove(self.raw_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
