from __future__ import annotations

import json
import stat
import sys
import threading
from pathlib import Path

import pytest

import longpole
from longpole import runner
from longpole.errors import InvalidInputError, StorageBusyError
from longpole.handles import Instance
from tests.runner.runs import ROOT, events, is_running, make, python, run

ISSUES = Path(ROOT, "tests", "fixtures", "beads-issues.jsonl")


@pytest.mark.race
def test_several_instances_complete_every_todo_once_and_after_what_it_waits_for(shared_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the output goes if the database is no file
    #  t0 ─ t3 ─ t6 …
    #  t1 ─ t4 ─ t7 …
    #  t2 ─ t5 ─ t8 …
    after = {f"t{n}": [f"t{n - 3}"] if n >= 3 else [] for n in range(40)}
    database = make(shared_url, *({"id": todo, "after": waits} for todo, waits in after.items()))

    summary = run(database, ["sh", "-c", 'test -n "$LONGPOLE_TODO_ID" && cat > /dev/null'], instances=5)

    done: list[str] = []
    for event in events(database, "claimed", "completed"):
        if event.kind == "completed":
            done.append(event.todo or "")
        else:
            assert set(after[event.todo or ""]) <= set(done)
    assert sorted(done) == sorted(after)
    assert (summary.outcome, summary.exit_code, summary.completed, summary.lost) == ("finished", 0, 40, 0)
    assert summary.counts["completed"] == 40


@pytest.mark.slow
def test_an_imported_project_of_704_records_is_worked_off_by_eight_instances(tmp_path):
    database = make(tmp_path / "w.db")
    with longpole.open(database) as project:
        project.import_text(ISSUES.read_text(encoding="utf-8"), format="beads", break_cycles=True)
        for todo in project.todos():
            for _ in (hold for hold in todo.holds if hold.kind == "manual"):
                project.lift(todo.id)

    summary = run(database, ["true"], instances=8)

    assert summary.outcome == "finished"
    assert summary.completed > 250
    assert len(events(database, "claimed")) == summary.completed


def test_a_failing_command_is_tried_until_its_attempts_are_used_up(shared_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    #  bad ─ after     free
    database = make(shared_url, {"id": "bad"}, {"id": "after", "after": ["bad"]}, {"id": "free"}, max_attempts=2)
    command = ["sh", "-c", 'test "$LONGPOLE_TODO_ID" != bad || { printf "\\033[31mboom\\033[0m\\n" >&2; exit 3; }']

    summary = run(database, command, instances=2)

    failed = events(database, "failed")
    assert [event.why for event in failed] == ["exit 3: boom"] * 2
    assert (summary.outcome, summary.exit_code) == ("stuck", 1)
    assert (summary.completed, summary.failed_attempts, summary.retries) == (1, 2, 1)
    assert "bad" in summary.stuck[0]
    assert summary.counts["failed"] == summary.counts["blocked"] == 1


def test_a_project_that_is_finished_ends_at_once(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})
    run(database, ["true"])

    summary = run(database, ["false"], instances=3)

    assert (summary.outcome, summary.exit_code, summary.completed) == ("finished", 0, 0)
    assert "finished already" in runner.summary_lines(summary)[0]


def test_a_project_without_todos_says_so(tmp_path):
    summary = run(make(tmp_path / "w.db"), ["false"])

    assert summary.exit_code == 0
    assert "no todos yet" in runner.summary_lines(summary)[0]


def test_a_command_that_is_not_there_ends_the_run_and_leaves_nothing_claimed(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, {"id": "two"})

    with pytest.raises(InvalidInputError, match="cannot start '/no/such/agent': No such file"):
        run(database, ["/no/such/agent"], instances=2)

    with longpole.open(database) as project:
        assert [(todo.status, todo.attempts) for todo in project.todos()] == [("ready", 0)] * 2
        assert project.instances() == []


@pytest.mark.parametrize(
    ("instances", "command", "strategy"),
    [(0, ["true"], None), (257, ["true"], None), (1, [], None), (1, [""], None), (1, ["true"], "no_such_strategy")],
)
def test_what_cannot_be_run_is_refused_and_leaves_nothing(tmp_path, instances, command, strategy):
    database = make(tmp_path / "w.db", {"id": "one"})

    with pytest.raises(InvalidInputError):
        run(database, command, instances=instances, strategy=strategy)

    with longpole.open(database) as project:
        assert project.instances() == []
        assert project.todo("one").status == "ready"


def test_a_run_may_go_by_another_mechanism_than_the_project(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, {"id": "two"})

    run(database, ["true"], coordination="work_queue")
    with pytest.raises(InvalidInputError, match="coordination must be"):
        run(database, ["true"], coordination="anarchy")

    with longpole.open(database) as project:
        reasons = [event.why or "" for event in project.journal() if event.kind == "claimed"]
        assert [why.split(",")[0] for why in reasons] == ["work_queue by critical_path"] * 2
        assert project.settings().coordination == "optimistic"


def test_a_project_in_memory_is_refused():
    with longpole.open(":memory:") as project, pytest.raises(InvalidInputError, match="in memory"):
        runner.run_instances(project, ["true"], instances=1)


def test_a_todo_reaches_the_command_on_its_input_and_never_in_its_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    title, description = "--dangerously $(touch x) `touch x`; touch x", "-rf\n$(touch x)\n"
    database = make(tmp_path / "w.db", {"id": "x;-rf", "title": title, "description": description})
    command = python(
        "import json, os\n"
        "given = {name: value for name, value in os.environ.items() if name.startswith('LONGPOLE_')}\n"
        "print(json.dumps([sys.argv[1:], given, json.load(sys.stdin)]))"
    )

    summary = run(database, [*command, "--flag", "$LONGPOLE_TODO_ID", "{title}"])

    (log,) = (tmp_path / ".longpole" / "logs").iterdir()
    arguments, environment, document = json.loads(log.read_text())
    assert summary.outcome == "finished"
    assert arguments == ["--flag", "$LONGPOLE_TODO_ID", "{title}"]
    assert environment["LONGPOLE_TODO_ID"] == "x;-rf"
    assert environment["LONGPOLE_TOKEN"] == str(document["token"]) == "1"
    assert environment["LONGPOLE_DB"].endswith("/w.db")
    assert (document["v"], document["title"], document["description"]) == (1, title, description)
    assert not (tmp_path / "x").exists()


def test_a_command_that_never_reads_its_input_does_not_hold_the_run_up(tmp_path):
    database = make(tmp_path / "w.db", {"id": "large", "description": "x" * 900_000})

    assert run(database, ["true"]).outcome == "finished"


def test_the_output_of_an_attempt_is_kept_privately_and_within_bounds(tmp_path):
    database = make(tmp_path / "w.db", {"id": "a/../b"})
    command = [sys.executable, "-c", "print('x' * 3_000_000); print('the end')"]

    run(database, command)

    (log,) = (tmp_path / ".longpole" / "logs").iterdir()
    assert log.name.startswith("a_.._b-1-run-")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.stat().st_size < 1 << 21
    assert log.read_text().endswith("xxx\nthe end\n")


def test_a_silent_command_leaves_no_file(tmp_path):
    run(make(tmp_path / "w.db", {"id": "one"}), ["true"])

    assert list((tmp_path / ".longpole" / "logs").iterdir()) == []


def test_what_a_command_leaves_running_ends_with_it(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})

    summary = run(database, ["sh", "-c", "sleep 600 & echo $!"])

    (log,) = (tmp_path / ".longpole" / "logs").iterdir()
    assert summary.outcome == "finished"
    assert not is_running(int(log.read_text()))


