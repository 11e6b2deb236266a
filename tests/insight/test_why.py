"""Why a todo stands where it does. `project` is there once for each engine."""

from __future__ import annotations

import pytest

import longpole
from longpole.coordination import MECHANISMS
from longpole.insight import reasons, why
from longpole.settings import SPECS
from longpole.store import given, places
from tests.project.looking import plan
from tests.store.plans import fill, steps
from tests.store.test_plans import whole_reads


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def place(project, todo):
    return project.why(todo).summary.partition("nothing is in its way, and by ")[2]


def test_a_ready_todo_is_told_its_place_and_what_goes_before_it_by_name(project, me):
    plan(project, {"short": []}, estimate_minutes=1)
    plan(project, {"b": [], "a": []}, estimate_minutes=60)

    told = {one: place(project, one) for one in ("b", "a", "short")}

    assert told == {
        "b": "critical_path it is the next to be given out",
        "a": "critical_path 1 ready todo comes before it: b",
        "short": "critical_path 2 ready todos come before it: b, a",
    }
    assert [me.claim()[0].id for _ in range(3)] == ["b", "a", "short"]


def test_the_place_is_that_of_the_projects_strategy(project):
    plan(project, {"short": []}, estimate_minutes=1)
    plan(project, {"long": []}, estimate_minutes=60)

    project.configure(strategy="greedy")
    by_arrival = place(project, "long")
    project.configure(strategy="branch_affinity")

    assert by_arrival == "greedy 1 ready todo comes before it: short"
    assert place(project, "long") == "critical path it is the next to be given out"
    assert project.why("long").lines[0] == (
        "the project's rule: branch_affinity, which looks at who asks as well; coordination optimistic"
    )


def test_a_ready_todo_far_behind_is_told_so_without_counting_all(project, store):
    project.add_many([{"id": f"t{number}", "title": "T"} for number in range(places.MOST + 20)])

    assert place(project, f"t{places.MOST - 1}").startswith(
        f"critical_path {places.MOST - 1} ready todos come before it"
    )
    assert place(project, f"t{places.MOST}") == (
        f"critical_path more than {places.MOST} ready todos come before it, the first are t0, t1, t2, t3, t4"
    )


def test_what_needs_more_than_another_is_not_in_its_way(project):
    # Whoever may have `plain` and nothing more never gets `gpu`.
    plan(project, {"gpu": []}, estimate_minutes=60, needs=("gpu",))
    plan(project, {"plain": []}, estimate_minutes=1)

    assert place(project, "plain") == "critical_path it is the next to be given out"


def test_a_claim_is_told_with_its_rule_its_figures_and_the_best_that_is_ready_now(project, me):
    plan(project, {"a": []}, estimate_minutes=30)
    plan(project, {"b": []}, estimate_minutes=20)
    me.claim()[0].release()
    (claim,) = me.claim()
    claim.progress(40)

    told = project.why("a")

    assert told.summary == "a is in progress: me holds it with token 2"
    assert told.lines[:4] == (
        "given by the rule critical_path: 30 min to the end, urgency 2",
        "coordination optimistic: who asked picked and claimed it in one step",
        "of what is ready now b would come first by critical_path: 20 min to the end, urgency 2",
        "40 % done",
    )


def test_a_claim_when_nothing_else_is_ready_is_compared_with_nothing(project, me):
    plan(project, {"a": []})
    me.claim()

    assert "nothing else is ready now that its holder could have" in project.why("a").lines


def test_a_claim_that_was_asked_for_by_name_was_chosen_by_no_coordination(project, me):
    plan(project, {"a": []})
    me.claim_todo("a")

    lines = project.why("a").lines

    assert lines[0].startswith("given by the rule asked for by me")
    assert not any(line.startswith("coordination") for line in lines)


@pytest.mark.parametrize("coordination", MECHANISMS)
def test_every_coordination_is_named_by_its_claims(project, me, coordination):
    project.configure(coordination=coordination)
    plan(project, {"a": [], "b": [], "c": []})
    other = project.register("other", heartbeat=False)
    other.heartbeat()
    me.heartbeat()
    me.claim()

    (claim,) = other.claim()

    lines = project.why(claim.id).lines
    assert lines[0].startswith("given by the rule ")
    assert lines[1] == f"coordination {coordination}: {why.COORDINATIONS[coordination]}"


def test_a_ready_todo_that_a_leader_has_assigned_names_whom_to(project, me):
    project.configure(coordination="leader")
    plan(project, {"a": [], "b": []})
    project.register("other", heartbeat=False)
    me.heartbeat()

    (claim,) = me.claim()

    (left,) = {"a", "b"} - {claim.id}
    assert project.why(left).lines[0] == "a leader has assigned it to other, who may take it up first"


def test_every_coordination_has_its_words():
    assert set(why.COORDINATIONS) == set(SPECS["coordination"].choices)


def test_what_was_met_on_the_way_to_a_claim_is_told(project, store, me):
    plan(project, {"a": []})
    me.claim()
    with store.write() as tx:
        tx.run("""UPDATE journal SET data = '{"lost_attempts": 2}' WHERE kind = 'claimed'""")

    assert "before it came: 2 lost attempts" in project.why("a").lines


def test_a_claim_further_back_than_is_looked_is_told_without_its_rule(project, me, monkeypatch):
    plan(project, {"a": [], "b": []})
    me.claim()
    me.claim()[0].release()

    monkeypatch.setattr(given, "REACHES", (1, 2))

    assert project.why("a").lines[0] == "it was given long ago; `longpole journal --todo a` tells by which rule"


def test_a_ready_todo_that_something_else_holds_back_says_so(project, monkeypatch):
    plan(project, {"a": []})

    monkeypatch.setattr(reasons, "FINDERS", (*reasons.FINDERS, lambda _tx, _number, todo: [f"{todo.id} is elsewhere"]))
    told = project.why("a")

    assert told.summary == "a is ready, but is not given out: a is elsewhere"
    assert told.lines[0] == "a is elsewhere"


def test_many_dependencies_are_named_as_far_as_fits(project):
    many: dict[str, list[str]] = {f"t{number}": [] for number in range(12)}
    plan(project, {**many, "last": [*many]})

    told = project.why("last")

    assert told.lines[9].startswith("waits for t9 ")
    assert told.lines[10] == "… and 2 more"


@pytest.mark.parametrize("todo", ["filler-4", "mine", "filler-19"])
def test_an_explanation_reads_little_of_a_large_project(path, todo):
    with longpole.open(path) as project:
        fill(project, 50_000)
    with longpole.open(path) as project:
        project.add("Mine", id="mine", priority=0)
        project.register("me", heartbeat=False).claim()

        found = steps(project, lambda: project.why(todo))

    assert [step for step in whole_reads(found) if "LIMIT ?) AS " not in step.sql] == []
