"""Every statement asks for one project: what lets a cluster keep each project whole on one of its servers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import longpole
from longpole.coordination import MECHANISMS
from longpole.errors import InvalidInputError
from longpole.store import rebuilding
from longpole.store.distribution import EVERYWHERE, STATEMENTS
from longpole.store.postgres_step import Function
from longpole.strategies import BUILT_IN
from tests.cli.calling import process
from tests.store.reading import pool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SPREAD = set(STATEMENTS) - {EVERYWHERE}
REFERENCE = re.compile(r"\b(FROM|JOIN|UPDATE|INTO|COPY)\s+([a-z_]+)(?:\s+(?!SET\b|ON\b|WHERE\b|USING\b)([a-z]+)\b)?")
ONE = r"(%s|\?|\$\d+|p_project|\w+\.project_id)"


class Recorder(psycopg.Cursor[Any]):
    """A cursor that keeps the text of each statement."""

    texts: set[str] = set()  # noqa: RUF012 - what all cursors of a test have seen, emptied by the fixture

    def execute(self, query, params=None, **options):
        self.texts.add(query if isinstance(query, str) else "")
        return super().execute(query, params, **options)

    def executemany(self, query, params_seq, **options):
        self.texts.add(query)
        return super().executemany(query, params_seq, **options)

    def copy(self, statement, params=None, **options):
        self.texts.add(statement)
        return super().copy(statement, params, **options)


@pytest.fixture
def recorded(postgres_url):
    """A project whose every statement goes into the recorder."""
    Recorder.texts.clear()
    with longpole.open(postgres_url) as project:
        pool = pool_of(project)
        pool.resize(0, 1)
        with pool.connection() as own:
            own.cursor_factory = Recorder
        project.configure(retry_backoff_s=0, max_attempts=2, max_hold_s=3600, lease_s=3600)
        yield project


def live_through(project):
    """A plan is imported and edited, instances come and go, todos are claimed and end in every way."""
    #   design ── build ── test ── ship
    plan = {"todos": [{"id": one, "title": one, "branch": "b"} for one in ("design", "build", "test", "ship", "spare")]}
    project.import_text(json.dumps(plan), format="plan")
    for todo, after in (("build", "design"), ("test", "build"), ("ship", "test"), ("spare", "ship")):
        project.link(todo, after=[after])
    project.unlink("spare", after=["ship"])
    project.add_many([{"title": "Some", "after": ["design"]}] * 3)
    project.edit("ship", priority=0, estimate_minutes=5)
    project.hold("spare", "not yet")
    project.lift("spare")
    first, second = project.register("first", heartbeat=False), project.register("second", heartbeat=False)
    (claim,) = first.claim(key="k")
    claim.progress(50, note="half")
    claim.complete_and_claim("done")[0].fail("broken")
    for claim in second.claim(count=2, strategy="greedy"):
        claim.release()
    second.claim_todo("spare").complete("done")
    for _ in range(2):
        first.claim_todo("build").fail("broken") if project.todo("build").status == "ready" else None
    if project.todo("build").status == "failed":
        project.retry("build")
    first.heartbeat()
    second.claim()
    second.unregister()
    project.reopen("spare")
    project.cancel("spare")
    project.complete("build")
    project.configure(lease_s=0.1)
    project.sweep()
    project.upgrade()
    project.configure(lease_s=3600)
    stand_in_each_others_way(project)
    take_by_every_rule(project)
    look_at(project)


def stand_in_each_others_way(project):
    """Todos touch the same paths, take of a resource, and are more of a branch than may be in progress."""
    project.configure(**{"resource.gpu": 2, "cap.b": 1})
    wanted = ["src/api", {"path": "docs", "mode": "read"}, {"resource": "gpu", "amount": 2}]
    project.add_many([{"id": one, "title": one, "touches": wanted, "branch": "b"} for one in ("page", "form", "list")])
    first, second = project.register("third", heartbeat=False), project.register("fourth", heartbeat=False)
    claim = first.claim_todo("page")
    second.allocate(strategy="greedy")
    look_at(project)
    project.configure(**{"resource.gpu": 1, "cap.b": None})
    project.edit("form", touches=["src"])
    second.allocate()
    claim.release()
    project.cancel("list")
    project.reopen("list")
    look_at(project)
    project._store.act(rebuilding.rebuild)
    project.configure(**{"resource.gpu": 2})


def take_by_every_rule(project):
    """Each strategy and each mechanism gives something out, beside what is paused, shut, or for others."""
    project.pause("lunch", branch="c")
    project.add_many(
        [{"title": "More", "branch": "c" if n % 2 else "d", "needs": ["gpu"] * (n % 3)} for n in range(12)]
    )
    project.add("Ready?", id="gate", kind="gate")
    project.resume(branch="c")
    me = project.register("fifth", heartbeat=False, offers=["gpu"])
    for strategy in BUILT_IN:
        [claim.complete() for claim in me.claim(strategy=strategy)]
    for coordination in MECHANISMS:
        project.configure(coordination=coordination, strategy="critical_path")
        for claim in me.claim(count=2):
            claim.complete_and_claim()
    project.pause("the night")
    me.allocate()
    project.resume()
    project.predict("fifth")
    me.unregister()


def look_at(project):
    for todo in project.todos():
        project.why(todo.id)
    project.todos(status="ready", branch="b")
    for look in (project.critical_path, project.status, project.branches, project.metrics, project.examine):
        look()
    project.instances(every=True)
    list(project.journal(after=project.cursor(), todo="build"))
    project.export("jsonl")


def lacking(text: str) -> Iterator[str]:
    """Name the spread tables that a statement reads or writes without asking for one project."""
    for found in REFERENCE.finditer(" ".join(text.split())):
        verb, table, alias = found.groups()
        if table in SPREAD and not _asks_for_one(" ".join(text.split()), found.start(), verb, alias or table):
            yield f"{table}: {' '.join(text.split())}"


def _asks_for_one(text: str, at: int, verb: str, name: str) -> bool:
    if verb in ("INTO", "COPY"):
        return re.search(r"^\w+ \w+ \(project_id,", text[at:]) is not None
    scope = _innermost(text, at)
    mine = rf"(?<![\w.])({name}\.)?project_id = {ONE}"
    return re.search(mine, scope) is not None or re.search(rf"= {name}\.project_id\b", scope) is not None


def _innermost(text: str, at: int) -> str:
    """Give the text between the parentheses that stand around a place."""
    depth, start = 0, 0
    for place in range(at - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth < 0:
            start = place + 1
            break
    depth, end = 0, len(text)
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth < 0:
            end = place
            break
    return text[start:end]


ALL_PROJECTS = re.compile(r"^UPDATE journal SET xid = 0 ")
"""What `db upgrade` does after a dump was restored, once for the whole server."""


def test_every_statement_on_a_spread_table_asks_for_one_project(recorded):
    live_through(recorded)

    texts = [text for text in Recorder.texts if not text.lstrip().startswith(("--", "CREATE"))]
    touched = {found[2] for text in texts for found in REFERENCE.finditer(text)}
    assert SPREAD - touched == set()
    assert [one for text in texts if not ALL_PROJECTS.match(text) for one in lacking(text)] == []


def test_the_function_of_one_round_trip_asks_for_one_project():
    statements = [part for part in Function()._text.split(";") if REFERENCE.search(part)]

    assert len(statements) > 5
    assert [one for part in statements for one in lacking(part)] == []


def test_a_statement_that_asks_for_all_projects_would_be_found():
    assert list(lacking("SELECT 1 FROM todo WHERE status = 'ready'"))
    assert list(lacking("SELECT 1 FROM todo t JOIN dependency e ON e.predecessor = t.number WHERE t.project_id = ?"))
    assert list(lacking("UPDATE todo SET unmet = 0 WHERE project_id = ? AND number IN (SELECT number FROM hold)"))
    assert not list(lacking("SELECT 1 FROM todo t JOIN hold h ON h.project_id = t.project_id WHERE t.project_id = ?"))


def test_every_key_and_every_index_of_a_spread_table_begins_with_the_project(recorded):
    with psycopg.connect(recorded.url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND column_name = 'project_id'"
        ).fetchall()
        indexes = connection.execute(
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        ).fetchall()

    assert {name for (name,) in tables} == SPREAD | {EVERYWHERE}
    assert [line for table, line in indexes if table in SPREAD and "(project_id" not in line] == []


def test_spreading_is_refused_where_it_cannot_be(recorded, path):
    with pytest.raises(InvalidInputError, match="does not have the extension citus"):
        recorded.distribute()
    with longpole.open(path) as file, pytest.raises(InvalidInputError, match="db copy"):
        file.distribute(dry_run=True)


def test_a_dry_run_prints_the_statements(recorded, tmp_path):
    answer = process(tmp_path, "db", "distribute", "--dry-run", "--db", recorded.url)

    assert answer.code == 0
    assert answer.out.splitlines()[:2] == [
        "SELECT create_reference_table('project');",
        "SELECT create_distributed_table('todo', 'project_id');",
    ]
    assert len(answer.out.splitlines()) == len(SPREAD) + 1
