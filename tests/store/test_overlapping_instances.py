"""Instances that come, beat, claim and leave on PostgreSQL while others sweep, register or edit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from longpole.errors import ClaimLostError, InstanceLostError, InvalidInputError
from longpole.model import Reason, Status
from tests.project.looking import kinds, plan, statuses
from tests.store.overlapping import Pair, untruths

pytestmark = pytest.mark.race
both_ways = pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
LEASE_S = 60


@pytest.fixture
def pair(postgres_url, clock):
    with Pair(postgres_url, clock=clock) as opened:
        prepare(opened)
        yield opened


def prepare(pair):
    """Make leases short; `theirs` has to have seen it before it claims in one round trip."""
    pair.mine.configure(lease_s=LEASE_S, heartbeat_s=20)
    pair.theirs.settings()


def registered(pair, name="me"):
    return pair.mine.register(name, heartbeat=False)


def sweep_due_in(pair, seconds):
    """Let the next sweep be due then: in a second, no act finds by itself that one is due, nor brings it forward."""
    with pair.mine._store.write() as tx:
        tx.run("UPDATE fleet SET due_at = ?", (tx.now + seconds * 1_000_000,))


def live(pair):
    return [instance.name for instance in pair.mine.instances()]


def sweeps(project):
    return project.sweep()


def beats(project):
    return project.instance("me").heartbeat()


def claims(project):
    return [claim.id for claim in project.instance("me").claim()]


def leaves(project):
    return project.instance("me").unregister()


def test_a_heartbeat_in_flight_keeps_its_instance_from_being_given_up(pair):
    registered(pair)
    pair.clock.advance(LEASE_S + 1)
    sweep_due_in(pair, 1)

    met = pair.overlap(beats, sweeps)

    assert met == (pair.clock.now() + LEASE_S * 1_000_000, [], True)
    assert live(pair) == ["me"]


def test_a_heartbeat_that_comes_as_its_instance_is_given_up_is_refused(pair):
    registered(pair)
    pair.clock.advance(LEASE_S + 1)

    met = pair.overlap(sweeps, beats)

    assert (met.first, met.waited) == (["me"], True)
    assert isinstance(met.second, InstanceLostError)
    assert live(pair) == []


def test_a_claim_in_flight_keeps_its_instance_from_being_given_up(pair):
    plan(pair.mine, {"a": []})
    registered(pair)
    pair.clock.advance(LEASE_S + 1)
    sweep_due_in(pair, 1)

    met = pair.overlap(claims, sweeps)

    assert met == (["a"], [], True)
    assert live(pair) == ["me"]
    assert untruths(pair.mine) == []


def test_a_claim_that_comes_as_its_instance_is_given_up_is_refused(pair):
    plan(pair.mine, {"a": [], "b": []})
    registered(pair).claim()
    pair.clock.advance(LEASE_S + 1)

    met = pair.overlap(sweeps, claims)

    assert (met.first, met.waited) == (["me"], True)
    assert isinstance(met.second, InstanceLostError)
    assert statuses(pair.mine) == {"a": "ready", "b": "ready"}
    assert untruths(pair.mine) == []


def test_a_completion_in_flight_keeps_its_claim_from_being_returned(pair):
    plan(pair.mine, {"a": [], "b": ["a"]})
    registered(pair).claim()
    pair.clock.advance(LEASE_S + 1)
    sweep_due_in(pair, 1)

    met = pair.overlap(lambda project: project.instance("me").complete("a", 1), sweeps)

    assert met == (None, [], True)
    assert statuses(pair.mine) == {"a": "completed", "b": "ready"}
    assert untruths(pair.mine) == []


def test_a_claim_in_flight_is_returned_as_its_instance_leaves(pair):
    plan(pair.mine, {"a": []})
    registered(pair)

    met = pair.overlap(claims, leaves)

    assert met == (["a"], None, True)
    assert (live(pair), statuses(pair.mine)) == ([], {"a": "ready"})
    assert untruths(pair.mine) == []


def test_a_claim_that_comes_as_its_instance_leaves_is_refused(pair):
    plan(pair.mine, {"a": []})
    registered(pair)

    met = pair.overlap(leaves, claims)

    assert (met.first, met.waited) == (None, True)
    assert isinstance(met.second, InstanceLostError)
    assert untruths(pair.mine) == []


def test_an_instance_that_leaves_twice_in_the_midst_of_an_act_leaves_once_and_nobody_waits_in_a_ring(pair):
    plan(pair.mine, {"a": []})
    registered(pair)

    def leaves_twice(project):
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(leaves, [project, project]))

    met = pair.overlap(claims, leaves_twice, waiting=2)

    assert (met, pair.undone) == ((["a"], [None, None], True), 0)
    assert kinds(pair.mine).count("unregistered") == kinds(pair.mine).count("released") == 1


def test_an_instance_that_acts_as_it_leaves_is_not_waited_for_in_a_ring(pair):
    plan(pair.mine, {"a": []})
    registered(pair).claim()
    pair.clock.advance(LEASE_S / 2)  # so that the act renews the lease as well

    met = pair.overlap(lambda project: project.instance("me").complete("a", 1), leaves)

    assert (met, pair.undone) == ((None, None, True), 0)
    assert (live(pair), statuses(pair.mine)) == ([], {"a": "completed"})


def test_of_two_instances_that_want_one_name_at_once_one_gets_it(pair):
    def registers(project):
        return project.register("me", heartbeat=False).name

    met = pair.overlap(registers, registers)

    assert (met.first, met.waited) == ("me", True)
    assert isinstance(met.second, InvalidInputError)
    assert live(pair) == ["me"]


def test_two_commands_that_begin_with_one_name_at_once_are_one_instance(pair):
    def begins(project):
        return project.instance_or_register("me").number

    met = pair.overlap(begins, begins)

    assert met == (1, 1, True)
    assert live(pair) == ["me"]


def test_the_name_of_an_instance_that_beats_just_then_is_not_given_away(pair):
    registered(pair)
    pair.clock.advance(LEASE_S + 1)

    met = pair.overlap(beats, lambda project: project.register("me", heartbeat=False))

    assert isinstance(met.second, InvalidInputError)
    assert [instance.number for instance in pair.mine.instances()] == [1]


def test_of_two_sweeps_at_once_one_has_nothing_to_do_and_does_not_wait(pair):
    plan(pair.mine, {"a": []})
    registered(pair).claim()
    pair.clock.advance(LEASE_S + 1)

    met = pair.overlap(sweeps, sweeps)

    assert met == (["me"], [], False)
    assert kinds(pair.mine).count("expired") == kinds(pair.mine).count("lost") == 1
    assert untruths(pair.mine) == []


def test_a_sweep_beside_a_registration_does_not_forget_the_new_lease(pair):
    met = pair.overlap(lambda project: project.register("me", heartbeat=False).name, sweeps)
    pair.clock.advance(LEASE_S + 1)

    assert met.second == []
    assert pair.mine.register("other", heartbeat=False).name == "other"
    assert live(pair) == ["other"]


@both_ways
def test_a_rest_that_begins_beside_a_sweep_is_not_forgotten(pair, turned):
    plan(pair.mine, {"a": []})
    pair.mine.configure(lease_s=3000, heartbeat_s=1000, retry_backoff_s=30)
    registered(pair).claim()
    sweep_due_in(pair, 0)

    met = pair.in_turn(lambda project: project.instance("me").fail("a", 1, "broken"), sweeps, turned=turned)
    pair.clock.advance(31)

    assert (met.first, met.second) == (Status.BLOCKED, [])
    assert claims(pair.theirs) == ["a"]
    assert untruths(pair.mine) == []


@both_ways
def test_a_rest_ends_as_the_predecessor_is_completed(pair, turned):
    # `then` was tried before `first` was reopened
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.configure(retry_backoff_s=5)
    pair.mine.complete("first")
    me = registered(pair)
    me.claim()[0].fail("broken")
    pair.mine.reopen("first")
    me.claim_todo("first")
    pair.clock.advance(6)
    sweep_due_in(pair, 1)

    met = pair.in_turn(sweeps, lambda project: project.instance("me").complete("first", 1), turned=turned)

    assert met == ([], None, True)
    assert statuses(pair.mine) == {"first": "completed", "then": "ready"}
    assert untruths(pair.mine) == []


@both_ways
def test_a_rest_ends_as_its_todo_comes_to_wait_for_another(pair, turned):
    plan(pair.mine, {"a": [], "b": []})
    pair.mine.configure(retry_backoff_s=5)
    registered(pair).claim()[0].fail("broken")
    pair.clock.advance(6)

    met = pair.in_turn(sweeps, lambda project: project.link("a", after=["b"]), turned=turned)

    assert met == ([], ["b"], True)
    assert statuses(pair.mine) == {"a": "blocked", "b": "ready"}
    assert untruths(pair.mine) == []


@both_ways
def test_a_claim_that_was_held_too_long_is_completed_or_returned(pair, turned):
    plan(pair.mine, {"a": [], "b": ["a"]})
    pair.mine.configure(max_hold_s=10)
    registered(pair).claim()
    pair.clock.advance(11)
    sweep_due_in(pair, 1)

    met = pair.in_turn(lambda project: project.instance("me").complete("a", 1), sweeps, turned=turned)

    assert met.waited
    if turned:
        assert isinstance(met.first, ClaimLostError)
    assert statuses(pair.mine) == ({"a": "ready", "b": "blocked"} if turned else {"a": "completed", "b": "ready"})
    assert untruths(pair.mine) == []


@pytest.mark.parametrize("act", [beats, lambda project: project.register("you", heartbeat=False).number])
@pytest.mark.parametrize(
    "edit",
    [
        lambda project: project.edit("b", estimate_minutes=500),
        lambda project: project.reopen("z"),
        lambda project: project.add_many([{"title": "new", "after": ["b"]}]),
    ],
)
def test_who_comes_or_beats_does_not_wait_for_an_edit(pair, edit, act):
    plan(pair.mine, {"z": [], "a": ["z"], "b": ["a"]})
    pair.mine.complete("z")
    registered(pair)

    met = pair.overlap(edit, act)

    assert not met.waited
    assert isinstance(met.second, int)


def test_an_instance_that_asks_beside_one_that_leaves_gets_what_is_given_back(pair):
    plan(pair.mine, {"a": []})
    registered(pair).claim()
    registered(pair, "you")

    met = pair.overlap(leaves, lambda project: project.instance("you").allocate().reason)

    assert met == (None, Reason.ALL_CLAIMED, False)
    assert [claim.id for claim in pair.theirs.instance("you").claim()] == ["a"]


@pytest.mark.parametrize("statement", ["run", "many"])
def test_two_transactions_that_wait_for_each_other_are_both_done_in_the_end(pair, statement):
    plan(pair.mine, {"a": [], "b": []})
    each_has_one = threading.Barrier(2)
    tried: list[str] = []

    def upon(tx, name, numbers):
        first_time = name not in tried
        tried.append(name)
        for number in numbers:
            raised = "UPDATE todo SET priority = priority + 1 WHERE number = ?"
            tx.run(raised, (number,)) if statement == "run" else tx.many(raised, [(number,), (number + 100,)])
            if first_time and number == numbers[0]:
                each_has_one.wait(20)

    both = [
        threading.Thread(target=lambda: pair.mine._store.act(lambda tx: upon(tx, "mine", [1, 2]))),
        threading.Thread(target=lambda: pair.theirs._store.act(lambda tx: upon(tx, "theirs", [2, 1]))),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)

    assert (pair.undone, len(tried)) == (1, 3)
    assert [todo.priority for todo in pair.mine.todos()] == [4, 4]
