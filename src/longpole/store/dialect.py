"""The seam between the statements, written once, and the two engines that run them.

A statement marks its parameters with `?`. It may use the words INTS and TEXTS where one parameter stands for a
whole list (`number IN INTS`), and end a SELECT with FOR UPDATE, FOR UPDATE SKIP LOCKED or FOR KEY SHARE, which means
nothing to SQLite: it has one writer at a time. Everything else that differs lives in `sqlite.py` and `postgres.py`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Protocol, Self, TypeVar

    from longpole.clock import Clock

    Row = tuple[Any, ...]
    T = TypeVar("T")

    class Transaction(Protocol):
        """One open transaction on one project. `now` is the database's clock as the transaction began."""

        project_id: int
        now: int
        overlaps: bool  # whether others write at the same time, and lock rows that this one would like to have
        in_turn: bool  # whether no other act changes hands before this transaction ends

        def all(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
            """Give all rows of a statement."""

        def one(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
            """Give the first row of a statement, None if there is none."""

        def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
            """Run a statement that gives no rows; tell how many rows it changed."""

        def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
            """Run a statement once for each row of parameters."""

        def insert(self, table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
            """Put rows into a table, however many, in the quickest way there is; `columns` as SQL lists them."""

        def listed(self, values: Iterable[int] | Iterable[str]) -> object:
            """Give the parameter for INTS or TEXTS."""

        def version(self) -> int:
            """Tell the schema's version; 0 for an empty database."""

        def migrate(self, script: str, version: int) -> None:
            """Run a migration's statements and note its number."""

        def lock_project(self) -> None:
            """Keep other edits of this project out until the transaction ends; claims go on.

            In a transaction on no project, keep others from changing the schema.
            """

        def take_turn(self) -> None:
            """Wait until no other act changes hands, and keep them out until the transaction ends.

            Acts of a constrained project do so before they lock anything else.
            """

        def require_turn(self) -> None:
            """Undo everything and begin anew, unless it is this transaction's turn: it saw a constraint too late."""

        def lock_sweep(self) -> bool:
            """Keep other sweeps of this project out until the transaction ends; False if one goes on already."""

        def lock_rows(self, sql: str, parameters: Sequence[object]) -> None:
            """Lock the rows that a SELECT finds, in its order, until the transaction ends; they are as they are then.

            Whoever decides by what a row says, and writes to another one, locks the row first: where writers overlap
            it could change in between. Always in the order of the numbers, so that two never wait for each other.
            """

        def adopt_events(self) -> int:
            """Let the events that a dump of another server brought along count as long past; tell how many it were."""

        def announce(self) -> None:
            """Wake those who wait for work, once this transaction is committed."""

        def clock_jumped(self, mark: str) -> tuple[str, bool]:
            """Give the clock's mark of today, and whether time has stood still or stepped since the one given."""

        def behind(self, cursor: str) -> tuple[str, tuple[object, ...]]:
            """Give the condition, and its parameters, for the journal rows `j` that come after a cursor.

            Raises InvalidInputError for a text that is no cursor.
            """

        def cursor_at(self, cursor: str, seq: int | None, *, whole: bool) -> str:
            """Give the cursor behind an event of the page that `cursor` gave (None: it gave none).

            `whole` tells that the page had all there was: the cursor is behind everything then.
            """

    class Door(Protocol):
        """A transaction as a context manager: committed at a normal end, rolled back at an exception."""

        def __enter__(self) -> Transaction: ...

        def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...

    class Engine(Protocol):
        """One open database."""

        url: str
        where: str  # the URL or path as it may be printed: without a password
        clock: Clock
        steps: bool  # whether transactions have round trips that `step` saves

        def read(self, project_id: int) -> Door:
            """Open a transaction that only reads, on one consistent state."""

        def write(self, project_id: int) -> Door:
            """Open a transaction that may write."""

        def set_durability(self, durability: str) -> None:
            """Choose how much an answered act survives: full or normal."""

        def patiently(self, transact: Callable[[], T]) -> T:
            """Run a whole transaction, and again for a while where the engine says that nothing came of it."""

        def hurry(self) -> None:
            """Be less patient from now on with a server that is away: somebody wants an end. A signal may call it."""

        def step(self, project_id: int, finished: int, parameters: Sequence[object]) -> str | None:
            """Do the plain case of completing so many claims and claiming others in one round trip; see steps.py.

            None, and nothing is changed, if the case is not plain. Only an engine that `steps` is asked to.
            """

        def fresh_key(self) -> str | None:
            """Give an idempotency key for an act that might have to be asked for again; None where none has to."""

        def mark(self, project_id: int) -> int:
            """Give a mark of now, from which on `wait` hears of changes."""

        def wait(self, project_id: int, mark: int, at_most_s: float) -> None:
            """Sleep until somebody may have brought work since the mark was given, or for so long.

            It may end early. On PostgreSQL a lost wake-up costs a few seconds: it asks anyway from time to time.
            """

        def back_up(self, path: str) -> None:
            """Write a consistent copy of the whole database to a new file."""

        def replace_with(self, path: str) -> None:
            """Put the content of a backup in the place of the database."""

        def problems(self) -> list[str]:
            """Give what the engine's own integrity check finds wrong; empty when all is well."""

        def close(self) -> None:
            """Give back all connections."""

        def __enter__(self) -> Self: ...

        def __exit__(self, *_: object) -> None: ...
