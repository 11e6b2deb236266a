"""What acts read where todos are in each other's way: what overlaps, never all that touches anything."""

from __future__ import annotations

import psycopg
import pytest

import longpole
from longpole.store import obstacles
from tests import postgres
from tests.store import plans, reading

TODOS = 50_000
OFTEN = 12  # see test_postgres_plans
ENTRIES, PAGES = 200, 500
"""What an act may read. 30,000 todos touch a path of their own and want some of the one resource there is."""
PENDING = "status NOT IN ('completed', 'cancelled')"
WANTS = (
    f"UPDATE todo SET exclusive = 1 WHERE {PENDING}",
    f"""INSERT INTO touch (project_id, path, number, writes)
    SELECT project_id, '/filler/' || (number % 100) || '/' || number || '/', number, 1 FROM todo WHERE {PENDING}""",
    f"""INSERT INTO demand (project_id, resource, amount, number)
    SELECT project_id, 'gpu', 1 + number % 2, number FROM todo WHERE {PENDING}""",
)
ALL_OF_A_TABLE = tuple(
    f"{name} USING {index} (project_id=?)"
    for name in ("o", "m", "d", "touch", "demand", "t", "todo")
    for index in (
        "PRIMARY KEY",
        *(f"{kind}INDEX {table}_by_todo" for kind in ("", "COVERING ") for table in ("touch", "demand")),
    )
)


def fill(project):
    """Let the fillers want something, and add todos of our own."""
    project.configure(**{"resource.gpu": 1000}, lease_s=86400, retry_backoff_s=0, max_attempts=1000)
    with project._store.write() as tx:
        for statement in WANTS:
            tx.run(statement)
    add_own(project)


def add_own(project):
    """Five todos that overlap with one another, two that take of the resource, one that is in nobody's way."""
    project.add_many([{"id": f"own-{n}", "title": "Own", "touches": [f"src/api/{n}.py", "docs"]} for n in range(3)])
    project.add("All", id="all", touches=["src"])
    project.add("Read", id="read", touches=[{"path": "docs/a", "mode": "read"}])
    project.add_many(
        [{"id": f"gpu-{n}", "title": "Gpu", "touches": [{"resource": "gpu", "amount": 1}]} for n in range(2)]
    )
    project.add("Apart", id="apart", priority=0)


def completed_and_reopened(project, me, act):
    """Complete a claim as the act that is measured, and make it undone afterwards."""
    claim = me.claim_todo("own-0")
    found = act(claim.complete)
    project.reopen("own-0")
    return found


def beside_a_claim(me, act, what):
    claim = me.claim_todo("own-0")
    found = act(what)
    claim.release()
    return found


def in_turn(project, setting, *values):
    """Change a field of a todo of ours, or a setting, to one value after another."""
    for value in values:
        project.edit("own-2", touches=["src/api/2.py", value]) if setting == "touches" else project.configure(
            **{setting: value}
        )


ACTS = {
    "claim": lambda _, me, act: act(lambda: me.claim_todo("own-1").release()),
    "claim a folder": lambda _, me, act: act(lambda: me.claim_todo("all").release()),
    "claim to read": lambda _, me, act: act(lambda: me.claim_todo("read").release()),
    "claim a resource": lambda _, me, act: act(lambda: me.claim_todo("gpu-0").release()),
    "claim what is free": lambda _, me, act: act(lambda: [claim.release() for claim in me.claim()]),
    "complete": completed_and_reopened,
    "say who is in the way": lambda project, me, act: beside_a_claim(
        me, act, lambda: project._store.act(obstacles.somebody_waits)
    ),
    "say what is short": lambda project, _, act: act(
        lambda: project._store.look(lambda tx: obstacles.shortages(tx, 5))
    ),
    "show": lambda project, me, act: beside_a_claim(me, act, lambda: project.todo("all")),
    "why": lambda project, me, act: beside_a_claim(me, act, lambda: project.why("own-1")),
    "edit touches": lambda project, _, act: act(lambda: in_turn(project, "touches", "web", "docs")),
    "change a capacity": lambda project, _, act: act(lambda: in_turn(project, "resource.gpu", 999, 1000)),
}


@pytest.fixture(scope="module")
def file_project(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("large") / "longpole.db")
    with longpole.open(path) as opened:
        opened.configure(durability="normal")
        plans.fill(opened, TODOS)
        fill(opened)
    with longpole.open(path) as opened:
        yield opened


@pytest.mark.parametrize("name", ACTS)
def test_no_statement_reads_all_that_touches_anything_on_sqlite(file_project, name):
    with file_project.register(heartbeat=False) as me:
        found = ACTS[name](file_project, me, lambda act: plans.steps(file_project, act))

    assert found
    found = [step for step in found if not step.sql.startswith("WITH RECURSIVE wanted")]  # a MIN reads one entry
    assert [step for step in found if step.detail.removeprefix("SEARCH ") in ALL_OF_A_TABLE] == []
    assert [step for step in found if step.detail.startswith(("SCAN o", "SCAN m", "SCAN t", "SCAN d"))] == []


def fresh(project, me):
    often(project, me)


def analyzed(project, me):
    reading.analyze(project)
    often(project, me)


def often(project, me):
    for act in ACTS.values():
        for _ in range(OFTEN):
            act(project, me, lambda what: what())


@pytest.fixture(scope="module", params=[fresh, analyzed])
def read(request, postgres_server):
    if request.param is fresh and postgres.version(postgres_server) < 18:
        pytest.skip("before 18 a table that was never analysed may have its ready todos sorted (decision 0013)")
    with postgres.schema(postgres_server) as url, longpole.open(url) as project:
        reading.alone(project)
        reading.fill(project, TODOS, former=TODOS // 10)
        fill(project)
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("VACUUM todo, touch, demand")  # what was changed has left dead rows
        me = project.register("me", heartbeat=False)
        request.param(project, me)
        yield lambda act: act(project, me, lambda what: reading.read_by(project, what))


@pytest.mark.parametrize("name", ACTS)
def test_every_act_reads_little_on_postgresql(read, name):
    found = read(ACTS[name])

    assert found.rows == 0
    assert found.entries <= ENTRIES
    assert found.pages <= PAGES
