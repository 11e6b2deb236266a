from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys

import pytest

import longpole
from longpole.cli import wording
from longpole.cli.text import many_lines, one_line
from tests.cli.calling import environment, process

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PLAN = '{"todos": [{"id": "a", "title": "[bold]A[/bold] :smile:", "description": "one\\u001b[31mtwo\\nthree\\tfour"}]}'


def _terminal(folder, *words, columns=80, **more):
    """Give what a call prints on a terminal."""
    controller, terminal = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "longpole", *words],
        cwd=folder,
        env=environment(COLUMNS=str(columns), TERM="xterm-256color", **more),
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
    )
    os.close(terminal)
    printed = io.BytesIO()
    while select.select([controller], [], [], 60)[0]:
        try:
            part = os.read(controller, 65536)
        except OSError:  # the other side was closed
            break
        if not part:
            break
        printed.write(part)
    os.close(controller)
    assert running.communicate(timeout=60)[1] == b""
    assert running.returncode == 0
    return printed.getvalue().decode()


@pytest.fixture
def folder(tmp_path):
    with longpole.open(str(tmp_path / ".longpole" / "longpole.db")) as project:
        project.import_text(PLAN, format="plan")
        project.add("B with a title of many words, more than fit into one line of eighty", after=["a"])
    return tmp_path


@pytest.mark.parametrize("verb", ["list", "status", "settings", "doctor", "critical-path", "instances", "metrics"])
def test_a_terminal_gets_a_drawing_that_fits(folder, verb):
    printed = _terminal(folder, verb)

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in printed.splitlines()]
    assert max(map(len, lines)) <= 80


def test_colours_are_for_terminals_that_want_them(folder):
    assert "\x1b[" in _terminal(folder, "list")
    assert "\x1b[32m" not in _terminal(folder, "list", NO_COLOR="1")
    assert "\x1b[" not in process(folder, "list").out
    assert "\x1b[" in process(folder, "list", FORCE_COLOR="1").out


def test_a_narrow_terminal_keeps_the_id_and_the_status(folder):
    printed = _terminal(folder, "list", columns=40, NO_COLOR="1")

    assert re.search(r"^a +ready", printed, re.MULTILINE)


@pytest.mark.parametrize("verb", [("list",), ("show", "a"), ("why", "a"), ("critical-path",), ("next", "--as", "x")])
def test_the_text_of_a_todo_neither_steers_a_terminal_nor_is_markup(folder, verb):
    printed = process(folder, *verb).out
    drawn = _terminal(folder, *verb, NO_COLOR="1") if verb[0] != "next" else ""

    assert STEERING.search(printed) is None
    assert "[bold]A[/bold] :smile:" in printed or verb[0] == "why"
    assert "[bold]A[/bold] :smile:" in drawn or verb[0] in ("why", "next")
    assert "[31m" not in drawn.replace("one[31mtwo", "")


def test_what_a_stdout_cannot_say_is_escaped(folder):
    process(folder, "add", "☃", "--id", "snow")

    as_json = process(folder, "show", "snow", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    in_words = process(folder, "show", "snow", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert as_json.document["todo"]["title"] == "☃"
    assert in_words.code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [("plain", "plain"), ("a\x1b[31mb", "a[31mb"), ("a\nb\tc", "a b c"), ("\u202eabc", "abc"), ("☃ é", "☃ é")],
)
def test_a_line_has_nothing_in_it_that_steers(text, told):
    assert one_line(text) == told


def test_several_lines_stay_several():
    assert many_lines("a\x1bb\r\nc\td") == "ab\nc   d"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (None, ""),
        (0, "0m"),
        (0.5, "30s"),
        (45, "45m"),
        (90, "1h30m"),
        (90.3, "1h30m"),
        (1500, "1d1h"),
        (1e6, "694d11h"),
    ],
)
def test_minutes_are_said_as_people_say_them(minutes, told):
    assert wording.minutes(minutes) == told
