from __future__ import annotations

import threading

import pytest

import longpole
from longpole.model import Reason
from tests.project.looking import plan

LONG_S = 60.0
"""Longer than any test waits: whoever comes back earlier was woken."""


@pytest.fixture
def project(url, monkeypatch):
    """A project by the real clock, whose waiters do not ask on suspicion."""
    monkeypatch.setattr("longpole.handles.ASK_ANYWAY_S", 10 * LONG_S)
    with longpole.open(url) as opened:
        yield opened


@pytest.fixture
def ask():
    """Give a function that lets an instance wait for work in a thread, and gives one that waits for the answer."""
    threads = []

    def begin(instance):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(instance.allocate(wait_s=LONG_S)))
        thread.start()
        threads.append(thread)

        def answer():
            thread.join(LONG_S / 2)
            assert not thread.is_alive(), "nobody woke it"
            return answers[0]

        return answer

    yield begin
    for thread in threads:
        thread.join()


def test_who_waits_is_woken_when_another_instance_of_the_process_completes(project, ask, eventually):
    plan(project, {"a": [], "b": ["a"]})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    (claim,) = me.claim()
    answer = ask(other)

    claim.complete()

    assert [claimed.todo.id for claimed in answer().claims] == ["b"]


def test_who_waits_is_woken_when_somebody_adds_work(project, ask):
    plan(project, {"a": []})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    me.claim()
    answer = ask(other)

    project.add("New", id="new")

    assert [claimed.todo.id for claimed in answer().claims] == ["new"]


def test_who_waits_is_woken_when_another_connection_commits(file_url, monkeypatch, ask):
    monkeypatch.setattr("longpole.handles.ASK_ANYWAY_S", 10 * LONG_S)
    with longpole.open(file_url) as mine, longpole.open(file_url) as theirs:
        plan(mine, {"a": [], "b": ["a"]})
        me, other = mine.register("me", heartbeat=False), theirs.register("other", heartbeat=False)
        (claim,) = me.claim()
        answer = ask(other)

        claim.complete()

        assert [claimed.todo.id for claimed in answer().claims] == ["b"]


def test_who_waits_is_woken_when_the_project_is_finished(project, ask):
    plan(project, {"a": []})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    (claim,) = me.claim()
    answer = ask(other)

    claim.complete()

    assert answer().reason == Reason.FINISHED


def test_who_waits_has_a_todo_as_soon_as_it_has_rested(project, ask):
    project.configure(retry_backoff_s=0.3)
    plan(project, {"a": []})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    me.claim()[0].fail("flaky")

    answer = ask(other)

    assert [claimed.attempt for claimed in answer().claims] == [2]


def test_who_waits_has_what_a_silent_instance_held_as_soon_as_its_lease_ends(project, ask):
    plan(project, {"a": []})
    project.configure(lease_s=0.3)
    silent = project.register("silent", heartbeat=False)
    silent.claim()
    project.configure(lease_s=300)
    other = project.register("other", heartbeat=False)

    answer = ask(other)

    assert [claimed.attempt for claimed in answer().claims] == [2]


def test_who_need_not_hope_does_not_wait(project, monkeypatch):
    monkeypatch.setattr("longpole.handles.Instance._wait", lambda *_: pytest.fail("it waited"))
    project.configure(max_attempts=1)
    me = project.register("me", heartbeat=False)
    empty = me.allocate(wait_s=LONG_S)
    plan(project, {"a": [], "b": ["a"]})
    (claim,) = me.claim(wait_s=LONG_S)
    claim.fail("broken")
    stuck = me.allocate(wait_s=LONG_S)

    assert (empty.reason, stuck.reason) == (Reason.FINISHED, Reason.STUCK)


def test_the_wait_ends_with_its_reason_when_its_time_is_up(project):
    plan(project, {"a": []})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    me.claim()

    assert other.allocate(wait_s=0.1).reason == Reason.ALL_CLAIMED


def test_every_commit_shows_in_the_mark_and_a_mere_look_does_not(project):
    engine = project._store.engine
    seen = [engine.mark(project._store.project_id)]

    for act in (lambda: project.add("A", id="a"), lambda: project.edit("a", title="B"), lambda: project.cancel("a")):
        act()
        seen.append(engine.mark(project._store.project_id))
    project.todos()

    assert len(set(seen)) == len(seen)
    assert engine.mark(project._store.project_id) == seen[-1]


def test_a_commit_between_the_question_and_the_wait_is_not_missed(project, monkeypatch):
    plan(project, {"a": [], "b": ["a"]})
    me, other = project.register("me", heartbeat=False), project.register("other", heartbeat=False)
    (claim,) = me.claim()
    wait = longpole.Instance._wait

    def complete_first(instance, *arguments):
        if project.todo("a").holder:
            claim.complete()
        wait(instance, *arguments)

    monkeypatch.setattr("longpole.handles.Instance._wait", complete_first)
    monkeypatch.setattr("longpole.store.sqlite.time.sleep", lambda _seconds: pytest.fail("it slept over the commit"))

    (claimed,) = other.claim(wait_s=LONG_S)

    assert claimed.id == "b"
