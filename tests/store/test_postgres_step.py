"""The function that completes and claims in one round trip does what the statements do one by one, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import longpole
from longpole.selection import Order, Selection
from longpole.store import postgres_step, todos
from longpole.strategies import greedy
from tests.project.looking import dump, engine_of, plan, statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.handles import Instance
    from longpole.project import Project

# a ── b ── d
#  └── c ──┘    e
DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
BRANCHES = {"left": ["l1", "l2", "l3", "l4"], "right": ["r1", "r2", "r3", "r4"], None: ["n1", "n2", "n3"]}


@pytest.fixture
def project(postgres_url, clock):
    with longpole.open(postgres_url, clock=clock) as opened:
        plan(opened, DIAMOND)
        yield opened


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


@pytest.fixture
def trips(monkeypatch):
    """The statements that were sent, in their order."""
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def noting(connection, query, *arguments, **options):
        if "pg_backend_pid" not in str(query):  # asked once for each new connection, be it the bell's
            sent.append(str(query))
        return execute(connection, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", noting)
    return sent


def the_long_way(project: Project) -> None:
    engine_of(project).steps = False


def work(me: Instance) -> None:
    """Complete and claim in all the ways there are, until nothing is left."""
    (first,) = me.claim(key="first")
    first.complete("done", key="second")
    (claim,) = me.claim(strategy="greedy")
    while claims := claim.complete_and_claim("so much"):
        (claim,) = claims


def work_by_branches(me: Instance) -> None:
    """Claim by each of the strategies that go by branches, and in batches, until nothing is left."""
    me._store.act(lambda tx: tx.run("UPDATE todo SET estimate_minutes = number WHERE number > 5"))
    (claim,) = me.claim(strategy="context_aware")
    for strategy in ("context_aware", "branch_affinity", "branch_affinity", "branch_affinity", f"{__name__}:left"):
        (claim,) = claim.complete_and_claim(strategy=strategy)
    while claims := me.complete_many([claim], count=3):
        claim, *rest = claims
        me.complete_many(rest)


def left(fleet):
    return [Selection(order=Order.ARRIVAL, branch="left", why="left"), *greedy.choose(fleet)]


@pytest.mark.parametrize("work", [work, work_by_branches])
def test_all_rows_are_those_of_the_long_way(postgres_server, clock, work):
    from tests import postgres

    seen = []
    for prepare in (lambda _project: None, the_long_way):
        with postgres.schema(postgres_server) as url, longpole.open(url, clock=clock) as project:
            prepare(project)
            plan(project, DIAMOND)
            project.configure(switch_bonus_minutes=2)
            for branch, ids in BRANCHES.items():
                project.add_many([{"id": one, "title": one, "branch": branch} for one in ids])
            me = project.register("me", heartbeat=False)
            me.claim_todo("a").complete()
            work(me)
            seen.append(_without_chance(dump(project)))

    assert seen[0] == seen[1]


def _without_chance(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Leave out the numbers of transactions and of events (an undone act leaves a gap), and drawn keys."""
    journal = [row[2:] for row in sorted(tables.pop("journal"), key=lambda row: row[0])]
    replies = [
        (key if key in ("first", "second") else "", at, act, json.loads(answer))
        for _, key, at, act, answer in tables.pop("reply")
    ]
    return {**tables, "journal": journal, "reply": sorted(replies, key=repr)}


@pytest.mark.parametrize(
    "act",
    [
        lambda me, _claim: me.claim(),
        lambda _me, claim: claim.complete_and_claim("with a result"),
        lambda _me, claim: claim.complete("with a result"),
    ],
    ids=["claim", "complete and claim", "complete"],
)
def test_a_plain_act_is_one_round_trip(me, act: Callable[[Instance, longpole.Claim], object], trips):
    me.claim()[0].complete()
    (claim,) = me.claim()
    trips.clear()

    act(me, claim)

    assert len(trips) == 1


@pytest.mark.parametrize("strategy", ["context_aware", "branch_affinity"])
def test_to_stay_in_ones_branch_is_one_round_trip(project, me, trips, strategy):
    project.configure(switch_bonus_minutes=2)
    project.add_many([{"title": one, "branch": "left", "priority": 0} for one in BRANCHES["left"]])
    (claim,) = me.claim(strategy=strategy)
    (claim,) = claim.complete_and_claim(strategy=strategy)  # makes the function
    trips.clear()

    (claim,) = claim.complete_and_claim(strategy=strategy)

    assert len(trips) == 1
    assert claim.todo.branch == "left"
    assert claim.why.startswith(f"{strategy}, ")


def test_a_claimed_todo_is_told_as_it_is_read_later(project, me):
    project.edit("a", description="Words", branch="trunk")
    project.link("e", after=["a"])
    me.claim()[0].complete()

    claims = me.claim() + me.claim() + me.claim()

    assert [claim.todo for claim in claims] == [project.todo(claim.id) for claim in claims]
    assert {claim.id for claim in claims} == {"b", "c", "e"}


