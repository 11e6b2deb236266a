"""A project that an older longpole wrote gets what stands beside its todos' fields as it is opened."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import longpole
from longpole.store import migrate, open_engine
from tests.project.colliding import untrue
from tests.project.looking import statuses

TODOS = (  # number, id, status, unmet, holder, touches, needs
    (1, "api", "in_progress", 0, 1, '["src/api/"]', "[]"),
    (2, "page", "ready", 0, None, '["src/api/page.py"]', "[]"),
    (3, "read", "ready", 0, None, '[{"path": "docs", "mode": "read"}]', '["reviewer"]'),
    (4, "then", "blocked", 1, None, '["src", {"resource": "gpu", "amount": 1}]', "[]"),
    (5, "big", "ready", 0, None, '[{"resource": "gpu", "amount": 2}]', '["gpu", "reviewer"]'),
    (6, "done", "completed", 0, None, '["src"]', "[]"),
    (7, "plain", "ready", 0, None, "[]", "[]"),
)
TODO = """
    INSERT INTO todo (project_id, number, status, unmet, holder, token, priority, urgency, critical_path_minutes,
        total_descendants, immediate_dependents, rank)
    VALUES (?, ?, ?, ?, ?, 1, 2, 2, 30, 0, 0, ?)"""
DETAIL = """
    INSERT INTO todo_detail (project_id, number, id, title, description, touches, needs, created_at)
    VALUES (?, ?, ?, 'Title', '', ?, ?, 0)"""
INSTANCE = """
    INSERT INTO instance (project_id, number, name, state, registered_at, heartbeat_at, lease_expires_at)
    VALUES (?, 1, 'me', 'live', 0, ?, ?)"""


@pytest.fixture
def old(request, tmp_path, clock):
    """The URL of a database of schema 2, in which page conflicts with api, and then comes after page."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else str(tmp_path / "old.db")
    with open_engine(url, clock, create=True) as engine:
        migrate.prepare(engine, newest=2)
        for name, todos in (("site", TODOS), ("plain", TODOS[-1:])):
            with engine.write(0) as tx:
                tx.run("INSERT INTO project (name, created_at, next_todo) VALUES (?, 0, 8)", (name,))
                (key,) = tx.one("SELECT project_id FROM project WHERE name = ?", (name,)) or (0,)
                tx.run("INSERT INTO fleet (project_id, next_instance) VALUES (?, 2)", (key,))
                tx.run(INSTANCE, (key, tx.now, tx.now + 10**9))
                for number, todo_id, status, unmet, holder, touches, needs in todos:
                    tx.run(TODO, (key, number, status, unmet, holder, 100 - number))
                    tx.run(DETAIL, (key, number, todo_id, touches, needs))
                if name == "site":
                    tx.run("INSERT INTO dependency (project_id, predecessor, dependent) VALUES (?, 2, 4)", (key,))
    return url


def both(test):
    return pytest.mark.parametrize("old", ["sqlite-file", "postgresql"], indirect=True)(test)


@both
def test_an_old_project_is_brought_up_to_date_as_it_is_opened(old, clock):
    with longpole.open(old, project="site", clock=clock) as project:
        assert untrue(project) == []
        assert statuses(project) == {
            "api": "in_progress",
            "page": "blocked",
            "read": "ready",
            "then": "blocked",
            "big": "blocked",
            "done": "completed",
            "plain": "ready",
        }
        assert [hold.kind for hold in project.todo("big").holds] == ["shortage"]
        assert project.why("read").summary.startswith("read is ready, but")  # it is for reviewers

        project.instance("me").complete("api", 1)
        (claim,) = project.register("you", heartbeat=False, offers=["reviewer"]).claim(strategy="greedy")

    assert claim.id == "page"


@both
def test_it_is_done_once_and_only_where_it_has_to_be(old, clock):
    with ThreadPoolExecutor() as pool:
        opened = list(pool.map(lambda _: longpole.open(old, project="site", clock=clock), range(4)))
    for project in opened:
        project.close()

    with longpole.open(old, project="plain", clock=clock) as project, project._store.read() as tx:
        assert tx.all("SELECT name, constrained FROM project ORDER BY name") == [("plain", 0), ("site", 1)]
        assert tx.all("SELECT COUNT(*) FROM touch WHERE number = 1") == [(1,)]
        assert tx.all("SELECT labels FROM need ORDER BY labels") == [('["gpu", "reviewer"]',), ('["reviewer"]',)]
