"""Instances that turn to branches at the same time on PostgreSQL, and branches that are freed meanwhile."""

from __future__ import annotations

import pytest

from longpole.model import Reason
from longpole.store import branches
from tests.conftest import FakeClock
from tests.reliability import checker
from tests.store.overlapping import Pair, ask

pytestmark = pytest.mark.race


@pytest.fixture
def pair(postgres_url):
    with Pair(postgres_url, clock=FakeClock()) as opened:
        opened.mine.configure(strategy="branch_affinity")
        yield opened


@pytest.fixture
def join(pair):
    """Give a function that registers instances, which offer a label of their own name."""
    return lambda *names: [pair.mine.register(name, heartbeat=False, offers=[name]) for name in names]


def add(pair, branch, *ids, **fields):
    pair.mine.add_many({"id": one, "title": one, "branch": branch, **fields} for one in ids)


def keepers(pair):
    return {branch.name: branch.holder for branch in pair.mine.branches() if branch.holder}


def sound(pair):
    return checker.check(list(pair.mine.journal())) == [] and pair.undone == 0


def test_of_two_that_turn_to_the_same_branch_one_keeps_to_it_and_both_work_in_it(pair, join):
    add(pair, "only", "a", "b")
    join("one", "other")

    met = pair.overlap(ask("one"), ask("other"))

    assert met == (["a"], ["b"], True)
    assert keepers(pair) == {"only": "one"}
    assert sound(pair)


def test_who_finds_the_free_branch_being_claimed_takes_another_and_does_not_wait(pair, join):
    add(pair, "long", "a", estimate_minutes=90)
    add(pair, "short", "b")
    join("one", "other")

    met = pair.overlap(ask("one"), ask("other"))

    assert met == (["a"], ["b"], False)
    assert keepers(pair) == {"long": "one", "short": "other"}
    assert sound(pair)


def test_who_finds_all_being_claimed_waits_and_says_so(pair, join):
    add(pair, "long", "a")
    join("one", "other")

    met = pair.overlap(ask("one"), ask("other"))

    assert met == (["a"], Reason.ALL_CLAIMED, True)
    assert sound(pair)


def test_two_that_work_in_each_others_branches_do_not_wait_for_each_other(pair, join):
    #   one keeps to left, where only other's work is ready; other keeps to right, where only one's is
    add(pair, "left", "left-of-one", needs=["one"], priority=0)
    add(pair, "right", "right-of-other", needs=["other"], priority=0)
    add(pair, "left", "left-of-other", needs=["other"])
    add(pair, "right", "right-of-one", needs=["one"])
    join("one", "other")
    for name in ("one", "other"):
        pair.mine.instance(name).claim()[0].complete()
    assert keepers(pair) == {"left": "one", "right": "other"}

    met = pair.overlap(ask("one"), ask("other"))

    assert met == (["right-of-one"], ["left-of-other"], False)
    assert keepers(pair) == {}
    assert sound(pair)


def test_a_branch_that_a_sweep_is_about_to_free_is_not_waited_for(pair, join):
    add(pair, "only", "a", "b")
    join("dead", "heir")
    ask("dead")(pair.mine)
    pair.clock.advance(200)
    pair.mine.instance("heir").heartbeat()
    pair.clock.advance(101)

    met = pair.overlap(lambda project: project.sweep(), ask("heir"))

    assert met == (["dead"], ["b"], False)
    assert keepers(pair) == {}
    assert ask("heir")(pair.theirs) == ["a"]
    assert keepers(pair) == {"only": "heir"}
    assert sound(pair)


def test_an_instance_that_leaves_while_another_turns_to_its_branch_leaves_it_free(pair, join):
    add(pair, "only", "a", "b")
    join("one", "other")
    ask("one")(pair.mine)

    met = pair.overlap(lambda project: project.instance("one").unregister(), ask("other"))

    assert (met.second, met.waited) == (["b"], False)
    assert keepers(pair) == {}
    assert sound(pair)


def test_branches_are_derived_while_others_claim_and_complete(pair, join):
    pair.mine.add_many({"id": one, "title": one, "after": after} for one, after in {"a": [], "b": ["a"]}.items())
    join("one")
    ask("one")(pair.mine)

    met = pair.overlap(
        lambda project: project.derive_branches(),
        lambda project: project.instance("one").complete_and_allocate("a", 1),
    )

    assert met.waited
    assert {todo.id: todo.branch for todo in pair.mine.todos()} == {"a": "a", "b": "a"}
    assert [one.todo.id for one in met.second.claims] == ["b"]
    assert sound(pair)


def test_a_branch_is_never_taken_from_whoever_keeps_to_it(pair, join):
    add(pair, "only", "a")
    _, other = join("one", "other")
    ask("one")(pair.mine)

    with pair.mine._store.write() as tx:
        branches.turn_to(tx, "only", other.number, [0])

    assert keepers(pair) == {"only": "one"}