def test_the_columns_are_those_of_a_read_todo():
    text = Path(postgres_step.FILE).read_text()
    row = text.partition("json_build_array( -- the columns of todos.SELECT")[2]
    told = [part.strip(" )\n").split(".")[-1] for part in row.partition(");")[0].split(",")]
    read = [part.strip().split(".")[-1] for part in todos.SELECT.partition("SELECT")[2].partition("FROM")[0].split(",")]

    assert [_column(name) for name in told] == [_column(name) for name in read]


def _column(name: str) -> str:
    if "CASE" in name or "total_descendants" in name:
        return "total_descendants"
    return {"v_name": "name"}.get(name, name)


def test_a_lost_claim_changes_nothing_and_is_told_as_such(project, me):
    (claim,) = me.claim()
    claim.release()
    before = dump(project)

    with pytest.raises(longpole.ClaimLostError):
        claim.complete_and_claim()
    with pytest.raises(longpole.ClaimLostError):
        claim.complete()

    assert dump(project) == before


def test_with_nothing_to_claim_the_completion_stands_and_the_reason_is_told(project, me):
    project.cancel("e")
    (a,) = me.claim()
    (b,) = a.complete_and_claim()
    (c,) = me.claim()

    told = me.complete_and_allocate("b", b.token, key="once")
    again = me.complete_and_allocate("b", b.token, key="once")

    assert (told.claims, told.reason, again.reason) == ((), "all_blocked", "all_blocked")
    assert statuses(project)["b"] == "completed"
    assert c.complete_and_claim()[0].id == "d"


def test_a_retry_with_its_key_gets_the_same_answer(project, me):
    (first,) = me.claim(key="k1")
    (again,) = me.claim(key="k1")
    (second,) = first.complete_and_claim(key="k2")
    (once_more,) = first.complete_and_claim(key="k2")

    assert (first.id, first.token) == (again.id, again.token)
    assert (second.id, second.token) == (once_more.id, once_more.token)
    assert [event.kind for event in project.journal()].count("claimed") == 2


def test_a_key_of_another_act_is_refused_and_changes_nothing(project, me):
    (claim,) = me.claim(key="k1")
    before = dump(project)

    with pytest.raises(longpole.InvalidInputError, match="another act"):
        claim.complete_and_claim(key="k1")

    assert dump(project) == before


def test_a_lease_to_renew_goes_the_long_way_and_is_renewed(project, me, clock, trips):
    clock.advance(project.settings().beat_every_s * 0.9)
    trips.clear()

    me.claim()

    assert len(trips) > 1
    assert project.instances()[0].heartbeat_at == clock.now()


def test_settings_that_another_process_changed_are_seen_at_once(project, me, postgres_url, clock):
    me.claim()[0].complete()
    with longpole.open(postgres_url, clock=clock) as other:
        other.configure(strategy="greedy")

    (claim,) = me.claim()

    assert claim.why.startswith("greedy")


def test_a_completed_todo_behind_a_reopened_one_shortens_the_paths_before_it(project, me):
    (a,) = me.claim()
    a.complete()
    (b,) = me.claim()
    project.reopen("a")

    b.complete()

    default = project.settings().default_estimate_minutes
    assert project.todo("a").critical_path_minutes == 3 * default


def test_without_the_right_to_make_functions_everything_goes_the_long_way(postgres_url, clock):
    with longpole.open(postgres_url, clock=clock) as project:
        plan(project, DIAMOND)
        schema = str(psycopg.conninfo.conninfo_to_dict(postgres_url)["options"]).rpartition("=")[2]
        role = f"{schema}_guest"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {role} LOGIN")
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
    try:
        with longpole.open(postgres_url.replace("postgres:@", f"{role}@"), clock=clock) as guest:
            work(guest.register("guest", heartbeat=False))

            assert guest.status().finished
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")


def called(project: Project, me: Instance, begin: str, *, durable: bool) -> tuple[str | None, str]:
    """What a claim by the function answers in a transaction of ours, and how that would be committed."""
    engine: Any = engine_of(project)
    parameters = (project._store.project_id, engine.clock.now(), durable, me.number, "{}", 60_000_000)
    connection = engine.take()
    try:
        connection.execute(begin)
        answer = engine._function.call(
            connection, 0, (*parameters, "arrival", None, None, "test", "test", 1, "key", "act")
        )
        return answer, connection.execute("SHOW synchronous_commit").fetchone()[0]
    finally:
        connection.execute("ROLLBACK")
        engine.give(connection)


@pytest.mark.parametrize(("durable", "commit"), [(True, "on"), (False, "off")])
def test_the_function_waits_for_the_disk_only_where_the_project_wants_it(project, me, durable, commit):
    me.claim()

    answer, seen = called(project, me, "BEGIN", durable=durable)

    assert answer
    assert seen == commit


def test_under_a_stricter_isolation_the_function_does_nothing(project, me):
    me.claim()

    answer, _ = called(project, me, "BEGIN ISOLATION LEVEL REPEATABLE READ", durable=True)

    assert answer is None
