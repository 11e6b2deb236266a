"""Projects go from one database to another as they are, wholly or not at all, and nothing is handed out twice."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import longpole
from longpole.errors import ClaimLostError, InvalidInputError, StorageUnavailableError
from longpole.project import copy
from longpole.store import copying, open_engine

ISSUES = Path(__file__).resolve().parents[1] / "fixtures" / "beads-issues.jsonl"
# What belongs to the database and not to the project: numbers that it gives by itself, and its clock.
OWN = {"project_id", "seq", "xid", "clock_mark"}
PLACES = ["sqlite-file", "postgresql"]


@pytest.fixture
def source(tmp_path, clock):
    """A database with two projects, of which `site` has something of everything:

    schema ─┬─ api ── release      bad     given     late     imported issues
            └─ page
    """
    url = str(tmp_path / "source.db")
    with longpole.open(url, project="other", clock=clock) as other:
        other.add("Alone", id="alone")
    with longpole.open(url, project="site", clock=clock) as project:
        _fill(project, clock)
    return url


def _fill(project, clock):
    project.configure(durability="normal", max_attempts=2, retry_backoff_s=0, lease_s=100)
    project.add("Schema", id="schema", estimate_minutes=12.5, needs=["gpu"], description="Ä\n\t„§“ \\N \\. {}")
    project.add("API", id="api", after=["schema"], branch="back", touches=["src/", {"path": "b", "mode": "read"}])
    project.configure(**{"resource.gpu": 2, "cap.front": 1})
    project.add("Train", id="train", touches=[{"resource": "gpu", "amount": 2}, "src/model"])
    project.add("Page", id="page", after=["schema"], branch="front", priority=0)
    project.add("Release", id="release", after=["api"])
    for todo_id in ("bad", "given", "late", "gone"):
        project.add(todo_id.title(), id=todo_id)
    project.import_text(ISSUES.read_text(encoding="utf-8"), format="beads", break_cycles=True)
    project.edit("page", title="The page")
    project.hold("page", "waits for a decision")
    project.pause("a freeze", branch="front")
    project.cancel("gone")
    project.register("silent", heartbeat=False)
    clock.advance(200)
    project.sweep()
    me = project.register("me", heartbeat=False, offers=["gpu"])
    me.claim_todo("schema", key="a key").complete("done\r\n")
    for _ in range(2):
        me.claim_todo("bad").fail("no luck")
    project.configure(retry_backoff_s=3600)
    me.claim_todo("given").fail("later")
    me.unregister()
    late = project.register("late", heartbeat=False).claim_todo("late")
    late.progress(40, note="half")
    clock.advance(1000)  # its lease is over, and nobody has swept yet


@pytest.fixture(params=PLACES)
def target(request, tmp_path):
    """Where a copy may go, once for each engine."""
    return str(tmp_path / "target.db") if request.param == "sqlite-file" else request.getfixturevalue("postgres_url")


def rows(url: str, project: str, schema: str) -> dict[str, list[tuple[Any, ...]]]:
    """Give all that a database has of a project, table by table; which tables there are a SQLite file tells."""
    with open_engine(schema, None, create=False) as engine, engine.read(0) as tx:
        tables = {
            name: [row[1] for row in tx.all(f"PRAGMA table_info({name})")]
            for (name,) in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            if name not in copying.MADE_ANEW
        }
    found = {}
    with open_engine(url, None, create=False) as engine, engine.read(0) as tx:
        ((project_id,),) = tx.all("SELECT project_id FROM project WHERE name = ?", (project,))
        for table, columns in tables.items():
            kept = ", ".join(column for column in columns if column not in OWN)
            order = "seq" if table == "journal" else ", ".join(columns[:4])
            statement = f"SELECT {kept} FROM {table} WHERE project_id = ? ORDER BY {order}"
            found[table] = tx.all(statement, (project_id,))
    return found


def told(url: str, project: str, clock: Any) -> list[Any]:
    """Give what a project tells of itself."""
    with longpole.open(url, project=project, clock=clock, create=False) as opened:
        events = [event.replace(seq=0, cursor="") for event in opened.journal()]
        exports = [opened.export(form) for form in ("plan", "beads", "jsonl", "csv", "mermaid", "dot")]
        return [events, exports, opened.metrics(), opened.todos(), opened.instances(every=True), opened.settings()]


def projects(url: str) -> list[str]:
    with open_engine(url, None, create=False) as engine, engine.read(0) as tx:
        return [row[0] for row in tx.all("SELECT name FROM project ORDER BY name")] if tx.version() else []


def test_projects_go_to_postgresql_and_back_row_for_row(source, postgres_url, tmp_path, clock):
    back = str(tmp_path / "back.db")

    there = copy(source, postgres_url, clock=clock)
    copy(postgres_url, back, clock=clock)

    assert [one.project for one in there.projects] == ["other", "site"]
    for project in ("other", "site"):
        original = rows(source, project, source)
        assert rows(postgres_url, project, source) == original
        assert rows(back, project, source) == original
        assert told(postgres_url, project, clock) == told(back, project, clock) == told(source, project, clock)


def test_the_fixture_has_something_of_everything(source):
    found = rows(source, "site", source)

    assert [table for table, content in found.items() if not content] == []
    assert sum(row[-2] for row in found["todo"]) >= 2  # exclusive
    assert {row[1] for row in found["todo"]} >= {"blocked", "ready", "in_progress", "completed", "failed", "cancelled"}
    assert {row[1] for row in found["hold"]} == {"manual", "backoff", "paused"}


def test_work_goes_on_in_the_copy_where_it_stood(source, target, clock):
    copy(source, target, project="site", clock=clock)

    with longpole.open(target, project="site", clock=clock) as project:
        assert project.sweep() == ["late"]
        (claim,) = project.register("me", heartbeat=False).claim()
        added = project.add("New")

    with longpole.open(source, project="site", clock=clock) as project:
        assert claim.token == project.todo(claim.id).token + 1
        assert added.id not in {todo.id for todo in project.todos()}


def test_a_project_of_many_pages_arrives_whole(tmp_path, target, clock):
    many = str(tmp_path / "many.db")
    with longpole.open(many, clock=clock) as project:
        project.add_many(
            {"id": f"t{n}", "title": f"T {n}", "after": [f"t{n - 2}"] if n > 1 else []}
            for n in range(copying.PAGE * 2 + 1)
        )

    counts: list[int] = []
    (copied,) = copy(many, target, progress=lambda _, count: counts.append(count), clock=clock).projects

    assert (copied.todos, copied.dependencies) == (2001, 1999)
    assert copied.events == 2001
    assert counts == sorted(counts)
    assert rows(target, "default", many) == rows(many, "default", many)


def test_nothing_is_copied_while_somebody_may_be_at_work(source, target, clock):
    with longpole.open(source, project="other", clock=clock) as project:
        project.register("claude-1", heartbeat=False)

        with pytest.raises(InvalidInputError, match=r"claude-1 may be at work in .*source\.db"):
            copy(source, target, clock=clock)

    assert "://" in target or not os.path.exists(target)  # noqa: PTH110
    assert "://" not in target or projects(target) == []


def test_a_copy_made_anyway_gives_up_who_is_at_work_and_shares_no_token_with_the_original(source, target, clock):
    with longpole.open(source, project="other", clock=clock) as original:
        (theirs,) = original.register("claude-1", heartbeat=False).claim()

        (copied,) = copy(source, target, project="other", anyway=True, clock=clock).projects

        assert copied.given_up == ("claude-1",)
        theirs.progress(10)
        with longpole.open(target, project="other", clock=clock) as project:
            with pytest.raises(ClaimLostError):
                project.instance("claude-1").complete("alone", theirs.token)
            (ours,) = project.register("claude-2", heartbeat=False).claim()
            assert (ours.id, ours.attempt) == ("alone", 1)
            assert ours.token > theirs.token + copying.JUMP
            assert [one.number for one in project.instances()] == [copying.JUMP + 2]


def test_work_that_begins_meanwhile_is_noticed_before_the_end(source, target, clock):
    with longpole.open(source, project="other", clock=clock) as original:

        def begin(_project: str, _rows: int) -> None:
            original.instance_or_register("early bird")

        with pytest.raises(InvalidInputError, match="while it was copied; nothing was kept"):
            copy(source, target, project="other", progress=begin, clock=clock)

    assert "://" in target or not os.path.exists(target)  # noqa: PTH110
    assert "://" not in target or projects(target) == []


def test_a_project_that_the_target_has_is_left_alone_and_so_is_all_else(source, target, clock):
    with longpole.open(target, project="site", clock=clock) as project:
        project.add("Mine", id="mine")

    with pytest.raises(InvalidInputError, match="has a project 'site' already, and it is not empty"):
        copy(source, target, clock=clock)

    assert projects(target) == ["site"]
    with longpole.open(target, project="site", clock=clock) as project:
        assert [todo.id for todo in project.todos()] == ["mine"]


def test_a_project_that_the_target_has_empty_is_filled_while_others_have_it_open(source, target, clock):
    with longpole.open(target, project="site", clock=clock) as project:
        copy(source, target, project="site", clock=clock)

        assert project.settings().max_attempts == 2
        (claim,) = project.register("me", heartbeat=False).claim()
        claim.complete()

    assert len(rows(target, "site", source)["instance"]) == len(rows(source, "site", source)["instance"]) + 1


@pytest.mark.race
def test_of_two_copies_at_once_one_is_made(source, target, clock):
    with longpole.open(target, project="another", clock=clock), ThreadPoolExecutor() as pool:
        told = [pool.submit(copy, source, target, project="site", clock=clock) for _ in range(2)]
        refused = [answer.exception() for answer in told if answer.exception()]

    assert [type(error) for error in refused] == [InvalidInputError]
    assert rows(target, "site", source) == rows(source, "site", source)


def test_a_copy_that_breaks_in_the_middle_leaves_nothing(source, postgres_url, clock):
    with open_engine(source, clock, create=False) as engine, engine.write(0) as tx:
        tx.run("UPDATE todo_detail SET title = ? WHERE id = 'release'", ("NUL\0",))  # which PostgreSQL cannot keep

    with pytest.raises(InvalidInputError):
        copy(source, postgres_url, clock=clock)

    assert projects(postgres_url) == []
    assert projects(source) == ["other", "site"]


def test_what_cannot_be_copied_is_refused_in_words(source, tmp_path, postgres_url, clock):
    for words, (origin, place, project) in {
        "cannot be copied into itself": (source, source, "site"),
        "there is no project 'nonsense'": (source, postgres_url, "nonsense"),
        "a copy in memory": (source, ":memory:", "site"),
    }.items():
        with pytest.raises(InvalidInputError, match=words):
            copy(origin, place, project=project, clock=clock)
    for origin in (str(tmp_path / "missing.db"), postgres_url):
        with pytest.raises(StorageUnavailableError, match="no longpole database"):
            copy(origin, source, clock=clock)


def test_every_table_and_column_is_thought_of(source):
    with open_engine(source, None, create=False) as engine, engine.read(0) as tx:
        found = {
            name: {row[1] for row in tx.all(f"PRAGMA table_info({name})")} - OWN
            for (name,) in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            if name not in copying.MADE_ANEW
        }

    columns = {table.name: table.columns for table in copying.TABLES}
    columns |= {"project": f"name, {copying.PROJECT}", "fleet": copying.FLEET}
    assert {name: set(listed.split(", ")) for name, listed in columns.items()} == found
