"""What the pages show is what happens: their commands and files are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import longpole

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = "longpole journal --follow"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def tour():
    """The README's commands behind the set-up lines, in order, without their comments."""
    lines = "\n".join(blocks("README.md", "sh")[1:]).splitlines()
    return [line for line in lines if line.startswith("longpole ") and not line.startswith(ENDLESS)]


def test_every_command_of_the_readmes_tour_works_in_its_order(tmp_path):
    assert len(tour()) > 15

    for line in tour():
        words = shlex.split(line, comments=True)
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"


@pytest.mark.parametrize(("language", "name"), [("yaml", "plan.yaml"), ("markdown", "list.md")])
def test_the_sample_files_of_the_formats_page_can_be_imported(language, name):
    (sample,) = blocks("docs/formats.md", language)

    with longpole.open(":memory:") as project:
        report = project.import_text(sample, name=name)
        todos = {todo.id: todo for todo in project.todos()}

    assert report.added == len(todos) >= 2
    assert "schema" in todos["api"].depends_on
    assert todos["api"].branch == "backend"
    assert todos["api"].estimate_minutes == 120


def test_what_longpole_makes_in_a_repository_is_not_to_be_committed(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)

    subprocess.run([sys.executable, "-m", "longpole", "init"], cwd=tmp_path, check=True, capture_output=True)

    status = subprocess.run(["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert (tmp_path / ".longpole" / "longpole.db").exists()
    assert status.stdout == ""
