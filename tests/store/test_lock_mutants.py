"""Planted bugs: each takes a lock away, and a race between two connections has to notice that it is gone."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import pytest

from longpole.instances import failure, registration
from longpole.model import Reason
from longpole.store import additions, claims, edits, instances, picks, projects, readiness, replies
from longpole.store.postgres_step import Function
from longpole.store.postgres_transaction import PostgresTransaction
from longpole.store.readiness import NoWork
from tests import postgres
from tests.reliability.mutants import both, code, statement
from tests.store import test_overlapping_claims as asking
from tests.store import test_overlapping_instances as lives
from tests.store import test_overlaps as overlaps
from tests.store.overlapping import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.clock import Clock

pytestmark = pytest.mark.race


def each_order(name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what replaces a piece of the statements that claim, one for each order."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        statements = getattr(picks, name)
        assert all(old in text for text in statements.values())
        monkeypatch.setattr(picks, name, {order: text.replace(old, new) for order, text in statements.items()})

    return plant


def reasons_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the reason of no work in a statement for each status."""

    def explain(tx: Any, _met: Any = None) -> NoWork | None:
        asked = "SELECT 1 FROM todo WHERE project_id = ? AND status = ?"
        if tx.one(asked, (tx.project_id, "ready")):
            return None
        for status, reason in (("in_progress", Reason.ALL_CLAIMED), ("failed", Reason.STUCK)):
            if tx.one(asked, (tx.project_id, status)):
                return NoWork(reason=reason, detail="")
        return NoWork(reason=Reason.FINISHED, detail="")

    monkeypatch.setattr(readiness, "explain", explain)


