from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack

import pytest

import longpole
from longpole.coordination import leader
from longpole.errors import InstanceLostError
from longpole.model import Status
from tests.project.leading import LEASE_S, assigned, crew, leads, seen_by, sized, terms
from tests.project.looking import plan
from tests.reliability import checker
from tests.reliability.acts import layered
from tests.reliability.puppet import Puppet


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


def test_whoever_asks_first_leads_until_its_lease_is_over(led, clock):
    a, b = crew(led, "a", "b")
    sized(led, x=30)

    b.claim()
    a.claim()
    clock.advance(LEASE_S - 1)
    a.claim()
    before = leads(led)
    clock.advance(LEASE_S / 3)
    a.claim()

    assert before == [("b", 1)]
    assert leads(led) == [("a", 2)]
    assert terms(led) == [("b", 1), ("a", 2)]


def test_a_leader_that_beats_leads_on(led, clock):
    a, b = crew(led, "a", "b")

    for _ in range(20):
        a.heartbeat()
        b.heartbeat()
        clock.advance(LEASE_S / 3)

    assert terms(led) == [("a", 1)]


def test_a_leader_that_acts_leads_on_without_a_heartbeat(led, clock):
    a, b = crew(led, "a", "b")
    plan(led, {f"t{number}": [] for number in range(12)})

    for _ in range(6):
        for one in (a, b):
            one.claim()[0].complete()
        clock.advance(LEASE_S * 0.6)

    assert terms(led) == [("a", 1)]


def test_when_a_leader_leaves_another_leads_at_its_next_act(led):
    a, b = crew(led, "a", "b")
    a.heartbeat()
    a.unregister()
    between = leads(led)

    b.heartbeat()

    assert (between, leads(led)) == ([], [("b", 2)])


def test_a_leader_that_is_given_up_comes_back_in_vain(led, clock):
    led.configure(leader_lease_s=10_000)
    a, b = crew(led, "a", "b")
    a.heartbeat()
    clock.advance(3001)
    b.unregister()  # its lease is over as well
    (c,) = crew(led, "c")

    c.heartbeat()
    with pytest.raises(InstanceLostError):
        a.heartbeat()

    assert terms(led) == [("a", 1), ("c", 2)]
    assert leader.elect(led._store, a.number, led.settings()) is None


def test_in_a_project_without_a_leader_nobody_leads(project):
    (a,) = crew(project, "a")

    a.heartbeat()
    a.claim()

    assert terms(project) == []


def test_after_the_clock_was_set_back_a_dead_leader_does_not_lead_for_ever(led, clock):
    a, b, c = crew(led, "a", "b", "c")
    sized(led, x=30, y=20)
    a.heartbeat()
    clock.step(-1000)
    b.heartbeat()
    back = (leads(led), assigned(led))

    clock.advance(LEASE_S + 1)
    c.heartbeat()

    assert back == ([("a", 1)], {})
    assert leads(led) == [("c", 2)]


@pytest.mark.race
def test_of_eight_that_want_to_lead_at_once_one_does(shared_url):
    meet = threading.Barrier(8, timeout=60)
    found = []

    def want(number):
        with longpole.open(shared_url) as project:
            me = project.register(f"n{number}", heartbeat=False)
            meet.wait()
            found.append(leader.elect(project._store, me.number, project.settings()))

    with longpole.open(shared_url) as project:
        project.configure(coordination="leader", durability="normal")
        threads = [threading.Thread(target=want, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        assert sorted(found, key=str) == [1, *[None] * 7]
        assert [term for _, term in terms(project)] == [1]


def test_the_heartbeat_of_an_instance_that_asks_for_nothing_leads(shared_url, eventually):
    with longpole.open(shared_url) as project:
        project.configure(coordination="leader", durability="normal", leader_lease_s=0.3)
        with project.register("busy"), project.register("other"):
            eventually(lambda: leads(project))

            (name, term) = leads(project)[0]
            led_by = project.instance(name)
            eventually(lambda: project.status().leader == name)
            led_by.unregister()
            eventually(lambda: leads(project) and leads(project)[0][1] > term)


# A leader that is no longer one


def test_what_a_stale_leader_assigns_is_not_assigned(two, clock):
    one, other = two
    (old,) = crew(one, "old")
    old.heartbeat()
    (new,) = crew(other, "new")
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, old)
    clock.advance(LEASE_S + 1)
    elected = leader.elect(other._store, new.number, other.settings())

    count = leader.assign(one._store, old.number, term, pairs, settings=one.settings())

    assert (len(pairs), term, elected) == (2, 1, 2)
    assert (count, assigned(one), leads(one)) == (0, {}, [("new", 2)])


def test_a_leader_whose_lease_is_over_assigns_nothing_before_it_is_elected_again(two, clock):
    one, _ = two
    a, _ = crew(one, "a", "b")
    a.heartbeat()
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, a)
    clock.advance(LEASE_S + 1)

    late = leader.assign(one._store, a.number, term, pairs, settings=one.settings())
    a.heartbeat()

    assert (len(pairs), late) == (2, 0)
    assert terms(one) == [("a", 1), ("a", 2)]
    assert len(assigned(one)) == 2


