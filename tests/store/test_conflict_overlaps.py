"""Acts that overlap on PostgreSQL where todos are in each other's way: each has its turn, and sees what came before."""

from __future__ import annotations

import pytest

from longpole.errors import InvalidInputError, NotReadyError
from longpole.model import Reason
from longpole.store.postgres_transaction import PostgresTransaction
from tests.project.colliding import colliding, untrue
from tests.project.looking import statuses
from tests.store.overlapping import Pair, ask, claimed, completes

pytestmark = pytest.mark.race


@pytest.fixture(params=["in one round trip", "statement by statement"])
def pair(request, postgres_url):
    with Pair(postgres_url, steps=request.param == "in one round trip") as opened:
        yield opened


def prepare(pair, *busy, **touches):
    """Add todos that touch these paths; `me` holds those that are busy, `you` nothing."""
    pair.mine.add_many([{"id": one, "title": one, "touches": touched} for one, touched in touches.items()])
    claimed(pair.mine, *busy)
    claimed(pair.mine, by="you")


def claims(todo, name="me"):
    return lambda project: project.instance(name).claim_todo(todo).id


def is_sound(project):
    assert untrue(project) == []
    assert colliding(project.todos()) == []


def test_of_two_claims_at_once_of_overlapping_paths_one_waits_and_does_not_get_it(pair):
    prepare(pair, one=["src"], other=["src/api"])

    met = pair.overlap(claims("one"), claims("other", "you"))

    assert (met.first, met.waited) == ("one", True)
    assert isinstance(met.second, NotReadyError)
    is_sound(pair.mine)


def test_whoever_asks_meanwhile_is_told_of_the_claim_that_it_waited_for(pair):
    prepare(pair, one=["src"], other=["src/api"])

    met = pair.overlap(ask("me"), ask("you"))

    assert met == (["one"], Reason.CONFLICTS, True)


def test_whoever_asks_as_a_path_is_freed_waits_and_gets_it(pair):
    prepare(pair, "one", one=["src"], other=["src/api"])

    met = pair.overlap(completes("one"), ask("you"))

    assert met == (None, ["other"], True)
    is_sound(pair.mine)


def test_a_todo_that_is_added_to_a_path_as_it_is_claimed_is_held_back(pair):
    prepare(pair, one=["src"])

    met = pair.overlap(claims("one"), lambda project: project.add("Late", id="late", touches=["src"]).status)

    assert met == ("one", "blocked", True)
    is_sound(pair.mine)


def test_a_path_that_is_claimed_as_a_todo_is_added_to_it_holds_that_back(pair):
    prepare(pair, one=["src"])

    met = pair.overlap(lambda project: project.add("Late", id="late", touches=["src"]).status, claims("one"))

    assert met == ("ready", "one", True)
    assert statuses(pair.mine)["late"] == "blocked"
    is_sound(pair.mine)


def test_what_is_reopened_as_its_path_is_claimed_waits(pair):
    prepare(pair, one=["src"], other=["src/api"])
    pair.mine.complete("other")

    pair.overlap(claims("one"), lambda project: project.reopen("other"))

    assert statuses(pair.mine)["other"] == "blocked"
    is_sound(pair.mine)


def test_what_is_cancelled_as_its_path_is_freed_waits_for_nothing(pair):
    prepare(pair, "one", one=["src"], other=["src/api"])

    pair.overlap(completes("one"), lambda project: project.cancel("other"))

    assert pair.mine.todo("other").unmet == 0
    is_sound(pair.mine)


def test_a_claim_in_flight_counts_when_its_branch_gets_a_limit(pair):
    pair.mine.add_many([{"id": one, "title": one, "branch": "left"} for one in "ab"])
    claimed(pair.mine)

    met = pair.overlap(ask("me"), lambda project: project.configure(**{"cap.left": 1}).branch_caps)

    assert met == (["a"], {"left": 1}, True)
    assert statuses(pair.mine) == {"a": "in_progress", "b": "blocked"}
    is_sound(pair.mine)


def test_a_claim_that_comes_as_its_branch_gets_a_limit_counts_as_well(pair):
    pair.mine.add_many([{"id": one, "title": one, "branch": "left"} for one in "abc"])
    claimed(pair.mine, "a")
    claimed(pair.mine, by="you")

    met = pair.overlap(lambda project: project.configure(**{"cap.left": 2}).branch_caps, ask("you"))

    assert (met.second, met.waited) == (["b"], True)
    assert statuses(pair.mine)["c"] == "blocked"
    is_sound(pair.mine)


def test_a_claimed_todo_gets_no_touches_although_its_claim_was_in_flight(pair):
    prepare(pair, one=[], other=[])

    met = pair.overlap(claims("one"), lambda project: project.edit("one", touches=["src"]))

    assert met.waited
    assert isinstance(met.second, InvalidInputError)
    is_sound(pair.mine)


def test_a_claim_of_a_todo_that_gets_its_first_touches_just_then_holds_others_back(pair):
    prepare(pair, one=[], other=[])
    pair.mine.edit("other", touches=["src"])

    pair.overlap(lambda project: project.edit("one", touches=["src/api"]).id, claims("one"))

    assert statuses(pair.mine) == {"one": "in_progress", "other": "blocked"}
    is_sound(pair.mine)


def test_an_edit_that_began_before_there_were_any_touches_begins_anew(pair):
    prepare(pair, one=[], other=[])

    met = pair.overlap(lambda project: project.edit("one", touches=["src"]).id, lambda project: project.cancel("other"))

    assert (met.first, met.second, met.waited) == ("one", ["other"], True)
    assert pair.undone >= 1
    is_sound(pair.mine)


def without_turns(monkeypatch):
    monkeypatch.setattr(PostgresTransaction, "take_turn", lambda tx: setattr(tx, "in_turn", True))


@pytest.mark.parametrize(
    "race",
    [
        test_whoever_asks_as_a_path_is_freed_waits_and_gets_it,
        test_a_todo_that_is_added_to_a_path_as_it_is_claimed_is_held_back,
        test_what_is_reopened_as_its_path_is_claimed_waits,
    ],
    ids=lambda race: race.__name__.removeprefix("test_"),
)
def test_without_turns_a_race_goes_wrong(race, postgres_url, monkeypatch):
    without_turns(monkeypatch)

    with Pair(postgres_url, steps=False) as pair, pytest.raises(AssertionError):
        race(pair)
