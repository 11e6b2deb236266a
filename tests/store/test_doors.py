from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import weakref

import apsw
import pytest

import longpole
from longpole.errors import StorageBusyError
from longpole.store import postgres, sqlite
from tests.project.looking import dump, engine_of, statuses

BEGIN_AT_ONCE = """
import sys, time, longpole
while time.time() < float(sys.argv[2]):
    pass
with longpole.open(sys.argv[1]) as project:
    project.add("One of several")
"""


@pytest.fixture
def impatient(monkeypatch):
    """Whoever waits for the write lock gives up soon."""
    monkeypatch.setattr("longpole.store.sqlite.TIMEOUT_S", 0.2)


def test_a_reader_goes_on_while_a_writer_holds_its_transaction(file_url):
    with longpole.open(file_url) as mine, longpole.open(file_url) as theirs, mine._store.write() as tx:
        tx.run("UPDATE project SET graph_version = 77")

        assert theirs.status().counts["ready"] == 0
        assert dump(theirs)["project"][0][3] == 0


def test_a_reader_sees_one_state_from_its_first_look_on(file_url):
    with longpole.open(file_url) as mine, longpole.open(file_url) as theirs, theirs._store.read() as tx:
        first = tx.one("SELECT COUNT(*) FROM todo")
        mine.add("Meanwhile")

        assert tx.one("SELECT COUNT(*) FROM todo") == first == (0,)


def test_a_second_writer_waits_for_the_first(file_url):
    with longpole.open(file_url) as mine, longpole.open(file_url) as theirs:
        door = mine._store.write()
        with door:
            second = threading.Thread(target=lambda: theirs.add("Second", id="second"))
            second.start()
            second.join(0.3)
            waiting = second.is_alive()
        second.join(30)

        assert waiting
        assert statuses(mine) == {"second": "ready"}


def test_a_second_writer_is_told_that_the_database_is_busy_when_its_time_is_up(file_url, impatient):
    with longpole.open(file_url) as mine, longpole.open(file_url) as theirs:
        with mine._store.write(), pytest.raises(StorageBusyError) as refused:
            theirs.add("Too early")

        assert (refused.value.code, refused.value.exit_code) == ("storage_busy", 75)
        theirs.add("Now", id="now")
        assert statuses(mine) == {"now": "ready"}


def test_a_turnstile_in_which_somebody_stands_is_waited_for_no_longer_than_that(file_url, impatient):
    from longpole.store.turnstile import Turnstile

    with longpole.open(file_url) as project:
        standing = Turnstile(f"{file_url}-turn", 1)
        assert standing._take()

        with pytest.raises(StorageBusyError):
            project.add("Too early")
        project.todos()
        standing.close()
        project.add("Now")


def test_what_fails_half_way_leaves_nothing_behind(project):
    project.add("There", id="there")
    before = dump(project)

    def half() -> None:
        with project._store.write() as tx:
            tx.run("UPDATE todo SET status = 'failed'")
            raise KeyError

    with pytest.raises(KeyError):
        half()

    assert dump(project) == before
    project.add("And it goes on")


def test_a_statement_of_ours_that_is_wrong_is_told_as_such_and_leaves_nothing_behind(project):
    before = dump(project)

    with pytest.raises(longpole.LongpoleError, match="report"), project._store.write() as tx:
        tx.run("UPDATE todo SET nonsense = 1")

    assert dump(project) == before


@pytest.mark.parametrize("engine", ["path", "postgres_url"])
def test_eight_processes_may_open_a_fresh_database_at_once(request, engine):
    import time

    path = request.getfixturevalue(engine)
    command = [sys.executable, "-c", BEGIN_AT_ONCE, path, str(time.time() + 1.0)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]

    complaints = [process.communicate(timeout=60)[1] for process in processes]

    assert complaints == [""] * 8
    with longpole.open(path, create=False) as project:
        assert len(project.todos()) == 8


def test_a_file_that_another_process_makes_ours_as_we_look_at_it_is_not_taken_for_foreign(path):
    database = apsw.Connection(path)

    def meanwhile(_cursor, sql, _bindings):
        if sql == "PRAGMA user_version":
            longpole.open(path).close()
        return True

    database.exec_trace = meanwhile
    sqlite._refuse_foreign(database)

    assert database.pragma("application_id") == sqlite.APPLICATION
    database.close()


