"""The seam between the statements, written once, and the two engines that run them.

A statement marks its parameters with `?` and may use the words INTS and TEXTS where one parameter stands
for a whole list (`number IN INTS`). Everything else that differs between engines lives in `sqlite.py`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Protocol, Self

    from longpole.clock import Clock

    Row = tuple[Any, ...]

    class Transaction(Protocol):
        """One open transaction on one project. `now` is the database's clock as the transaction began."""

        project_id: int
        now: int

        def all(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
            """Give all rows of a statement."""

        def one(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
            """Give the first row of a statement, None if there is none."""

        def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
            """Run a statement that gives no rows; tell how many rows it changed."""

        def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
            """Run a statement once for each row of parameters."""

        def listed(self, values: Iterable[int] | Iterable[str]) -> object:
            """Give the parameter for INTS or TEXTS."""

        def version(self) -> int:
            """Tell the schema's version; 0 for an empty database."""

        def migrate(self, script: str, version: int) -> None:
            """Run a migration's statements and note its number."""

        def lock_project(self) -> None:
            """Keep other edits of this project out until the transaction ends; claims go on."""

        def clock_jumped(self, mark: str) -> tuple[str, bool]:
            """Give the clock's mark of today, and whether time has stood still or stepped since the one given."""

    class Door(Protocol):
        """A transaction as a context manager: committed at a normal end, rolled back at an exception."""

        def __enter__(self) -> Transaction: ...

        def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...

    class Engine(Protocol):
        """One open database."""

        url: str
        clock: Clock

        def read(self, project_id: int) -> Door:
            """Open a transaction that only reads, on one consistent state."""

        def write(self, project_id: int) -> Door:
            """Open a transaction that may write."""

        def set_durability(self, durability: str) -> None:
            """Choose how much an answered act survives: full or normal."""

        def data_version(self) -> int:
            """Give a number that changes when anybody has committed a change, in this process or in another."""

        def back_up(self, path: str) -> None:
            """Write a consistent copy of the whole database to a new file."""

        def replace_with(self, path: str) -> None:
            """Put the content of a backup in the place of the database."""

        def problems(self) -> list[str]:
            """Give what the engine's own integrity check finds wrong; empty when all is well."""

        def close(self) -> None:
            """Give back all connections."""

        def __enter__(self) -> Self: ...
