from __future__ import annotations

import io

import pytest
from rich.console import Console

import longpole
from longpole import runner
from longpole.model import Todo
from longpole.runner.display import Display, clock, span
from longpole.runner.lines import Lines
from longpole.runner.outlook import Outlook
from longpole.runner.output import plain
from longpole.runner.report import Happening, Kind
from tests.runner.runs import make

TODOS = [{"id": f"t{n}", "title": f"[bold]Todo {n} {'with a long title ' * 9}", "branch": "b"} for n in range(4)]


@pytest.fixture
def screen():
    return Console(
        file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None, legacy_windows=False
    )


def test_the_picture_fits_a_terminal_of_80_columns_and_takes_titles_literally(tmp_path, screen):
    with longpole.open(make(tmp_path / "w.db", *TODOS)) as project:
        display = Display(screen.file, console=screen)
        runner.run_instances(project, ["sleep", "0.2"], instances=2, reporter=display)

    drawn = screen.file.getvalue()
    lines = [line for line in drawn.replace("\r", "\n").split("\n") if "\x1b" not in line]
    assert "[bold]Todo 0" in drawn
    assert "4 of 4" in drawn
    assert "long pole" in drawn
    assert max(len(line) for line in lines) <= 80


def test_what_went_wrong_stays_on_the_screen_after_the_picture(tmp_path, screen):
    with longpole.open(make(tmp_path / "w.db", {"id": "bad"}, max_attempts=1)) as project:
        display = Display(screen.file, console=screen)
        runner.run_instances(project, ["sh", "-c", "echo why >&2; exit 7"], instances=1, reporter=display)

    assert "exit 7: why; its attempts are used up" in screen.file.getvalue()


def test_elsewhere_there_is_a_line_for_each_start_and_each_end(tmp_path):
    out = io.StringIO()
    with longpole.open(make(tmp_path / "w.db", {"id": "one", "title": "First"})) as project:
        runner.run_instances(project, ["true"], instances=1, reporter=Lines(out), name="me")

    lines = out.getvalue().splitlines()
    assert "1 instance (me-1), critical_path" in lines[0]
    assert lines[-2].endswith("me-1  started one: First")
    assert "me-1  completed one after 0.0 s" in lines[-1]


def test_a_reader_that_went_away_does_not_stop_the_run(tmp_path):
    closed = io.StringIO()
    closed.close()
    with longpole.open(make(tmp_path / "w.db", {"id": "one"})) as project:
        summary = runner.run_instances(project, ["true"], instances=1, reporter=Lines(closed))

    assert summary.outcome == "finished"


def test_the_outlook_counts_on_from_the_journal(tmp_path):
    with longpole.open(make(tmp_path / "w.db", *TODOS)) as project, project.register("me", heartbeat=False) as me:
        outlook = Outlook(project, 1)
        before = project.cursor()
        (claim,) = me.claim()
        claim.complete()
        outlook.learn(Happening(kind=Kind.COMPLETED, todo=claim.todo, seconds=2.0))

        outlook.fold(list(project.journal(after=before)))

    assert (outlook.completed, outlook.total) == (1, 4)
    assert outlook.left_s == pytest.approx(6.0)


def test_the_outlook_sees_todos_that_were_added_meanwhile(tmp_path):
    with longpole.open(make(tmp_path / "w.db", *TODOS)) as project:
        outlook = Outlook(project, 1)
        before = project.cursor()
        project.add("One more")

        outlook.fold(list(project.journal(after=before)))

    assert outlook.total == 5


def test_nobody_knows_the_time_left_before_a_todo_is_completed(tmp_path):
    with longpole.open(make(tmp_path / "w.db", *TODOS)) as project:
        outlook = Outlook(project, 1)

    outlook.learn(Happening(kind=Kind.STARTED, todo=Todo(id="t1", title="T")))

    assert outlook.left_s is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x07b\u202ec", "abc"),
        ("\x1b]0;title\x07text", "text"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_the_reason_of_a_failure_is_plain_text(text, expected):
    assert plain(text) == expected


def test_times_are_shown_as_people_read_them():
    assert [clock(7), clock(67), clock(3661)] == ["00:07", "01:07", "1:01:01"]
    assert [span(7.25), span(300), span(7200)] == ["7.2 s", "5 min", "2.0 h"]