def in_the_function(old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what replaces a piece of the function that claims and completes in one round trip."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        initialised = Function.__init__

        def changed(function: Function) -> None:
            initialised(function)
            assert old in function._text, f"postgres_step.sql has no {old!r} any more; make this mutant anew"
            name = f"longpole_step_mutant_{zlib.crc32(old.encode()):x}"
            function._text = function._text.replace(old, new).replace(function._name, name)
            function._name = name

        monkeypatch.setattr(Function, "__init__", changed)

    return plant


MUTANTS = {
    "an edit does not lock what it looks at": (
        code(edits, "_locked", "claims.lock(tx, {number, *others})", "pass"),
        lambda pair: overlaps.test_a_dependency_is_added_as_its_predecessor_is_completed(pair, turned=True),
    ),
    "who removes a dependency does not lock what it looks at": (
        code(edits, "_locked", "claims.lock(tx, {number, *others})", "pass"),
        lambda pair: overlaps.test_a_dependency_is_removed_as_its_predecessor_is_completed(pair, turned=True),
    ),
    "who completes by hand does not lock what it looks at": (
        code(edits, "_locked", "claims.lock(tx, {number, *others})", "pass"),
        overlaps.test_what_is_being_claimed_is_not_completed_by_hand,
    ),
    "who sets a todo aside does not lock what it looks at": (
        code(edits, "_locked", "claims.lock(tx, {number, *others})", "pass"),
        overlaps.test_a_todo_is_claimed_before_it_is_set_aside,
    ),
    "who adds a todo does not lock what it waits for": (
        code(additions, "_unmet", "claims.lock(tx, outside)", "pass"),
        lambda pair: overlaps.test_a_todo_is_added_behind_one_that_is_being_completed(pair, turned=True),
    ),
    "who cancels does not lock what it looks at": (
        code(edits, "cancel", "claims.lock(tx, affected)", "pass"),
        lambda pair: overlaps.test_what_is_being_claimed_is_not_cancelled(pair, cascade=False),
    ),
    "who reopens does not lock the dependents": (
        code(edits, "reopen", "claims.lock_dependents(tx, [number])", "pass"),
        overlaps.test_a_todo_that_was_begun_as_it_came_to_wait_again_gets_a_second_look,
    ),
    "who completes takes the dependents as they come": (
        lambda monkeypatch: monkeypatch.setattr(claims, "lock_dependents", lambda *_: None),
        overlaps.complete_what_an_edit_waits_for,
    ),
    "dependents are locked in any order": (
        statement(claims, "DEPENDENTS", "ORDER BY number", ""),
        overlaps.complete_what_an_edit_waits_for,
    ),
    "edits do not wait for each other": (
        both(
            lambda monkeypatch: monkeypatch.setattr(PostgresTransaction, "take_turn", lambda _: None),
            code(projects, "configure", "tx.lock_project()", "pass"),
        ),
        overlaps.test_settings_made_at_once_are_all_kept,
    ),
    "a completion that changes measures is no edit": (
        lambda monkeypatch: monkeypatch.setattr(PostgresTransaction, "lock_project", lambda _: None),
        overlaps.test_a_completion_that_changes_measures_goes_by_the_settings_that_were_being_changed,
    ),
    "a claim waits for each row": (
        each_order("FIRST_READY", " SKIP LOCKED", ""),
        asking.test_a_claim_passes_over_what_another_is_claiming,
    ),
    "a claim waits for no row": (
        each_order("FIRST_HELD_UP", "FOR UPDATE", "FOR UPDATE SKIP LOCKED"),
        lambda pair: asking.test_a_claim_waits_for_an_edit_of_all_that_is_ready_and_then_gets_it(pair, 5),
    ),
    "a reason is made of pieces": (
        reasons_in_pieces,
        asking.test_the_reason_for_no_work_is_true_whatever_changes_hands_meanwhile,
    ),
    "a key may be used by two at once": (
        code(replies, "keep", "VALUES (?, ?, ?, ?, ?)", "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
        lambda pair: asking.test_an_act_that_is_asked_for_twice_at_once_with_one_key_is_done_once_and_answered_twice(
            pair, "claim"
        ),
    ),
    "an act does not hold on to its instance": (
        statement(instances, "LIVE", " FOR KEY SHARE", ""),
        lives.test_a_claim_in_flight_is_returned_as_its_instance_leaves,
    ),
    "who leaves does not wait for acts in flight": (
        code(registration, "unregister", "instances.lock(tx, number)", "pass"),
        lives.test_a_claim_in_flight_is_returned_as_its_instance_leaves,
    ),
    "who leaves shares its row first": (
        code(registration, "unregister", "instances.lock(", "instances.live(tx, number) and instances.lock("),
        lives.test_an_instance_that_leaves_twice_in_the_midst_of_an_act_leaves_once_and_nobody_waits_in_a_ring,
    ),
    "who takes a name does not look again": (
        code(registration, "_free", "again = _ended(tx, name)", "again = found"),
        lives.test_the_name_of_an_instance_that_beats_just_then_is_not_given_away,
    ),
    "who takes a name does not wait for its instance": (
        code(registration, "_free", "instances.lock(tx, found.number)", "pass"),
        lives.test_the_name_of_an_instance_that_beats_just_then_is_not_given_away,
    ),
    "a sweep does not wait for heartbeats": (
        code(instances, "expired", " FOR UPDATE", ""),
        lives.test_a_heartbeat_in_flight_keeps_its_instance_from_being_given_up,
    ),
    "two sweep at once": (
        lambda monkeypatch: monkeypatch.setattr(PostgresTransaction, "lock_sweep", lambda _: True),
        lives.test_of_two_sweeps_at_once_one_has_nothing_to_do_and_does_not_wait,
    ),
    "a sweep thinks that it has seen all": (
        code(failure, "_next_due", "UNSEEN_S if tx.overlaps else ", ""),
        lambda pair: lives.test_a_rest_that_begins_beside_a_sweep_is_not_forgotten(pair, turned=False),
    ),
}
IN_THE_FUNCTION = {
    "it does not hold on to its instance": (
        in_the_function("FOR KEY SHARE OF i", ""),
        lives.test_a_claim_that_comes_as_its_instance_leaves_is_refused,
    ),
    "it overlooks that something before is open again": (
        in_the_function("v_unmet > 0", "v_unmet < 0"),
        lambda pair: overlaps.test_a_completion_that_changes_measures_does_not_overlook_an_edit(pair, turned=False),
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_race_notices_that_a_lock_is_gone(mutant, postgres_url, clock, monkeypatch):
    if "as they come" in mutant and postgres.version(postgres_url) < 18:
        pytest.skip("before 18 the plan that this ring needs is not to be had")
    plant, race = MUTANTS[mutant]
    plant(monkeypatch)

    turns_red(race, postgres_url, clock, steps=False)


@pytest.mark.parametrize("mutant", IN_THE_FUNCTION)
def test_a_race_notices_that_the_function_has_lost_a_lock(mutant, postgres_url, clock, monkeypatch):
    plant, race = IN_THE_FUNCTION[mutant]
    plant(monkeypatch)

    turns_red(race, postgres_url, clock, steps=True)


def turns_red(race: Callable[[Pair], None], url: str, clock: Clock, *, steps: bool) -> None:
    """Run a race as its own module does, and see it fail."""
    with Pair(f"{url}{overlaps.SCATTERED}", clock=clock, steps=steps) as pair:
        lives.prepare(pair)

        with pytest.raises(AssertionError):
            race(pair)
