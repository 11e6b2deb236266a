"""Roles: todos that need labels, and instances that offer them."""

from __future__ import annotations

import itertools
import json
import random

import pytest

import longpole
from longpole import Claim, Instance
from longpole.errors import InvalidInputError, NotReadyError
from longpole.model import EventKind, Reason
from longpole.selection import Order, Selection
from longpole.settings import SPECS
from longpole.store import claims, needs
from tests.project.looking import plan

MECHANISMS = SPECS["coordination"].choices
STRATEGIES = ("greedy", "critical_path", "load_balanced", "branch_affinity", "context_aware")
BEST_FIRST = Selection(order=Order.CRITICAL_PATH, why="first")


@pytest.fixture
def project(shared_url, clock):
    with longpole.open(shared_url, clock=clock) as opened:
        yield opened


def instance(project, name, *labels):
    return project.register(name, heartbeat=False, offers=labels)


def ids(claims):
    return [claim.id for claim in claims]


def test_a_todo_goes_only_to_an_instance_that_offers_all_that_it_needs(project):
    project.add("Train", id="train", needs=["gpu", "reviewer"])

    nobody = [ids(instance(project, name, *labels).claim()) for name, labels in (("a", ()), ("b", ("gpu",)))]
    both = instance(project, "c", "reviewer", "gpu", "coffee").claim()

    assert nobody == [[], []]
    assert ids(both) == ["train"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_keeps_to_the_labels(project, mechanism):
    project.configure(coordination=mechanism)
    plan(project, {"a": [], "b": []}, needs=["gpu"])
    plan(project, {"c": []}, priority=4, branch="left")
    plain, gpu = instance(project, "plain"), instance(project, "gpu", "gpu")

    got = [ids(one.claim()) for one in (plain, plain, gpu, gpu, gpu)]

    assert [len(one) for one in got] == [1, 0, 1, 1, 0]
    assert got[0] == ["c"]
    assert sorted(got[2] + got[3]) == ["a", "b"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_to_the_labels(project, strategy):
    project.configure(balance_todos=1000)
    plan(project, {"a": [], "b": []}, needs=["gpu"], branch="left")
    plan(project, {"c": []}, priority=4, branch="left")
    plain, gpu = instance(project, "plain"), instance(project, "gpu", "gpu")

    assert ids(plain.claim(strategy=strategy)) == ["c"]
    assert plain.claim(strategy=strategy) == []
    assert sorted(ids(gpu.claim(strategy=strategy)) + ids(gpu.claim(strategy=strategy))) == ["a", "b"]


def test_the_best_of_all_that_an_instance_may_have_comes_first(project):
    project.add("Plain", id="plain", estimate_minutes=20)
    project.add("Train", id="train", estimate_minutes=30, needs=["gpu"])
    project.add("Review", id="review", estimate_minutes=10, needs=["reviewer"])
    project.add("Both", id="both", estimate_minutes=40, needs=["reviewer", "gpu"])
    me = instance(project, "me", "gpu", "reviewer")

    got = [ids(me.claim())[0] for _ in range(4)]

    assert got == ["both", "train", "plain", "review"]


def test_a_batch_keeps_to_the_labels_too(project):
    plan(project, {"a": [], "b": []}, needs=["gpu"])
    plan(project, {"c": [], "d": []})

    got = instance(project, "me").claim(count=4)

    assert ids(got) == ["c", "d"]


def test_to_ask_for_a_todo_by_its_id_does_not_get_round_the_labels(project):
    project.add("Train", id="train", needs=["gpu", "reviewer"])
    me = instance(project, "me", "reviewer")

    with pytest.raises(NotReadyError, match=r"needs gpu, which me does not offer.* --offers reviewer --offers gpu"):
        me.claim_todo("train")

    assert project.todo("train").status == "ready"
    assert project.instance_or_register("me", offers=["reviewer", "gpu"]).claim_todo("train").id == "train"


def test_what_others_may_have_is_told_to_whoever_finds_nothing(project):
    plan(project, {"a": [], "b": []}, needs=["gpu"])
    project.add("Review", id="review", needs=["reviewer", "gpu"])

    told = instance(project, "me").allocate()

    assert (told.reason, told.retry_after_s) == (Reason.ALL_BLOCKED, 1.0)
    assert told.detail.startswith("3 todos are ready, but they need: gpu or gpu, reviewer; whoever can do that says")


def test_what_others_may_have_does_not_hide_what_is_ready_for_the_one_who_asks(project):
    project.add("Train", id="train", needs=["gpu"])
    plan(project, {"a": []})

    me = instance(project, "me")

    assert ids(me.claim()) == ["a"]
    assert me.allocate().reason == Reason.ALL_BLOCKED


def test_many_that_others_may_have_are_counted_to_a_hundred_only(project):
    plan(project, {f"t{n}": [] for n in range(130)}, needs=["gpu"])
    plan(project, {"r": []}, needs=["reviewer"])

    told = instance(project, "me").allocate()

    assert told.detail.startswith("over 100 todos are ready, but they need: gpu or reviewer;")


def test_a_todo_whose_needs_were_changed_goes_by_the_new_ones(project):
    plan(project, {"a": []})
    plain, gpu = instance(project, "plain"), instance(project, "gpu", "gpu")

    project.edit("a", needs=["gpu"])
    nothing = plain.claim()
    (claim,) = gpu.claim()
    claim.release()
    project.edit("a", needs=())

    assert nothing == []
    assert ids(plain.claim()) == ["a"]


def test_a_todo_whose_needs_were_changed_since_it_was_read_is_not_claimed(project):
    plan(project, {"a": []})
    me = instance(project, "me")
    with project._store.write() as tx:
        (head,) = claims.heads(tx, BEST_FIRST, [needs.ANYBODY], 10)
    project.edit("a", needs=["gpu"])

    with project._store.write() as tx:
        taken = claims.take_unchanged(tx, head, claims.Claimer(holder=me.number), met={})

    assert taken is None


def test_an_instance_may_offer_other_labels_from_now_on(project):
    project.add("Train", id="train", needs=["gpu"])
    me = project.instance_or_register("me", offers=["reviewer"])

    same = project.instance_or_register("me")
    before = [same.number == me.number, ids(same.claim()), project.instances()[0].offers]
    now = project.instance_or_register("me", offers=["gpu"])

    assert before == [True, [], ("reviewer",)]
    assert now.number == me.number
    assert ids(me.claim()) == ["train"]
    assert project.instances()[0].offers == ("gpu",)


def test_the_journal_tells_what_instances_offer(project):
    instance(project, "plain")
    instance(project, "me", "gpu", "a", "gpu")
    project.instance_or_register("me", offers=["a"])
    project.instance_or_register("me", offers=["a"])

    told = [(event.kind, event.instance, event.data) for event in project.journal() if event.instance]

    assert told == [
        (EventKind.REGISTERED, "plain", None),
        (EventKind.REGISTERED, "me", {"offers": ["a", "gpu"]}),
        (EventKind.OFFERED, "me", {"offers": ["a"]}),
    ]


def test_what_no_live_instance_offers_is_named(project):
    plan(project, {"a": [], "b": ["a"]}, needs=["gpu"])
    project.add("Review", id="review", needs=["reviewer"])
    before = project.status().unoffered
    instance(project, "plain")
    instance(project, "me", "reviewer")

    status, why, doctor = project.status(), project.why("a"), project.examine()

    assert before == ()
    assert status.unoffered == ((("gpu",), 2),)
    assert why.summary.startswith("a is ready, but is not given out: no live instance offers gpu;")
    assert "is ready: nothing is in its way" in project.why("review").summary
    assert [one.finding for one in doctor if one.check == "labels"] == [
        "2 todos need gpu, which no live instance offers; start one with `--offers gpu`"
    ]


def test_a_todo_of_a_dead_instance_goes_to_another_with_its_labels(project, clock):
    project.add("Train", id="train", needs=["gpu"])
    instance(project, "dead", "gpu").claim()
    clock.advance(400)
    plain, gpu = instance(project, "plain"), instance(project, "gpu", "gpu")

    assert plain.claim() == []
    assert ids(gpu.claim()) == ["train"]


@pytest.mark.parametrize("labels", ["gpu", [""], [" gpu"], ["a\nb"], [7], [f"l{n}" for n in range(101)]])
def test_what_is_no_label_is_not_offered(project, labels):
    with pytest.raises(InvalidInputError, match="offers"):
        project.register("me", heartbeat=False, offers=labels)

    assert project.instances() == []


def test_equal_sets_of_labels_are_kept_once_and_unused_ones_make_room(project):
    many = [f"l{n}" for n in range(needs.MOST_SETS)]
    project.add_many([{"id": label, "title": label, "needs": [label, label]} for label in many])
    project.add("One more", needs=["l7"])
    with pytest.raises(InvalidInputError, match="100 different sets of needs"):
        project.add("Too many", needs=["another"])
    for label in many[:2]:
        project.complete(label)

    project.add("Fits now", id="fits", needs=["another"])
    project.reopen(many[0])
    with pytest.raises(InvalidInputError, match="100 different sets of needs"):
        project.reopen(many[1])

    with project._store.read() as tx:
        assert tx.one("SELECT COUNT(*) FROM need") == (needs.MOST_SETS,)
    assert ids(instance(project, "me", "another").claim()) == ["fits"]
    assert ids(instance(project, "other", many[0]).claim()) == [many[0]]


def test_sets_that_one_plan_brings_are_kept_while_it_makes_room_for_more(project):
    old = [f"old{n}" for n in range(60)]
    project.add_many([{"id": label, "title": label, "needs": [label]} for label in old])
    for label in old:
        project.complete(label)

    new = project.add_many([{"id": f"new{n}", "title": "New", "needs": [f"new{n}"]} for n in range(needs.MOST_SETS)])

    assert [ids(instance(project, label, label).claim()) for label in (new[0], new[39], new[99])] == [
        ["new0"],
        ["new39"],
        ["new99"],
    ]


def test_an_instance_may_meet_more_sets_of_labels_than_one_statement_looks_up(project):
    labels = [f"l{n:02}" for n in range(35)]
    pairs = [json.dumps(pair) for pair in itertools.combinations(labels, 2)]
    with project._store.write() as tx:
        tx.insert("need", "project_id, number, labels", [(tx.project_id, n, one) for n, one in enumerate(pairs, 1)])
    plan(project, {"a": []})
    plan(project, {"b": []}, priority=0)
    with project._store.write() as tx:
        tx.run("UPDATE todo SET need = ? WHERE urgency = 0", (len(pairs),))

    got = ids(instance(project, "me", *labels).claim(strategy="context_aware"))

    assert len(pairs) > 500
    assert got == ["b"]


def test_an_instance_is_never_idle_while_something_is_ready_that_it_may_have(project):
    rng = random.Random(7)
    labels = ("gpu", "reviewer", "browser")
    for n in range(20):
        after = [f"t{m}" for m in range(n) if rng.random() < 0.15]
        project.add("Do", id=f"t{n}", needs=rng.sample(labels, rng.randint(0, 3)), after=after)
    offers = {f"i{n}": set(rng.sample(labels, n)) for n in range(4)}
    fleet = [instance(project, name, *offered) for name, offered in offers.items()]
    at_work: dict[Instance, Claim] = {}

    for _ in range(30):
        at_work |= {one: got[0] for one in fleet if one not in at_work and (got := one.claim())}
        ready = [set(todo.needs) for todo in project.todos(status="ready")]
        idle = [offers[one.name] for one in fleet if one not in at_work]
        assert not any(wanted <= offered for wanted in ready for offered in idle)
        for one in [one for one in at_work if rng.random() < 0.5]:
            at_work.pop(one).complete()

    assert project.status().finished
