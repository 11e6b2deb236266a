"""What a suite that runs on both engines knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from bench.contenders import Contender


class Arena(Protocol):
    """Where contenders meet: a fresh copy of a project's database, with a place for raw commits beside it."""

    @property
    def url(self) -> str:
        """The URL of the copy."""

    def contenders(self) -> dict[str, Contender]:
        """Give what `claims` compares, the raw commits first."""

    def claim_hub(self) -> None:
        """Let an instance hold the hub for as long as the arena stands."""

    def claim(self, todo: str) -> None:
        """Let an instance hold a todo for as long as the arena stands."""

    def reopen(self) -> None:
        """Put what was completed back to where it began, and nothing else."""

    def tidy(self) -> None:
        """Let what was changed leave nothing behind that slows others down."""

    def refill(self) -> None:
        """Put the todos back to where they began."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Ground(Protocol):
    """An engine to measure on, with the databases that this run has built, each once."""

    @property
    def engine(self) -> str:
        """Its name: sqlite or postgresql."""

    @property
    def built_s(self) -> Mapping[str, float]:
        """How long each database took to build, by shape and size (`layered-1000`)."""

    def arena(self, shape: str, size: int, name: str) -> Arena:
        """Give an arena with a graph of this shape and size."""

    def hub_arena(self, size: int, free: int, name: str) -> Arena:
        """Give an arena where so many todos wait for one hub, and some are free."""

    def path_arena(self, behind: int, free: int, *, touching: bool) -> Arena:
        """Give an arena where so many todos want a path that another one touches, and some are free."""
