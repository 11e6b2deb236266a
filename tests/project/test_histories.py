"""Random histories of a whole project, compared after every act with a model that counts everything anew."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import longpole
from longpole.errors import (
    AlreadyClaimedError,
    ClaimLostError,
    CycleError,
    InstanceLostError,
    InvalidInputError,
    NotReadyError,
)
from longpole.transitions import TRANSITIONS
from tests.conftest import FakeClock
from tests.project.looking import engine_of
from tests.project.naive import FINISHED, LEASE_S, MAX_ATTEMPTS, OPEN, PENDING, Instance, Model, Todo
from tests.project.replay import replayed

MOVES = {(before.value, after.value) for (before, _), places in TRANSITIONS.items() for after in places}
WATCH = """
    CREATE TEMP TABLE moves (before TEXT, after TEXT);
    CREATE TEMP TRIGGER watch AFTER UPDATE OF status ON main.todo WHEN old.status <> new.status
    BEGIN INSERT INTO moves VALUES (old.status, new.status); END;
"""
ESTIMATES = st.sampled_from([None, 0.0, 1.0, 7.5, 30.0, 400.0])
PRIORITIES = st.integers(0, 4)
PICK = st.integers(0, 10_000)
PICKS = st.lists(PICK, max_size=3)


class Histories(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock, self.model = FakeClock(), Model()
        self.project = longpole.open(":memory:", clock=self.clock)
        self.project.configure(max_attempts=MAX_ATTEMPTS, lease_s=LEASE_S)
        engine_of(self.project)._idle[0].database.execute(WATCH).fetchall()
        self.instances, self.claims = {}, []

    def teardown(self):
        rows = self.project.todos()
        assert replayed(self.project.journal(), rows) == {todo.id: todo.status.value for todo in rows}
        self.project.close()

    # What the rules pick from

    def any_todo(self, pick):
        return sorted(self.model.todos)[pick % len(self.model.todos)]

    def some_todos(self, picks):
        return {self.any_todo(pick) for pick in picks} if self.model.todos else set()

    def any_instance(self, pick):
        name = sorted(self.instances)[pick % len(self.instances)]
        return name, self.instances[name]

    def has_todos(self):
        return bool(self.model.todos)

    def has_instances(self):
        return bool(self.instances)

    def has_claims(self):
        return bool(self.claims)

    # Edits

    @rule(picks=PICKS, estimate=ESTIMATES, priority=PRIORITIES)
    def add(self, picks, estimate, priority):
        after = self.some_todos(picks)
        todo_id = f"t{len(self.model.todos) + 1:02}"
        self.project.add("T", id=todo_id, after=sorted(after), estimate_minutes=estimate, priority=priority)
        self.model.todos[todo_id] = Todo(len(self.model.todos) + 1, priority, estimate, after)
        self.model.settle()

    @rule(
        inner=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5),
        outer=PICKS,
        estimates=st.lists(ESTIMATES, min_size=1, max_size=4),
    )
    def add_many(self, inner, outer, estimates):
        first = len(self.model.todos) + 1
        ids = [f"t{first + index:02}" for index in range(len(estimates))]
        after: dict[str, set[str]] = {one: set() for one in ids}
        after[ids[0]] |= self.some_todos(outer)
        for before, then in inner:
            after[ids[then % len(ids)]].add(ids[before % len(ids)])
        batch = [
            {"id": one, "title": "T", "after": sorted(after[one]), "estimate_minutes": estimate}
            for one, estimate in zip(ids, estimates, strict=True)
        ]
        if self.model.would_cycle(after):
            with pytest.raises(CycleError):
                self.project.add_many(batch)
            return
        assert self.project.add_many(batch) == ids
        for number, (one, estimate) in enumerate(zip(ids, estimates, strict=True), first):
            self.model.todos[one] = Todo(number, 2, estimate, after[one])
        self.model.settle()

    @precondition(has_todos)
    @rule(pick=PICK, picks=st.lists(PICK, min_size=1, max_size=2))
    def link(self, pick, picks):
        one, after = self.any_todo(pick), self.some_todos(picks)
        todo = self.model.todos[one]
        if todo.status in ("in_progress", "completed"):
            with pytest.raises(InvalidInputError):
                self.project.link(one, after=sorted(after))
        elif self.model.would_cycle({one: after}):
            with pytest.raises(CycleError) as refused:
                self.project.link(one, after=sorted(after))
            cycle = refused.value.cycle
            edges = {(need, then) for then, each in self.model.todos.items() for need in each.after}
            edges |= {(need, one) for need in after}
            assert all((then, first) in edges for first, then in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        else:
            assert set(self.project.link(one, after=sorted(after))) == after - todo.after
            todo.after |= after
            self.model.settle()

    @precondition(has_todos)
    @rule(pick=PICK, picks=PICKS)
    def unlink(self, pick, picks):
        todo = self.model.todos[self.any_todo(pick)]
        gone = {*sorted(todo.after)[: len(picks)], *self.some_todos(picks[:1])}
        assert set(self.project.unlink(self.any_todo(pick), after=sorted(gone))) == gone & todo.after
        todo.after -= gone
        self.model.settle()

    @precondition(has_todos)
    @rule(pick=PICK, estimate=ESTIMATES)
    def estimate(self, pick, estimate):
        self.project.edit(self.any_todo(pick), estimate_minutes=estimate)
        self.model.todos[self.any_todo(pick)].estimate = estimate

    @precondition(has_todos)
    @rule(pick=PICK, priority=PRIORITIES)
    def prioritise(self, pick, priority):
        self.project.edit(self.any_todo(pick), priority=priority)
        self.model.todos[self.any_todo(pick)].priority = priority

    @precondition(has_todos)
    @rule(pick=PICK, cascade=st.booleans())
    def cancel(self, pick, cascade):
        one = self.any_todo(pick)
        gone = {one} | (self.model.behind(one) if cascade else set())
        states = {self.model.todos[each].status for each in gone}
        if self.model.todos[one].status in FINISHED:
            with pytest.raises(InvalidInputError):
                self.project.cancel(one, cascade=cascade)
        elif "in_progress" in states:
            with pytest.raises(AlreadyClaimedError):
                self.project.cancel(one, cascade=cascade)
        else:
            assert set(self.project.cancel(one, cascade=cascade)) == gone
            self.model.finish(gone, "cancelled")

    @precondition(has_todos)
    @rule(pick=PICK)
    def complete_by_hand(self, pick):
        one = self.any_todo(pick)
        status = self.model.todos[one].status
        if status in (*FINISHED, "in_progress"):
            with pytest.raises(AlreadyClaimedError if status == "in_progress" else InvalidInputError):
                self.project.complete(one)
        else:
            self.project.complete(one)
            self.model.finish([one], "completed")

    @precondition(has_todos)
    @rule(pick=PICK)
    def reopen(self, pick):
        one = self.any_todo(pick)
        if self.model.todos[one].status not in FINISHED:
            with pytest.raises(InvalidInputError):
                self.project.reopen(one)
            return
        begun = [
            each
            for each, todo in self.model.todos.items()
            if one in todo.after and todo.status in ("in_progress", "completed")
        ]
        assert sorted(self.project.reopen(one)) == sorted(begun)
        self.model.revive(one)

    @precondition(has_todos)
    @rule(pick=PICK)
    def retry(self, pick):
        one = self.any_todo(pick)
        if self.model.todos[one].status != "failed":
            with pytest.raises(InvalidInputError):
                self.project.retry(one)
            return
        self.project.retry(one)
        self.model.revive(one)

    @precondition(has_todos)
    @rule(pick=PICK)
    def hold_or_lift(self, pick):
        one = self.any_todo(pick)
        todo = self.model.todos[one]
        if todo.held:
            self.project.lift(one)
        elif todo.status in OPEN:
            self.project.hold(one, "not yet")
        else:
            with pytest.raises(AlreadyClaimedError if todo.status == "in_progress" else InvalidInputError):
                self.project.hold(one, "too late")
            return
        todo.held = not todo.held
        self.model.settle()

    # Instances and claims

    @rule()
    def register(self):
        name = f"i{len(self.instances)}"
        self.instances[name] = self.project.register(name, heartbeat=False)
        self.model.instances[name] = Instance(self.model.now, self.model.now + LEASE_S)

    @precondition(has_instances)
    @rule(pick=PICK)
    def unregister(self, pick):
        name, instance = self.any_instance(pick)
        instance.unregister()
        if self.model.instances[name].live:
            self.model.leave(name, released=True)

    @precondition(has_instances)
    @rule(pick=PICK)
    def beat(self, pick):
        name, instance = self.any_instance(pick)
        if not self.model.instances[name].live:
            with pytest.raises(InstanceLostError):
                instance.heartbeat()
            return
        instance.heartbeat()
        self.model.renew(name, always=True)

    @precondition(has_instances)
    @rule(pick=PICK, count=st.integers(1, 2), strategy=st.sampled_from(["critical_path", "greedy"]))
    def claim(self, pick, count, strategy):
        name, instance = self.any_instance(pick)
        if not self.model.instances[name].live:
            with pytest.raises(InstanceLostError):
                instance.claim()
            return
        self.model.renew(name, always=False)
        self.expect_claims(name, instance.claim(count=count, strategy=strategy), count, strategy)

    def expect_claims(self, name, claims, count, strategy):
        count = self.model.allowed(count)
        if self.model.next_by(strategy) is None and (reserved := self.model.not_begun(name)):
            self.model.give_back(reserved, released=True)
        for place, claim in enumerate(claims):
            assert claim.id == self.model.next_by(strategy)
            self.model.claim(claim.id, name, place)
            assert (claim.token, claim.attempt) == (
                self.model.todos[claim.id].token,
                self.model.todos[claim.id].attempts,
            )
            self.claims.append((claim, name))
        assert len(claims) == count or self.model.next_by(strategy) is None

    @precondition(lambda self: self.model.todos and self.instances)
    @rule(pick=PICK, which=PICK)
    def claim_a_certain_one(self, pick, which):
        name, instance = self.any_instance(which)
        one = self.any_todo(pick)
        todo = self.model.todos[one]
        if not self.model.instances[name].live:
            with pytest.raises(InstanceLostError):
                instance.claim_todo(one)
        elif todo.status == "ready":
            self.model.renew(name, always=False)
            self.claims.append((instance.claim_todo(one), name))
            self.model.claim(one, name)
        elif todo.holder != name:
            with pytest.raises(AlreadyClaimedError if todo.status == "in_progress" else NotReadyError):
                instance.claim_todo(one)

    def current(self, pick):
        """A claim of now or of long ago, and the error that an act of its must meet; None if it is good."""
        claim, name = self.claims[pick % len(self.claims)]
        todo = self.model.todos[claim.id]
        if todo.status == "in_progress" and (todo.holder, todo.token) == (name, claim.token):
            return claim, name, None
        return claim, name, ClaimLostError if self.model.instances[name].live else InstanceLostError

    @precondition(has_claims)
    @rule(pick=PICK)
    def complete(self, pick):
        claim, name, error = self.current(pick)
        if error:
            with pytest.raises(error):
                claim.complete("late")
            return
        claim.complete("done")
        self.model.renew(name, always=False)
        self.model.finish([claim.id], "completed")

    @precondition(has_claims)
    @rule(pick=PICK)
    def complete_and_claim(self, pick):
        claim, name, error = self.current(pick)
        if error:
            with pytest.raises(error):
                claim.complete_and_claim("late")
            return
        self.model.renew(name, always=False)
        self.model.finish([claim.id], "completed")
        self.expect_claims(name, claim.complete_and_claim("done"), 1, "critical_path")

    @precondition(has_claims)
    @rule(pick=PICK, fail=st.booleans())
    def give_back(self, pick, fail):
        claim, name, error = self.current(pick)
        act = (lambda: claim.fail("broken")) if fail else claim.release
        if error:
            with pytest.raises(error):
                act()
            return
        status = act()
        self.model.renew(name, always=False)
        self.model.give_back(claim.id, failed=fail, released=not fail)
        assert status == self.model.todos[claim.id].status

    @precondition(has_claims)
    @rule(pick=PICK, percent=st.integers(0, 100))
    def progress(self, pick, percent):
        claim, name, error = self.current(pick)
        if error:
            with pytest.raises(error):
                claim.progress(percent)
            return
        claim.progress(percent)
        self.model.renew(name, always=False)
        self.model.todos[claim.id].place = 0
        assert self.project.todo(claim.id).progress_percent == percent

    @rule(seconds=st.sampled_from([0.5, 1.0, 40.0, 200.0]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)
        self.model.now += seconds
        assert sorted(self.project.sweep()) == sorted(self.model.sweep())

    # What holds after every act

    @invariant()
    def every_row_is_as_counted_anew(self):
        measures = self.model.measures()
        for todo in self.project.todos():
            model, found = self.model.todos[todo.id], measures[todo.id]
            assert (todo.status, todo.unmet) == (model.status, self.model.unmet(todo.id)), todo
            assert (todo.holder, todo.token, todo.attempts) == (model.holder, model.token, model.attempts), todo
            assert set(todo.depends_on) == model.after
            if todo.status in PENDING:  # what is finished keeps the measures of its last day
                assert todo.critical_path_minutes == found.critical_path_minutes, todo
                assert (todo.urgency, todo.immediate_dependents) == (found.urgency, found.immediate_dependents), todo
                assert todo.total_descendants in (None, found.total_descendants), todo
        assert len(self.project.todos()) == len(self.model.todos)

    @invariant()
    def every_todo_ranks_below_what_it_waits_for(self):
        with self.project._store.read() as tx:
            ranks: dict[int, int] = dict(tx.all("SELECT number, rank FROM todo"))
            pairs = tx.all("SELECT predecessor, dependent FROM dependency")
        assert all(ranks[before] > ranks[then] for before, then in pairs)

    @invariant()
    def every_move_was_one_of_the_state_machine(self):
        with self.project._store.read() as tx:
            moves = set(tx.all("SELECT DISTINCT before, after FROM temp.moves"))
        assert moves <= MOVES

    @invariant()
    def nobody_holds_what_another_holds_and_only_the_live_hold_anything(self):
        held = list(itertools.chain.from_iterable(one.holding for one in self.project.instances(every=True)))
        live = list(itertools.chain.from_iterable(one.holding for one in self.project.instances()))
        assert len(held) == len(set(held))
        assert held == live


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
