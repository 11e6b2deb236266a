from __future__ import annotations

import pytest

from longpole.errors import ClaimLostError, InvalidInputError, NotReadyError
from longpole.model import Reason
from tests.project.looking import dump, plan


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def other(project):
    return project.register("other", heartbeat=False)


def twice(project, act):
    """The answer of an act that is asked for twice; the second time changes nothing."""
    answer = act()
    before = dump(project)
    assert act() == answer
    assert dump(project) == before
    return answer


def test_an_allocation_asked_for_again_is_the_same_one(project, me):
    plan(project, {"a": [], "b": [], "c": []})

    told = twice(project, lambda: me.allocate(count=2, key="k1"))

    assert [claimed.todo.id for claimed in told.claims] == ["a", "b"]
    assert [claim.id for claim in me.claim(key="k2")] == ["c"]


def test_an_allocation_that_gave_nothing_may_give_something_with_the_same_key(project, me):
    assert me.allocate(key="k").claims == ()
    plan(project, {"a": []})

    assert [claimed.todo.id for claimed in me.allocate(key="k").claims] == ["a"]


def test_a_claim_of_a_certain_todo_asked_for_again_is_the_same_one(project, me):
    plan(project, {"a": []})

    told = twice(project, lambda: me.allocate_todo("a", key="k"))

    assert told.claims[0].token == 1


def test_a_completion_told_again_is_no_error(project, me):
    plan(project, {"a": []})
    (claim,) = me.claim()

    twice(project, lambda: claim.complete("done", key="k"))


def test_a_completion_with_a_next_claim_gives_the_same_next_claim(project, me):
    plan(project, {"a": [], "b": ["a"], "c": []})
    claim = me.claim_todo("a")

    told = twice(project, lambda: me.complete_and_allocate("a", claim.token, key="k"))

    assert [claimed.todo.id for claimed in told.claims] == ["b"]


def test_a_completion_without_a_next_claim_gives_the_same_reason(project, me):
    plan(project, {"a": []})
    (claim,) = me.claim()

    told = twice(project, lambda: me.complete_and_allocate("a", claim.token, key="k"))

    assert told.reason is Reason.FINISHED
    assert me.complete_and_allocate("a", claim.token, key="k").reason is Reason.FINISHED


@pytest.mark.parametrize(("verb", "status"), [("fail", "blocked"), ("release", "ready")])
def test_a_return_told_again_gives_the_same_status(project, me, verb, status):
    plan(project, {"a": []})
    (claim,) = me.claim()
    arguments = ("broken",) if verb == "fail" else ()

    told = twice(project, lambda: getattr(me, verb)("a", claim.token, *arguments, key="k"))

    assert told == status
    assert project.todo("a").attempts == (1 if verb == "fail" else 0)


def test_a_key_is_refused_for_another_verb_another_todo_another_claim_and_another_instance(project, me, other):
    plan(project, {"a": [], "b": []})
    first = me.claim_todo("a", key="k")
    first.release()
    again = me.claim_todo("a")
    again.release(key="r")
    third = me.claim_todo("a")
    me.claim_todo("b")
    before = dump(project)

    for act in (
        lambda: me.complete("a", third.token, key="k"),
        lambda: me.claim_todo("b", key="k"),
        lambda: other.claim_todo("a", key="k"),
        lambda: me.allocate(key="k"),
        lambda: me.release("a", third.token, key="r"),
        lambda: me.fail("a", third.token, "broken", key="r"),
        lambda: me.complete_and_allocate("a", third.token, key="r"),
    ):
        with pytest.raises(InvalidInputError, match="another act"):
            act()
        assert dump(project) == before


def test_the_key_of_an_act_that_was_refused_is_free_again(project, me):
    plan(project, {"a": [], "b": ["a"]})
    (claim,) = me.claim()

    with pytest.raises(ClaimLostError):
        me.complete("a", claim.token + 7, key="k")
    with pytest.raises(NotReadyError):
        me.claim_todo("b", key="k")
    me.complete("a", claim.token, key="k")

    assert project.todo("a").status == "completed"


@pytest.mark.parametrize("key", ["", "x" * 201, "line\nbreak"])
def test_a_key_that_cannot_be_shown_is_refused(project, me, key):
    plan(project, {"a": []})

    with pytest.raises(InvalidInputError):
        me.claim(key=key)

    assert project.todo("a").status == "ready"


def test_a_key_is_remembered_for_a_day_and_then_forgotten(project, me, clock):
    plan(project, {"a": []})
    me.claim(key="k")
    clock.advance(86_399)
    project.register("later", heartbeat=False)
    kept = len(dump(project)["reply"])
    clock.advance(2)
    project.register("even later", heartbeat=False)

    assert (kept, len(dump(project)["reply"])) == (1, 0)


def test_a_retry_never_hands_out_a_claim_that_somebody_else_holds_now(project, clock):
    project.configure(max_hold_s=60, max_attempts=9)
    project.add("A", id="a")
    me, other = project.register("one", heartbeat=False), project.register("two", heartbeat=False)
    me.claim(key="k")
    clock.advance(61)
    (theirs,) = other.claim()

    again = me.claim(key="k")

    assert again == []
    theirs.complete()


def test_a_key_whose_claim_was_taken_back_brings_new_work(project, clock):
    project.configure(max_hold_s=60, max_attempts=9)
    project.add("A", id="a")
    me, other = project.register("one", heartbeat=False), project.register("two", heartbeat=False)
    me.claim(key="k")
    clock.advance(61)
    other.claim()
    project.add("B", id="b")

    (claim,) = me.claim(key="k")

    assert claim.id == "b"
    assert me.claim(key="k")[0].token == claim.token
