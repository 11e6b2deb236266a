from __future__ import annotations

import subprocess
import sys
import time

import pytest

from longpole.store import turnstile
from longpole.store.turnstile import Turnstile

WRITE_WITHOUT_PAUSE = """
import sys, time, longpole
end = float(sys.argv[2])
with longpole.open(sys.argv[1]) as project:
    turns, longest, last = 0, 0.0, time.monotonic()
    while time.time() < end:
        with project._store.write() as tx:
            tx.run("UPDATE project SET graph_version = graph_version + 1")
        turns, longest, last = turns + 1, max(longest, time.monotonic() - last), time.monotonic()
    print(turns)
"""


@pytest.fixture
def turn(tmp_path):
    made = []

    def make():
        made.append(Turnstile(str(tmp_path / "turn"), 0.1))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.race
def test_everybody_gets_turns_when_four_processes_write_without_a_pause(file_url):
    end = str(time.time() + 3.0)
    command = [sys.executable, "-c", WRITE_WITHOUT_PAUSE, file_url, end]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]

    told = [process.communicate(timeout=60) for process in processes]

    assert [complaints for _, complaints in told] == [""] * 4
    turns = [int(answer) for answer, _ in told]
    assert min(turns) * 20 > max(turns)
    assert min(turns) > 10


def test_who_has_waited_long_keeps_the_others_from_asking_until_it_leaves(turn, monkeypatch):
    monkeypatch.setattr(turnstile, "PATIENCE_S", 0)
    patient, newcomer = turn(), turn()
    assert patient.enter()
    assert patient.wait(0)

    assert not newcomer.enter()
    patient.leave()
    assert newcomer.enter()


def test_who_has_not_waited_long_keeps_nobody_from_asking(turn, monkeypatch):
    monkeypatch.setattr(turnstile, "PATIENCE_S", 3600)
    first, second = turn(), turn()
    assert first.enter()
    assert first.wait(0)

    assert second.enter()


def test_who_only_reads_waits_its_own_time_and_keeps_nobody_from_asking(turn, monkeypatch):
    monkeypatch.setattr(turnstile, "PATIENCE_S", 0)
    reader, writer = turn(), turn()

    assert reader.wait(0)
    assert reader.wait(1)
    assert writer.enter()
    while reader.wait(1):
        pass
    assert reader.wait(0)


def test_the_wait_of_a_writer_ends_with_its_time(turn):
    one = turn()
    one.enter()

    count = 0
    while one.wait(count):
        count += 1

    assert count > 0