def test_what_a_leader_read_in_a_former_term_is_not_assigned_in_its_next(two, clock):
    one, _ = two
    a, _ = crew(one, "a", "b")
    a.heartbeat()
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, a)
    clock.advance(LEASE_S + 1)
    elected = leader.elect(one._store, a.number, one.settings())

    count = leader.assign(one._store, a.number, term, pairs, settings=one.settings())

    assert (term, elected, count) == (1, 2, 0)


def test_what_a_leader_wanted_that_has_left_meanwhile_is_not_assigned(two):
    one, other = two
    a, *_ = crew(one, "a", "b", "c")
    a.heartbeat()
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, a)
    other.instance("a").unregister()

    count = leader.assign(one._store, a.number, term, pairs, settings=one.settings())

    assert (len(pairs), count, assigned(one)) == (2, 0, {})


def test_what_was_claimed_since_the_leader_looked_is_not_assigned(two):
    one, other = two
    a, b, c = crew(one, "a", "b", "c")
    a.heartbeat()
    sized(one, x=60, y=50, z=40)
    term, pairs = seen_by(one, a)
    other.instance("c").claim_todo("x")

    count = leader.assign(one._store, a.number, term, pairs, settings=one.settings())

    assert len(pairs) == 3
    assert count == len(assigned(one))
    assert "x" not in assigned(one).values()
    assert c.name not in assigned(one)
    assert b.claim()


def test_no_todo_is_assigned_twice(two):
    one, _ = two
    a, *_ = crew(one, "a", "b")
    a.heartbeat()
    sized(one, x=60, y=50)
    term, pairs = seen_by(one, a)
    swapped = [pair.replace(instance=other.instance) for pair, other in zip(pairs, reversed(pairs), strict=True)]

    first = leader.assign(one._store, a.number, term, pairs[:1], settings=one.settings())
    second = leader.assign(one._store, a.number, term, swapped, settings=one.settings())

    assert (first, second) == (1, 0)
    assert len(assigned(one)) == 1


@pytest.mark.race
def test_four_processes_finish_everything_though_the_leader_is_killed(shared_url, eventually):
    with longpole.open(shared_url) as project, ExitStack() as all_of_them:
        project.configure(
            coordination="leader", durability="normal", lease_s=1, heartbeat_s=0.2, leader_lease_s=0.3, accept_s=0.3
        )
        project.add_many(layered(300, width=20))
        puppets = {f"p{number}": all_of_them.enter_context(Puppet(shared_url)) for number in range(4)}
        for name, one in puppets.items():
            one.ask("register", name=name, heartbeat=True)
        (killed, term) = eventually(lambda: leads(project))[0]

        for one in puppets.values():
            one.tell("rush", count=75)
        eventually(lambda: len(project.todos(status="completed")) > 30)
        puppets.pop(killed).process.kill()
        eventually(lambda: [one for one in leads(project) if one[1] > term])
        done = [todo for one in puppets.values() for todo in one.answer()["done"]]
        me = project.register("me", heartbeat=False)
        while claims := me.claim(wait_s=20):
            claims[0].complete()
            done.append(claims[0].id)

        assert max(Counter(done).values()) == 1
        assert {todo.status for todo in project.todos()} == {Status.COMPLETED}
        assert checker.check(project.journal(), rows=project.todos(), max_attempts=3, one_each=True) == []
        assert [number for _, number in terms(project)] == list(range(1, len(terms(project)) + 1))
        assert project.metrics().lost_attempts == 0
