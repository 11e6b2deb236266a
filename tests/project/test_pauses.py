"""Pauses of a project and of a branch, and the cap on what is in progress."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import longpole
from longpole import Claim
from longpole.errors import ClaimLostError, InvalidInputError, LongpoleError, NotReadyError
from longpole.model import EventKind, Reason
from longpole.settings import SPECS
from tests.project.looking import kinds, plan, ready, statuses
from tests.project.sound import unsound

if TYPE_CHECKING:
    from collections.abc import Callable

MECHANISMS = SPECS["coordination"].choices
LONG_S = 30.0


@pytest.fixture
def project(shared_url, clock):
    with longpole.open(shared_url, clock=clock) as opened:
        opened.configure(retry_backoff_s=0)
        yield opened


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def ask():
    """Give a function that lets an instance wait for work in a thread, and gives one that waits for the answer."""
    threads = []

    def begin(instance):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(instance.allocate(wait_s=LONG_S)))
        thread.start()
        threads.append(thread)

        def answer():
            thread.join(LONG_S / 2)
            assert not thread.is_alive(), "nobody woke it"
            return answers[0]

        return answer

    yield begin
    for thread in threads:
        thread.join()


def ids(claims):
    return [claim.id for claim in claims]


# The whole project


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_paused_project_gives_nothing_out(project, me, mechanism):
    project.configure(coordination=mechanism)
    plan(project, {"a": [], "b": []})
    (claim,) = me.claim()
    project.pause("the main branch is broken")

    told = me.allocate(count=2)
    claim.progress(50)
    after = me.complete_and_allocate(claim.id, claim.token)
    project.resume()

    assert (told.reason, told.claims) == (Reason.PAUSED, ())
    assert told.detail == "the project is paused: the main branch is broken; `longpole resume` goes on"
    assert told.retry_after_s == pytest.approx(5)
    assert (after.reason, project.todo(claim.id).status) == (Reason.PAUSED, "completed")
    assert len(me.claim()) == 1


def test_a_drained_project_tells_nobody_to_ask_again(project, me):
    plan(project, {"a": []})
    project.pause(drain=True)

    told = me.allocate(wait_s=LONG_S)

    assert (told.reason, told.retry_after_s) == (Reason.PAUSED, None)
    assert told.detail == "the project is paused; `longpole resume` goes on"


def test_who_waits_goes_on_when_the_pause_ends(shared_url, ask):
    with longpole.open(shared_url) as project, longpole.open(shared_url) as other:
        plan(project, {"a": []})
        project.pause()
        answer = ask(other.register("me", heartbeat=False))

        project.resume()

        assert ids(claimed.todo for claimed in answer().claims) == ["a"]


def test_who_waits_goes_home_when_the_project_is_drained(shared_url, ask):
    with longpole.open(shared_url) as project, longpole.open(shared_url) as other:
        plan(project, {"a": []})
        project.pause()
        answer = ask(other.register("me", heartbeat=False))

        project.pause("no more today", drain=True)

        assert answer().reason == Reason.PAUSED


def test_a_paused_project_of_which_nothing_is_left_is_finished(project, me):
    plan(project, {"a": []})
    (claim,) = me.claim()
    project.pause()

    told = me.complete_and_allocate("a", claim.token)

    assert told.reason == Reason.FINISHED


def test_a_paused_project_refuses_a_certain_todo_but_gives_a_claim_again(project, me):
    plan(project, {"a": [], "b": []})
    (mine,) = me.claim()
    project.pause("not now")

    with pytest.raises(NotReadyError, match="'b' is not given out: the project is paused: not now;"):
        me.claim_todo("b")

    assert me.claim_todo("a").token == mine.token


def test_a_pause_can_be_changed_and_ends_once(project, me):
    plan(project, {"a": []})
    project.pause("one", drain=True)
    project.pause("two")

    told, status = me.allocate(), project.status()
    ends = [project.resume(), project.resume()]

    assert ("two" in told.detail, told.retry_after_s is None) == (True, False)
    assert (status.pause, status.draining) == ("two", False)
    assert ends == [True, False]
    assert project.status().pause is None
    assert kinds(project)[-3:] == [EventKind.PAUSED, EventKind.PAUSED, EventKind.RESUMED]


def test_it_is_told_why_a_ready_todo_is_not_given_out(project, me):
    plan(project, {"a": []})
    project.pause("not now")

    assert "is not given out: the project is paused: not now" in project.why("a").summary


@pytest.mark.parametrize("reason", ["a\nb", "x" * 501, 7])
def test_a_reason_is_one_line(project, reason):
    with pytest.raises(InvalidInputError):
        project.pause(reason)

    assert project.status().pause is None


# A branch


@pytest.fixture
def branches(project):
    """a1 ── a2 ──┐          (api)
    w1 ───────────┴── w2     (web)
    """
    plan(project, {"a1": [], "a2": ["a1"]}, branch="api")
    plan(project, {"w1": [], "w2": ["a2", "w1"]}, branch="web")
    return project


def test_a_paused_branch_gives_nothing_out_and_the_others_go_on(branches, me):
    project = branches
    held = project.pause("we wait for the design", branch="api")

    (claim,) = me.claim()
    told = me.complete_and_allocate(claim.id, claim.token)
    status = project.status()
    resumed = [project.resume(branch="api"), project.resume(branch="api")]

    assert (held, claim.id) == (2, "w1")
    assert told.reason == Reason.PAUSED
    assert "paused, with the branch api (we wait for the design); `longpole resume --branch api`" in told.detail
    assert told.retry_after_s == pytest.approx(5)
    assert (status.paused_branches, status.stuck) == ({"api": "we wait for the design"}, ())
    assert (resumed, ready(project), unsound(project)) == ([True, False], ["a1"], [])


def test_a_claim_of_a_paused_branch_goes_on_and_does_not_come_back_to_the_pool(branches, me):
    project = branches
    plan(project, {"a3": [], "a4": []}, branch="api")
    one, two, three = me.claim_todo("a1"), me.claim_todo("a3"), me.claim_todo("a4")
    project.pause(branch="api")

    one.complete()
    two.release()
    three.fail("broken")

    assert statuses(project) | {"w1": "", "w2": ""} == {
        "a1": "completed",
        "a2": "blocked",
        "a3": "blocked",
        "a4": "blocked",
        "w1": "",
        "w2": "",
    }
    assert unsound(project) == []
    project.resume(branch="api")
    assert (sorted(ready(project)), unsound(project)) == (["a2", "a3", "a4", "w1"], [])


def test_a_failed_todo_of_a_paused_branch_keeps_to_the_pause_when_it_is_retried(branches, me):
    project = branches
    project.configure(max_attempts=1)
    me.claim_todo("a1").fail("broken")
    project.pause(branch="api")

    project.retry("a1")

    assert (project.todo("a1").status, unsound(project)) == ("blocked", [])


def test_todos_that_come_into_a_paused_branch_keep_to_the_pause(branches, me):
    project = branches
    project.complete("a1")
    project.pause("later", branch="api")
    project.add("New", id="new", branch="api")
    project.import_text('{"todos": [{"title": "Imported", "id": "imported", "branch": "api"}]}')
    project.edit("w1", branch="api")
    project.reopen("a1")

    nothing = me.allocate()
    project.edit("w1", branch="web")
    found = ready(project)
    project.resume(branch="api")

    assert nothing.reason == Reason.PAUSED
    assert (found, unsound(project)) == (["w1"], [])
    assert sorted(ready(project)) == ["a1", "imported", "new", "w1"]


def test_a_branch_that_is_paused_again_is_held_once_for_the_new_reason(branches):
    project = branches
    project.pause("one", branch="api")
    project.add("New", id="new", branch="api")
    project.pause("two", branch="api")

    holds = {hold for todo in project.todos(branch="api") for hold in [tuple(one.reason for one in todo.holds)]}

    assert holds == {("the branch api is paused: two",)}
    assert unsound(project) == []


def test_a_branch_without_todos_can_be_paused_before_they_come(project, me):
    held = project.pause(branch="later")
    plan(project, {"a": []}, branch="later")

    assert held == 0
    assert me.allocate().reason == Reason.PAUSED


def test_it_is_told_why_a_todo_of_a_paused_branch_is_not_given_out(branches, me):
    project = branches
    project.pause("not now", branch="api")

    with pytest.raises(NotReadyError, match=r"the branch api is paused: not now; `longpole resume --branch api`"):
        me.claim_todo("a1")

    assert project.why("a1").summary == "a1 is blocked: the branch api is paused: not now"
    assert project.why("w2").summary == "w2 is blocked: it waits for a2, w1"
    assert [(branch.name, branch.pause) for branch in project.branches()] == [("api", "not now"), ("web", None)]


def test_a_failed_todo_elsewhere_does_not_make_a_paused_branch_stuck(branches, me):
    project = branches
    project.configure(max_attempts=1)
    me.claim_todo("w1").fail("broken")
    project.pause(branch="api")

    assert me.allocate().reason == Reason.PAUSED


def test_a_reserved_todo_of_a_paused_branch_stays_with_its_holder(project, me):
    plan(project, {"a": [], "b": []}, branch="api")
    me.claim(count=2)
    project.pause(branch="api")

    told = project.register("late", heartbeat=False).allocate()

    assert told.claims == ()
    assert sorted(project.instances()[0].holding) == ["a", "b"]


def test_a_single_branch_is_not_drained(project):
    with pytest.raises(InvalidInputError, match="not drained"):
        project.pause(branch="api", drain=True)


def test_whatever_is_done_meanwhile_no_todo_is_lost_to_a_pause(shared_url, clock):
    rng = random.Random(11)
    with longpole.open(shared_url, clock=clock) as project:
        project.configure(retry_backoff_s=0, max_attempts=2)
        names = [f"t{n}" for n in range(12)]
        for n, name in enumerate(names):
            project.add("Do", id=name, branch=rng.choice(["api", "web", None]), after=rng.sample(names[:n], min(n, 1)))
        me, held = project.register("me", heartbeat=False), list[Claim]()
        acts: tuple[Callable[[], object], ...] = (
            lambda: project.pause(branch=rng.choice(["api", "web"])),
            lambda: project.resume(branch=rng.choice(["api", "web"])),
            lambda: project.edit(rng.choice(names), branch=rng.choice(["api", "web", None])),
            lambda: held.extend(me.claim()),
            lambda: held.pop().complete(),
            lambda: held.pop().fail("broken"),
            lambda: held.pop().release(),
            lambda: project.reopen(rng.choice(names)),
            lambda: project.retry(rng.choice(names)),
            lambda: project.cancel(rng.choice(names)),
        )

        for _ in range(120):
            with suppress(LongpoleError, IndexError):  # what is not allowed now, and nothing in hand
                rng.choice(acts)()
            assert unsound(project) == []

        project.resume(branch="api")
        project.resume(branch="web")
        assert unsound(project) == []
        assert not any(hold.kind == "paused" for todo in project.todos() for hold in todo.holds)


def test_a_branch_is_paused_while_others_claim_from_it(shared_url):
    with longpole.open(shared_url) as project:
        plan(project, {f"t{n}": [] for n in range(40)}, branch="api")

        def work():
            with longpole.open(shared_url) as mine, mine.register(heartbeat=False) as me:
                while claims := me.claim(wait_s=LONG_S):
                    claims[0].complete()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        while not project.status().finished:
            project.pause(branch="api")
            assert unsound(project) == []
            project.resume(branch="api")
        for thread in threads:
            thread.join()

        assert kinds(project).count("completed") == 40


# The cap


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_more_todos_are_in_progress_than_the_cap_allows(project, me, mechanism):
    project.configure(cap=2, coordination=mechanism)
    plan(project, {one: [] for one in "abcd"})
    other = project.register("other", heartbeat=False)
    mine, theirs = me.claim(), other.claim()

    told = project.register("third", heartbeat=False).allocate()
    (following,) = mine[0].complete_and_claim()

    assert [len(mine), len(theirs)] == [1, 1]
    assert (told.reason, told.retry_after_s) == (Reason.AT_CAPACITY, 1.0)
    assert told.detail == "as many todos are in progress as the setting cap allows (2); wait for one of them to end"
    assert following.id not in {mine[0].id, theirs[0].id}
    assert me.allocate().reason == Reason.AT_CAPACITY


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_batch_keeps_to_the_cap(project, me, mechanism):
    project.configure(cap=3, coordination=mechanism)
    plan(project, {one: [] for one in "abcde"})

    assert len(me.claim(count=5)) == 3


def test_with_nothing_ready_the_cap_is_not_what_is_told(project, me):
    project.configure(cap=1)
    plan(project, {"a": []})
    me.claim()

    assert me.allocate().reason == Reason.ALL_CLAIMED


def test_the_cap_refuses_a_certain_todo(project, me):
    project.configure(cap=1)
    plan(project, {"a": [], "b": []})
    me.claim_todo("a")

    with pytest.raises(NotReadyError, match="'b' is not given out: as many todos are in progress"):
        me.claim_todo("b")

    assert "is not given out: as many todos are in progress" in project.why("b").summary


def test_a_reserved_todo_is_taken_over_although_the_cap_is_reached(project, me):
    project.configure(cap=2)
    plan(project, {one: [] for one in "abc"})
    me.claim(count=2)

    (taken,) = project.register("late", heartbeat=False).claim()

    assert taken.id == "b"
    assert sorted(statuses(project).values()) == ["in_progress", "in_progress", "ready"]


def test_who_waits_goes_on_when_the_cap_is_raised(shared_url, ask):
    with longpole.open(shared_url) as project, longpole.open(shared_url) as other:
        project.configure(cap=1)
        plan(project, {"a": [], "b": []})
        project.register("first", heartbeat=False).claim()
        answer = ask(other.register("me", heartbeat=False))

        project.configure(cap=2)

        assert ids(claimed.todo for claimed in answer().claims) == ["b"]


def test_the_cap_holds_while_many_claim_at_once(shared_url):
    with longpole.open(shared_url) as project:
        project.configure(cap=2)
        plan(project, {f"t{n}": [] for n in range(30)})

        def work():
            with longpole.open(shared_url) as mine, mine.register(heartbeat=False) as me:
                while claims := me.claim(count=2, wait_s=LONG_S):
                    for claim in claims:
                        with suppress(ClaimLostError):  # another may have taken over what was not begun
                            claim.complete()

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        running = most = 0
        for kind in kinds(project):
            running += (kind == "claimed") - (kind in {"completed", "released"})
            most = max(most, running)
        assert (most, kinds(project).count("completed")) == (2, 30)
