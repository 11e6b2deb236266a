"""Frozen records: the plain values that longpole's layers hand to each other."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_options: object):  # noqa: ANN201 - typing's own says what it is
        """Stand in for typing's decorator of this name, which speaks to type checkers alone."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class Value:
    """A frozen record with keyword-only fields, compared by its content.

    A subclass lists its fields as annotations, defaults behind `=`; a default is shared, so it must be immutable.
    It is what a frozen dataclass would be, without importing `dataclasses`: that import costs 1.5 times
    a bare interpreter's start, and every `longpole next` would pay for it (docs/decisions/0003).
    Raises TypeError for a missing or unknown field and AttributeError for an assignment.
    """

    _fields: tuple[str, ...] = ()
    _names: frozenset[str] = frozenset()
    _required: frozenset[str] = frozenset()

    def __init_subclass__(cls) -> None:
        own = [name for name in cls.__annotations__ if not name.startswith("_")]
        cls._fields = (*cls._fields, *own)
        cls._names = frozenset(cls._fields)
        cls._required = frozenset(name for name in cls._fields if not hasattr(cls, name))

    def __init__(self, **fields: Any) -> None:
        if not self._required <= fields.keys() <= self._names:
            missing = [name for name in self._fields if name in self._required and name not in fields]
            unknown = [name for name in fields if name not in self._names]
            raise TypeError(f"{type(self).__name__}: missing {missing}, unknown {unknown}")
        # A field that is not given is found on the class, where its default stands. Setting one by one, not through
        # __dict__, lets all instances share their keys: 100,000 todos take 60 MB less so.
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; use replace({name}=…)")

    def replace(self, **changes: Any) -> Self:
        """Give a copy with the named fields changed."""
        return type(self)(**{**self.as_dict(), **changes})

    def as_dict(self) -> dict[str, Any]:
        """Give the fields in order as a new dict; nested values stay values."""
        return {name: getattr(self, name) for name in self._fields}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self._fields)

    def __hash__(self) -> int:
        return hash((type(self), *self.as_dict().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"
