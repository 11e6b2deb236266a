"""The page about strategies of one's own, and the template beside it, are run as they stand."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import longpole
from longpole.selection import Selection
from longpole.settings import SPECS
from longpole.strategies import BUILT_IN
from tests.style.tables import table

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/your-own-strategy.md"
TEMPLATE = ROOT / "docs" / "strategy-template"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / PAGE).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """A folder with the strategy of the page."""
    (code,) = blocks("python title=by_name.py")
    (tmp_path / "by_name.py").write_text(code, encoding="utf-8")
    return tmp_path


def ran(folder, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def test_the_strategy_of_the_page_has_20_lines(folder):
    lines = (folder / "by_name.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 20


def test_the_commands_of_the_page_work_in_their_order(folder):
    (commands,) = blocks("sh")
    told = {
        line: ran(folder, "-m", *shlex.split(line, comments=True))
        for line in commands.splitlines()
        if line.startswith("longpole ")
    }

    claimed, explained = list(told.values())[-2:]
    assert claimed.startswith("api")
    assert "given by the rule by_name, in api: 30 min to the end" in explained


@pytest.mark.parametrize("place", [0, 1])
def test_the_tests_of_the_page_pass(folder, place):
    ran(folder, "-c", blocks("python")[place])


def test_the_page_names_all_that_a_strategy_can_look_at_and_say():
    looked_at = {name for row in table(PAGE, header="of the fleet") for name in row[0].replace("`", "").split(", ")}
    said = {row[0].strip("`") for row in table(PAGE, header="field")}

    assert looked_at == {"me", "branch", "settings", "workloads", "my_workload", "branches"}
    assert said == set(Selection._fields)


def test_the_page_about_strategies_has_all_of_them_with_their_settings():
    rows = table("docs/strategies.md", header="strategy")

    explained = [row[0].partition("`")[0] for row in rows]
    settings = {name for row in rows for name in re.findall(r"\w+_\w+", row[-1])}
    assert sorted(explained) == sorted(BUILT_IN)
    assert settings <= set(SPECS)


@pytest.fixture
def template(tmp_path, monkeypatch):
    """The template as if it were installed: its module, and the entry points that its pyproject.toml says."""
    told = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))
    points = told["project"]["entry-points"]["longpole.strategies"]
    folder = tmp_path / "template-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['project']['name']}\nVersion: 0.1.0\n")
    lines = [f"{name} = {place}" for name, place in points.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[longpole.strategies]", *lines]) + "\n")
    for name in told["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        (tmp_path / name).write_text((TEMPLATE / name).read_text(encoding="utf-8"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (name,) = points
    return name


def test_the_template_is_a_strategy_that_a_project_can_be_set_to(template):
    with longpole.open(":memory:") as project:
        project.add_many([{"id": one, "title": one, "branch": one[0]} for one in ("a1", "a2", "b1")])
        project.add("Long", id="long", estimate_minutes=600)
        project.configure(strategy=template)
        me = project.register("me", heartbeat=False)

        given = [me.claim()[0] for _ in range(4)]

    assert [(claim.id, claim.why.partition(":")[0]) for claim in given] == [
        ("a1", "quick_start, the first todo"),
        ("a2", "quick_start, the free branch a"),
        ("b1", "quick_start, the free branch b"),
        ("long", "quick_start, anywhere"),
    ]


def test_the_templates_module_is_short_and_says_what_it_does():
    text = (TEMPLATE / "quick_start.py").read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 25
    assert ast.get_docstring(ast.parse(text))
