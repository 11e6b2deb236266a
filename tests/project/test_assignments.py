from __future__ import annotations

import time

import pytest

import longpole
from longpole.coordination import leader, optimistic
from longpole.coordination.acts import Request
from longpole.model import Reason
from longpole.strategies import BUILT_IN
from tests.project.leading import ACCEPT_S, assigned, crew, leads, seen_by, sized
from tests.project.looking import plan


@pytest.fixture
def led(project):
    """A project whose instances are led; none is given up for want of a heartbeat."""
    project.configure(coordination="leader", heartbeat_s=1000, lease_s=3000)
    return project


@pytest.fixture
def two(shared_url, clock):
    """A project by two ways in, as two processes have it."""
    with longpole.open(shared_url, clock=clock) as one, longpole.open(shared_url, clock=clock) as other:
        one.configure(coordination="leader", durability="normal")
        other.settings()
        yield one, other


# What is assigned


def test_the_idle_get_what_is_best_and_each_stays_in_its_branch(led):
    a, b = crew(led, "a", "b")
    sized(led, x1=60, y1=50, x2=30, y2=31, y3=10)
    for one in (a, b):
        one.claim()[0].complete()

    a.heartbeat()
    told = assigned(led)
    (taken,) = b.claim()

    assert told == {"a": "x2", "b": "y2"}
    assert taken.id == "y2"
    assert taken.why == "leader a, term 1: 31 min to the end, urgency 2"
    assert assigned(led) == {"a": "x2"}


def test_the_longest_are_assigned_first_whatever_the_branch(led):
    (a,) = crew(led, "a")
    sized(led, x1=60, x2=50, x3=40, y1=30)
    a.claim()[0].complete()
    crew(led, "b")

    a.heartbeat()

    assert sorted(assigned(led).values()) == ["x2", "x3"]


def test_the_order_is_that_of_the_strategy(led):
    led.configure(strategy="greedy")
    crew(led, "a", "b", "c")
    sized(led, x=10, y=60, z=20, long=100)

    led.instance("a").heartbeat()

    assert assigned(led) == {"a": "x", "b": "y", "c": "z"}


def test_urgent_todos_are_assigned_first(led):
    crew(led, "a", "b")
    led.add("long", id="long", estimate_minutes=100)
    led.add("urgent", id="urgent", estimate_minutes=1, priority=0)
    led.add("longer", id="longer", estimate_minutes=200)

    led.instance("a").heartbeat()

    assert sorted(assigned(led).values()) == ["longer", "urgent"]


def test_whoever_can_do_anything_is_left_to_what_nobody_else_can(led):
    led.add("anything", id="long", estimate_minutes=100)
    led.add("special", id="special", estimate_minutes=1, needs=["gpu"])
    led.register("all-rounder", heartbeat=False, offers=["gpu"])
    led.register("plain", heartbeat=False)

    led.instance("plain").heartbeat()

    assert assigned(led) == {"all-rounder": "special", "plain": "long"}


def test_nobody_is_assigned_what_it_cannot_do(led):
    crew(led, "a", "b")
    led.add("special", id="special", needs=["gpu"])

    led.instance("a").heartbeat()

    assert assigned(led) == {}


def test_todos_that_touch_the_same_are_not_assigned_at_once(led):
    crew(led, "a", "b", "c")
    led.add("whole", id="whole", estimate_minutes=60, touches=["src/"])
    led.add("part", id="part", estimate_minutes=50, touches=["src/api/"])
    led.add("docs", id="docs", estimate_minutes=40, touches=[{"path": "docs/", "mode": "read"}])
    led.add("other", id="other", estimate_minutes=30, touches=[{"path": "docs/", "mode": "read"}])

    led.instance("a").heartbeat()

    assert sorted(assigned(led).values()) == ["docs", "other", "whole"]


def test_no_more_of_a_resource_is_assigned_than_there_is(led):
    led.configure(**{"resource.gpu": 3})
    a, *_ = crew(led, "a", "b", "c", "d")
    for name, minutes, amount in (("one", 60, 2), ("two", 50, 2), ("three", 40, 1), ("free", 30, 0)):
        touches = [{"resource": "gpu", "amount": amount}] if amount else []
        led.add(name, id=name, estimate_minutes=minutes, touches=touches)

    a.heartbeat()
    at_once = sorted(assigned(led).values())
    a.heartbeat()

    assert at_once == ["free", "one", "three"]
    assert sorted(assigned(led).values()) == at_once


