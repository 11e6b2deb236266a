"""Todos that touch the same paths, or take of the same resource, are not worked on at the same time."""

from __future__ import annotations

import json

import pytest

from longpole.errors import AlreadyClaimedError, InvalidInputError, NotReadyError
from longpole.model import Reason
from tests.project.colliding import add_touching as add
from tests.project.colliding import gpu, untrue
from tests.project.looking import ready, statuses

READ_DOCS = {"path": "docs", "mode": "read"}


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def you(project):
    return project.register("you", heartbeat=False)


@pytest.fixture(autouse=True)
def counts(project):
    """Whatever a test does, what each todo waits for is right in the end."""
    yield
    assert untrue(project) == []


OVERLAPPING = [
    ("src", "src/api/page.py"),
    ("src/api/page.py", "src/"),
    ("src/api", "src/api/"),
    ("src/api", "./src//api"),
    (".", "src/api"),
    ("src/api", "."),
    ("src/**/*.py", "src/api/page.html"),
    (READ_DOCS, "docs/a.md"),
    ("docs", READ_DOCS),
    (["a", "src"], ["b", "src/api"]),
    (["src", {"path": "src", "mode": "read"}], {"path": "src", "mode": "read"}),
]
APART = [
    ("src/api", "src/apis"),
    ("src/api", "src/web"),
    ("src/page.py", "src/page.py.bak"),
    (READ_DOCS, {"path": "docs/a.md", "mode": "read"}),
    (READ_DOCS, READ_DOCS),
    ([READ_DOCS, "src"], [READ_DOCS, "web"]),
    ("app/[id].tsx", "app/[name].tsx"),
    ("src", []),
    (gpu(), {"resource": "port"}),
    ({"resource": "src"}, "src"),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPPING)
def test_a_claim_holds_back_what_overlaps_and_its_end_lets_it_go(project, me, one, other):
    add(project, one=one, other=other)

    claim = me.claim_todo("one")
    meanwhile = statuses(project)
    claim.complete()

    assert meanwhile == {"one": "in_progress", "other": "blocked"}
    assert statuses(project) == {"one": "completed", "other": "ready"}


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_does_not_overlap_is_left_alone(project, me, one, other):
    add(project, one=one, other=other)

    me.claim_todo("one")

    assert statuses(project) == {"one": "in_progress", "other": "ready"}


def test_what_waits_for_two_claims_is_ready_after_the_second(project, me, you):
    add(project, api="src/api", web="src/web", all="src")
    first, second = me.claim_todo("api"), you.claim_todo("web")
    waits = project.todo("all").unmet

    first.complete()
    still = project.todo("all").status
    second.complete()

    assert (waits, still) == (2, "blocked")
    assert ready(project) == ["all"]


def test_a_todo_that_depends_on_what_it_conflicts_with_waits_for_both_at_once(project, me):
    # schema ──▶ page, both in src
    add(project, schema="src")
    project.add("Page", id="page", after=["schema"], touches=["src"])

    claim = me.claim_todo("schema")
    waits = project.todo("page").unmet
    claim.complete()

    assert waits == 2
    assert ready(project) == ["page"]


def expire(project, clock, _claim):
    clock.advance(1000)
    project.sweep()


def quarantine(project, _clock, claim):
    project.configure(max_attempts=1)
    claim.fail("broken")


def hold_too_long(project, clock, claim):
    project.configure(max_hold_s=10, lease_s=86400)
    claim._instance.heartbeat()
    clock.advance(20)
    project.sweep()


