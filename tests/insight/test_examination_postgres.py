"""What the doctor sees of a real server: who holds a snapshot, who has written, what a table has been through."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

import longpole
from tests.store.reading import count


@pytest.fixture
def project(postgres_url):
    with longpole.open(postgres_url) as opened:
        yield opened


def seen(project: longpole.Project) -> Any:
    return project.condition()


def level(project, check):
    return next(one.level for one in project.examine() if one.check == check)


def test_the_one_who_holds_a_snapshot_is_found(project):
    with psycopg.connect(project.url, application_name="a report") as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1 FROM todo")
        project.add("One")

        condition = seen(project)

        assert condition.holder.kind == "session"
        assert condition.holder.name.startswith(f"session {other.info.backend_pid} (a report, ")
        assert condition.holder.age_s > 0
        assert condition.holder.behind > 0
        assert any(one.name == condition.holder.name for one in condition.idle)
    assert seen(project).holder != condition.holder


def test_the_one_who_has_written_and_not_committed_is_found(project):
    with psycopg.connect(project.url, application_name="a hand") as other:
        other.execute("UPDATE project SET name = name")

        condition = seen(project)

        assert condition.writer.name.startswith(f"session {other.info.backend_pid} (a hand, ")
        assert condition.holder is not None


def test_what_tables_have_been_through_is_counted(project):
    project.add_many([{"title": "Some"}] * 20)
    count(project)

    tables = {table.name: table for table in seen(project).tables}

    assert sorted(tables) == ["fleet", "instance", "journal", "todo"]
    assert tables["todo"].live >= 20
    assert 0 <= tables["todo"].in_place <= tables["todo"].updates


def test_a_server_that_does_not_wait_for_its_disk_is_warned_about(postgres_url):
    with longpole.open(f"{postgres_url}%20-csynchronous_commit%3Doff") as project:
        assert seen(project).synchronous_commit == "off"
        assert level(project, "replication") == "warning"


def test_events_of_another_server_are_found_and_put_in_order(project):
    with psycopg.connect(project.url) as dump:
        dump.execute(
            "INSERT INTO journal (project_id, at, kind, xid)"
            " SELECT project_id, 0, 'configured', 1::BIGINT << 40 FROM project"
        )

    found = level(project, "journal")
    project.upgrade()

    assert found == "warning"
    assert level(project, "journal") == "ok"


def test_a_user_without_rights_to_look_at_others_can_ask_as_well(project, postgres_url):
    role = f"plain_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as own:
        schema = own.execute("SELECT current_schema()").fetchall()[0][0]
        own.execute(f"CREATE ROLE {role}")
        own.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        own.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
    try:
        with (
            longpole.open(f"{postgres_url}{quote(f' -crole={role}')}") as plain,
            psycopg.connect(postgres_url) as other,
        ):
            other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT 1 FROM todo")
            project.add("One")

            condition = seen(plain)

            assert not condition.sees_others
            assert str(other.info.backend_pid) in condition.holder.name
            assert condition.holder.age_s is None
            assert level(plain, "privileges") == "ok"
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as own:
            own.execute(f"DROP OWNED BY {role}")
            own.execute(f"DROP ROLE {role}")
