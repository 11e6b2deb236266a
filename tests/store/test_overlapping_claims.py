"""Claims that overlap with each other, with edits and with themselves on PostgreSQL, and the reasons for no work."""

from __future__ import annotations

import pytest

from longpole.errors import AlreadyClaimedError, ClaimLostError
from longpole.model import Reason
from longpole.store import readiness
from tests.project.looking import plan, statuses
from tests.store.overlapping import Pair, ask, claimed, completes, untruths

pytestmark = pytest.mark.race


@pytest.fixture
def pair(postgres_url):
    with Pair(postgres_url) as opened:
        yield opened


@pytest.fixture(params=["in one round trip", "statement by statement"])
def either_pair(request, postgres_url):
    """Both ways of completing and claiming."""
    with Pair(postgres_url, steps=request.param == "in one round trip") as opened:
        yield opened


def test_two_instances_that_want_the_same_todo_do_not_both_get_it(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)
    claimed(pair.mine, by="other")

    met = pair.overlap(
        lambda project: project.instance("me").claim_todo("a").id,
        lambda project: project.instance("other").claim_todo("a"),
    )

    assert (met.first, met.waited) == ("a", True)
    assert isinstance(met.second, AlreadyClaimedError)


def test_a_claim_passes_over_what_another_is_claiming(pair):
    plan(pair.mine, {"a": [], "b": []})
    claimed(pair.mine)
    claimed(pair.mine, by="other")

    met = pair.overlap(ask("me"), ask("other"))

    assert met == (["a"], ["b"], False)


def test_a_claim_that_finds_all_being_claimed_waits_and_says_so(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)
    claimed(pair.mine, by="other")

    met = pair.overlap(ask("me"), ask("other"))

    assert met == (["a"], Reason.ALL_CLAIMED, True)


def test_a_claim_waits_for_a_completion_in_flight_that_brings_it_work_only_if_something_is_ready(pair):
    plan(pair.mine, {"first": [], "then": ["first"]})
    claimed(pair.mine, "first")
    claimed(pair.mine, by="you")

    met = pair.overlap(completes("first"), ask("you"))

    assert met == (None, Reason.ALL_BLOCKED, False)
    assert ask("you")(pair.theirs) == ["then"]


@pytest.mark.parametrize("count", [1, 5])
def test_a_claim_waits_for_an_edit_of_all_that_is_ready_and_then_gets_it(pair, count):
    # each todo ──▶ last
    todos = [f"t{number}" for number in range(count)]
    plan(pair.mine, {todo: [] for todo in todos} | {"last": todos})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.edit("last", estimate_minutes=500).id, ask())

    assert met == ("last", ["t0"], True)
    assert untruths(pair.mine) == []


def test_a_claim_that_waited_in_vain_for_an_edit_gets_what_the_edit_made_ready(pair):
    plan(pair.mine, {"a": [], "b": ["a"]})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.cancel("a"), ask())

    assert met == (["a"], ["b"], True)


def test_a_claim_goes_on_beside_an_import_of_other_todos(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(lambda project: len(plan(project, {f"n{number}": [] for number in range(50)})), ask())

    assert met == (50, ["a"], False)


def test_a_claim_gets_what_an_edit_has_not_touched(pair):
    plan(pair.mine, {"a": [], "behind": ["a"], "b": []})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.edit("behind", estimate_minutes=500).id, ask())

    assert met == ("behind", ["b"], False)


KEYED = {
    "claim": lambda project: [one.todo.id for one in project.instance("me").allocate(key="k").claims],
    "claim a todo": lambda project: project.instance("me").claim_todo("b", key="k").token,
    "complete": lambda project: project.instance("me").complete("a", 1, key="k"),
    "fail": lambda project: project.instance("me").fail("a", 1, "broken", key="k"),
    "release": lambda project: project.instance("me").release("a", 1, key="k"),
}


@pytest.mark.parametrize("act", KEYED)
def test_an_act_that_is_asked_for_twice_at_once_with_one_key_is_done_once_and_answered_twice(either_pair, act):
    plan(either_pair.mine, {"a": [], "b": [], "c": []})
    claimed(either_pair.mine, "a")
    before = len(list(either_pair.mine.journal()))

    met = either_pair.overlap(KEYED[act], KEYED[act])

    assert met.second == met.first
    assert not isinstance(met.first, Exception)
    assert len(list(either_pair.mine.journal())) == before + 1
    assert untruths(either_pair.mine) == []


def test_a_completion_that_claims_along_is_answered_twice_as_well(either_pair):
    plan(either_pair.mine, {"a": [], "b": [], "c": []})
    claimed(either_pair.mine, "a")

    def step(project):
        return [one.todo.id for one in project.instance("me").complete_and_allocate("a", 1, key="k").claims]

    met = either_pair.overlap(step, step)

    assert (met.first, met.second) == (["b"], ["b"])
    assert statuses(either_pair.mine) == {"a": "completed", "b": "in_progress", "c": "ready"}


def test_of_two_completions_with_different_keys_one_is_refused(either_pair):
    plan(either_pair.mine, {"a": []})
    claimed(either_pair.mine, "a")

    met = either_pair.overlap(
        lambda project: project.instance("me").complete("a", 1, key="k"),
        lambda project: project.instance("me").complete("a", 1, key="l"),
    )

    assert (met.first, met.waited) == (None, True)
    assert isinstance(met.second, ClaimLostError)


class Flipping:
    """A transaction that lets something happen before each of its statements."""

    def __init__(self, tx, flip):
        self._tx, self._flip = tx, flip

    def __getattr__(self, name):
        if name in {"one", "all"}:
            self._flip()
        return getattr(self._tx, name)


def test_the_reason_for_no_work_is_true_whatever_changes_hands_meanwhile(pair):
    plan(pair.mine, {"a": [], "b": ["a"]})
    other = pair.mine.register("other", heartbeat=False)
    held = other.claim()

    def flip():
        if held:
            held.pop().release()
        else:
            held.extend(other.claim())

    reasons = set()
    with pair.theirs._store.write() as tx:
        for _ in range(6):
            no_work = readiness.explain(Flipping(tx, flip))
            reasons.add(no_work and no_work.reason)

    assert reasons <= {None, Reason.ALL_BLOCKED, Reason.ALL_CLAIMED}


def test_a_project_that_is_stuck_no_longer_when_its_causes_are_read_is_looked_at_again(pair):
    plan(pair.mine, {"a": []})
    flips = [lambda: pair.mine.lift("a"), lambda: pair.mine.hold("a", "not yet")]

    with pair.theirs._store.write() as tx:
        no_work = readiness.explain(Flipping(tx, lambda: flips and flips.pop()()))

    assert no_work is None
