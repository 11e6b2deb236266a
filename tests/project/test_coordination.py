from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack

import pytest

import longpole
from longpole.coordination import MECHANISMS
from longpole.coordination.acts import Asker, Request
from longpole.errors import ClaimLostError, InstanceLostError, StorageBusyError
from longpole.model import Reason, Status
from longpole.selection import Order, Selection
from longpole.settings import SPECS, Settings
from longpole.store import claims, instances
from tests.project.looking import dump, kinds, plan, statuses
from tests.reliability import checker
from tests.reliability.acts import layered
from tests.reliability.puppet import Puppet
from tests.store.plans import steps

LOOPS = ("optimistic_loop", "optimistic_random")
BEST_FIRST = Selection(order=Order.CRITICAL_PATH, why="test")


@pytest.fixture(params=MECHANISMS)
def mechanism(request, project):
    """A mechanism that the project is set to, each in turn."""
    project.configure(coordination=request.param)
    return request.param


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def two(shared_url):
    """A project by two ways in, as two processes have it; both go by the specification's loop."""
    with longpole.open(shared_url) as one, longpole.open(shared_url) as other:
        one.configure(coordination="optimistic_loop", durability="normal")
        other.settings()
        yield one, other


@pytest.fixture
def after_reading(monkeypatch):
    """Give a function that has something done after the next transaction of a project, once."""

    def arrange(project, what):
        act = project._store.act

        def paced(upon):
            answer = act(upon)
            monkeypatch.setattr(project._store, "act", act)
            what()
            return answer

        monkeypatch.setattr(project._store, "act", paced)

    return arrange


def in_the_way(project):
    """What each claim tells of what came before it."""
    return [event.data for event in project.journal() if event.kind == "claimed"]


def test_every_mechanism_that_may_be_set_is_there_and_no_other():
    assert set(MECHANISMS) == set(SPECS["coordination"].choices)
    assert Settings().coordination == "optimistic"


def test_every_mechanism_gives_out_in_the_strategys_order_to_one_alone(project, me, mechanism):
    #   long(60)   wide(20) → w1(10), w2(10)   lone(10)
    for name, minutes, after in (("lone", 10, []), ("wide", 20, []), ("long", 60, []), ("w1", 10, ["wide"])):
        project.add(name, id=name, estimate_minutes=minutes, after=after)

    order = [me.claim()[0].id for _ in range(3)]

    assert order == ["long", "wide", "lone"]
    assert me.allocate().reason == Reason.ALL_BLOCKED
    assert in_the_way(project) == [None, None, None]


def test_every_mechanism_completes_and_claims_what_that_made_ready(project, me, mechanism):
    #   a → b, c
    plan(project, {"a": [], "b": ["a"], "c": ["a"]})
    (claim,) = me.claim(key="first")

    told = me.complete_and_allocate("a", claim.token, result="done", count=2, key="then")
    again = me.complete_and_allocate("a", claim.token, result="done", count=2, key="then")

    assert [one.todo.id for one in told.claims] == ["b", "c"]
    assert [(one.todo.id, one.token) for one in again.claims] == [("b", 1), ("c", 1)]
    assert kinds(project)[-4:] == ["claimed", "completed", "claimed", "claimed"]


def test_every_mechanism_refuses_a_lost_claim_and_then_gives_nothing_out(project, me, mechanism):
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()
    claim.release()
    before = dump(project)

    with pytest.raises(ClaimLostError):
        me.complete_and_allocate("a", claim.token, key="late")

    assert dump(project) == before


def test_every_mechanism_tells_why_there_is_no_work(project, me, mechanism):
    #   a → b
    reasons = [me.allocate().reason]
    plan(project, {"a": []})
    (a,) = me.claim()
    reasons.append(me.allocate().reason)
    plan(project, {"b": ["a"]})
    reasons.append(me.allocate().reason)
    project.configure(max_attempts=1)
    a.fail("broken")
    reasons.append(me.allocate().reason)

    assert reasons == [Reason.FINISHED, Reason.ALL_CLAIMED, Reason.ALL_BLOCKED, Reason.STUCK]


def test_every_mechanism_gives_out_what_a_dead_instance_held(project, clock, mechanism):
    plan(project, {"a": []})
    dead = project.register("dead", heartbeat=False)
    dead.claim()
    clock.advance(301)

    (claim,) = project.register("heir", heartbeat=False).claim()

    assert (claim.id, claim.token, claim.attempt) == ("a", 2, 2)
    with pytest.raises(InstanceLostError):
        dead.claim()


@pytest.mark.parametrize(("former", "new"), [("optimistic", "optimistic_loop"), ("optimistic_loop", "optimistic")])
def test_a_running_instance_goes_by_a_new_mechanism_from_its_next_act_but_one(two, former, new):
    one, other = two
    one.configure(coordination=former)
    plan(one, {name: [] for name in "abc"})
    me = other.register("me", heartbeat=False)
    me.claim()
    one.configure(coordination=new)
    used = []

    for _ in range(2):
        used.append(other._store.settings_seen()[1].coordination)
        me.claim()

    assert used == [former, new]


