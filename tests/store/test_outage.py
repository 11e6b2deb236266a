"""PostgreSQL goes away, or is in the way, in the middle of an act: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg
import pytest

import longpole
from longpole.errors import InstanceLostError, LongpoleError, StorageBusyError, StorageUnavailableError
from longpole.model import Status
from longpole.store.postgres import _Door
from tests import postgres
from tests.project.looking import kinds, plan
from tests.reliability.puppet import Puppet
from tests.store.link import Link

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def server():
    """A server of this file's own, which its tests stop and start."""
    with postgres.server() as found:
        yield found


@pytest.fixture
def database(server):
    """The URL of an empty schema on that server."""
    with postgres.schema(server.url) as url:
        yield url


@pytest.fixture
def link(server):
    with Link(server.url) as found:
        yield found


@pytest.fixture
def other(database):
    """Somebody else's connection."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def doing():
    """Give a function that begins an act in a thread, and gives one that waits for its answer."""
    threads = []

    def begin(act):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(act()))
        thread.start()
        threads.append(thread)

        def answer():
            thread.join(60)
            return answers[0]

        return answer

    yield begin
    for thread in threads:
        thread.join(60)


def waiting_for_a_lock(connection):
    """List the processes of the server that wait for a lock on behalf of longpole."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'longpole'"
    return [row[0] for row in connection.execute(waiting)]


@contextlib.contextmanager
def only_reading(server):
    """Let the server refuse to write, as a standby does."""
    server.set(default_transaction_read_only="on")
    try:
        yield
    finally:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")


def committed(wire):
    wire.forward()


def not_committed(wire):
    wire.cut()


def stuck(wire):
    """The client is cut off; the server does not learn it, and the COMMIT does not come."""
    wire.cut_client()


AT_COMMIT = pytest.mark.parametrize("fate", [committed, not_committed, stuck])
LEASE_S = 1.0


@AT_COMMIT
def test_a_claim_whose_commit_was_not_answered_is_made_once(link, database, fate):
    with longpole.open(link.url(database)) as project:
        plan(project, {"a": [], "b": [], "c": []})
        me = project.register("me", heartbeat=False)
        me.claim()

        link.at_commit = fate
        claims = me.claim()

        assert link.at_commit is None
        assert [(claim.id, claim.token) for claim in claims] == [("b", 1)]
        assert kinds(project).count("claimed") == 2


@AT_COMMIT
@pytest.mark.parametrize("and_claim", [False, True])
def test_a_completion_whose_commit_was_not_answered_is_made_once(link, database, fate, and_claim):
    with longpole.open(link.url(database)) as project:
        plan(project, {"a": [], "b": ["a"]})
        (claim,) = project.register("me", heartbeat=False).claim()

        link.at_commit = fate
        found = []
        if and_claim:
            found = claim.complete_and_claim()
        else:
            claim.complete()

        assert link.at_commit is None
        assert kinds(project).count("completed") == 1
        assert project.todo("a").status is Status.COMPLETED
        assert project.todo("b").status is (Status.IN_PROGRESS if and_claim else Status.READY)
        assert [one.id for one in found] == ["b"][:and_claim]


@AT_COMMIT
def test_a_release_whose_commit_was_not_answered_is_made_once(link, database, fate):
    with longpole.open(link.url(database)) as project:
        plan(project, {"a": []})
        (claim,) = project.register("me", heartbeat=False).claim()

        link.at_commit = fate
        claim.release()

        assert link.at_commit is None
        assert kinds(project).count("released") == 1
        assert project.todo("a").status is Status.READY


@AT_COMMIT
def test_todos_whose_commit_was_not_answered_are_added_once(link, database, fate):
    with longpole.open(link.url(database)) as project:
        project.settings()

        link.at_commit = fate
        project.add("The only one")

        assert link.at_commit is None
        assert [todo.title for todo in project.todos()] == ["The only one"]


