from __future__ import annotations

import pytest

from longpole.errors import AlreadyClaimedError, CycleError, InvalidInputError, UnknownTodoError
from longpole.model import Hold
from tests.project.looking import dump, kinds, plan, ready, statuses


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def refused(project, error, act):
    """The error that an act was refused with, having changed nothing."""
    before = dump(project)
    with pytest.raises(error) as told:
        act()
    assert dump(project) == before
    return told.value


def test_a_linked_todo_waits_and_an_unlinked_one_no_longer(project):
    plan(project, {"a": [], "b": []})

    assert project.link("b", after=["a"]) == ["a"]
    assert statuses(project) == {"a": "ready", "b": "blocked"}

    assert project.unlink("b", after=["a"]) == ["a"]
    assert statuses(project) == {"a": "ready", "b": "ready"}
    assert [event.data for event in project.journal(todo="b")][1:] == [{"after": ["a"]}, {"after": ["a"]}]


def test_linking_again_and_unlinking_what_is_not_linked_change_nothing(project):
    plan(project, {"a": [], "b": ["a"], "c": []})
    before = dump(project)

    assert project.link("b", after=["a", "a"]) == []
    assert project.unlink("b", after=["c"]) == []
    assert dump(project) == before


def test_a_todo_that_two_are_in_the_way_of_is_ready_after_the_second_unlink(project):
    plan(project, {"a": [], "b": [], "c": ["a", "b"]})

    project.unlink("c", after="a")
    waiting = project.todo("c").unmet
    project.unlink("c", after="b")

    assert waiting == 1
    assert ready(project) == ["a", "b", "c"]


def test_a_todo_cannot_wait_for_itself(project):
    plan(project, {"a": []})

    error = refused(project, CycleError, lambda: project.link("a", after=["a"]))

    assert error.cycle == ("a",)


def test_a_link_that_closes_a_cycle_names_the_path_and_changes_nothing(project):
    #   a → b → c → d      x → c
    plan(project, {"a": [], "x": [], "b": ["a"], "c": ["b", "x"], "d": ["c"]})

    error = refused(project, CycleError, lambda: project.link("a", after=["x", "d"]))

    assert sorted(error.cycle) == ["a", "b", "c", "d"]
    assert "→" in str(error)


def test_a_cycle_through_what_is_completed_is_refused_as_well(project):
    plan(project, {"a": [], "b": ["a"]})
    project.complete("a")
    project.reopen("a")
    project.cancel("b")

    refused(project, CycleError, lambda: project.link("a", after=["b"]))


def test_a_todo_under_way_or_completed_cannot_be_given_a_late_dependency(project, me):
    plan(project, {"done": [], "running": [], "new": []})
    project.complete("done")
    me.claim_todo("running")

    assert "release" in str(refused(project, InvalidInputError, lambda: project.link("running", after=["new"])))
    assert "reopen" in str(refused(project, InvalidInputError, lambda: project.link("done", after=["new"])))


def test_a_link_to_what_is_finished_keeps_a_todo_ready(project):
    plan(project, {"done": [], "dropped": [], "a": []})
    project.complete("done")
    project.cancel("dropped")

    project.link("a", after=["done", "dropped"])
    kept = project.todo("a")
    project.unlink("a", after=["done"])

    assert (kept.status, kept.unmet, kept.depends_on) == ("ready", 0, ("done", "dropped"))
    assert project.todo("a").unmet == 0


def test_links_to_what_does_not_exist_are_refused_with_a_suggestion(project):
    plan(project, {"api-1": [], "b": []})

    assert "api-1" in str(refused(project, UnknownTodoError, lambda: project.link("b", after=["api-2"])))
    refused(project, UnknownTodoError, lambda: project.unlink("nowhere", after=["b"]))


def test_an_edit_changes_what_it_names_and_nothing_else(project):
    before = project.add("Old", id="a", description="kept", branch="x", needs=["python"], touches=["src"])

    after = project.edit("a", title="New", branch=None, needs=[], estimate_minutes=90)

    expected = before.replace(title="New", branch=None, needs=(), estimate_minutes=90.0, critical_path_minutes=90.0)
    assert after == expected
    assert kinds(project, todo="a") == ["added", "edited"]


