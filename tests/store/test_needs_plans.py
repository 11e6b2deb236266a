"""What a claim reads while thousands of todos are ready that are not for it: nothing of them."""

from __future__ import annotations

import pytest

import longpole
from longpole.model import Reason
from tests.store import plans, reading

OTHERS = 30_000  # of which three in ten are ready
OFTEN = 12  # as in test_postgres_plans
OFFERS = [(), ("gpu",), ("gpu", "reviewer")]


def fill_with_others(project):
    """Let all that is ready so far need what nobody offers."""
    with project._store.write() as tx:
        tx.run("INSERT INTO need (project_id, number, labels) VALUES (?, 1, '[\"moon\"]')", (tx.project_id,))
        tx.run("UPDATE todo SET need = 1, urgency = 0 WHERE status = 'ready'")


@pytest.fixture
def large(file_url):
    with longpole.open(file_url) as project:
        plans.fill(project, OTHERS)
        fill_with_others(project)
    with longpole.open(file_url) as project:
        yield project


@pytest.mark.parametrize("offers", OFFERS)
def test_todos_that_are_not_for_an_instance_cost_its_claim_no_statement_and_no_other_plan(large, path, offers):
    def steps_of_a_claim(project):
        project.add_many([{"title": "Mine", "needs": offers}] * 3)
        me = project.register("me", heartbeat=False, offers=offers)
        me.claim()
        return plans.steps(project, lambda: me.claim()[0])

    with longpole.open(path) as empty:
        assert steps_of_a_claim(large) == steps_of_a_claim(empty)


def test_it_is_told_by_the_index_how_many_are_ready_for_others(large):
    me = large.register("me", heartbeat=False)

    found = plans.steps(large, me.allocate)

    assert me.allocate().reason == Reason.ALL_BLOCKED
    assert me.allocate().detail.startswith("100 todos are ready, but they need: moon;")
    counting = [step.detail for step in found if step.sql.startswith("SELECT n.labels")]
    assert any("INDEX todo_by_arrival (project_id=? AND need=?)" in detail for detail in counting)
    assert not [step for step in found if step.detail.startswith("SCAN t")]


@pytest.mark.parametrize("offers", OFFERS)
def test_todos_that_are_not_for_an_instance_cost_its_claim_next_to_nothing_on_postgresql(postgres_url, offers):
    with longpole.open(postgres_url) as project:
        reading.alone(project)
        reading.fill(project, OTHERS, former=0)
        fill_with_others(project)
        project.add_many([{"title": "Mine", "needs": offers}] * (2 * OFTEN))
        me = project.register("me", heartbeat=False, offers=offers)
        reading.analyze(project)
        for _ in range(OFTEN):
            me.claim()

        found = reading.read_by(project, me.claim)
        while me.claim():
            pass
        nothing = reading.read_by(project, me.allocate)

        assert "100 todos are ready, but they need: moon;" in str(me.allocate().detail)
        assert (found.rows, nothing.rows) == (0, 0)
        assert found.entries <= 150
        assert nothing.entries <= 300