def test_a_run_works_outside_the_main_thread(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, {"id": "two", "after": ["one"]})
    found: list[runner.RunSummary] = []

    thread = threading.Thread(target=lambda: found.append(run(database, ["true"], instances=2)))
    thread.start()
    thread.join()

    assert [summary.outcome for summary in found] == ["finished"]


def test_the_summary_knows_the_longest_chain_and_who_was_busy(tmp_path):
    #  a ─┬─ long ──┬─ end
    #     └─ short ─┘
    database = make(
        tmp_path / "w.db",
        {"id": "a"},
        {"id": "long", "after": ["a"]},
        {"id": "short", "after": ["a"]},
        {"id": "end", "after": ["long", "short"]},
    )

    summary = run(database, ["sh", "-c", 'test "$LONGPOLE_TODO_ID" != long || sleep 0.3'], instances=2, name="me")

    assert summary.critical_path == ("a", "long", "end")
    assert 0.3 < summary.critical_path_s <= summary.makespan_s
    assert [name for name, _ in summary.utilization] == ["me-1", "me-2"]
    assert all(0 <= share <= 1 for _, share in summary.utilization)


def test_a_lost_answer_is_given_to_the_seat_that_asked_and_to_no_other(tmp_path, monkeypatch):
    database = make(tmp_path / "w.db", *({"id": f"t{n}"} for n in range(4)))
    told = Instance._told
    lost: list[object] = []

    def told_once_the_database_answers(self, outcome):
        if self.name.endswith("-2") and outcome.taken and not lost:
            lost.append(outcome.taken)
            raise StorageBusyError  # after the commit
        return told(self, outcome)

    monkeypatch.setattr(Instance, "_told", told_once_the_database_answers)
    summary = run(database, ["false"], instances=2)

    assert lost
    assert summary.outcome == "stuck"
    assert {event.todo for event in events(database, "quarantined")} == {"t0", "t1", "t2", "t3"}
