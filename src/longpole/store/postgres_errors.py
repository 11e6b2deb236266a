"""What PostgreSQL's errors mean to somebody who uses longpole, and which of them leave nothing behind."""

from __future__ import annotations

import psycopg
from psycopg import errors

from longpole.errors import InvalidInputError, LongpoleError, StorageBusyError, StorageUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from psycopg import Connection


class UndoneError(StorageUnavailableError):
    """The database gave the transaction up; it can be run anew, an act of the function under its key."""


class CrowdedError(StorageBusyError, UndoneError):
    """Others were in the way of the transaction, and nothing came of it; it can be run anew."""


# A server that goes away, comes up or is a standby answers so; behind HAProxy a standby may be what one reaches first.
AWAY = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.TooManyConnections,
)
# Two instances of one name, two answers to one key: whoever comes second sees the first when it runs anew.
COLLISIONS = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)


def translated(error: psycopg.Error, connection: Connection | None, where: str) -> LongpoleError:
    """Give the typed error for what PostgreSQL or the way to it reported."""
    said = reason(error)
    if isinstance(error, COLLISIONS):
        return CrowdedError(f"{where} could not be changed, others did at the same time ({said}); try again")
    if isinstance(error, errors.LockNotAvailable | errors.QueryCanceled):
        return StorageBusyError(f"another transaction kept a row of {where} locked for too long; try again")
    if isinstance(error, AWAY) or is_lost(error, connection):
        return UndoneError(f"{where} cannot be reached ({said}); check that it runs, and try again")
    if isinstance(error, errors.InsufficientPrivilege):
        return StorageUnavailableError(f"{where} does not let this user do that ({said}); ask for the right to")
    if isinstance(error, errors.InvalidCatalogName | errors.InvalidAuthorizationSpecification):
        return StorageUnavailableError(f"{where} cannot be opened ({said}); check the URL")
    if isinstance(error, errors.DiskFull):
        return StorageUnavailableError(f"{where} cannot grow ({said}); free some space and try again")
    if isinstance(error, psycopg.DataError):
        return InvalidInputError(f"PostgreSQL cannot keep this text ({said}); leave the character out")
    return LongpoleError(f"the database refused a statement of longpole's own: {said}; please report this")


def is_lost(error: psycopg.Error, connection: Connection | None) -> bool:
    """Tell whether the connection is gone, or never came to be."""
    gone = connection is None or connection.closed or connection.broken
    return gone or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None)


def reason(error: BaseException) -> str:
    """Give what was reported, in one line."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0]
