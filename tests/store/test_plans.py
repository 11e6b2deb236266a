"""What hot acts read: a few rows by an index, however large the project. One wrong plan once cost a factor of 25."""

from __future__ import annotations

import pytest

import longpole
from longpole.store.sqlite_statistics import STATISTICS
from tests.store.plans import fill, steps

TODOS = 50_000
WHOLE_TABLES = tuple(
    f"{table} USING {index} (project_id=?)"
    for table in ("todo", "t", "todo_detail", "d", "dependency", "e", "journal", "instance", "i", "reply", "hold", "h")
    for index in ("PRIMARY KEY", "COVERING INDEX dependency_by_dependent", "INDEX dependency_by_dependent")
)
"""How a plan says that it reads all of a project; an index of what is ready, held or live is not all."""


@pytest.fixture(scope="module", params=[TODOS, 200])
def project(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "longpole.db"
    with longpole.open(str(path)) as opened:
        opened.configure(durability="normal", max_hold_s=86400, lease_s=86400, max_attempts=2, retry_backoff_s=0)
        fill(opened, request.param)
    with longpole.open(str(path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def claim(me):
    return me.claim()[0]


BOUNDED = ("ORDER BY number LIMIT ?", "ORDER BY seq DESC LIMIT 1")
"""Statements that begin at one end of a project and stop after a number of rows that is given."""


def whole_reads(found):
    return [step for step in found if not step.sql.endswith(BOUNDED) and reads_all(step.detail)]


def reads_all(detail):
    if detail.startswith("SCAN"):
        return "VIRTUAL TABLE" not in detail and "CONSTANT" not in detail
    return detail.removeprefix("SEARCH ") in WHOLE_TABLES


def details(found, statement):
    return [step.detail for step in found if step.sql.startswith(statement)]


HOT = {
    "claim": lambda _project, me, _claim: me.claim(),
    "claim with a key": lambda _project, me, claim: me.claim(key=f"of {claim.id}"),
    "claim the oldest": lambda _project, me, _claim: me.claim(strategy="greedy"),
    "claim from the ranking": lambda _project, me, _claim: me.claim(coordination="work_queue"),
    "claim a certain one": lambda _project, me, claim: (claim.release(), me.claim_todo(claim.id)),
    "complete": lambda _project, _me, claim: claim.complete("done", key=f"done {claim.id}"),
    "complete and claim": lambda _project, _me, claim: claim.complete_and_claim("done"),
    "fail": lambda _project, _me, claim: claim.fail("broken"),
    "release": lambda _project, _me, claim: claim.release(),
    "progress": lambda _project, _me, claim: claim.progress(50),
    "beat": lambda _project, me, _claim: me.heartbeat(),
    "sweep": lambda project, _me, _claim: project.sweep(),
    "unregister": lambda project, _me, _claim: project.instance_or_register("short").unregister(),
    "show": lambda project, _me, claim: project.todo(claim.id),
    "why blocked": lambda project, _me, _claim: project.why("filler-19"),
    "edit": lambda project, _me, claim: project.edit(claim.id, title="New"),
    "journal": lambda project, _me, _claim: list(project.journal(after=project.cursor())),
}


@pytest.mark.parametrize("act", HOT)
def test_a_hot_act_never_reads_a_whole_project(project, me, claim, act):
    found = steps(project, lambda: HOT[act](project, me, claim))

    assert len(found) > 0
    assert whole_reads(found) == []


def test_a_claim_is_the_first_entry_of_its_orders_index(project, me):
    by_critical_path = details(steps(project, me.claim), "UPDATE todo SET status = 'in_progress'")
    by_arrival = details(steps(project, lambda: me.claim(strategy="greedy")), "UPDATE todo SET status = 'in_progress'")

    assert by_critical_path == [
        "SEARCH todo USING PRIMARY KEY (project_id=? AND number=?)",
        "SCALAR SUBQUERY 1",
        "SEARCH todo USING COVERING INDEX todo_by_critical_path (project_id=? AND need=?)",
    ]
    assert by_arrival[-1] == "SEARCH todo USING COVERING INDEX todo_by_arrival (project_id=? AND need=?)"


def test_an_answer_that_there_is_no_work_reads_no_whole_project(project, me):
    with project._store.write() as tx:
        tx.run("UPDATE todo SET status = 'blocked', unmet = unmet + 1 WHERE status = 'ready'")
    claimless = project.register("idle", heartbeat=False)

    found = steps(project, claimless.allocate)
    with project._store.write() as tx:
        tx.run("UPDATE todo SET status = 'ready', unmet = 0 WHERE status = 'blocked' AND unmet = 1 AND number % 10 < 7")

    assert whole_reads(found) == []


def test_an_added_todo_reads_few_of_the_others_in_a_large_project(project):
    if len(project.todos()) < TODOS:
        pytest.skip("in a small project every descendant is counted anew")

    found = steps(project, lambda: project.add("New", after=["filler-7"]))

    assert whole_reads(found) == []


def test_the_planner_is_told_of_every_index_that_the_schema_has(path):
    with longpole.open(path) as project, project._store.read() as tx:
        indexes = {row[0] for row in tx.all("SELECT name FROM sqlite_schema WHERE type = 'index'")}
        told = {index for _, index, _ in STATISTICS}
        kept = set(tx.all("SELECT tbl, idx, stat FROM sqlite_stat1"))

    assert indexes - told - {"sqlite_autoindex_project_1", "sqlite_autoindex_source_record_1"} == set()
    assert {index for index in told if "_by_" in index or "autoindex" in index} <= indexes
    assert kept == set(STATISTICS)
