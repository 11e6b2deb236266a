"""What it reads to be told that nothing is given out: a few rows by an index, however much is held back."""

from __future__ import annotations

import psycopg
import pytest

import longpole
from longpole.model import Reason
from tests.project.looking import plan
from tests.store import plans, reading

HELD = 20_000
OFTEN = 12  # as in test_postgres_plans
HOLD_ALL = (
    "UPDATE todo SET branch = 'api', status = 'completed' WHERE status <> 'ready'",
    "UPDATE todo SET branch = 'api', status = 'blocked', unmet = 1 WHERE status = 'ready'",
    """INSERT INTO hold (project_id, number, kind, reason)
    SELECT project_id, number, 'paused', 'the branch api is paused' FROM todo WHERE status = 'blocked'""",
    "INSERT INTO branch (project_id, name, pause) SELECT project_id, 'api', '' FROM project",
)


@pytest.fixture
def sqlite(file_url):
    with longpole.open(file_url) as project:
        plans.fill(project, HELD)
        with project._store.write() as tx:
            for statement in HOLD_ALL:
                tx.run(statement)
    with longpole.open(file_url) as project:
        yield project


def test_a_large_paused_branch_is_told_of_by_a_few_look_ups(sqlite):
    me = sqlite.register("me", heartbeat=False)

    found = plans.steps(sqlite, me.allocate)

    assert me.allocate().reason == Reason.PAUSED
    reads = [step.detail for step in found if step.detail.startswith(("SCAN", "SEARCH"))]
    whole = tuple(f"SEARCH {table} USING PRIMARY KEY (project_id=?)" for table in ("todo", "t", "hold", "h"))
    assert [detail for detail in reads if detail in whole or detail.startswith("SCAN t")] == []
    assert any("INDEX hold_without_end (project_id=? AND kind=?)" in detail for detail in reads)


@pytest.mark.parametrize("known", [False, True])
def test_a_large_paused_branch_is_told_of_by_a_few_look_ups_on_postgresql(postgres_url, known):
    with longpole.open(postgres_url) as project:
        reading.alone(project)
        reading.fill(project, HELD, former=0)
        with psycopg.connect(project.url, autocommit=True) as connection:
            for statement in HOLD_ALL:
                connection.execute(statement)
            connection.execute(f"VACUUM {'(ANALYZE)' if known else ''} todo, hold")
        me = project.register("me", heartbeat=False)
        for _ in range(OFTEN):
            me.allocate()

        found = reading.read_by(project, me.allocate)

        assert me.allocate().reason == Reason.PAUSED
        assert found.rows == 0
        assert found.entries <= 150
        assert found.pages <= 500


def test_the_cap_is_counted_by_the_index_of_what_is_held(file_url):
    with longpole.open(file_url) as project:
        project.configure(cap=2)
        plan(project, {"a": [], "b": [], "c": []})
        me = project.register("me", heartbeat=False)
        me.claim()

        found = plans.steps(project, me.claim)

    counting = [step.detail for step in found if step.sql.startswith("SELECT COUNT(*) FROM (SELECT 1 FROM todo")]
    assert any("todo_by_holder" in detail for detail in counting)
