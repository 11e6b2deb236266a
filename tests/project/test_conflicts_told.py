"""What is said of todos that are in each other's way: to whoever asks for work, and to whoever asks why."""

from __future__ import annotations

import pytest

from longpole.model import Reason
from tests.project.colliding import add_touching as add
from tests.project.colliding import gpu


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def you(project):
    return project.register("you", heartbeat=False)


def test_whoever_asks_is_told_that_what_is_left_is_in_somebodys_way(project, me, you):
    add(project, schema="src/api/", page="src/api/page.py")
    claim = me.claim_todo("schema")

    answer = you.allocate()
    claim.complete()

    assert answer.reason == Reason.CONFLICTS
    assert answer.detail == "'page' waits for src/api/, which me holds with 'schema'"
    assert answer.retry_after_s is not None
    assert you.allocate().claims


def test_the_reason_is_another_where_something_else_is_in_the_way_too(project, me, you):
    # schema ──▶ page
    add(project, schema="src")
    project.add("Page", id="page", after=["schema"], touches=["src"])
    me.claim_todo("schema")
    depends = you.allocate().reason

    add(project, held="src")
    project.hold("held", "not yet")
    held = you.allocate().reason
    project.lift("held")

    assert (depends, held, you.allocate().reason) == (Reason.ALL_BLOCKED, Reason.ALL_BLOCKED, Reason.CONFLICTS)


def test_a_resource_and_a_branch_are_named_as_well(project, me, you):
    project.configure(**{"resource.gpu": 2, "cap.left": 1})
    project.add("Train", id="train", touches=[gpu(2)])
    project.add("Try", id="try", touches=[gpu()])
    me.claim_todo("train")

    of_gpu = you.allocate().detail
    project.cancel("try")
    project.add("A", id="a", branch="left")
    project.add("B", id="b", branch="left")
    me.claim_todo("a")

    assert of_gpu == "'try' waits for 1 of gpu, 0 of 2 left: me has 2 with 'train'"
    assert you.allocate().detail == (
        "'b' waits for its turn in the branch left, of which 1 at most are in progress at once (cap.left): me holds 'a'"
    )


def test_why_and_show_name_everything_in_the_way_of_a_todo(project, me, you):
    add(project, api="src/api/*.py", all=["src", gpu()], train=gpu())
    me.claim_todo("api")
    you.claim_todo("train")

    found = project.why("all")

    lines = [
        "waits for src/api/*.py, which me holds with 'api'",
        "waits for 1 of gpu, 0 of 1 left: you has 1 with 'train'",
    ]
    assert found.summary == f"all is blocked: {'; '.join(lines)}"
    assert list(found.lines[:2]) == lines
    assert [(hold.kind, hold.reason, hold.until_at) for hold in project.todo("all").holds] == [
        ("conflict", line, None) for line in lines
    ]


def test_a_todo_behind_one_that_is_held_back_is_not_called_stuck(project, me):
    # other ──▶ then
    add(project, one="src", other="src")
    project.add("Then", id="then", after=["other"])
    me.claim_todo("one")

    assert project.why("then").summary == "then is blocked: it waits for other"
