"""The only package that knows SQL. A Store is one project of one open database; its nouns are the modules here."""

from __future__ import annotations

from longpole.errors import InvalidInputError
from longpole.store import migrate, projects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.clock import Clock
    from longpole.settings import Settings
    from longpole.store.dialect import Door, Engine, T, Transaction
    from longpole.store.projects import ProjectRow


class Store:
    """One project in one database. Two doors open a transaction each: `read` and `write`.

    `look` and `act` go through them with a function, and once more where the database says that nothing came of it.
    """

    def __init__(self, engine: Engine, project: str, *, create: bool) -> None:
        self.engine, self.project, self.closed = engine, project, False
        self._settings = projects.SettingsCache()
        with engine.read(0) as tx:
            found = projects.find(tx, project) if create else projects.known(tx, project)
        if found is None:
            with engine.write(0) as tx:
                found = projects.ensure(tx, project)
        self.project_id = found
        with self.read() as tx:
            is_old = self.state(tx).is_old
        if is_old:
            from longpole.store import rebuilding

            self.act(rebuilding.bring_up_to_date)

    def read(self) -> Door:
        """Open a transaction that only reads, on one consistent state."""
        return self.engine.read(self.project_id)

    def write(self) -> Door:
        """Open a transaction that may write. Nothing slow may happen inside: everybody else waits."""
        return self.engine.write(self.project_id)

    def look(self, at: Callable[[Transaction], T]) -> T:
        """Give what a function finds in a transaction that only reads."""

        def transact() -> T:
            with self.read() as tx:
                return at(tx)

        return self.engine.patiently(transact)

    def act(self, upon: Callable[[Transaction], T]) -> T:
        """Give what a function answers that writes; it may be run anew, from the start, in another transaction."""

        def transact() -> T:
            with self.write() as tx:
                return upon(tx)

        return self.engine.patiently(transact)

    def edit(self, upon: Callable[[Transaction], T]) -> T:
        """Act as `act` does, with the project locked against other edits; see `lock`."""

        def locked(tx: Transaction) -> T:
            self.lock(tx)
            return upon(tx)

        return self.act(locked)

    def state(self, tx: Transaction) -> ProjectRow:
        """Give the project's own row, settings parsed; its durability counts from the next transaction on."""
        row = projects.load(tx, self._settings)
        self.engine.set_durability(row.settings.durability)
        return row

    def turn(self, tx: Transaction) -> ProjectRow:
        """Give the project's own row to an act that changes hands; where constraints bind todos, it waits its turn.

        It comes before the act locks anything.
        """
        row = self.state(tx)
        if row.is_old:  # a backup of before was put in its place
            from longpole.store import rebuilding

            rebuilding.bring_up_to_date(tx)
            row = self.state(tx)
        if row.is_constrained and not tx.in_turn:
            tx.take_turn()
            row = self.state(tx)  # anew: it may have been paused meanwhile, or a cap been set
        return row

    def lock(self, tx: Transaction, *, constrains: bool = False) -> ProjectRow:
        """Give the project's own row to an edit, and keep other edits out until the transaction ends.

        Where constraints bind todos, or the edit brings one (`constrains`), it waits its turn first: a change of hands
        looks at many todos then, and an edit writes to many.
        """
        if constrains:
            tx.take_turn()
        else:
            self.turn(tx)
        tx.lock_project()
        row = self.state(tx)  # anew: somebody may have changed it meanwhile
        if row.is_constrained:
            tx.require_turn()
        return row

    def settings_seen(self) -> tuple[str, Settings]:
        """Give the settings that this process saw last, with their text: they may have been changed since."""
        return self._settings.seen()

    def close(self) -> None:
        """Close the database for good; what is asked of it later is refused."""
        self.closed = True
        self.engine.close()


def open_store(url: str, project: str, clock: Clock | None, *, create: bool = True) -> Store:
    """Open a project by the URL of its database: a path, sqlite:///path, ":memory:" or postgresql://….

    `clock` None is the machine's own for SQLite and the server's for PostgreSQL.
    Raises StorageUnavailableError where there is no database and `create` is off, or it cannot be used,
    SchemaVersionError if a newer longpole wrote it, and InvalidInputError for a URL of another kind or, with
    `create` off, for a project that is not there.
    """
    engine = open_engine(url, clock, create=create)

    def prepared() -> Store:
        migrate.prepare(engine)
        return Store(engine, project, create=create)

    try:
        return engine.patiently(prepared)
    except BaseException:
        engine.close()
        raise


def open_engine(url: str, clock: Clock | None, *, create: bool) -> Engine:
    """Open a database, as `open_store` does, whatever schema it has."""
    scheme, separator, rest = url.partition("://")
    if not separator and url.startswith(("postgresql:", "postgres:")):
        raise InvalidInputError("the URL of a PostgreSQL database begins with postgresql://; write both slashes")
    if not separator or scheme == "sqlite":
        from longpole.clock import Clock
        from longpole.store.sqlite import open_sqlite

        return open_sqlite(rest.removeprefix("/") if separator else url, clock or Clock(), create=create)
    if scheme in ("postgresql", "postgres"):
        return _postgres(url, clock)
    raise InvalidInputError(f"cannot open {scheme}://…: give a path, sqlite:///PATH, :memory: or postgresql://…")


def _postgres(url: str, clock: Clock | None) -> Engine:
    try:
        from longpole.store.postgres import open_postgres
    except ImportError as error:
        raise InvalidInputError(
            f"PostgreSQL needs psycopg and its pool ({error}); pip install 'longpole[postgres]'"
        ) from error
    return open_postgres(url, clock)
