"""longpole hands out the todos of a dependency graph to many agents: never one twice, the long pole first.

`open` gives a Project; `Project.register` an Instance that claims; each Claim is completed, failed or released.
"""

from __future__ import annotations

__version__ = "0.1.0.dev0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.errors import (
        AlreadyClaimedError,
        ClaimLostError,
        CycleError,
        InstanceLostError,
        InvalidInputError,
        LongpoleError,
        NotReadyError,
        SchemaVersionError,
        StorageBusyError,
        StorageUnavailableError,
        UnknownTodoError,
    )
    from longpole.handles import Claim, Instance
    from longpole.project import Project, open  # noqa: A004 - `longpole.open` is the documented name

__all__ = [
    "AlreadyClaimedError",
    "Claim",
    "ClaimLostError",
    "CycleError",
    "Instance",
    "InstanceLostError",
    "InvalidInputError",
    "LongpoleError",
    "NotReadyError",
    "Project",
    "SchemaVersionError",
    "StorageBusyError",
    "StorageUnavailableError",
    "UnknownTodoError",
    "open",
]

_HOMES = {"Claim": "handles", "Instance": "handles", "Project": "project", "open": "project"}


def __getattr__(name: str) -> object:
    """Import a public name at its first use: `longpole next` must not pay for what it does not need."""
    if name not in __all__:
        raise AttributeError(f"module 'longpole' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"longpole.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
