"""What leading, and taking up what is assigned, reads of a large project: a few rows by an index."""

from __future__ import annotations

import psycopg
import pytest

import longpole
from longpole.coordination import leader
from longpole.store import leadership
from tests import postgres
from tests.store import plans, reading
from tests.store.test_plans import whole_reads

TODOS = 50_000
OFTEN = 12  # see test_postgres_plans
ENTRIES, PAGES = 300, 500
"""What these may read, each of them several acts: 15,000 todos are ready, and 5,000 instances have come and gone."""


def lead(project):
    """Look, match and assign, as the one that leads and has work in hand while three others have none."""
    with project._store.write() as tx:
        tx.run("DELETE FROM assignment WHERE project_id = ?", (tx.project_id,))
    leader.lead(project._store, project.instance("busy").number)
    assert sum(one.in_force for one in project._store.look(leadership.assigned)) == 3


def take_up(project):
    """Claim what is assigned."""
    lead(project)
    (claim,) = project.instance("idle 1").claim(coordination="leader")
    claim.release()


def pass_over(project):
    """Claim beside what is assigned to others."""
    lead(project)
    me = project.instance("idle 1")
    with project._store.write() as tx:
        tx.run("DELETE FROM assignment WHERE project_id = ? AND instance = ?", (tx.project_id, me.number))
    (claim,) = me.claim(coordination="leader")
    claim.release()


def leave(project):
    """Let somebody leave to whom something is assigned."""
    me = project.register("short", heartbeat=False)
    with project._store.write() as tx:
        tx.run("DELETE FROM assignment WHERE project_id = ?", (tx.project_id,))
    leader.lead(project._store, project.instance("busy").number)
    me.unregister()


ACTS = [lead, take_up, pass_over, leave]


def manned(project):
    project.configure(lease_s=86400, leader_lease_s=86400, accept_s=86400)
    names = ("busy", "idle 1", "idle 2", "idle 3")
    busy, *_ = [project.register(name, heartbeat=False) for name in names]
    busy.claim()


@pytest.fixture(scope="module")
def file_project(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("large") / "longpole.db")
    with longpole.open(path) as opened:
        opened.configure(durability="normal")
        plans.fill(opened, TODOS)
        manned(opened)
    with longpole.open(path) as opened:
        yield opened


@pytest.mark.parametrize("act", ACTS)
def test_no_act_of_a_led_project_reads_all_of_it_on_sqlite(file_project, act):
    found = plans.steps(file_project, lambda: act(file_project))

    assert [step for step in found if "assignment" in step.sql] != []
    assert whole_reads(found) == []


def fresh(project):
    often(project)


def analyzed(project):
    reading.analyze(project)
    often(project)


def often(project):
    for act in ACTS:
        for _ in range(OFTEN):
            act(project)


@pytest.fixture(scope="module", params=[fresh, analyzed])
def server_project(request, postgres_server):
    if request.param is fresh and postgres.version(postgres_server) < 18:
        pytest.skip("before 18 a table that was never analysed may have its ready todos sorted (decision 0013)")
    with postgres.schema(postgres_server) as url, longpole.open(url) as project:
        reading.alone(project)
        reading.fill(project, TODOS, former=TODOS // 10)
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("UPDATE fleet SET next_instance = next_instance + 100000")
        manned(project)
        request.param(project)
        yield project


@pytest.mark.parametrize("act", ACTS)
def test_no_act_of_a_led_project_reads_much_of_it_on_postgresql(server_project, act):
    found = reading.read_by(server_project, lambda: act(server_project))

    print(found)
    assert found.rows == 0
    assert found.entries <= ENTRIES
    assert found.pages <= PAGES