def test_of_two_that_read_the_same_one_loses_an_attempt_and_tells_of_it(two):
    meet = threading.Barrier(2, timeout=30)
    claimed = []

    def claim(project, name):
        with ExitStack() as at_the_end, pytest.MonkeyPatch.context() as patch:
            me = project.register(name, heartbeat=False)
            at_the_end.callback(meet.wait)
            act, acts = project._store.act, []

            def paced(upon):
                answer = act(upon)
                acts.append(upon)
                if len(acts) == 1:
                    meet.wait()
                return answer

            patch.setattr(project._store, "act", paced)
            claimed.append(me.claim()[0].id)

    plan(two[0], {"a": [], "b": []})
    threads = [threading.Thread(target=claim, args=(project, f"n{place}")) for place, project in enumerate(two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(claimed) == ["a", "b"]
    assert sorted(in_the_way(two[0]), key=str) == [None, {"lost_attempts": 1}]
    metrics = two[0].metrics()
    assert (metrics.lost_attempts, metrics.lock_contention_rate, metrics.lock_contention_rate_spec) == (1, 1 / 3, 1 / 3)


def test_lost_attempts_of_a_request_without_a_claim_are_told_by_the_next_claim(two, after_reading):
    one, other = two
    plan(one, {"a": []})
    me, rival = one.register("me", heartbeat=False), other.register("rival", heartbeat=False)
    held = []
    after_reading(one, lambda: held.append(rival.claim_todo("a")))

    nothing = me.allocate()
    held[0].release()
    me.claim()

    assert nothing.reason == Reason.ALL_CLAIMED
    assert in_the_way(one) == [None, {"lost_attempts": 1}]


def test_a_todo_that_was_claimed_and_given_back_since_it_was_read_has_changed(project, me):
    plan(project, {"a": []})
    with project._store.write() as tx:
        (head,) = claims.heads(tx, BEST_FIRST, [0], 100)
    me.claim()[0].release()

    with project._store.write() as tx:
        taken = claims.take_unchanged(tx, head, claims.Claimer(holder=me.number), met={})
        (now,) = claims.heads(tx, BEST_FIRST, [0], 100)

    assert taken is None
    assert (head.token, now.token) == (0, 1)


@pytest.mark.parametrize("name", LOOPS)
def test_whoever_loses_an_attempt_goes_on_with_what_is_left(two, after_reading, name):
    one, other = two
    one.configure(coordination=name)
    plan(one, {"a": [], "b": []})
    me, rival = one.register("me", heartbeat=False), other.register("rival", heartbeat=False)
    after_reading(one, lambda: rival.claim_todo("a"))

    (claim,) = me.claim()

    assert claim.id == "b"
    assert in_the_way(one) == [None, {"lost_attempts": 1}]


@pytest.mark.parametrize("name", LOOPS)
def test_a_batch_takes_what_others_have_left_of_what_was_read(two, after_reading, name):
    one, other = two
    one.configure(coordination=name)
    plan(one, {name: [] for name in "abcd"})
    me, rival = one.register("me", heartbeat=False), other.register("rival", heartbeat=False)
    after_reading(one, lambda: rival.claim_todo("b"))

    taken = me.claim(count=3)

    assert [claim.id for claim in taken] == ["a", "c", "d"]
    assert in_the_way(one)[1:] == [None, {"lost_attempts": 1}, None]


def test_a_request_that_was_cut_off_after_it_completed_is_taken_up_by_its_retry(two, after_reading):
    one, _ = two
    plan(one, {"a": [], "b": ["a"]})
    me = one.register("me", heartbeat=False)
    (claim,) = me.claim()

    def cut_off():
        raise StorageBusyError

    after_reading(one, cut_off)
    with pytest.raises(StorageBusyError):
        claim.complete_and_claim(key="k")
    between = statuses(one)
    (then,) = claim.complete_and_claim(key="k")
    (again,) = claim.complete_and_claim(key="k")

    assert between == {"a": "completed", "b": "ready"}
    assert (then.id, then.token) == (again.id, again.token) == ("b", 1)
    assert kinds(one).count("completed") == 1


def test_a_batch_that_is_cut_off_gives_what_it_has(two, monkeypatch):
    one, _ = two
    plan(one, {name: [] for name in "abc"})
    me = one.register("me", heartbeat=False)
    act, acts = one._store.act, []

    def cut_off(upon):
        acts.append(upon)
        if len(acts) == 3:
            raise StorageBusyError
        return act(upon)

    monkeypatch.setattr(one._store, "act", cut_off)

    taken = me.claim(count=3)

    assert [claim.id for claim in taken] == ["a"]
    assert statuses(one) == {"a": "in_progress", "b": "ready", "c": "ready"}


def test_a_completion_is_confirmed_to_an_instance_that_was_given_up_right_after_it(two, after_reading):
    one, other = two
    plan(one, {"a": [], "b": []})
    me = one.register("me", heartbeat=False)
    (claim,) = me.claim()
    after_reading(one, lambda: other.instance("me").unregister())

    told = me.complete_and_allocate("a", claim.token)

    assert (told.claims, told.reason) == ((), Reason.ALL_CLAIMED)
    assert statuses(one) == {"a": "completed", "b": "ready"}
    with pytest.raises(InstanceLostError):
        me.claim()


def test_two_requests_with_one_key_at_the_same_time_get_one_claim(two, after_reading):
    one, other = two
    plan(one, {"a": [], "b": []})
    me = one.register("me", heartbeat=False)
    twin = other.instance("me")
    told = []
    after_reading(one, lambda: told.extend(twin.claim(key="k")))

    told.extend(me.claim(key="k"))

    assert [(claim.id, claim.token) for claim in told] == [("a", 1), ("a", 1)]
    assert statuses(one) == {"a": "in_progress", "b": "ready"}


@pytest.mark.parametrize(("live", "front"), [(1, 1), (3, 1), (8, 4)])
def test_at_random_means_one_of_the_first_half_of_as_many_as_are_live(project, live, front):
    project.configure(coordination="optimistic_random")
    plan(project, {name: [] for name in "abcdefgh"})
    me, *_ = [project.register(f"n{number}", heartbeat=False) for number in range(live)]
    picked: Counter[str] = Counter()

    for _ in range(100):
        (claim,) = me.claim()
        picked[claim.id] += 1
        claim.release()

    assert sorted(picked) == list("abcdefgh")[:front]


@pytest.mark.parametrize("name", ["optimistic", "optimistic_loop"])
def test_a_selection_that_found_nothing_although_work_was_ready_is_counted(postgres_url, name):
    with longpole.open(postgres_url) as one, longpole.open(postgres_url) as other:
        number = one.register("me", heartbeat=False).number
        with one._store.write() as tx:
            lease = instances.live(tx, number)
        assert lease is not None
        asker = Asker(lease)

        class Late(list[Selection]):
            def __iter__(self):
                yield BEST_FIRST
                if not other.todos():
                    plan(other, {"a": []})

        asker.strategies._loaded["late"] = lambda _fleet: Late([BEST_FIRST])

        outcome = MECHANISMS[name](
            one._store, asker, Request(act="late", key=None, finishes=(), count=1, strategy="late")
        )

        assert [taken.number for taken in outcome.taken] == [1]
        assert in_the_way(one) == [{"empty_selections": 1}]
        metrics = one.metrics()
        assert (metrics.lock_contention_rate, metrics.lock_contention_rate_spec) == (0.5, 0.0)


def test_what_is_ready_is_read_from_its_orders_index(file_url):
    with longpole.open(file_url) as project:
        plan(project, {"a": []})

        found = steps(project, lambda: project._store.look(lambda tx: claims.heads(tx, BEST_FIRST, [0], 100)))

    assert [step.detail for step in found if "FROM todo" in step.sql] == [
        "SEARCH todo USING INDEX todo_by_critical_path (project_id=? AND need=?)"
    ]


@pytest.mark.race
@pytest.mark.parametrize("name", MECHANISMS)
def test_eight_processes_share_two_hundred_todos_by_every_mechanism_without_a_double(shared_url, name):
    with longpole.open(shared_url) as project, ExitStack() as all_of_them:
        project.configure(coordination=name, durability="normal")
        project.add_many(layered(200))
        puppets = [all_of_them.enter_context(Puppet(shared_url)) for _ in range(8)]
        for number, one in enumerate(puppets):
            one.ask("register", name=f"p{number}")

        for one in puppets:
            one.tell("rush", count=25)
        answers = [one.answer() for one in puppets]

        assert [answer["refused"] for answer in answers] == [[]] * 8
        assert {answer["idle"] for answer in answers} == {0} or name == "leader"  # which keeps some for others
        assert set(Counter(todo for answer in answers for todo in answer["done"]).values()) == {1}
        assert {todo.status for todo in project.todos()} == {Status.COMPLETED}
        assert checker.check(project.journal(), rows=project.todos(), max_attempts=3, one_each=True) == []
        metrics = project.metrics()
        print(f"{name}: lost {metrics.lost_attempts}, rate {metrics.lock_contention_rate}")
        assert metrics.claimed == 200
        assert metrics.lost_attempts == 0 or name in LOOPS


def test_a_retried_key_of_which_no_claim_is_left_gets_work_again(project, mechanism):
    plan(project, {"a": []})
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim(key="k")
    claim.release()

    (again,) = me.claim(key="k")

    assert (again.id, again.token) == ("a", claim.token + 1)
