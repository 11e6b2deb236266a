"""Edits that overlap with claims, completions and edits on PostgreSQL: what each finds, and what is left behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from longpole.errors import AlreadyClaimedError, CycleError, NotReadyError
from longpole.model import Reason, Status
from tests.project.looking import plan, statuses
from tests.store.overlapping import Pair, ask, claimed, completes, links, unlinks, untruths

pytestmark = pytest.mark.race
SCATTERED = "%20-cenable_indexscan%3Doff%20-cenable_indexonlyscan%3Doff"  # at the end of a URL
both_ways = pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])


@pytest.fixture
def pair(postgres_url):
    with Pair(postgres_url) as opened:
        yield opened


@both_ways
def test_a_dependency_is_added_as_its_predecessor_is_completed(pair, turned):
    plan(pair.mine, {"first": [], "then": []})
    claimed(pair.mine, "first")

    met = pair.in_turn(links("then", "first"), completes("first"), turned=turned)

    assert met == (["first"], None, True)
    assert statuses(pair.mine) == {"first": "completed", "then": "ready"}
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_added_behind_one_that_is_being_completed(pair, turned):
    plan(pair.mine, {"first": []})
    claimed(pair.mine, "first")

    met = pair.in_turn(lambda project: plan(project, {"then": ["first"]}), completes("first"), turned=turned)

    assert met == (["then"], None, True)
    assert statuses(pair.mine) == {"first": "completed", "then": "ready"}
    assert untruths(pair.mine) == []


@both_ways
def test_a_dependency_is_removed_as_its_predecessor_is_completed(pair, turned):
    # first ──▶ then ◀── other
    plan(pair.mine, {"first": [], "other": [], "then": ["first", "other"]})
    claimed(pair.mine, "first")

    met = pair.in_turn(unlinks("then", "first"), completes("first"), turned=turned)

    assert met == (["first"], None, True)
    assert statuses(pair.mine)["then"] == "blocked"
    assert untruths(pair.mine) == []


def test_two_dependencies_that_would_close_a_circle_are_not_both_added(pair):
    plan(pair.mine, {"a": [], "b": []})

    met = pair.overlap(links("a", "b"), links("b", "a"))

    assert met.waited
    assert met.first == ["b"]
    assert isinstance(met.second, CycleError)
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_reopened_as_a_dependent_is_completed(pair, turned):
    # first ──▶ then
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.complete("first")
    claimed(pair.mine, "then")

    met = pair.in_turn(lambda project: project.reopen("first"), completes("then"), turned=turned)

    assert met == (["then"], None, True)
    assert statuses(pair.mine) == {"first": "ready", "then": "completed"}
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_reopened_as_another_one_before_its_dependent_is_completed(pair, turned):
    # first ──▶ then ◀── other
    plan(pair.mine, {"first": [], "other": [], "then": ["first", "other"]})
    pair.mine.complete("first")
    claimed(pair.mine, "other")

    met = pair.in_turn(lambda project: project.reopen("first"), completes("other"), turned=turned)

    assert met == ([], None, True)
    assert statuses(pair.mine) == {"first": "ready", "other": "completed", "then": "blocked"}
    assert untruths(pair.mine) == []


def test_a_todo_that_was_begun_as_it_came_to_wait_again_gets_a_second_look(pair):
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.complete("first")
    claimed(pair.mine)

    met = pair.overlap(ask(), lambda project: project.reopen("first"))

    assert met == (["then"], ["then"], True)
    assert untruths(pair.mine) == []


def test_a_claim_waits_for_a_reopening_and_does_not_get_what_waits_again(pair):
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.complete("first")
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.reopen("first"), ask())

    assert met == ([], ["first"], True)
    assert untruths(pair.mine) == []


def test_a_claim_finds_its_todo_cancelled(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.cancel("a"), ask())

    assert met == (["a"], Reason.FINISHED, True)
    assert untruths(pair.mine) == []


@pytest.mark.parametrize("cascade", [False, True])
def test_what_is_being_claimed_is_not_cancelled(pair, cascade):
    plan(pair.mine, {"a": [], "b": ["a"]})
    claimed(pair.mine)

    met = pair.overlap(ask(), lambda project: project.cancel("a", cascade=cascade))

    assert met.waited
    assert isinstance(met.second, AlreadyClaimedError)
    assert statuses(pair.mine) == {"a": "in_progress", "b": "blocked"}
    assert untruths(pair.mine) == []


def test_a_cascade_does_not_go_beyond_what_is_completed_meanwhile(pair):
    # first ──▶ then ──▶ last; `then` was begun before `first` was reopened
    plan(pair.mine, {"first": [], "then": ["first"], "last": ["then"]})
    pair.mine.complete("first")
    claimed(pair.mine, "then")
    pair.mine.reopen("first")

    met = pair.overlap(completes("then"), lambda project: project.cancel("first", cascade=True))

    assert met == (None, ["first"], True)
    assert statuses(pair.mine) == {"first": "cancelled", "then": "completed", "last": "ready"}
    assert untruths(pair.mine) == []


def test_what_is_being_claimed_is_not_completed_by_hand(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(ask(), lambda project: project.complete("a"))

    assert met.waited
    assert isinstance(met.second, AlreadyClaimedError)
    assert statuses(pair.mine) == {"a": "in_progress"}


def test_what_is_being_completed_by_hand_is_not_claimed(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.complete("a"), lambda project: project.instance("me").claim_todo("a"))

    assert met.waited
    assert isinstance(met.second, NotReadyError)
    assert statuses(pair.mine) == {"a": "completed"}


@both_ways
def test_a_todo_is_edited_as_it_is_claimed(pair, turned):
    plan(pair.mine, {"before": [], "a": ["before"]})
    pair.mine.complete("before")
    claimed(pair.mine)

    met = pair.in_turn(lambda project: project.edit("a", estimate_minutes=90).id, ask(), turned=turned)

    assert met == ("a", ["a"], True)
    assert pair.mine.todo("a").critical_path_minutes == 90
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_edited_as_it_is_completed_although_something_before_it_is_open_again(pair, turned):
    plan(pair.mine, {"before": [], "a": ["before"]})
    pair.mine.complete("before")
    claimed(pair.mine, "a")
    pair.mine.reopen("before")

    met = pair.in_turn(lambda project: project.edit("a", estimate_minutes=90).id, completes("a"), turned=turned)

    assert met == ("a", None, True)
    assert (pair.mine.todo("before").critical_path_minutes, pair.mine.todo("a").status) == (30, Status.COMPLETED)
    assert untruths(pair.mine) == []


def test_a_todo_is_set_aside_before_it_is_claimed(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(lambda project: project.hold("a", "not yet"), ask())

    assert met == (None, Reason.STUCK, True)
    assert untruths(pair.mine) == []


def test_a_todo_is_claimed_before_it_is_set_aside(pair):
    plan(pair.mine, {"a": []})
    claimed(pair.mine)

    met = pair.overlap(ask(), lambda project: project.hold("a", "not yet"))

    assert met.waited
    assert isinstance(met.second, AlreadyClaimedError)
    assert untruths(pair.mine) == []


@both_ways
def test_a_hold_is_lifted_as_the_last_predecessor_is_completed(pair, turned):
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.hold("then", "not yet")
    claimed(pair.mine, "first")

    met = pair.in_turn(lambda project: project.lift("then"), completes("first"), turned=turned)

    assert met == (None, None, True)
    assert statuses(pair.mine)["then"] == "ready"
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_set_aside_as_its_last_predecessor_is_completed(pair, turned):
    plan(pair.mine, {"first": [], "then": ["first"]})
    claimed(pair.mine, "first")

    met = pair.in_turn(lambda project: project.hold("then", "not yet"), completes("first"), turned=turned)

    assert met == (None, None, True)
    assert statuses(pair.mine)["then"] == "blocked"
    assert untruths(pair.mine) == []


def test_a_todo_is_retried_that_fails_just_then(pair):
    plan(pair.mine, {"a": []})
    pair.mine.configure(max_attempts=1)
    claimed(pair.mine, "a")

    met = pair.overlap(
        lambda project: project.instance("me").fail("a", 1, "broken"), lambda project: project.retry("a")
    )

    assert met == (Status.FAILED, None, True)
    assert (pair.mine.todo("a").status, pair.mine.todo("a").attempts) == (Status.READY, 0)
    assert untruths(pair.mine) == []


@both_ways
def test_a_todo_is_retried_as_its_predecessor_is_completed(pair, turned):
    # `then` was begun before `first` was reopened
    plan(pair.mine, {"first": [], "then": ["first"]})
    pair.mine.configure(max_attempts=1)
    pair.mine.complete("first")
    claimed(pair.mine, "then")
    pair.mine.reopen("first")
    pair.mine.instance("me").fail("then", 1, "broken")
    pair.mine.instance("me").claim_todo("first")

    met = pair.in_turn(lambda project: project.retry("then"), completes("first"), turned=turned)

    assert met == (None, None, True)
    assert statuses(pair.mine) == {"first": "completed", "then": "ready"}
    assert untruths(pair.mine) == []


@both_ways
def test_two_completions_share_their_dependents(pair, turned):
    # one ──▶ x, y ◀── other
    plan(pair.mine, {"one": [], "other": [], "x": ["one", "other"], "y": ["other", "one"]})
    claimed(pair.mine, "one")
    claimed(pair.mine, "other", by="you")

    met = pair.in_turn(completes("one"), completes("other", "you"), turned=turned)

    assert met == (None, None, True)
    assert [statuses(pair.mine)[todo] for todo in "xy"] == ["ready", "ready"]
    assert pair.undone == 0
    assert untruths(pair.mine) == []


@pytest.fixture
def scattered(postgres_url):
    """A pair to which PostgreSQL gives rows as they lie in the table, as it may at any time."""
    with Pair(f"{postgres_url}{SCATTERED}", steps=False) as opened:
        yield opened


def test_a_completion_and_an_edit_that_need_the_same_rows_do_not_wait_in_a_ring(scattered):
    complete_what_an_edit_waits_for(scattered)


def complete_what_an_edit_waits_for(pair):
    # one ──▶ x, y ──▶ z
    # other ──▶ x
    plan(pair.mine, {"one": [], "other": [], "x": ["one", "other"], "y": ["one"], "z": ["x", "y"]})
    pair.mine.edit("x", estimate_minutes=31)  # its row lies behind that of y now
    claimed(pair.mine, "one")
    claimed(pair.mine, "other", by="you")

    def both(project):
        with ThreadPoolExecutor(2) as threads:
            begun = [threads.submit(links("z", "x", "y"), project)]
            while not (pair.waiting() or begun[0].done()):
                time.sleep(0.002)
            begun.append(threads.submit(completes("one"), project))
            return [one.result() for one in begun]

    met = pair.overlap(completes("other", "you"), both, waiting=2)

    assert (met, pair.undone) == ((None, [[], None], True), 0)
    assert [statuses(pair.mine)[todo] for todo in "xyz"] == ["ready", "ready", "blocked"]
    assert untruths(pair.mine) == []


@both_ways
def test_a_completion_that_changes_measures_does_not_overlook_an_edit(pair, turned):
    # first ──▶ then, longer; `then` was begun before `first` was reopened
    plan(pair.mine, {"first": [], "then": ["first"], "longer": ["first"]})
    pair.mine.edit("then", estimate_minutes=100)
    pair.mine.complete("first")
    claimed(pair.mine, "then")
    pair.mine.reopen("first")

    met = pair.in_turn(
        lambda project: project.edit("longer", estimate_minutes=500).id, completes("then"), turned=turned
    )

    assert met == ("longer", None, True)
    assert pair.mine.todo("first").critical_path_minutes == 530
    assert untruths(pair.mine) == []


EDITS = {
    "add": lambda project: project.add("new", id="new", after=["then"]).id,
    "edit": lambda project: project.edit("then", priority=0).id,
    "link": lambda project: project.link("then", after=["other"]),
    "unlink": lambda project: project.unlink("then", after=["first"]),
    "cancel": lambda project: project.cancel("then"),
    "complete": lambda project: project.complete("then"),
    "reopen": lambda project: project.reopen("done"),
    "import": lambda project: (
        project.import_text('{"todos": [{"title": "new", "id": "new", "after": ["then"]}]}').added
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_goes_by_the_settings_that_were_being_changed_as_it_began(pair, edit):
    # done ──▶ first ──▶ then, other
    plan(pair.mine, {"done": [], "first": ["done"], "then": ["first"], "other": []})
    pair.mine.complete("done")

    met = pair.overlap(lambda project: project.configure(default_estimate_minutes=7), EDITS[edit])

    assert met.waited
    assert not isinstance(met.second, Exception)
    assert untruths(pair.mine) == []


def test_a_completion_that_changes_measures_goes_by_the_settings_that_were_being_changed(pair):
    plan(pair.mine, {"first": [], "then": ["first"], "longer": ["first"]})
    pair.mine.edit("then", estimate_minutes=100)
    pair.mine.complete("first")
    claimed(pair.mine, "then")
    pair.mine.reopen("first")
    pair.mine.configure(default_estimate_minutes=8)  # the next change leaves the row of `then` alone

    met = pair.overlap(lambda project: project.configure(default_estimate_minutes=7), completes("then"))

    assert (met.second, met.waited) == (None, True)
    assert pair.mine.todo("first").critical_path_minutes == 14
    assert untruths(pair.mine) == []


def test_settings_made_at_once_are_all_kept(pair):
    met = pair.overlap(
        lambda project: project.configure(lease_s=100).lease_s, lambda project: project.configure(max_attempts=7)
    )

    assert (met.first, met.waited) == (100, True)
    assert (met.second.lease_s, met.second.max_attempts) == (100, 7)
    assert pair.mine.settings().replace() == met.second