def test_the_only_todo_is_not_kept_for_a_silent_instance_from_the_one_that_asks(led):
    _, b = crew(led, "silent", "b")
    sized(led, x=60)

    (claim,) = b.claim()

    assert (claim.id, claim.why) == ("x", "critical_path: 60 min to the end, urgency 2")


def test_who_has_a_todo_in_hand_is_assigned_none(led):
    a, *_ = crew(led, "a", "b", "c")
    sized(led, x=60, y=50, z=40)
    a.claim()

    a.heartbeat()

    assert assigned(led) == {"b": "y", "c": "z"}


def test_a_leader_that_alone_is_idle_assigns_itself_nothing(led):
    a, b = crew(led, "a", "b")
    sized(led, x=60, y=50)
    b.claim_todo("y")

    a.heartbeat()

    assert (leads(led), assigned(led)) == ([("a", 1)], {})


def test_nothing_is_assigned_in_a_pause(led):
    crew(led, "a", "b")
    sized(led, x=60, y=50)
    led.pause("release day")

    led.instance("a").heartbeat()

    assert assigned(led) == {}


def test_who_completes_a_todo_as_leader_assigns_what_that_made_ready(led, clock):
    #   x → y, z
    a, b = crew(led, "a", "b")
    plan(led, {"x": [], "y": ["x"], "z": ["x"]})
    (claim,) = a.claim()
    clock.advance(0.3)

    (following,) = claim.complete_and_claim()

    assert following.id == "y"
    assert assigned(led) == {"b": "z"}
    assert b.claim()[0].why.startswith("leader a, term 1")


def test_a_batch_begins_with_what_is_assigned_and_goes_on_with_what_is_left(led):
    a, b = crew(led, "a", "b")
    sized(led, x=60, y=50, z=40, w=30, v=20, u=10)
    a.heartbeat()
    mine, theirs = assigned(led)["a"], assigned(led)["b"]

    taken = a.claim(count=3)

    assert [claim.id for claim in taken] == [mine, "z", "w"]
    assert b.claim()[0].id == theirs


def test_an_instance_that_names_a_strategy_takes_by_that(led):
    a, b = crew(led, "a", "b")
    sized(led, w=10, x=60, y=50)
    a.heartbeat()
    before = assigned(led)

    (claim,) = b.claim(strategy="greedy")

    assert before.keys() == {"a", "b"}
    assert claim.id == "w"
    assert assigned(led).keys() == {"a"}


def test_a_strategy_that_breaks_down_ends_no_heartbeat(led, monkeypatch):
    def broken(_fleet):
        raise ZeroDivisionError

    monkeypatch.setitem(BUILT_IN, "critical_path", broken)
    a, _ = crew(led, "a", "b")
    sized(led, x=60)

    a.heartbeat()

    assert (leads(led), assigned(led)) == ([], {})
    with pytest.raises(ZeroDivisionError):
        a.claim()


def test_the_status_tells_who_leads_and_what_is_assigned(led):
    a, _ = crew(led, "a", "b")
    sized(led, x=60, y=50)
    before = led.status()

    a.heartbeat()
    told = led.status()

    assert (before.leader, before.term, before.assigned) == (None, None, 0)
    assert (told.leader, told.term, told.assigned) == ("a", 1, 2)


# Assignments that come to nothing


def test_others_leave_what_is_assigned_and_go_on_with_the_rest(led):
    a, _ = crew(led, "a", "b")
    sized(led, w=70, x=60, y=50)
    a.heartbeat()
    (c,) = crew(led, "c")

    (claim,) = c.claim()
    nothing = c.allocate()

    assert sorted(assigned(led).values()) == ["w", "x"]
    assert claim.id == "y"
    assert nothing.reason == Reason.ALL_CLAIMED
    assert nothing.detail == "all that is ready is assigned to others, who are about to begin it"
    assert nothing.retry_after_s == 1


