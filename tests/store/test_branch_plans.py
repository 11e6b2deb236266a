"""What the look for a free branch reads: a few entries of an index for each branch, never what is ready one by one."""

from __future__ import annotations

import psycopg
import pytest

import longpole
from longpole.store import branches
from tests import postgres
from tests.store import plans, reading

TODOS, BRANCHES = 50_000, 40
OFTEN = 12  # see test_postgres_plans
ENTRIES, PAGES, ALL_PAGES = 150, 500, 700
"""What a claim may read, and where each branch is looked up. 15,000 todos are ready, on 800 pages."""
INTO_BRANCHES = f"UPDATE todo SET branch = 'b' || (number % {BRANCHES}) WHERE number % 3 > 0"
# The most critical are 500 todos of 126 minutes each, of two branches or none.
HOLD_THE_FRONT = """
    INSERT INTO branch (project_id, name, holder, token)
    SELECT project_id, branch, 999, 1 FROM todo
    WHERE branch IS NOT NULL AND status = 'ready' AND critical_path_minutes > 125 GROUP BY project_id, branch"""


def wanted_free(project):
    """Claim in a free branch as an instance of which no process remembers anything, and give all back."""
    (claim,) = project.instance("me").claim(strategy="branch_affinity")
    claim.release()
    with project._store.write() as tx:
        branches.let_go(tx, 1)
    return claim.todo


@pytest.fixture(scope="module")
def file_project(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("large") / "longpole.db")
    with longpole.open(path) as opened:
        opened.configure(durability="normal", lease_s=86400)
        plans.fill(opened, TODOS)
        with opened._store.write() as tx:
            tx.run(INTO_BRANCHES)
    with longpole.open(path) as opened:
        yield opened


def test_a_claim_of_a_free_branch_uses_the_indexes_of_what_is_ready_on_sqlite(file_project):
    me = file_project.register(heartbeat=False)

    found = plans.steps(file_project, lambda: me.claim(strategy="branch_affinity"))

    of_todos = {step.detail for step in found if step.sql.startswith("SELECT COALESCE") and "todo_by" in step.detail}
    assert of_todos == {
        "SEARCH todo USING INDEX todo_by_critical_path (project_id=? AND need=?)",
        "SEARCH todo USING COVERING INDEX todo_by_branch (project_id=? AND branch>?)",
        "SEARCH todo USING COVERING INDEX todo_by_branch (project_id=? AND branch=? AND need=?)",
    }
    assert [step for step in found if step.detail.startswith("SCAN") and " USING " in step.detail] == []


def test_a_second_claim_in_ones_branch_costs_one_look_up_more_than_any_claim_on_sqlite(file_project):
    me = file_project.register(heartbeat=False)
    me.claim(strategy="branch_affinity")

    in_branch = {step.sql for step in plans.steps(file_project, lambda: me.claim(strategy="branch_affinity"))}
    anywhere = {step.sql for step in plans.steps(file_project, me.claim)}

    assert len(in_branch) <= len(anywhere) + 1
    assert [sql for sql in in_branch if "branch WHERE" in sql] == [
        "SELECT name FROM branch WHERE project_id = ? AND holder = ? ORDER BY name"
    ]


def fresh(project):
    often(project)


def analyzed(project):
    reading.analyze(project)
    often(project)


def often(project):
    for _ in range(OFTEN):
        wanted_free(project)


@pytest.fixture(scope="module", params=[fresh, analyzed])
def read(request, postgres_server):
    if request.param is fresh and postgres.version(postgres_server) < 18:
        pytest.skip("before 18 a table that was never analysed may have its ready todos sorted (decision 0013)")
    with postgres.schema(postgres_server) as url, longpole.open(url) as project:
        reading.alone(project)
        project.configure(lease_s=86400)
        project.register("me", heartbeat=False)
        reading.fill(project, TODOS, former=TODOS // 10)
        change(project, INTO_BRANCHES)
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("VACUUM todo")  # what the change has left behind is not what is measured here
        request.param(project)

        def read(hold, act=wanted_free):
            change(project, "DELETE FROM branch")
            change(project, hold)
            for _ in range(OFTEN):
                act(project)
            return act(project), reading.read_by(project, lambda: act(project))

        yield read


def change(project, statement):
    with project._store.write() as tx:
        tx.run(statement)


def test_a_claim_of_a_free_branch_reads_little_on_postgresql(read):
    todo, found = read("SELECT 1")

    assert todo.critical_path_minutes == 126
    assert found.rows == 0
    assert found.pages <= PAGES


def test_where_the_front_is_kept_to_each_branch_is_looked_up_once_on_postgresql(read):
    todo, found = read(HOLD_THE_FRONT)

    assert todo.critical_path_minutes == 125
    assert found.rows == 0
    assert found.pages <= ALL_PAGES


@pytest.mark.parametrize("strategy", ["load_balanced", "branch_affinity", "context_aware"])
def test_a_claim_by_each_strategy_reads_little_of_a_large_project_on_postgresql(read, strategy):
    def claim(project):
        project.configure(switch_bonus_minutes=5)
        (claim,) = project.instance("me").claim(strategy=strategy)
        claim.release()
        return claim.todo

    _, found = read("SELECT 1", claim)

    assert found.rows == 0
    assert found.entries <= ENTRIES
    assert found.pages <= PAGES