def test_an_act_that_a_crash_undid_is_not_taken_for_another_one_that_got_its_number(link, database, server):
    with longpole.open(link.url(database)) as project, longpole.open(database, project="other") as other:
        plan(project, {"a": []})
        (claim,) = project.register("me", heartbeat=False).claim()

        def crash(_wire):
            server.kill()
            server.start()
            for number in range(10):  # they get numbers anew whose transactions left nothing on the disk
                other.add(f"todo {number}")

        link.at_commit = crash
        claim.release()

        assert link.at_commit is None
        assert project.todo("a").status is Status.READY
        assert kinds(project).count("released") == 1


def test_an_act_that_is_still_committing_is_waited_for(link, database, server):
    with longpole.open(link.url(database)) as project:
        plan(project, {"a": []})
        (claim,) = project.register("me", heartbeat=False).claim()

        def slow(wire):
            server.set(synchronous_standby_names="nobody")  # a COMMIT waits for this standby, which never comes
            wire.cut_client()
            threading.Thread(target=wire.forward, daemon=True).start()
            threading.Timer(1.0, server.set, kwargs={"synchronous_standby_names": ""}).start()

        link.at_commit = slow
        claim.release()

        assert link.at_commit is None
        assert kinds(project).count("released") == 1


def test_an_act_whose_connection_the_server_ends_is_done_anew(database, other, doing, eventually):
    with longpole.open(database) as project, psycopg.connect(database) as blocker:
        project.settings()
        blocker.execute("SELECT * FROM project FOR UPDATE")
        answer = doing(lambda: project.add("The only one"))
        (process_id,) = eventually(lambda: waiting_for_a_lock(other))

        other.execute("SELECT pg_terminate_backend(%s)", (process_id,))
        eventually(lambda: process_id not in waiting_for_a_lock(other))
        blocker.rollback()

        assert answer().title == "The only one"
        assert len(project.todos()) == 1


def test_the_victim_of_a_deadlock_is_done_anew(database, other, doing, eventually):
    # a ──▶ b
    with longpole.open(database) as project, psycopg.connect(database) as blocker:
        plan(project, {"a": [], "b": ["a"]})
        blocker.execute("SET deadlock_timeout = '1min'")  # the act is the first to notice
        blocker.execute("SELECT * FROM todo WHERE number = 2 FOR UPDATE")
        answer = doing(lambda: project.cancel("a", cascade=True))
        eventually(lambda: waiting_for_a_lock(other))

        blocker.execute("SELECT * FROM project FOR UPDATE")
        blocker.rollback()

        assert sorted(answer()) == ["a", "b"]
        assert kinds(project).count("cancelled") == 2


ONCE = """
    CREATE SEQUENCE asked;
    CREATE FUNCTION refuse_once() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('asked') = 1 THEN RAISE SQLSTATE '{code}'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER once BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION refuse_once()"""


@pytest.mark.parametrize("code", ["40001", "40P01", "57P01", "57P02", "57P03", "25006", "53300", "25P03"])
def test_an_act_that_the_server_gave_up_is_done_anew(database, other, code):
    with longpole.open(database) as project:
        plan(project, {"a": []})
        me = project.register("me", heartbeat=False)
        other.execute(ONCE.format(code=code).encode())

        (claim,) = me.claim()
        claim.release()

        assert other.execute("SELECT last_value FROM asked").fetchone() == (3,)
        assert kinds(project)[-2:] == ["claimed", "released"]


def test_an_act_waits_while_the_server_only_reads_as_a_standby_does(database, server, doing, eventually):
    with longpole.open(database) as project:
        pool = vars(project._store.engine)["_pool"]
        with only_reading(server):
            answer = doing(lambda: project.add("The only one"))
            eventually(lambda: pool.get_stats().get("connections_errors"))

        assert answer().title == "The only one"
        assert len(project.todos()) == 1


def test_after_a_while_it_is_told_in_one_line_that_the_server_only_reads(database, server, monkeypatch, eventually):
    monkeypatch.setattr("longpole.store.postgres.PATIENCE_S", 0.2)
    with longpole.open(database) as project:

        def told():
            try:
                project.configure(lease_s=400.0)
            except StorageUnavailableError as error:
                return error

        with only_reading(server):
            error = eventually(told)

    assert "read-only" in str(error)
    assert "\n" not in str(error)
    assert not isinstance(error, StorageBusyError)