def test_an_estimate_moves_the_critical_path_of_all_that_is_before_it(project):
    #   a → b → c
    plan(project, {"a": [], "b": ["a"], "c": ["b"]}, estimate_minutes=10)

    project.edit("c", estimate_minutes=70)

    assert [todo.critical_path_minutes for todo in project.todos()] == [90, 80, 70]


def test_a_priority_is_inherited_by_all_that_is_before_it_and_lost_again(project):
    plan(project, {"a": [], "b": ["a"], "c": ["b"], "x": []})

    project.edit("c", priority=0)
    urgent = [todo.urgency for todo in project.todos()]
    project.edit("c", priority=4)

    assert urgent == [0, 0, 0, 2]
    assert [todo.urgency for todo in project.todos()] == [2, 2, 4, 2]


@pytest.mark.parametrize(
    "changes", [{"id": "z"}, {"after": ["b"]}, {"status": "completed"}, {"title": ""}, {"colour": "red"}, {"token": 9}]
)
def test_an_edit_of_what_cannot_be_edited_is_refused(project, changes):
    plan(project, {"a": [], "b": []})

    refused(project, InvalidInputError, lambda: project.edit("a", **changes))


def test_cancelling_frees_the_dependents(project):
    plan(project, {"a": [], "b": ["a"], "c": ["b"]})

    assert project.cancel("a") == ["a"]
    assert statuses(project) == {"a": "cancelled", "b": "ready", "c": "blocked"}


def test_cancelling_with_cascade_takes_along_all_that_waits_and_nothing_that_is_completed(project):
    #   a → b → c → d      x → d,  done after a
    plan(project, {"a": [], "x": [], "b": ["a"], "c": ["b"], "d": ["c", "x"], "done": ["a"], "e": ["done"]})
    project.complete("done")

    gone = project.cancel("a", cascade=True)

    assert gone == ["a", "b", "c", "d"]
    assert statuses(project) == dict.fromkeys("abcd", "cancelled") | {"x": "ready", "done": "completed", "e": "ready"}


def test_cancelling_is_refused_while_somebody_works_on_any_of_them(project, me):
    plan(project, {"a": [], "b": ["a"]})
    project.complete("a")
    me.claim_todo("b")
    project.reopen("a")

    refused(project, AlreadyClaimedError, lambda: project.cancel("b"))
    refused(project, AlreadyClaimedError, lambda: project.cancel("a", cascade=True))


def test_reopening_blocks_the_dependents_again_and_names_those_that_need_a_second_look(project, me):
    plan(project, {"a": [], "waits": ["a"], "runs": ["a"], "done": ["a"], "dropped": ["a"]})
    project.complete("a")
    me.claim_todo("runs")
    project.complete("done")
    project.cancel("dropped")

    second_look = project.reopen("a")

    assert second_look == ["runs", "done"]
    assert statuses(project) == {
        "a": "ready", "waits": "blocked", "runs": "in_progress", "done": "completed", "dropped": "cancelled",
    }  # fmt: skip
    assert list(project.journal(todo="a"))[-1].data == {"second_look": ["runs", "done"]}
    assert {todo.unmet for todo in project.todos() if todo.id != "a"} == {1}


def test_what_runs_while_its_predecessor_is_reopened_waits_once_it_is_released(project, me):
    plan(project, {"a": [], "b": ["a"]})
    project.complete("a")
    claim = me.claim_todo("b")
    project.reopen("a")

    assert claim.release() == "blocked"
    project.complete("a")
    assert ready(project) == ["b"]


def test_a_reopened_todo_waits_for_what_is_not_finished(project):
    plan(project, {"a": [], "b": ["a"]})
    project.complete("b")

    project.reopen("b")

    assert statuses(project) == {"a": "ready", "b": "blocked"}


def test_a_cancelled_todo_can_be_reopened(project):
    plan(project, {"a": [], "b": ["a"]})
    project.cancel("a")

    assert project.reopen("a") == []
    assert statuses(project) == {"a": "ready", "b": "blocked"}


def test_a_retried_todo_has_all_its_attempts_again(project, me):
    project.configure(max_attempts=1)
    plan(project, {"a": [], "b": ["a"]})
    me.claim()[0].fail("broken")

    project.retry("a")

    assert (project.todo("a").status, project.todo("a").attempts) == ("ready", 0)
    assert me.claim()[0].attempt == 1


