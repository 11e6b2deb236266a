from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest

import longpole
from longpole.errors import LongpoleError
from longpole.model import Status
from tests.reliability import checker
from tests.reliability.acts import layered
from tests.reliability.puppet import Puppet

pytestmark = pytest.mark.race
LEASE_S = 0.5


@pytest.fixture
def url(shared_url):
    return shared_url


@pytest.fixture
def project(url):
    with longpole.open(url) as opened:
        opened.configure(lease_s=LEASE_S, heartbeat_s=0.1, durability="normal")
        yield opened


@pytest.fixture
def puppet(url):
    """Give a function that starts one more process; all are gone after the test."""
    with ExitStack() as all_of_them:
        yield lambda: all_of_them.enter_context(Puppet(url))


def violations(project):
    rows = project.todos()
    added = [(need, row.id) for row in rows for need in row.depends_on]
    return checker.check(
        project.journal(), rows=rows, dependencies=added, max_attempts=project.settings().max_attempts, one_each=True
    )


def eventually(what, seconds=20.0):
    """Wait until something is true; its value then."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found


def test_eight_processes_share_four_hundred_todos_without_a_double_a_refusal_or_an_idle_turn(project, puppet):
    project.configure(lease_s=60.0, heartbeat_s=20.0)
    project.add_many(layered(400))
    puppets = [puppet() for _ in range(8)]
    for number, one in enumerate(puppets):
        one.ask("register", name=f"p{number}")

    for one in puppets:
        one.tell("rush", count=50)
    answers = [one.answer() for one in puppets]

    assert [(answer["idle"], answer["refused"]) for answer in answers] == [(0, [])] * 8
    assert set(Counter(todo for answer in answers for todo in answer["done"]).values()) == {1}
    assert {todo.status for todo in project.todos()} == {Status.COMPLETED}
    assert violations(project) == []
    assert project.problems() == []


def test_a_process_killed_in_the_middle_of_a_claim_leaves_nothing_of_it(project, puppet):
    project.add("the only one", id="a")
    killed, other = puppet(), puppet()
    killed.ask("register", name="killed")
    killed.ask("freeze", kind="claimed")
    killed.tell("claim")
    assert killed.answer() == "inside"

    killed.process.kill()
    other.ask("register", name="other")

    assert other.ask("claim") == {"claims": [["a", 1]], "reason": None}
    assert [event.instance for event in project.journal() if event.kind == "claimed"] == ["other"]
    assert violations(project) == []


def test_a_process_killed_in_the_middle_of_a_completion_leaves_nothing_of_it(project, puppet):
    # a ──▶ b
    project.add("first", id="a")
    project.add("second", id="b", after=["a"])
    killed = puppet()
    killed.ask("register", name="killed")
    killed.ask("claim")
    killed.ask("freeze", kind="completed")
    killed.tell("complete", todo="a", token=1)
    assert killed.answer() == "inside"

    killed.process.kill()
    killed.process.wait(timeout=20)

    assert project.todo("a").status is Status.IN_PROGRESS
    assert project.todo("b").status is Status.BLOCKED
    assert violations(project) == []


def test_what_a_killed_process_held_is_ready_again_after_its_lease_and_one_sweep(project, puppet):
    project.add("the only one", id="a")
    killed = puppet()
    killed.ask("register", name="killed", heartbeat=True)
    killed.ask("claim")

    killed.process.kill()
    lost = eventually(project.sweep)

    assert lost == ["killed"]
    assert (project.todo("a").status, project.todo("a").attempts) == (Status.READY, 1)
    assert violations(project) == []


def test_a_stopped_process_is_refused_when_it_comes_back_late(project, puppet):
    project.add("the only one", id="a")
    stopped = puppet()
    stopped.ask("register", name="stopped", heartbeat=True)
    assert stopped.ask("claim")["claims"] == [["a", 1]]
    stopped.process.send_signal(signal.SIGSTOP)
    eventually(project.sweep)
    with project.register("other", heartbeat=False) as other:
        claim = other.claim()[0]
        before = project.todo("a")

        stopped.process.send_signal(signal.SIGCONT)
        answer = stopped.ask("complete", todo="a", token=1)

        assert answer["error"] in {"ClaimLostError", "InstanceLostError"}
        assert project.todo("a") == before
        claim.complete()
    assert violations(project) == []


def test_of_two_processes_that_want_one_name_exactly_one_gets_it(project, puppet):
    puppets = [puppet() for _ in range(4)]

    for one in puppets:
        one.tell("register", name="twin")
    answers = [one.answer() for one in puppets]

    assert sum(answer == "twin" for answer in answers) == 1
    assert [answer for answer in answers if answer != "twin" and "error" not in answer] == []
    assert [instance.name for instance in project.instances()] == ["twin"]


def test_a_reader_goes_on_while_a_writer_holds_its_transaction(project, puppet):
    project.add("the only one", id="a")
    writer = puppet()
    writer.ask("register", name="writer")
    writer.ask("freeze", kind="claimed")
    writer.tell("claim")
    assert writer.answer() == "inside"

    seen = project.todo("a")
    writer.tell("go on")

    assert seen.status is Status.READY
    assert writer.answer()["claims"] == [["a", 1]]
    assert project.todo("a").status is Status.IN_PROGRESS


def test_threads_of_one_process_never_share_a_claim(project):
    project.configure(lease_s=60.0, heartbeat_s=20.0)
    project.add_many(layered(100))
    done: list[str] = []
    problems: list[LongpoleError] = []

    def rush(name):
        try:
            with project.register(name, heartbeat=False) as me:
                while claims := me.claim():
                    claims[0].complete()
                    done.append(claims[0].id)
        except LongpoleError as error:
            problems.append(error)

    threads = [threading.Thread(target=rush, args=(f"thread-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert problems == []
    assert sorted(done) == sorted(todo.id for todo in project.todos())
    assert violations(project) == []
