"""What hot acts read on PostgreSQL: a few rows by an index, whatever the planner knows of a large project."""

from __future__ import annotations

import uuid

import psycopg
import pytest

import longpole
from longpole.model import Reason
from tests import postgres
from tests.store.reading import alone, analyze, fill, read_by

TODOS = 50_000
OFTEN = 12  # psycopg prepares a statement at its fifth run, PostgreSQL thinks of a plan for all values after five more
ENTRIES, PAGES = 150, 500
"""What a hot act may read. Of 50,000 todos the index of the ready ones alone has 15,000 entries."""


def key():
    return uuid.uuid4().hex


def claimed(me):
    (claim,) = me.claim()
    return claim


def noted(claim):
    claim.progress(50)
    return claim


# Each leaves something to claim behind, and can be done again.
HOT = {
    "claim": lambda _project, me: me.claim()[0].release(),
    "claim with a key": lambda _project, me: me.claim(key=key())[0].release(),
    "claim the oldest": lambda _project, me: me.claim(strategy="greedy")[0].release(),
    "claim several": lambda _project, me: [claim.release() for claim in me.claim(count=2)],
    "claim a certain one": lambda _project, me: me.claim_todo("own-9").release(),
    "complete": lambda _project, me: claimed(me).complete("done", key=key()),
    "complete and claim": lambda _project, me: claimed(me).complete_and_claim("done")[0].release(),
    "fail": lambda _project, me: claimed(me).fail("broken"),
    "progress": lambda _project, me: noted(claimed(me)).release(),
    "beat": lambda _project, me: me.heartbeat(),
    "sweep": lambda project, _me: project.sweep(),
    "unregister": lambda project, _me: project.instance_or_register("short").unregister(),
    "show": lambda project, _me: project.todo("own-9"),
    "instances": lambda project, _me: project.instances(),
    "predict": lambda project, me: (claim := claimed(me), project.predict("me"), claim.release()),
    "why ready": lambda project, _me: project.why("own-9"),
    "why in progress": lambda project, me: (claim := claimed(me), project.why(claim.id), claim.release()),
    "edit": lambda project, _me: project.edit("own-9", title="New"),
    "journal": lambda project, _me: list(project.journal(after=project.cursor())),
}


def often(project, me):
    for act in HOT.values():
        for _ in range(OFTEN):
            act(project, me)


def fresh(project, me):
    fill(project, TODOS, former=TODOS // 10)
    often(project, me)


def analyzed(project, me):
    fill(project, TODOS, former=TODOS // 10)
    analyze(project)
    often(project, me)


def grown(project, me):
    analyze(project)
    often(project, me)
    fill(project, TODOS, former=0)


def imported(project, me):
    often(project, me)
    project.add_many(
        [{"id": f"new-{n}", "title": "New", "after": [f"new-{n - 1}"] * (n % 3 > 0)} for n in range(10_000)]
    )


@pytest.fixture(scope="module")
def read(request, postgres_server):
    """Tells what a hot act reads of a large project, of which the planner knows nothing, or much, or that it was small.

    own-9 ── own-39 (the least urgent)      own-0 … own-38, thousands of others
    """
    if request.param is fresh and postgres.version(postgres_server) < 18:
        pytest.skip("before 18 a table that was never analysed may have its ready todos sorted (decision 0013)")
    with postgres.schema(postgres_server) as url, longpole.open(url) as project:
        alone(project)
        project.configure(lease_s=86400, max_hold_s=86400, max_attempts=1000, retry_backoff_s=0)
        project.add_many([{"id": f"own-{n}", "title": "Own", "priority": 3 + (n == 9)} for n in range(39)])
        project.add("Last", id="own-39", after=["own-9"], priority=4)
        me = project.register("me", heartbeat=False)
        request.param(project, me)
        yield lambda act: read_by(project, lambda: act(project, me))


@pytest.mark.parametrize("act", HOT)
@pytest.mark.parametrize("read", [fresh, analyzed, imported, grown], indirect=True)
def test_a_hot_act_never_reads_a_table_from_end_to_end(read, act):
    assert read(HOT[act]).rows == 0


@pytest.mark.parametrize("act", HOT)
@pytest.mark.parametrize("read", [fresh, analyzed, imported], indirect=True)
def test_a_hot_act_reads_little_of_a_large_project(read, act):
    found = read(HOT[act])

    assert found.entries <= ENTRIES
    assert found.pages <= PAGES


@pytest.mark.parametrize("read", [fresh, analyzed, imported], indirect=True)
def test_a_claim_from_a_ranking_that_is_there_reads_little_of_a_large_project(read):
    from_the_ranking = lambda _project, me: me.claim(coordination="work_queue")  # noqa: E731 - as the others
    read(from_the_ranking)

    found = read(from_the_ranking)

    assert found.rows == 0
    assert found.entries <= ENTRIES
    assert found.pages <= PAGES


@pytest.mark.parametrize("known", [False, True])
def test_the_answer_that_there_is_no_work_reads_little(postgres_url, known):
    with longpole.open(postgres_url) as project:
        alone(project)
        me = project.register("me", heartbeat=False)
        fill(project, 10_000, former=0)
        me.claim()
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("UPDATE todo SET status = 'blocked', unmet = 1 WHERE status = 'ready'")
            connection.execute(f"VACUUM {'(ANALYZE)' if known else ''} todo")
        for _ in range(OFTEN):
            me.allocate()

        found = read_by(project, me.allocate)

        assert me.allocate().reason == Reason.ALL_BLOCKED
        assert found.rows == 0
        assert found.entries <= ENTRIES
        assert found.pages <= PAGES
