"""Everything that longpole raises: one class for each thing that a caller can do about it.

The default message of an error is its docstring. `code` is the stable name that the command line, MCP and HTTP
print; `exit_code` is what the command line ends with.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


SHOWN = 12


class LongpoleError(Exception):
    """Something went wrong in longpole."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str | None = None, *, todo_id: str | None = None) -> None:
        super().__init__(message or self.__doc__)
        self.todo_id = todo_id

    def details(self) -> dict[str, object]:
        """Give what a machine wants to know beside code and message; absent facts are left out."""
        return {"todo": self.todo_id} if self.todo_id is not None else {}


class InvalidInputError(LongpoleError, ValueError):
    """The input cannot be used as it stands; nothing was changed."""

    code = "invalid_input"


class UsageError(InvalidInputError):
    """The command line cannot be understood; see --help."""

    code = "usage"
    exit_code = 2


class UnknownTodoError(LongpoleError, LookupError):
    """There is no todo with this id in the project; `longpole list` shows those there are."""

    code = "unknown_todo"


class CycleError(InvalidInputError):
    """These dependencies would wait for each other in a circle; remove one of them."""

    code = "cycle"

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        path = " → ".join([*_ends(self.cycle), *self.cycle[:1]])
        super().__init__(f"dependency cycle (each waits for the next): {path}; remove one of these dependencies")

    def details(self) -> dict[str, object]:
        return {"cycle": list(self.cycle)}


def _ends(cycle: tuple[str, ...]) -> tuple[str, ...]:
    """Shorten a long path for a message: its first and last ids, and how many are left out."""
    if len(cycle) <= SHOWN:
        return cycle
    half = SHOWN // 2
    return (*cycle[:half], f"… ({len(cycle) - 2 * half} more) …", *cycle[-half:])


class NotReadyError(LongpoleError):
    """The todo cannot be claimed now: it waits for something, or it is finished; `longpole why ID` says what for."""

    code = "not_ready"


class AlreadyClaimedError(LongpoleError):
    """Another instance holds this todo; ask for the next one instead."""

    code = "already_claimed"
    exit_code = 4

    def __init__(self, message: str | None = None, *, todo_id: str | None = None, held_by: str | None = None) -> None:
        super().__init__(message, todo_id=todo_id)
        self.held_by = held_by

    def details(self) -> dict[str, object]:
        return {**super().details(), "held_by": self.held_by}


class ClaimLostError(LongpoleError):
    """This claim is no longer yours: stop working on the todo, discard what you did, and ask for the next one."""

    code = "claim_lost"
    exit_code = 4


class InstanceLostError(LongpoleError):
    """This instance is not registered any more and its claims were returned: stop, discard, register again."""

    code = "instance_lost"
    exit_code = 4


class StorageBusyError(LongpoleError):
    """Another process kept the database locked for too long; try again."""

    code = "storage_busy"
    exit_code = 75


class StorageUnavailableError(LongpoleError):
    """The database cannot be read or written; nothing was changed."""

    code = "storage_unavailable"


class SchemaVersionError(LongpoleError):
    """The database was written by a newer longpole; upgrade this one."""

    code = "schema_version"