def test_what_is_not_taken_up_in_time_is_anybodys(led, clock):
    led.configure(accept_s=0.5)
    _, b = crew(led, "silent", "b")
    sized(led, x=60, y=50)
    b.heartbeat()
    theirs = assigned(led)["silent"]

    b.claim()
    clock.advance(0.6)
    (late,) = b.claim()

    assert late.id == theirs
    assert late.why.startswith("critical_path")


def test_who_has_nothing_else_waits_a_second_for_another_at_most(led, clock):
    a, _ = crew(led, "a", "silent")
    sized(led, x=60, y=50)
    a.heartbeat()
    a.claim()

    found = []
    for _ in range(4):
        found.append([claim.id for claim in led.instance("a").claim()])
        clock.advance(0.4)

    assert [len(ids) for ids in found] == [0, 0, 0, 1]


def test_who_asks_again_after_a_moment_waits_no_longer(led, clock):
    a, _ = crew(led, "a", "silent")
    sized(led, x=60, y=50)
    a.heartbeat()
    a.claim()

    found = []
    for _ in range(3):
        found.append(len(a.claim()))
        clock.advance(0.03)

    assert found == [0, 0, 1]


def test_who_let_others_wait_is_assigned_nothing_before_it_asks(led, clock):
    silent, b = crew(led, "silent", "b")
    sized(led, x=60, y=50)
    b.heartbeat()
    b.claim()
    clock.advance(1.1)
    b.claim()
    sized(led, z=40)
    crew(led, "c")
    b.heartbeat()
    before = assigned(led)
    silent.claim()
    sized(led, w=30)
    b.heartbeat()

    assert before == {"c": "z"}
    assert assigned(led) == {"c": "z", "silent": "w"}


def test_after_the_lease_a_silent_instance_is_tried_again(led, clock):
    a, silent = crew(led, "a", "silent")
    sized(led, x=60, y=50)
    a.heartbeat()
    clock.advance(ACCEPT_S + 1)
    a.heartbeat()
    lapsed = assigned(led)
    clock.advance(2000)
    silent.heartbeat()
    clock.advance(2000)
    led.register("new", heartbeat=False)  # which sweeps

    led.instance("new").heartbeat()

    assert lapsed == {}
    assert assigned(led).keys() == {"silent", "new"}


def test_what_somebody_asks_for_by_name_is_assigned_no_more_even_when_it_comes_back(led):
    a, b = crew(led, "a", "b")
    sized(led, x=60, y=50)
    a.heartbeat()
    theirs = assigned(led)["b"]

    claim = a.claim_todo(theirs)
    taken = assigned(led)
    claim.release()

    assert "b" not in taken
    assert "b" not in assigned(led)
    assert b.claim()[0].why.startswith("critical_path")


def test_with_an_instance_go_its_assignments(led):
    a, b = crew(led, "a", "b")
    sized(led, x=60, y=50)
    a.heartbeat()
    theirs = assigned(led)["b"]

    b.unregister()
    free = [claim.id for claim in (*a.claim(), *a.claim())]

    assert theirs in free


# On PostgreSQL


def test_one_round_trip_passes_over_what_is_assigned_to_others_but_does_not_do_for_whom_something_is(
    postgres_url, clock
):
    with longpole.open(postgres_url, clock=clock) as project:
        project.configure(coordination="leader")
        a, b, c = crew(project, "a", "b", "c")
        project.sweep()
        sized(project, x=60, y=50, z=40, w=30)
        c.claim_todo("w")
        a.heartbeat()

        def at_once(me, act):
            request = Request(act=act, key=act, finishes=(), count=1)
            return optimistic.at_once(project._store, me._asker, request)

        own, other = at_once(a, "own"), at_once(c, "other")

        assert assigned(project) == {"a": "x", "b": "y"}
        assert own is None
        assert other is not None
        assert [todo.id for todo in other.todos] == ["z"]
        assert b.claim()[0].id == "y"


def test_an_assignment_wakes_those_who_wait(two, eventually):
    one, other = two
    a, _ = crew(one, "a", "b")
    a.heartbeat()
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, a)
    eventually(lambda: _is_quiet(other))
    mark = other.heard()

    leader.assign(one._store, a.number, term, pairs, settings=one.settings())

    eventually(lambda: other.heard() != mark)


def _is_quiet(project):
    """Whether all that was done before has been heard."""
    mark = project.heard()
    time.sleep(0.1)
    return project.heard() == mark
