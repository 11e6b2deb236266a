"""Figures with their targets: what the table at the end shows and judges."""

from __future__ import annotations

from typing import Any, NamedTuple


class Figure(NamedTuple):
    """One number. Without a target it is told, not judged; `value` None: it could not be measured, `note` says why."""

    name: str
    value: float | None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say pass, MISS, not measured, or nothing where there is no target."""
        if self.value is None:
            return "not measured"
        if self.at_least is None and self.at_most is None:
            return ""
        low = self.at_least is None or self.value >= self.at_least
        high = self.at_most is None or self.value <= self.at_most
        return "pass" if low and high else "MISS"

    @property
    def target(self) -> str:
        """Spell the target."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    def as_json(self) -> dict[str, Any]:
        """Give the figure as a JSON object."""
        return {**self._asdict(), "verdict": self.verdict}


def table(figures: list[Figure]) -> str:
    """Draw the figures as a Markdown table."""
    rows: list[tuple[str, ...]] = [("figure", "value", "target", "verdict"), ("---",) * 4]
    rows += [(one.name, _spelled(one), one.target, " ".join(filter(None, (one.verdict, one.note)))) for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.ljust(width, "-" if cell == "---" else " ") for cell, width in zip(row, widths, strict=True)]
    return f"| {' | '.join(cells)} |"


def _spelled(one: Figure) -> str:
    if one.value is None:
        return "–"
    number = f"{one.value:,.0f}" if abs(one.value) >= 1000 else f"{one.value:.3g}"  # noqa: PLR2004 - four digits
    return f"{number} {one.unit}".strip()
