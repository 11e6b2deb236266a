"""Commands, runners and instances that die, hang, or lose what they held."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

import longpole
from longpole import runner
from tests.runner.runs import PID_AND_SLEEP, events, is_running, make, pid_in, python, run, start, until

SECOND_TIME = 'import json\nif json.load(sys.stdin)["attempt"] > 1: raise SystemExit\n'

pytestmark = pytest.mark.crash


def test_a_killed_commands_todo_is_tried_again_at_once(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})
    command = python(f"{SECOND_TIME}import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")

    summary = run(database, command, instances=2)

    assert (summary.outcome, summary.failed_attempts, summary.retries) == ("finished", 1, 1)
    assert [event.why for event in events(database, "failed")] == ["killed by SIGKILL"]
    assert events(database, "expired") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_claims_and_no_processes(tmp_path, shared_url, number):
    database = make(shared_url, {"id": "one"}, {"id": "two"}, {"id": "three"})
    running = start(database, 2, "sh", "-c", PID_AND_SLEEP, str(tmp_path), folder=tmp_path)
    pids = [pid_in(tmp_path / f"{todo}.{who}") for todo in ("one", "two") for who in ("child", "grandchild")]

    running.send_signal(number)
    output, _ = running.communicate(timeout=30)

    summary = json.loads(output)
    assert (running.returncode, summary["outcome"]) == (130, "interrupted")
    assert [pid for pid in pids if is_running(pid)] == []
    with longpole.open(database) as project:
        assert [(todo.status, todo.attempts) for todo in project.todos()] == [("ready", 0)] * 3
        assert project.instances() == []


def test_a_command_that_ignores_the_request_to_end_is_killed(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})
    running = start(database, 1, "sh", "-c", f"trap '' TERM; {PID_AND_SLEEP}; {PID_AND_SLEEP}", str(tmp_path))
    pid = pid_in(tmp_path / "one.child")

    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)

    assert running.returncode == 130
    assert not is_running(pid)


def test_a_killed_runner_takes_its_commands_along_and_its_claims_return_after_the_lease(tmp_path, shared_url):
    database = make(shared_url, {"id": "one"}, {"id": "two"}, lease_s=0.6, heartbeat_s=0.2)
    running = start(database, 2, "sh", "-c", PID_AND_SLEEP, str(tmp_path), folder=tmp_path)
    pids = [pid_in(tmp_path / f"{todo}.{who}") for todo in ("one", "two") for who in ("child", "grandchild")]

    running.kill()
    running.communicate(timeout=30)

    until(lambda: not any(is_running(pid) for pid in pids))
    with longpole.open(database) as project:
        until(lambda: not (project.sweep() or project.instances()))
        assert [todo.status for todo in project.todos()] == ["ready", "ready"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux shows the environment of processes")  # noqa: PTH112
def test_what_left_its_commands_group_dies_with_a_killed_runner_too(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})
    code = (
        "import subprocess, time\n"
        "away = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "open(sys.argv[1], 'w').write(str(away.pid))\n"
        "time.sleep(600)"
    )
    running = start(database, 1, *python(code), str(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")

    running.kill()
    running.communicate(timeout=30)

    until(lambda: not is_running(pid))


def test_an_instance_that_was_given_up_kills_its_command_and_a_new_one_takes_its_seat(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, lease_s=0.6, heartbeat_s=0.2)
    code = f"{SECOND_TIME}import os, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(600)"
    running = start(database, 1, *python(code), str(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")

    running.send_signal(signal.SIGSTOP)
    with longpole.open(database) as project:
        (lost,) = until(project.sweep)
    running.send_signal(signal.SIGCONT)
    output, said = running.communicate(timeout=30)

    assert json.loads(output)["outcome"] == "finished"
    assert json.loads(output)["lost"] == 1
    assert not is_running(pid)
    assert f"{lost}.2" in said
    assert [event.instance for event in events(database, "completed")] == [f"{lost}.2"]


def test_a_claim_that_was_taken_away_ends_its_command(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, max_hold_s=0.3, lease_s=2, heartbeat_s=0.1)
    code = f"{SECOND_TIME}import os, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(600)"

    summary = run(database, [*python(code), str(tmp_path / "pid")], instances=2)

    assert (summary.outcome, summary.lost, summary.completed) == ("finished", 1, 1)
    assert not is_running(pid_in(tmp_path / "pid"))


def test_the_runner_beats_for_commands_that_take_longer_than_a_lease(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, lease_s=0.6, heartbeat_s=0.15)

    summary = run(database, ["sleep", "1.5"])

    assert (summary.outcome, summary.lost, summary.retries) == ("finished", 0, 0)


@pytest.mark.parametrize(
    ("act", "completed", "claims"),
    [("complete(todo, token)", 1, 1), ("release(todo, token)", 1, 2), ("fail(todo, token, 'no')", 1, 2)],
)
def test_a_command_may_report_its_todo_itself(tmp_path, act, completed, claims):
    database = make(tmp_path / "w.db", {"id": "one"})
    code = (
        "import os, longpole\n"
        "todo, token = os.environ['LONGPOLE_TODO_ID'], int(os.environ['LONGPOLE_TOKEN'])\n"
        f"if not os.path.exists(sys.argv[1]):\n"
        "  open(sys.argv[1], 'w')\n"
        f"  longpole.open().instance(os.environ['LONGPOLE_INSTANCE']).{act}\n"
    )

    summary = run(database, [*python(code), str(tmp_path / "mark")])

    assert (summary.outcome, summary.completed, summary.lost) == ("finished", completed, 0)
    assert len(events(database, "claimed")) == claims
    assert len(events(database, "completed")) == 1


def test_a_todo_that_a_command_claimed_and_left_is_not_lost(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, {"id": "two"})
    code = (
        "import os, longpole\n"
        "if os.environ['LONGPOLE_TODO_ID'] == 'one':\n"
        "  longpole.open().instance(os.environ['LONGPOLE_INSTANCE']).claim()\n"
    )

    summary = run(database, python(code))

    assert (summary.outcome, summary.counts["completed"]) == ("finished", 2)


def test_a_run_waits_for_what_others_hold(tmp_path):
    #  theirs ─ ours
    database = make(tmp_path / "w.db", {"id": "theirs"}, {"id": "ours", "after": ["theirs"]})
    with longpole.open(database) as project, project.register("somebody") as somebody:
        claim = somebody.claim_todo("theirs")
        running = start(database, 2, "true")
        assert running.stderr is not None
        until(lambda: "waiting" in (running.stderr.readline() if running.stderr else ""))

        claim.complete()
        output, _ = running.communicate(timeout=30)

    assert json.loads(output)["outcome"] == "finished"
    assert json.loads(output)["completed"] == 1


def test_a_second_signal_ends_the_grace(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"})
    with longpole.open(database) as project:
        code = (
            f"import os, signal, time\nsignal.signal(signal.SIGTERM, lambda *_: os.kill({os.getpid()}, signal.SIGINT))"
        )
        # Short sleeps: a signal just before a long one would be heard by Python only after it.
        code += f"\nos.kill({os.getpid()}, signal.SIGINT)\nwhile True: time.sleep(0.05)"
        summary = runner.run_instances(project, [sys.executable, "-c", code], instances=1, grace_s=600)

    assert summary.outcome == "interrupted"
