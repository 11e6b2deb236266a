from __future__ import annotations

import json

import pytest

from longpole.errors import CycleError
from longpole.interchange import beads, jsonl, plan
from longpole.interchange.apply import report
from longpole.interchange.cycles import break_cycles
from longpole.model import Hold, Status
from tests.interchange.shared import as_todos, changed, imported, issue, lines


def plan_of(**after: str):
    """Give a plan whose todos wait for the ids named, separated by spaces."""
    todos = [{"id": name, "title": name, "after": waits.split()} for name, waits in after.items()]
    return plan.parse(json.dumps(todos), known_ids={"old", "b"})


def test_a_newer_file_adds_and_updates():
    todos = as_todos(plan_of(a="", b="a"))

    found = imported(plan_of(a="", b="", c="a"), todos)

    assert [todo.new.id for todo in found.added] == ["c"]
    assert found.changed == (("b", {"after": ()}),)
    assert found.unchanged == ("a",)
    assert found.ready == 2


def test_what_longpole_changed_itself_is_left_alone():
    todos = as_todos(beads.parse(lines(issue("x-a"), issue("x-b"))))
    newer = beads.parse(lines(issue("x-a", title="Theirs", priority=0), issue("x-b", priority=1)))

    found = imported(newer, changed(todos, "x-a", title="Ours"), {"x-a": {"title"}})

    assert found.changed == (("x-a", {"priority": 0}), ("x-b", {"priority": 1}))
    assert found.left_alone == (("x-a", "title changed in longpole"),)


def test_a_held_todo_is_not_touched():
    todos = changed(as_todos(beads.parse(lines(issue("x-a")))), "x-a", status=Status.IN_PROGRESS, holder="claude-1")

    edited = imported(beads.parse(lines(issue("x-a", title="New"))), todos)
    closed = imported(beads.parse(lines(issue("x-a", status="closed"))), todos)
    same = imported(beads.parse(lines(issue("x-a", status="in_progress"))), todos)

    assert edited.left_alone == closed.left_alone == (("x-a", "held by claude-1"),)
    assert not edited.changed
    assert not closed.completed
    assert same.unchanged == ("x-a",)


@pytest.mark.parametrize("status", [Status.READY, Status.BLOCKED, Status.FAILED])
def test_what_the_file_has_as_done_is_completed(status):
    todos = changed(as_todos(beads.parse(lines(issue("x-a")))), "x-a", status=status)

    found = imported(beads.parse(lines(issue("x-a", status="closed", close_reason="merged"))), todos)

    assert [(todo.new.id, todo.result) for todo in found.completed] == [("x-a", "merged")]
    assert found.ready == 0


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELLED])
def test_what_is_finished_here_stays_finished(status):
    todos = changed(as_todos(beads.parse(lines(issue("x-a")))), "x-a", status=status)

    still_open = imported(beads.parse(lines(issue("x-a"))), todos)
    closed = imported(beads.parse(lines(issue("x-a", status="closed"))), todos)

    assert still_open.left_alone == (("x-a", f"{status} in longpole, not in the file"),)
    assert closed.unchanged == ("x-a",)


def test_a_plan_tells_no_state_and_lifts_no_hold():
    todos = changed(as_todos(plan_of(a="", b="")), "a", status=Status.COMPLETED)
    todos = changed(todos, "b", holds=(Hold(kind="manual", reason="later"),), status=Status.BLOCKED)

    found = imported(plan_of(a="", b=""), todos)

    assert found.unchanged == ("a", "b")


def test_a_hold_follows_the_file_unless_it_was_changed_here():
    todos = as_todos(beads.parse(lines(issue("x-a", status="blocked"))))
    now_open = beads.parse(lines(issue("x-a")))

    assert imported(now_open, todos).changed == (("x-a", {"hold": None}),)
    assert imported(now_open, todos).ready == 1
    assert imported(now_open, todos, {"x-a": {"hold"}}).left_alone == (("x-a", "hold changed in longpole"),)


def test_a_file_that_cannot_say_something_does_not_take_it_away():
    todos = changed(as_todos(beads.parse(lines(issue("x-a")))), "x-a", touches=("src/",), estimate_minutes=30.0)

    assert imported(beads.parse(lines(issue("x-a"))), todos).unchanged == ("x-a",)


def test_a_cycle_through_the_projects_own_todos_is_found():
    # old ──> a ──> b in the project; the file makes old wait for b
    todos = as_todos(plan_of(old="", a="old", b="a"))

    with pytest.raises(CycleError) as refusal:
        imported(plan_of(old="b"), todos)
    broken = imported(plan_of(old="b"), todos, break_cycles=True)

    assert refusal.value.cycle == ("old", "b", "a")
    assert broken.dropped == (("old", "b"),)
    assert broken.unchanged == ("old",)


def test_only_dependencies_that_may_be_dropped_are_dropped():
    # fixed: a after b; free: b after c, c after a
    after = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["d2"], "d2": ["d"]}

    found = break_cycles(after, lambda todo, _other: todo == "b")

    assert found.dropped == (("b", "c"),)
    assert found.cycle == ("d", "d2")


def test_many_and_long_cycles_are_broken_without_recursion():
    count = 30_000
    ring = {f"t{n}": [f"t{(n + 1) % count}"] for n in range(count)}
    pairs = {f"p{n}": [f"p{n ^ 1}"] for n in range(count)}

    found = break_cycles({**ring, **pairs}, lambda _todo, _other: True)

    assert len(found.dropped) == 1 + count // 2
    assert found.cycle == ()


def test_a_cancelled_todo_of_the_file_is_cancelled():
    todos = as_todos(plan_of(a="", b="a"))
    newer = jsonl.parse(jsonl.export(changed(todos, "a", status=Status.CANCELLED)))

    found = imported(newer, todos)

    assert [todo.new.id for todo in found.cancelled] == ["a"]
    assert found.ready == 1


def test_the_report_is_one_document():
    parsed = beads.parse(
        lines(issue("x-a", blocks=("x-b", "x-no")), issue("x-b", blocks=("x-a",)), issue("x-m", status="pinned"))
    )

    told = report(parsed, imported(parsed, [], break_cycles=True), dry_run=True)

    document = json.loads(json.dumps(told.as_document()))
    assert document["v"] == 1
    assert document["import"]["skipped"] == {"pinned": 1}
    assert document["import"]["dropped"] == {"cycle": 1}
    assert document["import"]["dropped_dependencies"] == [{"todo": "x-b", "after": "x-a"}]
    assert (document["import"]["added"], document["import"]["dangling"], document["import"]["ready"]) == (2, 1, 1)


def test_a_failed_todo_is_not_set_aside_by_a_file():
    todos = changed(as_todos(beads.parse(lines(issue("x-a")))), "x-a", status=Status.FAILED)

    found = imported(beads.parse(lines(issue("x-a", status="deferred"), issue("x-b"))), todos)

    assert found.changed == ()
    assert [todo.new.id for todo in found.added] == ["x-b"]