ENDS = {
    "complete": lambda _project, _clock, claim: claim.complete(),
    "complete and claim": lambda _project, _clock, claim: claim.complete_and_claim(strategy="greedy"),
    "fail": lambda _project, _clock, claim: claim.fail("broken"),
    "release": lambda _project, _clock, claim: claim.release(),
    "unregister": lambda _project, _clock, claim: claim._instance.unregister(),
    "expire": expire,
    "quarantine": quarantine,
    "hold too long": hold_too_long,
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_claim_frees_what_it_had(project, me, clock, end):
    project.configure(**{"resource.gpu": 2, "cap.left": 1})
    project.add("One", id="one", touches=["src", gpu(2)], branch="left")
    project.add("Path", id="path", priority=1, touches=["src/api"])
    project.add("Gpu", id="gpu", priority=1, touches=[gpu()])
    project.add("B", id="b", priority=1, branch="left")
    claim = me.claim_todo("one")
    meanwhile = {todo.id: todo.unmet for todo in project.todos(status="blocked")}

    ENDS[end](project, clock, claim)

    assert meanwhile == {"path": 1, "gpu": 1, "b": 1}
    left = statuses(project)
    assert [left[other] for other in ("path", "gpu", "b")].count("blocked") == 0


def test_a_claimed_todo_is_not_cancelled_and_keeps_what_it_has(project, me):
    add(project, one="src", other="src")
    me.claim_todo("one")

    with pytest.raises(AlreadyClaimedError):
        project.cancel("one")

    assert ready(project) == []


def test_what_is_released_waits_itself_if_there_is_less_of_a_resource_by_now(project, me, you):
    project.configure(**{"resource.gpu": 2})
    add(project, one=gpu(), other=gpu())
    first, _ = me.claim_todo("one"), you.claim_todo("other")
    project.configure(**{"resource.gpu": 1})

    status = first.release()

    assert status == "blocked"
    assert project.todo("one").unmet == 1


def test_a_batch_takes_nothing_twice(project, me):
    add(project, one="src", two="src/api", three="web", four=[gpu()], five=[gpu()])

    claims = me.claim(count=5)

    assert sorted(claim.id for claim in claims) == ["four", "one", "three"]


def test_whoever_completes_gets_what_the_completed_todo_held_back(project, me):
    add(project, one="src", other="src")
    (claim,) = me.claim()

    (following,) = claim.complete_and_claim()

    assert (claim.id, following.id) == ("one", "other")


def test_a_todo_that_is_held_back_cannot_be_claimed_by_name(project, me, you):
    add(project, one="src", other="src/api")
    me.claim_todo("one")

    with pytest.raises(NotReadyError, match="longpole why other"):
        you.claim_todo("other")


# Edits


def test_a_todo_that_is_added_to_a_busy_path_waits(project, me):
    add(project, one="src")
    me.claim_todo("one")

    add(project, late="src/api", apart="web", reader={"path": "src", "mode": "read"})

    assert statuses(project) == {"one": "in_progress", "late": "blocked", "apart": "ready", "reader": "blocked"}


def test_an_edit_of_touches_counts_at_once(project, me):
    add(project, one="src", other="web")
    me.claim_todo("one")

    project.edit("other", touches=["src/api"])
    into = project.todo("other").status
    project.edit("other", touches=[])

    assert (into, project.todo("other").status) == ("blocked", "ready")


def test_the_first_todo_that_touches_anything_is_minded_as_well(project, me):
    project.add("One", id="one")
    project.add("Other", id="other")
    project.edit("one", touches=["src"])
    project.edit("other", touches=["src"])

    me.claim_todo("one")

    assert statuses(project) == {"one": "in_progress", "other": "blocked"}


def test_what_a_claimed_todo_touches_is_not_edited(project, me):
    add(project, one="src", other="web")
    claim = me.claim_todo("one")

    with pytest.raises(InvalidInputError, match=r"'one' is in progress.*release its claim first"):
        project.edit("one", touches=["web"])
    project.edit("one", touches=["./src/"], title="The same, spelled otherwise")
    claim.release()
    project.edit("one", touches=["web"])

    assert project.todo("one").touches == ("web",)


def test_what_is_cancelled_wants_nothing_and_what_is_reopened_wants_it_again(project, me):
    add(project, one="src", other="src/api")
    claim = me.claim_todo("one")

    project.cancel("other")
    cancelled = project.todo("other").unmet
    project.reopen("other")
    reopened = project.todo("other")
    claim.complete()
    me.claim_todo("other")
    project.reopen("one")

    assert (cancelled, reopened.unmet, reopened.status) == (0, 1, "blocked")
    assert statuses(project) == {"one": "blocked", "other": "in_progress"}


def test_a_failed_todo_is_counted_along_and_waits_when_it_is_retried(project, me, you):
    project.configure(max_attempts=1)
    add(project, one="src", other="src")
    me.claim_todo("one").fail("broken")
    claim = you.claim_todo("other")

    project.retry("one")
    retried = statuses(project)["one"]
    claim.complete()

    assert (retried, statuses(project)["one"]) == ("blocked", "ready")


def test_an_imported_plan_is_minded_like_any_other(project, me):
    add(project, one="src")
    me.claim_todo("one")
    todos = [
        {"id": "two", "title": "Two", "touches": ["src/api"]},
        {"id": "three", "title": "Three", "touches": ["web"]},
    ]

    project.import_text(json.dumps({"todos": todos}), format="plan")
    project.import_text(json.dumps({"todos": [{**todos[0], "touches": ["web"]}, todos[1]]}), format="plan")

    assert statuses(project) == {"one": "in_progress", "two": "ready", "three": "ready"}


def test_an_export_knows_nothing_of_who_is_in_whose_way(project, me):
    add(project, one="src", other="src/api")
    before = project.export("jsonl")

    me.claim_todo("one").release()
    claim = me.claim_todo("one")
    exported = [json.loads(line) for line in project.export("beads").splitlines()]
    claim.release()

    assert json.loads(before.splitlines()[1])["touches"] == ["src/api"]
    assert not any("hold" in str(one) for one in exported)


# Resources


def test_as_much_of_a_resource_is_given_out_as_there_is(project, me):
    project.configure(**{"resource.gpu": 4})
    add(project, big=gpu(3), small=gpu(1), medium=gpu(2), little=gpu(1))

    big = me.claim_todo("big")
    beside = statuses(project)
    me.claim_todo("small")
    full = statuses(project)
    big.complete()

    assert beside == {"big": "in_progress", "small": "ready", "medium": "blocked", "little": "ready"}
    assert full == {"big": "in_progress", "small": "in_progress", "medium": "blocked", "little": "blocked"}
    assert ready(project) == ["medium", "little"]


def test_there_is_one_of_a_resource_that_nobody_has_counted(project, me):
    add(project, one=gpu(), other={"resource": "gpu"})

    me.claim_todo("one")

    assert statuses(project)["other"] == "blocked"


def test_amounts_of_the_same_resource_add_up(project, me):
    project.configure(**{"resource.gpu": 3})
    add(project, both=[gpu(), gpu()], two=gpu(2), one=gpu())

    me.claim_todo("both")

    assert ready(project) == ["one"]


def test_more_or_less_of_a_resource_counts_at_once(project, me):
    project.configure(**{"resource.gpu": 2})
    add(project, one=gpu(), other=gpu())
    me.claim_todo("one")
    seen = [ready(project)]

    for capacity in (1, 3, 0, None, 2):
        project.configure(**{"resource.gpu": capacity})
        seen.append(ready(project))

    assert seen == [["other"], [], ["other"], [], [], ["other"]]


def test_more_than_there_is_cannot_be_wanted(project):
    project.configure(**{"resource.gpu": 2})

    with pytest.raises(
        InvalidInputError, match=r"'big' wants 3 of gpu, of which there is 2 in all; `longpole settings"
    ):
        add(project, big=gpu(3))
    add(project, small=gpu(2))
    with pytest.raises(InvalidInputError, match="'small' wants 3 of gpu"):
        project.edit("small", touches=[gpu(3)])

    assert statuses(project) == {"small": "ready"}


def test_a_todo_that_wants_more_than_there_is_by_now_is_stuck_and_says_so(project, me):
    project.configure(**{"resource.gpu": 3})
    add(project, big=gpu(3))

    project.configure(**{"resource.gpu": 2})
    answer = me.allocate()
    why = project.why("big").summary
    stuck = project.status().stuck
    project.configure(**{"resource.gpu": 3})

    lacks = "wants 3 of gpu, of which there is 2 in all; `longpole settings resource.gpu 3` makes it enough"
    assert (answer.reason, answer.detail) == (Reason.STUCK, f"stuck because of big ({lacks})")
    assert why == f"big is blocked: {lacks}"
    assert stuck == (f"big ({lacks})",)
    assert [claim.id for claim in me.claim()] == ["big"]


# Branches


def test_no_more_todos_of_a_branch_are_in_progress_than_its_cap(project, me):
    project.configure(**{"cap.left": 2})
    project.add_many([{"id": one, "title": one, "branch": "left"} for one in "abc"])
    project.add("Right", id="right", branch="right")

    claims = [me.claim_todo(one) for one in "ab"]
    full = ready(project)
    claims[0].complete()

    assert full == ["right"]
    assert ready(project) == ["c", "right"]


def test_a_cap_counts_what_is_in_progress_and_ends_when_it_is_taken_away(project, me):
    project.add_many([{"id": one, "title": one, "branch": "left"} for one in "abcd"])
    for one in "ab":
        me.claim_todo(one)
    seen = []

    for cap in (1, 2, 3, 0, 1, None):
        project.configure(**{"cap.left": cap})
        seen.append(ready(project))

    assert seen == [[], [], ["c", "d"], ["c", "d"], [], ["c", "d"]]


def test_a_todo_counts_in_the_branch_that_it_is_in(project, me):
    project.configure(**{"cap.l": 1, "cap.r": 1})
    project.add_many([{"id": one, "title": one, "branch": branch} for one, branch in ("al", "bl", "cr")])
    claim = me.claim_todo("a")
    seen = [ready(project)]

    project.edit("a", branch="r")
    seen.append(ready(project))
    project.edit("b", branch="r")
    seen.append(ready(project))
    claim.complete()
    seen.append(ready(project))
    project.reopen("a")

    assert seen == [["c"], ["b"], [], ["b", "c"]]
