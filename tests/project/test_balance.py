from __future__ import annotations

import pytest

import longpole
from longpole.errors import InvalidInputError
from longpole.model import Reason
from longpole.selection import Order, Selection
from tests.project.looking import plan

TODOS = [f"t{place:02}" for place in range(20)]


@pytest.fixture
def project(project):
    """Twenty todos that wait for nothing, of half an hour each."""
    project.configure(strategy="load_balanced", retry_backoff_s=0)
    plan(project, {one: [] for one in TODOS}, estimate_minutes=30)
    return project


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def other(project):
    return project.register("other", heartbeat=False)


def hold(instance, count):
    """Let an instance hold so many todos more, whatever the project's strategy would say to that."""
    return [instance.claim(strategy="critical_path")[0] for _ in range(count)]


def ids(claims):
    return [claim.id for claim in claims]


def test_who_has_two_more_than_the_average_gets_nothing_and_is_told_why(project, me, other):
    hold(me, 3)
    hold(other, 1)
    third = project.register("third", heartbeat=False)

    told = me.allocate()

    assert (told.claims, told.reason, told.retry_after_s) == ((), Reason.AT_CAPACITY, 1.0)
    assert told.detail == (
        "todos are ready, but the strategy holds them back from you: you have 3 in hand (90 min),"
        " the 3 live instances have 1.3 on average (40 min)"
    )
    assert ids(other.claim()) == ["t04"]
    assert ids(third.claim()) == ["t05"]


def test_who_is_not_far_above_the_average_gets_the_critical_path(project, me, other):
    hold(me, 1)
    project.add("Long", id="long", estimate_minutes=600)

    (claim,) = me.claim()

    assert claim.id == "long"
    assert claim.why == "load_balanced, 1 in hand and 0.5 on average: 600 min to the end, urgency 2"


def test_work_comes_back_as_soon_as_others_have_more(project, me, other):
    hold(me, 3)
    assert me.claim() == []

    hold(other, 2)

    assert ids(me.claim()) == ["t05"]


def test_dead_instances_count_for_nothing(project, me, other, clock):
    for name in ("d1", "d2", "d3"):
        project.register(name, heartbeat=False)
    hold(me, 2)
    assert me.allocate().reason == Reason.AT_CAPACITY
    clock.advance(200)
    me.heartbeat()
    clock.advance(101)

    assert ids(me.claim()) == ["t02"]


def test_alone_nobody_is_held_back(project, me):
    assert len(ids(me.claim(count=5))) == 5
    assert len(ids(me.claim(count=5))) == 5


def test_the_average_is_looked_at_anew_for_each_todo_of_a_batch(project, me, other):
    hold(other, 2)

    claims = me.claim(count=10)

    # 1 + 2 in hand are 1.5 on average, 4 + 2 are 3: with 5 it would have two more than (5 + 2) / 2
    assert len(claims) == 5
    assert [claim.why.partition(":")[0] for claim in claims] == [
        f"load_balanced, {mine} in hand and {(mine + 2) / 2:.1f} on average" for mine in range(5)
    ]


def test_the_todo_that_is_completed_with_the_claim_no_longer_counts(project, me, other):
    *_, last = hold(me, 3)

    assert ids(last.complete_and_claim()) == ["t03"]


def test_estimated_minutes_count_where_that_is_set_less_what_is_done(project, me, other):
    project.configure(balance_todos=100, balance_minutes=60)
    project.add("Huge", id="huge", estimate_minutes=300)
    (huge,) = me.claim()
    held_back = me.allocate()
    huge.progress(70)

    (claim,) = me.claim()

    assert held_back.reason == Reason.AT_CAPACITY
    assert "(300 min)" in held_back.detail
    assert (
        claim.why
        == "load_balanced, 1 in hand and 0.5 on average, 90 min and 45 on average: 30 min to the end, urgency 2"
    )


def test_who_would_be_held_back_is_told_the_real_reason_if_nothing_is_ready(project, me, other):
    hold(me, 20)

    assert me.allocate().reason == Reason.ALL_CLAIMED


def test_whoever_has_nothing_in_hand_gets_what_is_ready_whatever_others_have(project, me):
    project.configure(balance_todos=0, balance_minutes=0.001)
    hold(project.register("greedy", heartbeat=False), 10)
    idle = [project.register(f"idle-{place}", heartbeat=False) for place in range(5)]

    assert [len(one.claim()) for one in (me, *idle)] == [1] * 6


@pytest.mark.parametrize("coordination", ["optimistic", "optimistic_loop", "optimistic_random", "leader"])
def test_every_mechanism_holds_back_and_says_so(project, me, other, coordination):
    hold(me, 3)
    project.configure(coordination=coordination)
    project.settings()

    assert me.allocate().reason == Reason.AT_CAPACITY
    assert len(other.claim()) == 1


def test_two_that_ask_at_once_see_each_others_load(shared_url):
    with longpole.open(shared_url) as one, longpole.open(shared_url) as two:
        one.configure(strategy="load_balanced", balance_todos=0, durability="normal")
        plan(one, {name: [] for name in TODOS})
        first, second = one.register("first", heartbeat=False), two.register("second", heartbeat=False)
        first.claim()

        held_back, given = first.allocate(), second.claim()

        assert held_back.reason == Reason.AT_CAPACITY
        assert len(given) == 1
        assert len(first.claim()) == 1


# Strategies of others


def nothing(_fleet):
    return []


def nothing_there(_fleet):
    return [Selection(order=Order.ARRIVAL, branch="nowhere", why="mine")]


def broken(fleet):
    return fleet.no_such_thing


def test_a_strategy_that_wants_nothing_holds_back_whatever_is_in_hand(project, me):
    told = me.allocate(strategy=f"{__name__}:nothing")

    assert told.reason == Reason.AT_CAPACITY
    assert "you have 0 in hand" in told.detail


def test_a_strategy_that_wants_what_is_not_there_is_told_apart_from_one_that_holds_back(project, me):
    told = me.allocate(strategy=f"{__name__}:nothing_there")

    assert told.reason == Reason.AT_CAPACITY
    assert "none that the strategy wants for you" in told.detail


def test_a_strategy_that_breaks_is_told_as_its_own_fault_and_nothing_happens(project, me):
    (claim,) = hold(me, 1)

    with pytest.raises(InvalidInputError, match=r"broken' failed: AttributeError.*mend it"):
        claim.complete_and_claim(strategy=f"{__name__}:broken")

    assert project.todo(claim.id).status == "in_progress"


@pytest.mark.parametrize(
    "wanted",
    [
        "critical_path",
        ["critical_path"],
        [longpole.selection.BestOf(selections=())],
        [longpole.selection.BestOf(selections=(Selection(order=Order.ARRIVAL, why="mine"),))],
        [longpole.selection.BestOf(selections=(Selection(order=Order.CRITICAL_PATH, why="mine", keep=True),))],
        [Selection(order=Order.ARRIVAL, why="mine", branch="api", unheld=True)],
    ],
)
def test_a_strategy_that_gives_something_else_than_selections_is_refused(project, me, monkeypatch, wanted):
    monkeypatch.setitem(globals(), "given", lambda _fleet: wanted)

    with pytest.raises(InvalidInputError, match="must give a list of Selections"):
        me.claim(strategy=f"{__name__}:given")
