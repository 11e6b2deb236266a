"""What a run of the benchmarks may be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

UNITS = {"k": 1000, "M": 1_000_000}


class Options(NamedTuple):
    """See `python -m bench --help`. `seconds`: of one slice. `db`: None for a PostgreSQL of the bench's own."""

    sizes: tuple[int, ...]
    processes: tuple[int, ...]
    seconds: float
    rounds: int
    db_folder: Path
    engine: str = "sqlite"
    db: str | None = None
    claimers: tuple[int, ...] = ()

    def up_to(self, size: int) -> int:
        """Give the size that a measurement is meant for, or less where the run is to be small."""
        return min(size, max(self.sizes))


def parsed_size(text: str) -> int:
    """Read 1000, 1k or 1M."""
    unit = UNITS.get(text[-1:])
    return int(text[:-1]) * unit if unit else int(text)


def spelled_size(size: int) -> str:
    """Spell 100000 as 100k."""
    for unit, factor in reversed(UNITS.items()):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
