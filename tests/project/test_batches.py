from __future__ import annotations

import pytest

import longpole
from longpole.errors import ClaimLostError, InvalidInputError
from tests.project.looking import dump, plan, statuses


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def test_several_claims_are_completed_and_the_next_claimed_in_one_act(project, me):
    #  a ─┐
    #  b ─┴─ d      c ── e
    plan(project, {"a": [], "b": [], "c": [], "d": ["a", "b"], "e": ["c"]})
    a, b, c = me.claim(count=3)

    claimed = me.complete_many([(a, "well done"), b, c], count=5)

    assert [claim.id for claim in claimed] == ["d", "e"]
    assert [claim.todo for claim in claimed] == [project.todo("d"), project.todo("e")]
    assert {one: project.todo(one).result for one in "abc"} == {"a": "well done", "b": None, "c": None}
    assert [(event.kind, event.todo) for event in list(project.journal())[-5:]] == [
        *(("completed", one) for one in "abc"),
        *(("claimed", one) for one in "de"),
    ]


def test_without_a_count_nothing_is_claimed(project, me):
    plan(project, {"a": [], "b": [], "c": ["a", "b"]})

    assert me.complete_many(me.claim(count=2)) == []
    assert statuses(project) == {"a": "completed", "b": "completed", "c": "ready"}


@pytest.mark.parametrize("count", [0, 2])
def test_one_lost_claim_leaves_all_as_they_were(project, me, count):
    plan(project, {"a": [], "b": [], "c": [], "d": ["a"]})
    claims = me.claim(count=3)
    claims[1].release()
    before = dump(project)

    with pytest.raises(ClaimLostError) as lost:
        me.complete_many(claims, count=count)

    assert lost.value.todo_id == claims[1].id
    assert dump(project) == before


def test_the_same_claim_twice_is_refused(project, me):
    plan(project, {"a": [], "b": ["a"]})
    (a,) = me.claim()
    before = dump(project)

    with pytest.raises(ClaimLostError):
        me.complete_many([a, a], count=1)

    assert dump(project) == before


def test_a_retry_with_its_key_gets_the_same_claims(project, me):
    plan(project, {"a": [], "b": [], "c": ["a"], "d": ["b"]})
    claims = me.claim(count=2)

    first = me.complete_many(claims, count=2, key="once")
    again = me.complete_many(claims, count=2, key="once")

    assert [(claim.id, claim.token) for claim in again] == [(claim.id, claim.token) for claim in first]


def test_more_than_can_be_held_in_mind_is_refused(project, me):
    (todo,) = [project.add("A")]
    (claim,) = me.claim()

    with pytest.raises(InvalidInputError, match="at most 100"):
        me.complete_many([claim] * 101)

    assert statuses(project) == {todo.id: "in_progress"}


def test_nothing_to_complete_is_a_claim(project, me):
    plan(project, {"a": []})

    assert [claim.id for claim in me.complete_many([], count=1)] == ["a"]
    assert me.complete_many([]) == []


def test_two_batches_that_share_all_dependents_both_come_through(shared_url):
    ids = [f"t{number}" for number in range(20)]
    with longpole.open(shared_url) as project:
        plan(project, {one: [] for one in ids})
        plan(project, {f"d{number}": ids for number in range(10)})
        one = project.register("one", heartbeat=False)
        mine = one.claim(count=10)
        other = project.register("other", heartbeat=False)
        theirs = [claim for _ in range(10) for claim in other.claim()]

        one.complete_many(mine)
        got = other.complete_many(theirs, count=10)

        assert len(got) == 5  # their half of what both have set free


# What a batch leaves to others


@pytest.fixture
def others(project):
    return [project.register(name, heartbeat=False) for name in ("ann", "bob")]


def ids(claims):
    return [claim.id for claim in claims]


def test_a_batch_is_at_most_ones_share_of_what_is_ready(project, me, others):
    plan(project, {one: [] for one in "abcdefg"})

    assert ids(me.claim(count=4)) == ["a", "b"]
    assert [ids(one.claim(count=4)) for one in others] == [["c"], ["d"]]


def test_a_lone_instance_gets_as_many_as_it_asks_for(project, me):
    plan(project, {one: [] for one in "abcdef"})

    assert ids(me.claim(count=5)) == ["a", "b", "c", "d", "e"]


def test_todos_that_an_instance_may_not_have_are_no_part_of_its_share(project, me, others):
    plan(project, {one: [] for one in "abc"})
    project.add_many([{"id": one, "title": one, "needs": ["gpu"]} for one in "xyz"])

    assert ids(me.claim(count=2)) == ["a"]
    assert len(project.register("rich", heartbeat=False, offers=["gpu"]).claim(count=2)) == 1


def test_the_first_of_a_batch_is_given_in_any_case(project, me, others):
    plan(project, {"a": []})

    assert ids(me.claim(count=4)) == ["a"]


def test_whoever_finds_nothing_else_gets_what_another_has_reserved_and_not_begun(project, me):
    plan(project, {"a": [], "b": []})
    me.claim(count=2)

    (taken,) = project.register("late", heartbeat=False).claim()

    assert taken.id == "b"
    assert "taken over" in taken.why
    assert project.todo("b").attempts == 1


def test_the_former_holder_learns_it_as_it_begins(project, me):
    plan(project, {"a": [], "b": []})
    _, b = me.claim(count=2)
    project.register("late", heartbeat=False).claim()

    with pytest.raises(ClaimLostError, match="late holds it"):
        b.begin()
    with pytest.raises(ClaimLostError):
        b.complete()


@pytest.mark.parametrize("sign", [lambda _a, b: b.begin(), lambda _a, b: b.progress(0), lambda a, _b: a.complete()])
def test_what_is_begun_is_not_given_to_others(project, me, sign):
    plan(project, {"a": [], "b": []})
    a, b = me.claim(count=2)

    sign(a, b)

    assert project.register("late", heartbeat=False).claim() == []
    b.complete()


def test_what_was_claimed_one_by_one_is_not_reserved(project, me):
    plan(project, {"a": [], "b": []})
    me.claim()
    me.claim()

    assert project.register("late", heartbeat=False).claim() == []


def test_a_ready_todo_goes_before_one_that_is_reserved(project, me):
    plan(project, {"a": [], "b": [], "c": []})
    me.claim(count=2)

    assert ids(project.register("late", heartbeat=False).claim()) == ["c"]
