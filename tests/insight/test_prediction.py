"""What becomes ready when todos that are under way are done. `project` is there once for each engine."""

from __future__ import annotations

import pytest

import longpole
from longpole.errors import InstanceLostError, UnknownTodoError
from longpole.store import outlook
from tests.conftest import START_US
from tests.project.looking import plan
from tests.store.plans import fill, steps
from tests.store.test_plans import whole_reads


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def predicted(found):
    return {one.todo.id: one.after for one in found}


def minutes(found):
    return {one.todo.id: one.expected_minutes for one in found}


def test_a_todo_whose_last_two_blockers_are_both_mine_is_predicted_once(project, me):
    #   a ─┬─ both      a ── one      b ─┬─ never
    #   b ─┘                        else ─┘
    plan(project, {"a": [], "b": [], "else": [], "one": ["a"], "both": ["a", "b"], "never": ["b", "else"]})
    for todo in ("a", "b"):
        me.claim_todo(todo)

    found = project.predict("me")

    assert predicted(found) == {"one": ("a",), "both": ("a", "b")}
    assert [one.todo for one in found] == [project.todo(one.todo.id) for one in found]


def test_what_is_predicted_is_what_becomes_ready(project, me):
    #   a ─┬─ c ── e      b ── d
    #   b ─┘
    plan(project, {"a": [], "b": [], "c": ["a", "b"], "d": ["b"], "e": ["c"]})
    claims = [me.claim_todo(todo) for todo in ("a", "b")]
    found = predicted(project.predict(me))

    me.complete_many(claims)

    assert sorted(found) == [todo.id for todo in project.todos(status="ready")] == ["c", "d"]


def test_what_is_set_aside_or_finished_is_never_predicted(project, me):
    plan(project, {"a": [], "held": ["a"], "cancelled": ["a"], "by-hand": ["a"], "free": ["a"]})
    project.hold("held", "not yet")
    project.cancel("cancelled")
    project.complete("by-hand")
    me.claim_todo("a")

    assert predicted(project.predict("me")) == {"free": ("a",)}


def test_a_failed_dependent_is_not_predicted(project, me):
    #   a ── broken, which was tried before a was reopened
    project.configure(max_attempts=1)
    plan(project, {"a": [], "broken": ["a"]})
    me.claim()[0].complete()
    me.claim()[0].fail("no compiler")
    project.reopen("a")
    me.claim_todo("a")

    assert project.predict("me") == []


def test_finished_predecessors_do_not_count_for_a_set_twice(project):
    #   done ─┬─ c      done ── d
    #      b ─┘
    plan(project, {"done": [], "b": [], "c": ["done", "b"], "d": ["done"]})
    project.complete("done")

    assert predicted(project.predict_after(["done", "b"])) == {"c": ("b",)}
    assert project.predict_after(["done"]) == []


def test_what_the_blockers_themselves_have_taken_is_free_then(project, me):
    #   a ─┬─ inside      b ── elsewhere, which `other` has taken
    #      └─ both ── other
    plan(project, {"a": []}, touches=("src/",))
    plan(project, {"b": []}, touches=("docs/a.md",))
    plan(project, {"other": []}, touches=("web/",))
    plan(project, {"inside": ["a"]}, touches=("src/api.py",))
    plan(project, {"elsewhere": ["b"]}, touches=("web/index.html",))
    plan(project, {"both": ["a", "other"]}, touches=("src/web.py",))
    for todo in ("a", "b"):
        me.claim_todo(todo)
    project.register("you", heartbeat=False).claim_todo("other")

    assert predicted(project.predict("me")) == {"inside": ("a",)}
    assert predicted(project.predict_after(["b", "other"])) == {"elsewhere": ("b", "other")}


def test_a_resource_that_the_blockers_give_back_is_free_then(project, me):
    #   a ── small      a ── large      other
    project.configure(**{"resource.gpu": 4})
    plan(project, {"a": []}, touches=({"resource": "gpu", "amount": 2},))
    plan(project, {"other": []}, touches=({"resource": "gpu", "amount": 2},))
    plan(project, {"small": ["a"]}, touches=({"resource": "gpu", "amount": 2},))
    plan(project, {"large": ["a"]}, touches=({"resource": "gpu", "amount": 3},))
    me.claim_todo("a")
    project.register("you", heartbeat=False).claim_todo("other")

    assert predicted(project.predict("me")) == {"small": ("a",)}
    assert predicted(project.predict_after(["a", "other"])) == {"small": ("a", "other"), "large": ("a", "other")}


def test_a_gate_is_nobodys_next_work(project, store, me):
    plan(project, {"a": [], "gate": ["a"], "todo": ["a"]})
    with store.write() as tx:
        tx.run("UPDATE todo SET need = -1 WHERE number = 2")
    me.claim_todo("a")

    assert predicted(project.predict("me")) == {"todo": ("a",)}


@pytest.mark.parametrize(
    ("strategy", "first"), [("critical_path", "long"), ("greedy", "old"), ("context_aware", "long")]
)
def test_predictions_come_in_the_order_of_the_strategy(project, me, strategy, first):
    project.configure(strategy=strategy, switch_bonus_minutes=5)
    plan(project, {"a": [], "old": ["a"]}, estimate_minutes=10)
    plan(project, {"long": ["a"]}, estimate_minutes=60)
    plan(project, {"urgent": ["a"]}, estimate_minutes=1, priority=0)
    me.claim_todo("a")

    assert [one.todo.id for one in project.predict("me")][:2] == ["urgent", first]


