from __future__ import annotations

import pytest

from tests.cli.calling import Inside


@pytest.fixture
def empty(tmp_path, monkeypatch, capsys):
    """A folder without a database."""
    return Inside(tmp_path, monkeypatch, capsys)


@pytest.fixture
def longpole(empty):
    """A folder with the sample project in a database file."""
    return fill(empty)


@pytest.fixture(params=["sqlite-file", "postgresql"])
def everywhere(request, empty, monkeypatch):
    """A folder with the sample project, once for each engine."""
    if request.param == "postgresql":
        monkeypatch.setenv("LONGPOLE_DB", request.getfixturevalue("postgres_url"))
    return fill(empty)


def fill(empty: Inside) -> Inside:
    """Make the sample project:

    schema ──┬── api ───┬── release
             └── page ──┘
    """
    assert empty("init").code == 0
    for words in (
        ("Design the schema", "--id", "schema", "--estimate", "30m"),
        ("Write the API", "--id", "api", "--after", "schema", "--estimate", "2h", "--branch", "backend"),
        ("Write the page", "--id", "page", "--after", "schema", "--estimate", "1h", "--branch", "frontend"),
        ("Release", "--id", "release", "--after", "api", "--after", "page", "--estimate", "15m"),
    ):
        assert empty("add", *words).code == 0
    return empty
