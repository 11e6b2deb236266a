from __future__ import annotations

import os
import subprocess
import sys

import pytest

import longpole
from longpole.errors import InstanceLostError, InvalidInputError
from tests.project.looking import dump, kinds, plan, ready, statuses


def register(project, name, **how):
    return project.register(name, heartbeat=False, **how)


def states(project):
    return {f"{one.name}#{one.number}": one.state for one in project.instances(every=True)}


def thread_of(instance):
    """The thread that beats for an instance."""
    assert instance._heartbeat is not None
    return instance._heartbeat._thread


@pytest.fixture
def ended_process():
    """The id of a process that has ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_an_instance_without_a_name_gets_one(project):
    names = [register(project, None).name for _ in range(3)]

    assert names == ["agent-1", "agent-2", "agent-3"]


def test_a_name_that_a_live_instance_has_is_refused(project):
    register(project, "me")
    before = dump(project)

    with pytest.raises(InvalidInputError, match="is live"):
        register(project, "me")

    assert dump(project) == before


def test_a_name_whose_process_has_ended_is_taken_over_and_its_claims_are_returned(project, ended_process):
    plan(project, {"a": []})
    former = register(project, "me", process_id=ended_process)
    former.claim()

    now = register(project, "me")

    assert states(project) == {"me#1": "lost", "me#2": "live"}
    assert ready(project) == ["a"]
    assert (former.number, now.number) == (1, 2)
    with pytest.raises(InstanceLostError):
        former.claim()


def test_a_name_whose_process_lived_on_another_machine_is_not_taken_over(project, ended_process, monkeypatch):
    uname = os.uname()
    monkeypatch.setattr("os.uname", lambda: type(uname)((uname[0], "elsewhere", *uname[2:])))
    register(project, "me", process_id=ended_process)
    monkeypatch.undo()

    with pytest.raises(InvalidInputError, match="is live"):
        register(project, "me")


def test_a_name_whose_lease_has_ended_is_free(project, clock):
    register(project, "me")
    clock.advance(301)

    assert register(project, "me").number == 2
    assert states(project) == {"me#1": "lost", "me#2": "live"}


@pytest.mark.parametrize("name", ["", "x" * 101, " me", "-x", "a\nb", "a\x1b[31mb"])
def test_a_name_that_cannot_be_shown_is_refused(project, name):
    with pytest.raises(InvalidInputError):
        register(project, name)
    with pytest.raises(InvalidInputError):
        project.instance_or_register(name)

    assert project.instances() == []


def test_unregistering_releases_what_is_held_in_one_transaction(project):
    plan(project, {"a": [], "b": [], "c": ["a"]})
    me = register(project, "me")
    me.claim(count=2)

    me.unregister()

    assert statuses(project) == {"a": "ready", "b": "ready", "c": "blocked"}
    assert [todo.attempts for todo in project.todos()] == [0, 0, 0]
    assert kinds(project)[-3:] == ["released", "released", "unregistered"]
    assert len({event.at for event in list(project.journal())[-3:]}) == 1
    assert states(project) == {"me#1": "left"}


def test_unregistering_twice_or_after_the_end_changes_nothing(project, clock):
    me, late = register(project, "me"), register(project, "late")
    me.unregister()
    clock.advance(301)
    project.sweep()
    before = dump(project)

    me.unregister()
    late.unregister()

    assert dump(project) == before


def test_a_heartbeat_renews_the_lease(project, clock):
    me = register(project, "me")
    clock.advance(299)
    ends = me.heartbeat()
    clock.advance(299)

    assert ends == clock.now() + 1_000_000
    assert project.sweep() == []
    clock.advance(1)
    assert project.sweep() == ["me"]


def test_to_claim_is_a_sign_of_life_too(project, clock):
    me = register(project, "me")
    clock.advance(200)
    me.claim()
    clock.advance(200)

    assert project.sweep() == []


def test_a_lost_instance_is_told_so_and_changes_nothing(project, clock):
    plan(project, {"a": []})
    me = register(project, "me")
    me.claim()
    clock.advance(301)
    project.sweep()
    before = dump(project)

    for act in (me.heartbeat, me.claim, lambda: me.claim_todo("a"), lambda: me.complete("a", 1)):
        with pytest.raises(InstanceLostError):
            act()
        assert dump(project) == before


@pytest.mark.parametrize("sign", ["heartbeat", "claim", "claim_todo", "register"])
def test_whoever_acts_gives_up_the_silent_and_can_have_their_todos(project, clock, sign):
    plan(project, {"a": []})
    silent, other = register(project, "silent"), register(project, "other")
    silent.claim()
    clock.advance(200)
    other.heartbeat()
    clock.advance(101)

    if sign == "heartbeat":
        other.heartbeat()
    elif sign == "register":
        register(project, "third")
    else:
        assert (other.claim()[0] if sign == "claim" else other.claim_todo("a")).id == "a"

    assert states(project)["silent#1"] == "lost"
    assert [event.instance for event in project.journal() if event.kind == "lost"] == ["silent"]
    assert [event.why for event in project.journal() if event.kind == "expired"] == ["silent was silent for 301 s"]


@pytest.mark.parametrize("sign", ["heartbeat", "claim", "claim_todo"])
def test_who_acts_late_is_not_given_up_by_its_own_act(project, clock, sign):
    plan(project, {"a": [], "b": []})
    me = register(project, "me")
    (claim,) = me.claim()
    clock.advance(400)

    if sign == "heartbeat":
        me.heartbeat()
    else:
        assert (me.claim()[0] if sign == "claim" else me.claim_todo("b")).id == "b"

    claim.complete()
    assert states(project) == {"me#1": "live"}
    assert project.todo(claim.id).status == "completed"


def test_nobody_is_given_up_because_the_machine_slept(project, clock):
    plan(project, {"a": []})
    me, other = register(project, "me"), register(project, "other")
    (claim,) = me.claim()
    clock.advance(10)
    project.sweep()

    clock.step(8 * 3600)
    other.heartbeat()

    claim.progress(50)
    assert states(project) == {"me#1": "live", "other#2": "live"}
    clock.advance(299)
    other.heartbeat()
    assert project.sweep() == []
    clock.advance(1)
    assert project.sweep() == ["me"]


def test_a_machine_that_slept_less_than_five_seconds_gives_no_grace(project, clock):
    register(project, "me")
    project.sweep()

    clock.step(4)
    clock.advance(297)

    assert project.sweep() == ["me"]


@pytest.mark.parametrize("sign", ["heartbeat", "claim"])
def test_a_clock_that_is_set_back_makes_no_lease_eternal(project, clock, sign):
    plan(project, {"a": []})
    silent, other = register(project, "silent"), register(project, "other")
    silent.claim()
    clock.advance(10)
    project.sweep()

    clock.step(-30 * 86400)
    for _ in range(4):
        other.heartbeat() if sign == "heartbeat" else other.claim()
        clock.advance(100)
    other.heartbeat()

    assert states(project) == {"silent#1": "lost", "other#2": "live"}


def test_a_clock_that_is_set_back_makes_no_rest_eternal(project, clock):
    plan(project, {"a": []})
    me = register(project, "me")
    me.claim()[0].fail("flaky")
    project.sweep()

    clock.step(-30 * 86400)
    for _ in range(41):
        me.heartbeat()
        clock.advance(100)

    assert [claim.id for claim in me.claim()] == ["a"]


def test_a_restart_of_the_machine_is_no_jump(project, clock):
    register(project, "me")
    project.sweep()

    clock.seconds = 5.0
    clock.step(400)

    assert project.sweep() == ["me"]


def test_a_claim_whose_instance_is_not_live_is_returned_by_the_sweep(project, store):
    plan(project, {"a": [], "b": []})
    me = register(project, "me")
    me.claim(count=2)
    with store.write() as tx:
        tx.run("UPDATE instance SET state = 'left'")
        tx.run("UPDATE todo SET holder = 99 WHERE number = 2")

    project.sweep()

    assert statuses(project) == {"a": "ready", "b": "ready"}
    assert kinds(project)[-2:] == ["expired", "expired"]


def test_the_live_instance_of_a_name_is_found_by_another_process(project):
    plan(project, {"a": []})
    me = register(project, "me")

    again = project.instance("me")

    assert (again.name, again.number) == (me.name, me.number)
    assert again.claim()[0].todo.holder == "me"


def test_a_name_that_no_live_instance_has_is_not_found(project, clock):
    register(project, "gone")
    clock.advance(301)
    project.sweep()

    for name in ("gone", "never"):
        with pytest.raises(InstanceLostError):
            project.instance(name)


def test_commands_that_come_one_process_at_a_time_share_one_instance(project, ended_process):
    first = project.instance_or_register("me")
    second = project.instance_or_register("me")

    assert first.number == second.number
    assert project.instances()[0].process_id is None


def test_leaving_the_with_block_unregisters(project):
    plan(project, {"a": []})

    with register(project, "me") as me:
        me.claim()

    assert ready(project) == ["a"]
    assert states(project) == {"me#1": "left"}


def test_the_list_of_instances_shows_the_live_ones_or_all(project):
    plan(project, {"a": [], "b": []})
    register(project, "gone").unregister()
    register(project, "me").claim(count=2)

    (live,) = project.instances()

    assert (live.name, live.state, live.holding, live.process_id) == ("me", "live", ("a", "b"), os.getpid())
    assert [one.name for one in project.instances(every=True)] == ["gone", "me"]
    assert project.status().live_instances == 1


def test_an_instance_beats_by_itself_until_it_unregisters(file_url, eventually):
    with longpole.open(file_url) as project:
        project.configure(lease_s=3, heartbeat_s=0.1)
        me = project.register("me")
        beats = lambda: project.instances(every=True)[0].heartbeat_at  # noqa: E731
        first = beats()

        eventually(lambda: beats() > first + 500_000)
        thread = thread_of(me)
        me.unregister()

        assert not thread.is_alive()
        assert states(project) == {"me#1": "left"}


def test_an_instance_that_is_given_up_while_it_beats_stops_and_refuses_to_act(file_url, eventually):
    with longpole.open(file_url) as project:
        project.configure(lease_s=3, heartbeat_s=0.05)
        plan(project, {"a": []})
        me = project.register("me")
        with project._store.write() as tx:
            tx.run("UPDATE instance SET state = 'lost'")

        eventually(lambda: not thread_of(me).is_alive())

        with pytest.raises(InstanceLostError):
            me.claim()
        assert ready(project) == ["a"]


def test_a_heartbeat_outlasts_a_database_that_is_busy_for_a_while(file_url, eventually, monkeypatch):
    monkeypatch.setattr("longpole.store.sqlite.TIMEOUT_S", 0.05)
    with longpole.open(file_url) as project:
        project.configure(lease_s=600, heartbeat_s=0.05)
        me = project.register("me")
        beaten = lambda: project.instances()[0].heartbeat_at  # noqa: E731
        with project._store.write():
            stood = beaten()
            assert thread_of(me).is_alive()
            import time

            time.sleep(0.4)
            assert beaten() == stood

        eventually(lambda: beaten() > stood)
        me.unregister()


def test_a_heartbeat_of_a_closed_project_ends_without_a_word(url, eventually):
    project = longpole.open(url)
    project.configure(lease_s=3, heartbeat_s=0.05)
    me = project.register("me")

    project.close()

    eventually(lambda: not thread_of(me).is_alive())


def test_a_closed_project_is_not_opened_again_by_accident(url):
    project = longpole.open(url)
    project.close()

    with pytest.raises(longpole.StorageUnavailableError, match="closed"):
        project.todos()
    with pytest.raises(longpole.StorageUnavailableError, match="closed"):
        project.add("Too late")
    project.close()


def test_to_report_progress_is_a_sign_of_life(project, clock):
    project.add("A", id="a")
    me = project.register("me", heartbeat=False)
    (claim,) = me.claim()

    for _ in range(4):
        clock.advance(250)
        claim.progress(10)

    claim.complete()
    assert project.todo("a").status == "completed"


def test_a_lease_made_shorter_ends_in_its_own_time(project, clock):
    project.add("A", id="a")
    dead, other = project.register("dead", heartbeat=False), project.register("other", heartbeat=False)
    dead.claim()
    project.configure(lease_s=3, heartbeat_s=1)
    dead.heartbeat()

    clock.advance(4)
    other.heartbeat()

    assert project.todo("a").status == "ready"


def test_what_is_set_aside_because_its_instances_died_says_so(project, clock):
    project.configure(max_attempts=2, retry_backoff_s=0)
    project.add("A", id="a")
    project.register("first", heartbeat=False).claim()[0].fail("the tests hang")
    project.register("second", heartbeat=False).claim()
    clock.advance(301)

    project.sweep()

    assert "silent" in project.status().stuck[0]