def test_a_strategy_that_is_not_installed_here_leaves_the_order_by_critical_path(project, store, me):
    plan(project, {"a": [], "b": ["a"]})
    me.claim_todo("a")
    with store.write() as tx:
        tx.run("""UPDATE project SET settings = '{"strategy": "elsewhere"}'""")

    assert predicted(project.predict("me")) == {"b": ("a",)}


def test_the_last_of_the_blockers_says_when(project, me, clock):
    #   short ─┬─ both      short ── soon      unknown ── later
    #    long ─┘
    plan(project, {"short": []}, estimate_minutes=10)
    plan(project, {"long": []}, estimate_minutes=60)
    plan(project, {"unknown": [], "soon": ["short"], "both": ["short", "long"], "later": ["unknown"]})
    for todo in ("short", "long", "unknown"):
        me.claim_todo(todo)

    clock.advance(5 * 60)
    found = project.predict("me")

    assert minutes(found) == {"soon": 5.0, "both": 55.0, "later": 25.0}
    assert {one.expected_at - clock.now() for one in found if one.todo.id == "both"} == {55 * 60_000_000}


def test_reported_progress_counts_instead_of_the_time_since_the_claim(project, me, clock):
    plan(project, {"a": []}, estimate_minutes=40)
    plan(project, {"b": ["a"]})
    me.claim()[0].progress(25)
    clock.advance(3600)

    assert minutes(project.predict("me")) == {"b": 30.0}


def test_what_is_overdue_is_expected_now(project, me, clock):
    plan(project, {"a": []}, estimate_minutes=10)
    plan(project, {"b": ["a"]})
    me.claim()
    clock.advance(3600)
    overdue = project.predict("me")

    clock.step(-7200)

    assert [(one.expected_minutes, one.expected_at) for one in overdue] == [(0.0, START_US + 3600 * 1_000_000)]
    assert minutes(project.predict("me")) == {"b": 10.0}


def test_a_batch_is_expected_one_after_the_other(project, me, clock):
    plan(project, {"a": [], "b": []}, estimate_minutes=20)
    plan(project, {"after-a": ["a"], "after-b": ["b"], "after-both": ["a", "b"]})
    me.claim(count=2)
    clock.advance(300)

    assert minutes(project.predict("me")) == {"after-a": 15.0, "after-b": 35.0, "after-both": 35.0}


def test_claims_of_one_moment_are_no_batch(project, me):
    plan(project, {"a": [], "b": []}, estimate_minutes=20)
    plan(project, {"after-a": ["a"], "after-b": ["b"]})
    me.claim()
    me.claim()

    assert minutes(project.predict("me")) == {"after-a": 20.0, "after-b": 20.0}


def test_a_set_that_depends_on_itself_is_expected_in_its_order(project):
    #   a ── b ── c ── d
    plan(project, {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}, estimate_minutes=10)

    assert [(one.todo.id, one.expected_minutes) for one in project.predict_after(["c", "b", "a"])] == [("d", 30.0)]
    assert minutes(project.predict_after(["a"])) == {"b": 10.0}
    assert project.predict_after(["b", "b"])[0].after == ("b",)


def test_nothing_held_predicts_nothing(project, me):
    plan(project, {"a": [], "b": ["a"]})

    assert project.predict("me") == []
    assert project.predict_after([]) == []


def test_who_is_not_live_is_refused(project, me):
    me.unregister()

    with pytest.raises(InstanceLostError, match="no live instance is called 'me'"):
        project.predict("me")


def test_an_unknown_todo_is_refused_with_the_nearest_there_are(project):
    plan(project, {"release": []})

    with pytest.raises(UnknownTodoError, match="did you mean release"):
        project.predict_after(["release", "relaese"])


def test_no_more_are_told_of_than_fit(project, me):
    plan(project, {"a": [], "b": []})
    plan(project, {f"of-both-{number}": ["a", "b"] for number in range(120)}, estimate_minutes=60)
    plan(project, {f"of-a-{number}": ["a"] for number in range(120)})
    me.claim_todo("a")

    found = project.predict("me")

    assert len(found) == 100
    assert {one.after for one in found} == {("a",)}
    assert not any(one.todo.id.startswith("of-both") for one in found)


def test_a_prediction_reads_the_dependents_alone(path):
    with longpole.open(path) as project:
        fill(project, 50_000)
    with longpole.open(path) as project:
        plan(project, {"a": [], "b": [], "c": ["a", "b"]})
        project.register("me", heartbeat=False).claim_todo("a")

        by_name, by_set = (
            steps(project, lambda: project.predict("me")),
            steps(project, lambda: project.predict_after(["a", "b"])),
        )

    found = [step for step in whole_reads([*by_name, *by_set]) if step.detail != "SCAN f"]  # what was found just before
    plans = [step.detail for step in by_set if step.sql.startswith(" ".join(outlook.FREED.split())[:30])]
    assert found == []
    assert any(detail.startswith("SEARCH e USING PRIMARY KEY (project_id=? AND predecessor=?)") for detail in plans)
