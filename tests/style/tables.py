"""Reads the tables in our Markdown pages, so that tests can compare them with the code."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(page: str, *, header: str) -> list[list[str]]:
    """Give the rows of the table whose header line begins with `header`; backquotes are taken off."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip().strip("|").split("|")])
    return rows
