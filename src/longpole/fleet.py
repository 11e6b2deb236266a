"""What a strategy may look at: who asks, the settings, and the other instances, read only when it looks."""

from __future__ import annotations

from longpole.errors import LongpoleError
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from longpole.settings import Settings

    class Reader(Protocol):
        """Where a Fleet reads what it is asked for, each at most once."""

        def workloads(self) -> tuple[Workload, ...]:
            """Give the workload of each live instance."""

        def branches(self) -> tuple[str, ...]:
            """Give the branches that the instance that asks keeps to."""


class Workload(Value):
    """What a live instance has in its hands. `estimated_minutes`: what is left of it by its estimates."""

    instance: str
    active_todos: int
    estimated_minutes: float


class UnreadError(LongpoleError):
    """A strategy looked at something that is not at hand here: it has to be asked again where it is."""


class Fleet:
    """The instances of a project as one of them sees them that asks for work.

    `me` is its name, `branch` that of its last claim that had one (None: there was none yet).
    """

    def __init__(self, me: str, settings: Settings, *, branch: str | None = None, reader: Reader | None = None) -> None:
        self.settings = settings
        self._me, self._branch, self._reader = me, branch, reader
        self._workloads: tuple[Workload, ...] | None = None
        self._branches: tuple[str, ...] | None = None

    @property
    def me(self) -> str:
        """The name of the instance that asks."""
        return self._me

    @property
    def branch(self) -> str | None:
        """The branch of its last claim that had one."""
        return self._branch

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """The workloads of all live instances, its own among them."""
        if self._workloads is None:
            self._workloads = self._at_hand().workloads()
        return self._workloads

    @property
    def my_workload(self) -> Workload:
        """Its own workload."""
        mine = (one for one in self.workloads if one.instance == self.me)
        return next(mine, Workload(instance=self.me, active_todos=0, estimated_minutes=0.0))

    @property
    def branches(self) -> tuple[str, ...]:
        """The branches that it keeps to."""
        if self._branches is None:
            self._branches = self._at_hand().branches()
        return self._branches

    def _at_hand(self) -> Reader:
        if self._reader is None:
            raise UnreadError("the fleet is not at hand")
        return self._reader


class Anybody(Fleet):
    """Nobody in particular: what a strategy sees that ranks todos for everybody. To ask who asks raises UnreadError."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("", settings)

    @property
    def me(self) -> str:
        """Nobody."""
        raise UnreadError("it is nobody in particular who asks")

    @property
    def branch(self) -> str | None:
        """Nobody's."""
        raise UnreadError("it is nobody in particular who asks")
