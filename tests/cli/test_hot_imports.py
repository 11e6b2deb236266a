from __future__ import annotations

import json
import subprocess
import sys

import pytest

import longpole
from tests.cli.calling import environment

FORBIDDEN = (
    "asyncio",
    "click",
    "dataclasses",
    "logging",
    "markdown_it",
    "mcp",
    "pydantic",
    "rich",
    "sqlalchemy",
    "starlette",
    "yaml",
)
PROBE = """
import json, sys
sys.argv = ["longpole", *{words!r}]
from longpole.__main__ import main
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["next", "--as", "y", "--json"],
        ["next", "--as", "y"],
        ["--db", "{db}", "next", "--as", "y", "--json"],
        ["done", "a", "--as", "x", "--token", "1", "--next", "--json"],
        ["fail", "a", "--as", "x", "--token", "1", "--reason", "r"],
        ["release", "a", "--as", "x", "--token", "1"],
        ["progress", "a", "--as", "x", "--token", "1", "--percent", "5"],
        ["heartbeat", "--as", "x", "--json"],
        ["claim", "b", "--as", "y"],
        ["next", "--nonsense"],
    ],
)
def test_a_hot_verb_imports_nothing_slow(tmp_path, words):
    place = str(tmp_path / ".longpole" / "longpole.db")
    with longpole.open(place) as project:
        project.add_many([{"id": "a", "title": "A"}, {"id": "b", "title": "B"}])
        project.instance_or_register("x").claim_todo("a")
    words = [word.format(db=place) for word in words]

    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=words)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code in (0, 2, 3)
    assert [name for name in FORBIDDEN if name in modules] == []