def test_a_held_todo_is_not_given_out_until_the_hold_is_lifted(project, me):
    plan(project, {"a": []})

    project.hold("a", "waits for a decision")
    held = project.todo("a")
    assert me.claim() == []
    project.lift("a")

    assert (held.status, held.unmet) == ("blocked", 1)
    assert held.holds == (Hold(kind="manual", reason="waits for a decision"),)
    assert ready(project) == ["a"]
    assert kinds(project, todo="a") == ["added", "held", "lifted"]


def test_a_held_todo_with_a_dependency_waits_for_both(project):
    plan(project, {"a": [], "b": ["a"]})
    project.hold("b", "not yet")

    project.complete("a")
    after_one = statuses(project)["b"]
    project.lift("b")

    assert after_one == "blocked"
    assert ready(project) == ["b"]


def test_what_cannot_be_held_or_lifted_is_refused(project, me):
    project.configure(max_attempts=1)
    plan(project, {"held": [], "free": [], "running": [], "done": [], "failed": []})
    project.hold("held", "once")
    project.complete("done")
    me.claim_todo("running")
    me.claim_todo("failed").fail("broken")

    refused(project, InvalidInputError, lambda: project.hold("held", "twice"))
    refused(project, InvalidInputError, lambda: project.hold("done", "late"))
    refused(project, InvalidInputError, lambda: project.hold("failed", "late"))
    refused(project, InvalidInputError, lambda: project.hold("free", " "))
    refused(project, AlreadyClaimedError, lambda: project.hold("running", "late"))
    refused(project, InvalidInputError, lambda: project.lift("free"))


def test_what_a_person_did_counts_even_for_a_blocked_todo_and_frees_its_dependents(project):
    #   a → b → c
    plan(project, {"a": [], "b": ["a"], "c": ["b"]})

    project.complete("b", result="done on paper")

    assert statuses(project) == {"a": "ready", "b": "completed", "c": "ready"}
    assert project.todo("b").result == "done on paper"
    told = list(project.journal(todo="b"))[-1]
    assert (told.kind, told.instance, told.token, told.why) == ("completed", None, None, "by hand")


def test_completing_by_hand_frees_nobody_twice(project):
    #   a → b → c ← x
    plan(project, {"a": [], "x": [], "b": ["a"], "c": ["b", "x"]})
    project.complete("b")

    project.complete("a")

    assert (project.todo("c").status, project.todo("c").unmet) == ("blocked", 1)
    assert project.todo("b").unmet == 0


@pytest.mark.parametrize("status", ["ready", "in_progress", "completed", "failed", "cancelled", "blocked"])
def test_each_decision_is_refused_where_the_state_machine_has_no_such_move(project, me, status):
    from longpole.transitions import TRANSITIONS, Act

    project.configure(max_attempts=1)
    acts = {
        Act.CANCEL: project.cancel,
        Act.RETRY: project.retry,
        Act.REOPEN: project.reopen,
        Act.COMPLETE_BY_HAND: project.complete,
    }
    for number, (act, perform) in enumerate(acts.items()):
        todo_id = f"{status}-{number}"
        project.add("It", id=todo_id)
        bring_to(project, me, todo_id, status)

        if (status, act) in TRANSITIONS:
            perform(todo_id)
            assert project.todo(todo_id).status in TRANSITIONS[status, act]
        else:
            refused(project, (InvalidInputError, AlreadyClaimedError), lambda: perform(todo_id))  # noqa: B023


def bring_to(project, me, todo_id, status):
    if status == "in_progress":
        me.claim_todo(todo_id)
    elif status == "failed":
        me.claim_todo(todo_id).fail("broken")
    elif status == "completed":
        project.complete(todo_id)
    elif status == "cancelled":
        project.cancel(todo_id)
    elif status == "blocked":
        project.hold(todo_id, "not yet")
    assert project.todo(todo_id).status == status


def test_a_long_cycle_is_shortened_in_the_message_and_whole_in_the_error(project):
    # c0 ──▶ c1 ──▶ … ──▶ c99
    project.add_many([{"title": "link", "id": f"c{n}", "after": [f"c{n - 1}"] if n else []} for n in range(100)])

    with pytest.raises(CycleError) as caught:
        project.link("c0", after=["c99"])

    assert len(caught.value.cycle) == 100
    assert "88 more" in str(caught.value)
    assert len(str(caught.value)) < 250