def test_threads_share_a_project(project):
    project.add_many([{"title": "T"} for _ in range(60)])
    errors: list[BaseException] = []

    def work(number):
        try:
            me = project.register(f"i{number}", heartbeat=False)
            while claims := me.claim():
                claims[0].complete()
                project.todos()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert project.status().counts["completed"] == 60
    assert len([event for event in project.journal() if event.kind == "claimed"]) == 60


def test_a_forked_child_leaves_the_parents_connections_be_and_uses_its_own(file_url):
    with longpole.open(file_url) as project:
        project.add("Of the parent", id="parent")
        project._store.engine.mark(0)
        both = [*engine_of(project)._idle, engine_of(project)._watcher]
        theirs = [weakref.ref(one.database) for one in both if one]
        del both
        child = os.fork()
        if child == 0:
            status = 1
            try:
                project.add("Of the child", id="child")
                project._store.engine.mark(0)
                mine = [one.database for one in engine_of(project)._idle]
                alive = [one() for one in theirs]
                apart = not set(map(id, mine)) & set(map(id, alive))
                status = 0 if mine and len(alive) == 2 and None not in alive and apart else 2
            finally:
                os._exit(status)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert statuses(project) == {"parent": "ready", "child": "ready"}
        project.complete("child")


def test_forked_children_that_share_an_instance_never_get_the_same_claim(shared_url):
    with longpole.open(shared_url) as project:
        project.add_many([{"title": "T"} for _ in range(4)])
        me = project.register("me", heartbeat=False)
        children = [_forked(lambda: os._exit(0 if len(me.claim()) == 1 else 1)) for _ in range(3)]
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        me.claim()

        assert ends == [0, 0, 0]
        assert set(statuses(project).values()) == {"in_progress"}
        assert [event.kind.value for event in project.journal()].count("claimed") == 4


def _forked(act):
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(2)
    return child


def test_a_statement_that_is_interrupted_often_is_not_prepared(postgres_url, monkeypatch):
    with longpole.open(postgres_url) as project:
        prepared = []
        for _ in range(12):
            project.todos()
            with project._store.read() as tx:
                prepared = tx.all("SELECT statement FROM pg_prepared_statements")

        assert prepared
        assert not [one for one in prepared if "BEGIN" in one[0]]


def test_the_files_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "new" / "longpole.db"
    umask = os.umask(0)
    try:
        with longpole.open(str(path)) as project:
            project.add("A")
            project._store.engine.back_up(str(path.parent / "copy.db"))
            with project._store.write():
                pass
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(umask)

    names = {"longpole.db", "longpole.db-wal", "longpole.db-shm", "longpole.db-turn", "copy.db"}
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_backup_is_a_database_of_its_own(file_url, tmp_path):
    with longpole.open(file_url) as project:
        project.add("A", id="a")
        project._store.engine.back_up(str(tmp_path / "copy.db"))
        project.add("B", id="b")

    with longpole.open(str(tmp_path / "copy.db"), create=False) as copy:
        assert statuses(copy) == {"a": "ready"}
        assert copy._store.engine.problems() == []


def test_a_backup_never_overwrites(file_url, tmp_path):
    (tmp_path / "copy.db").write_text("precious")

    with longpole.open(file_url) as project, pytest.raises(longpole.InvalidInputError, match="exists already"):
        project._store.engine.back_up(str(tmp_path / "copy.db"))

    assert (tmp_path / "copy.db").read_text() == "precious"


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_path_and_a_url_name_the_same_database(file_url, form):
    with longpole.open(form.format(file_url)) as project:
        assert project.url == f"sqlite:///{file_url}"
        project.add("A", id="a")

    with longpole.open(project.url) as again:
        assert statuses(again) == {"a": "ready"}


def test_a_url_of_another_kind_is_refused():
    with pytest.raises(longpole.InvalidInputError, match="mysql"):
        longpole.open("mysql://localhost/x")


def test_memory_is_a_new_database_each_time():
    with longpole.open(":memory:") as one, longpole.open("sqlite:///:memory:") as two:
        one.add("A")

        assert two.todos() == []


def test_an_interrupt_as_a_door_opens_leaves_no_lock_behind(url, monkeypatch):
    with longpole.open(url) as project:
        monkeypatch.setattr(sqlite, "SqliteTransaction", interrupted)
        monkeypatch.setattr(postgres, "PostgresTransaction", interrupted)
        with pytest.raises(KeyboardInterrupt) as kept, project._store.write():
            pass
        monkeypatch.undo()

        project.add("A", id="a")  # while the exception, and all that it refers to, is still at hand

        assert kept.value is not None
        assert project.todo("a").status == "ready"


def interrupted(*_):
    raise KeyboardInterrupt