@pytest.fixture
def fleet(database):
    """A project with a short lease, and a live instance in a process of its own."""
    with longpole.open(database) as project:
        project.configure(lease_s=LEASE_S, heartbeat_s=LEASE_S / 4)
    with Puppet(database) as puppet:
        puppet.ask("register", name="elsewhere", heartbeat=True)
        yield puppet


def live(project):
    return [instance.name for instance in project.instances()]


def test_nobody_is_given_up_because_the_server_was_away_for_longer_than_a_lease(database, server, fleet, eventually):
    with longpole.open(database) as project, project.register("here"):
        server.kill()
        time.sleep(2 * LEASE_S)
        server.start()

        lost = project.sweep()

        back_at = project._store.engine.clock.now()
        eventually(lambda: all(one.heartbeat_at > back_at for one in project.instances()))
        assert lost == project.sweep() == []
        assert live(project) == ["elsewhere", "here"]


def test_nobody_is_given_up_because_the_way_to_the_server_was_cut_for_longer_than_a_lease(
    database, link, monkeypatch, eventually
):
    monkeypatch.setattr("longpole.store.postgres.JUMP_S", LEASE_S / 2)
    with longpole.open(link.url(database)) as project:
        project.configure(lease_s=LEASE_S, heartbeat_s=LEASE_S / 4)
        with project.register("one"), project.register("two"):
            link.cut()
            time.sleep(2 * LEASE_S)
            link.mend()

            lost = project.sweep()

            back_at = project._store.engine.clock.now()
            eventually(lambda: all(one.heartbeat_at > back_at for one in project.instances()))
            assert lost == project.sweep() == []
            assert live(project) == ["one", "two"]


def test_who_could_not_reach_the_server_for_longer_than_its_lease_is_given_up_by_those_who_could(
    database, link, eventually
):
    with longpole.open(database) as project, longpole.open(link.url(database)) as far:
        project.configure(lease_s=LEASE_S, heartbeat_s=LEASE_S / 4)
        project.add("The only one", id="a")
        away = far.register("away")
        (claim,) = away.claim()

        link.cut()
        lost = eventually(project.sweep)
        link.mend()

        assert lost == ["away"]
        eventually(lambda: away.is_lost)
        with pytest.raises(InstanceLostError):
            claim.complete()


def test_a_sweep_that_waited_for_the_way_back_itself_gives_nobody_up(database, link, monkeypatch):
    monkeypatch.setattr("longpole.store.postgres.JUMP_S", LEASE_S / 2)
    with longpole.open(link.url(database)) as project:
        project.configure(lease_s=LEASE_S)
        silent = project.register("silent", heartbeat=False)
        link.cut()
        mender = threading.Timer(2 * LEASE_S, link.mend)
        mender.start()

        lost = project.sweep()
        mender.join()

        assert lost == []
        assert silent.heartbeat() > project._store.engine.clock.now()


def test_a_claim_whose_answer_was_lost_for_long_is_the_next_ones_answer(database, link, monkeypatch):
    with longpole.open(link.url(database)) as project:
        plan(project, {"a": [], "b": [], "c": []})
        me = project.register("me", heartbeat=False)
        me.claim()[0].complete()
        monkeypatch.setattr(project._store.engine, "_patience_s", 0.3)
        link.at_commit = lambda wire: (wire.forward(), link.cut())

        with pytest.raises(StorageUnavailableError):
            me.claim()
        monkeypatch.undo()
        link.mend()
        claims = me.claim()

        assert [(claim.id, claim.token) for claim in claims] == [("b", 1)]
        assert [todo.id for todo in project.todos(status="in_progress")] == ["b"]


def test_an_act_that_could_not_even_ask_for_its_number_is_never_taken_for_done(database, monkeypatch):
    ask, asked = _Door._xid, []

    def fails_once(door, connection):
        asked.append(1)
        if len(asked) == 1:
            raise psycopg.OperationalError("the line is bad")
        return ask(door, connection)

    with longpole.open(database) as project:
        monkeypatch.setattr(_Door, "_xid", fails_once)
        with contextlib.suppress(LongpoleError):
            project.add("A", id="a")
        added = len(asked) > 1

        assert [todo.id for todo in project.todos()] == ["a"] * added
        assert added
