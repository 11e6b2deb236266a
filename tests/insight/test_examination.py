"""What the doctor says of facts that were gathered, and that it can be asked on both engines."""

from __future__ import annotations

import json

import pytest

import longpole
from longpole.insight.examination import OK, PROBLEM, WARNING, examine
from longpole.settings import Settings
from longpole.store.condition import FileCondition
from longpole.store.postgres_condition import Holder, PostgresCondition, Session, TableState
from tests.cli.calling import process
from tests.conftest import START_US

FILE = FileCondition(
    place="w.db",
    schema_version=2,
    now=START_US,
    newest_event_at=START_US,
    path="w.db",
    sqlite_version=(3, 54, 1),
    file_system="ext4",
    wal_bytes=0,
    modes=(("w.db", 0o600),),
)
SERVER = PostgresCondition(
    place="postgresql://host/work",
    schema_version=2,
    now=START_US,
    newest_event_at=START_US,
    server_version="18.4",
    is_standby=False,
    synchronous_commit="on",
    synchronous_standbys="node-2",
    standbys=1,
    survives_power_cuts=True,
    autovacuum=True,
    sees_others=True,
    connections=10,
    connections_allowed=97,
    holder=None,
    idle=(),
    writer=None,
    tables=(),
    is_pooled=False,
    hears_directly=False,
    events_from_elsewhere=0,
)
TODO = TableState(name="todo", live=1000, dead=0, unknown=0, updates=0, in_place=0, vacuumed_s=None)


def levels(condition, settings=None, problems=()):
    return {one.check: one.level for one in examine(condition, settings or Settings(), [], problems)}


def said(condition, check):
    return next(one.finding for one in examine(condition, Settings(), [], []) if one.check == check)


@pytest.mark.parametrize("condition", [FILE, SERVER])
def test_a_database_in_good_health_gets_no_warning(condition):
    assert set(levels(condition).values()) == {OK}


@pytest.mark.parametrize("condition", [FILE, SERVER])
def test_what_the_engine_finds_wrong_is_a_problem(condition):
    assert levels(condition, problems=["a damaged page"])["integrity"] == PROBLEM


@pytest.mark.parametrize(
    ("changes", "check", "level"),
    [
        ({"wal_bytes": 1 << 30}, "write-ahead log", WARNING),
        ({"modes": (("w.db", 0o644),)}, "permissions", WARNING),
        ({"newest_event_at": START_US + 60_000_000}, "clock", WARNING),
        ({"now": 0, "newest_event_at": 0}, "clock", PROBLEM),
    ],
)
def test_what_is_wrong_with_a_file_is_told(changes, check, level):
    assert levels(FILE.replace(**changes))[check] == level


@pytest.mark.parametrize(
    ("changes", "check", "level"),
    [
        ({"is_standby": True}, "replication", PROBLEM),
        ({"synchronous_standbys": ""}, "replication", WARNING),
        ({"synchronous_standbys": "", "standbys": 0}, "replication", OK),
        ({"standbys": 0}, "replication", PROBLEM),
        ({"synchronous_commit": "local"}, "replication", WARNING),
        ({"synchronous_commit": "remote_apply"}, "replication", OK),
        ({"survives_power_cuts": False}, "disk", WARNING),
        ({"autovacuum": False}, "autovacuum", PROBLEM),
        ({"writer": Session(name="session 7 (psql)", seconds=61)}, "transactions", WARNING),
        ({"writer": Session(name="session 7 (psql)", seconds=59)}, "transactions", OK),
        ({"idle": (Session(name="session 7 (psql)", seconds=61),)}, "transactions", WARNING),
        ({"connections": 78}, "connections", WARNING),
        ({"is_pooled": True}, "pooler", WARNING),
        ({"is_pooled": True, "hears_directly": True}, "pooler", OK),
        ({"events_from_elsewhere": 3}, "journal", WARNING),
        ({"tables": (TODO.replace(dead=10_001),)}, "rows of todo", WARNING),
        ({"tables": (TODO.replace(live=100_000, dead=19_000),)}, "rows of todo", OK),
        ({"tables": (TODO.replace(unknown=10_001),)}, "rows of todo", WARNING),
        ({"tables": (TODO.replace(live=100_000, unknown=49_000),)}, "rows of todo", OK),
        ({"tables": (TODO.replace(name="instance", updates=20_000, in_place=9_000),)}, "rows of instance", WARNING),
        ({"tables": (TODO.replace(updates=20_000, in_place=9_000),)}, "rows of todo", OK),
    ],
)
def test_what_is_wrong_with_a_server_is_told(changes, check, level):
    assert levels(SERVER.replace(**changes))[check] == level


@pytest.mark.parametrize(
    ("holder", "level"),
    [
        (Holder(kind="session", name="session 7 (pg_dump)", age_s=61.0, behind=3), WARNING),
        (Holder(kind="session", name="session 7 (pg_dump)", age_s=59.0, behind=900), OK),
        (Holder(kind="session", name="session 7 (pg_dump)", age_s=15.0, behind=15_000), WARNING),
        (Holder(kind="session", name="session 7 (pg_dump)", age_s=None, behind=10_001), WARNING),
        (Holder(kind="prepared", name="prepared transaction x", age_s=61.0, behind=3), WARNING),
        (Holder(kind="slot", name="replication slot x (inactive)", age_s=None, behind=10_001), WARNING),
        (Holder(kind="standby", name="session 8 (node-2)", age_s=None, behind=9), OK),
    ],
)
def test_who_keeps_dead_rows_for_long_is_named(holder, level):
    condition = SERVER.replace(holder=holder)

    assert levels(condition)["snapshots"] == level
    assert (holder.name in said(condition, "snapshots")) == (level == WARNING)


def test_a_lease_that_no_failover_fits_into_is_warned_about_on_postgresql_alone():
    short = Settings(lease_s=59.0, heartbeat_s=10.0)

    assert levels(SERVER, short)["lease"] == WARNING
    assert WARNING not in levels(FILE, short).values()


def test_the_doctor_examines_a_fresh_project_on_each_engine(shared_url, tmp_path):
    with longpole.open(shared_url) as project:
        project.configure(durability="full")

    answer = process(tmp_path, "doctor", "--db", shared_url, "--json")

    findings = json.loads(answer.out)["findings"]
    assert answer.code == 0
    assert {one["check"] for one in findings} >= {"database", "integrity", "settings", "instances", "clock"}
    assert {one["level"] for one in findings if one["check"] not in ("disk", "replication", "permissions")} == {OK}
