"""What became of a transaction whose COMMIT was not answered.

pg_xact_status does not tell: a crash forgets the numbers of transactions that had put nothing on the disk, gives them
out anew, and says "committed" of somebody else's, or fails for a number that lies ahead. So it is asked for by number
and time: whether it still runs, and then whether the journal has what it wrote. What writes nothing there (a heartbeat,
a setting) may be done twice.
"""

from __future__ import annotations

from longpole.errors import StorageUnavailableError
from longpole.store.postgres_errors import UndoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.postgres import PostgresEngine
    from longpole.store.postgres_transaction import PostgresTransaction

# Whom the COMMIT has not reached is ended, or it would keep its locks until a time-out.
RUNS = """
    SELECT CASE WHEN state = 'idle in transaction' THEN pg_terminate_backend(pid) END FROM pg_stat_activity
    WHERE backend_xid = ?::TEXT::XID8::XID AND (EXTRACT(EPOCH FROM xact_start) * 1000000)::BIGINT = ?"""
HAS_WRITTEN = "SELECT 1 FROM journal WHERE project_id = ? AND xid = ?::BIGINT AND at = ? LIMIT 1"


def has_committed(engine: PostgresEngine, transaction: PostgresTransaction, xid: str) -> bool:
    """Tell whether a transaction has come into force; if not, it never will.

    Raises StorageUnavailableError if the server does not come back in time.
    """
    if not transaction.project_id:  # the schema's, or that of a new project: its owner looks first
        return False
    try:
        engine.patiently(lambda: _ended(engine, transaction, xid))
        return engine.patiently(lambda: _written(engine, transaction, xid))
    except UndoneError as error:
        raise StorageUnavailableError(
            f"{engine.where} went away as it was committing, and what came of it is not known ({error});"
            " look before you repeat it"
        ) from error


def _ended(engine: PostgresEngine, transaction: PostgresTransaction, xid: str) -> None:
    with engine.read(0) as tx:
        row = tx.one(RUNS, (xid, transaction.began_at))
    if row:
        raise UndoneError(f"{engine.where} is still committing; look before you repeat it")


def _written(engine: PostgresEngine, transaction: PostgresTransaction, xid: str) -> bool:
    with engine.read(transaction.project_id) as tx:
        return tx.one(HAS_WRITTEN, (transaction.project_id, xid, transaction.now)) is not None
