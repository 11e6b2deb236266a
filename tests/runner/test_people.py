"""A run while people decide: the project is paused or drained, or waits for a gate."""

from __future__ import annotations

import json
import sys
import threading

import longpole
from longpole import runner
from longpole.runner.report import Silence
from tests.runner.runs import events, make, run, start, until


def test_a_run_ends_when_the_project_is_drained(shared_url):
    database = make(shared_url, {"id": "one"}, {"id": "two", "after": ["one"]})
    drain = [sys.executable, "-m", "longpole", "pause", "--drain", "--reason", "enough for today"]

    summary = run(database, drain, instances=2)

    assert (summary.outcome, summary.exit_code, summary.completed) == ("paused", 3, 1)
    assert summary.pause == "enough for today"
    assert runner.summary_lines(summary)[-1] == (
        "  the project is paused and drained: enough for today; `longpole resume`, then run again"
    )


def test_a_run_waits_for_the_end_of_a_pause(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one"}, {"id": "two"})
    with longpole.open(database) as project:
        project.pause("a moment")
        running = start(database, 1, "true")
        assert running.stderr is not None
        said = next(line for line in running.stderr if "paused" in line)

        project.resume()

    output, _ = running.communicate(timeout=30)
    assert "a moment" in said
    assert (json.loads(output)["outcome"], json.loads(output)["completed"]) == ("finished", 2)


def test_a_run_tells_that_a_gate_waits_for_a_person_and_goes_on_when_it_is_open(shared_url):
    told = []
    database = make(shared_url, {"id": "one"}, {"id": "gate", "kind": "gate", "after": ["one"]},
                    {"id": "two", "after": ["gate"]})  # fmt: skip

    class Listening(Silence):
        def note(self, happening):
            told.append(happening.detail)

    def approve():
        until(lambda: any("longpole approve gate" in detail for detail in told))
        with longpole.open(database) as project:
            project.approve("gate")

    person = threading.Thread(target=approve)
    person.start()
    summary = run(database, ["true"], instances=2, reporter=Listening())
    person.join()

    assert (summary.outcome, summary.completed) == ("finished", 2)
    assert [event.todo for event in events(database, "completed")] == ["one", "gate", "two"]


def test_the_instances_of_a_run_offer_what_it_was_told(tmp_path):
    database = make(tmp_path / "w.db", {"id": "one", "needs": ["gpu"]})
    command = ["sh", "-c", f'test "$LONGPOLE_OFFERS" = gpu,disk && echo "$LONGPOLE_OFFERS" > {tmp_path}/offers']

    summary = run(database, command, instances=1, offers=["gpu", "disk"])

    assert (summary.outcome, (tmp_path / "offers").read_text()) == ("finished", "gpu,disk\n")
