"""What one rule means for another: waiting and conflicts, pauses and turns, batches and clocks, gates and edits."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import longpole
from longpole import limits
from longpole.errors import InvalidInputError
from longpole.selection import Order, Selection
from longpole.store import additions
from longpole.strategies import Strategies
from tests.project.looking import dump, plan


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def test_a_waiter_waits_for_the_end_of_a_conflict(shared_url):
    with longpole.open(shared_url) as project:
        project.add_many([{"id": one, "title": one, "touches": ["x"]} for one in "ab"])
        (first,) = project.register("first", heartbeat=False).claim()
        waiter = project.register("waiter", heartbeat=False)
        ends = threading.Timer(0.2, first.complete)
        ends.start()

        claims = waiter.claim(wait_s=20)

        ends.join()
        assert [claim.id for claim in claims] == ["b"]


@pytest.mark.parametrize("wait_s", [float("nan"), float("inf"), -1, "5", None])
def test_a_wait_without_end_is_refused(project, me, wait_s):
    plan(project, {"a": []})
    before = dump(project)

    with pytest.raises(InvalidInputError, match="seconds"):
        me.claim(wait_s=wait_s)

    assert dump(project) == before


def test_a_pause_counts_for_those_who_waited_for_their_turn(postgres_url, eventually):
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with longpole.open(postgres_url) as project, longpole.open(postgres_url) as other:
        project.add("A", touches=["x"])
        asker = other.register("asker", heartbeat=False)
        has_turn, may_end = threading.Event(), threading.Event()
        got: list[list[longpole.Claim]] = []

        def take_long(tx):
            tx.take_turn()
            has_turn.set()
            assert may_end.wait(30)

        busy = threading.Thread(target=lambda: project._store.act(take_long))
        busy.start()
        assert has_turn.wait(30)
        asking = threading.Thread(target=lambda: got.append(asker.claim()))
        asking.start()
        eventually(lambda: project._store.look(lambda tx: tx.one(waits)))
        pausing = threading.Thread(target=lambda: project._store.act(_pause))
        pausing.start()
        pausing.join(30)

        may_end.set()
        busy.join()
        asking.join()

        assert got == [[]]


def _pause(tx):
    tx.run("UPDATE project SET pause = 'the servers move' WHERE project_id = ?", (tx.project_id,))


def test_the_function_sees_a_gate_that_was_added_as_it_waited(postgres_url, eventually):
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%longpole_step%%'"
    gate = {"title": "G", "id": "g", "kind": "gate", "after": ["a"], "opens_at": 1}
    with longpole.open(postgres_url) as project, longpole.open(postgres_url) as other:
        plan(project, {"a": []})
        instance = other.register("other", heartbeat=False)
        (claim,) = instance.claim()
        added, may_end = threading.Event(), threading.Event()

        def add_slowly(tx):
            project._store.lock(tx)
            additions.add(tx, [additions.Addition(new=limits.checked_new(gate))], default_estimate=30)
            added.set()
            assert may_end.wait(30)

        adding = threading.Thread(target=lambda: project._store.act(add_slowly))
        adding.start()
        assert added.wait(30)
        completing = threading.Thread(target=claim.complete)
        completing.start()
        eventually(lambda: project._store.look(lambda tx: tx.one(waits)))

        may_end.set()
        adding.join()
        completing.join()

        assert project.todo("g").status == "completed"


def test_a_jump_of_the_clock_lends_nobody_what_another_has_begun(project, me, clock):
    plan(project, {one: [] for one in "abc"})
    late = project.register("late", heartbeat=False)
    late.claim_todo("c")
    a, b = me.claim_todo("a"), me.claim_todo("b")
    clock.step(7200)
    project.sweep()

    got = late.claim()

    assert got == []
    b.complete()
    a.complete()


def test_a_jump_of_the_clock_keeps_a_batch_together(project, me, clock):
    plan(project, {"a": [], "b": [], "c": []})
    me.claim_todo("c")
    clock.advance(1)
    a, b = me.claim(count=2)
    clock.step(7200)
    project.sweep()
    a.complete()

    got = project.register("late", heartbeat=False).claim()

    assert got == []
    b.complete()


def test_what_a_restore_gives_back_of_a_batch_counts_no_attempt(tmp_path, clock):
    path, backup = str(tmp_path / "work.db"), str(tmp_path / "backup.db")
    with longpole.open(path, clock=clock) as project:
        plan(project, {one: [] for one in "abcd"})
        project.register("me", heartbeat=False).claim(count=3)
        project.back_up(backup)

    longpole.project.restore(backup, path, clock=clock)

    with longpole.open(path, clock=clock) as project:
        project.sweep()
        assert {todo.id: (todo.status, todo.attempts) for todo in project.todos()} == dict.fromkeys(
            "abcd", ("ready", 0)
        )


def test_a_gate_whose_time_has_come_still_opens_after_an_edit_of_nothing(project, me, clock):
    plan(project, {"a": []})
    project.add("G", id="g", kind="gate", opens_at=clock.now() + 1, after=["a"])
    clock.advance(1)
    project.sweep()
    project.edit("g", needs=(), touches=())

    me.claim()[0].complete()

    assert project.todo("g").status == "completed"


@pytest.mark.parametrize("branch", ["", " ", 5])
def test_what_is_no_branch_is_not_resumed(project, branch):
    project.pause()

    with pytest.raises(InvalidInputError):
        project.resume(branch=branch)


def test_a_completion_in_a_paused_branch_does_not_wait_for_edits(postgres_url):
    with longpole.open(postgres_url) as project, longpole.open(postgres_url) as other:
        project.add("A", id="a", branch="trunk")
        (claim,) = other.register("other", heartbeat=False).claim()
        project.pause(branch="trunk")

        with project._store.write() as tx:
            tx.lock_project()
            claim.complete()

        assert project.todo("a").status == "completed"


@pytest.mark.parametrize(
    "name", ["resource.\n", "cap.\x00", "cap. ", "resource.\x1b[31m", f"cap.{'x' * 300}", "resource.", "cap."]
)
def test_a_resource_or_branch_of_no_sound_name_has_no_setting(project, name):
    before = dump(project)

    with pytest.raises(InvalidInputError, match="there is no setting"):
        project.configure(**{name: 2})

    assert dump(project) == before


def bad(**fields: Any):
    return [Selection(**{"order": Order.ARRIVAL, "why": "x", **fields})]


def bad_order(_fleet):
    return bad(order="foo")


def bad_bonus(_fleet):
    return bad(bonus_minutes="5")


def bad_branch(_fleet):
    return bad(branch=5)


def bad_reason(_fleet):
    return bad(why=None)


@pytest.mark.parametrize("strategy", ["bad_order", "bad_bonus", "bad_branch", "bad_reason"])
def test_a_selection_of_wrong_types_is_refused(project, me, strategy):
    plan(project, {"a": []})
    before = dump(project)
    assert Strategies().get(strategy) is None

    with pytest.raises(InvalidInputError, match="must give a list of Selections"):
        me.claim(strategy=f"{__name__}:{strategy}")

    assert dump(project) == before


def test_a_backup_of_an_older_longpole_is_brought_up_to_date_by_those_who_have_it_open(project, me):
    project.add_many([{"id": one, "title": one, "touches": ["x"]} for one in "ab"])
    me.claim()[0].release()  # on PostgreSQL the function is made
    with project._store.write() as tx:
        tx.run("DELETE FROM touch")
        tx.run("UPDATE todo SET exclusive = 0")
        tx.run("UPDATE project SET constrained = 2")

    claims = me.claim() + me.claim()

    assert [claim.id for claim in claims] == ["a"]
