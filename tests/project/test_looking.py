from __future__ import annotations

import pytest

import longpole
from longpole.errors import InvalidInputError, UnknownTodoError
from longpole.settings import FAMILIES, SPECS, Settings
from tests.project.looking import dump, kinds, plan


@pytest.fixture
def me(project):
    return project.register("me", heartbeat=False)


def test_why_a_blocked_todo_waits_names_what_for_and_who_has_it(project, me):
    #   a → c ← b
    plan(project, {"a": [], "b": [], "c": ["a", "b"]})
    me.claim_todo("a")

    told = project.why("c")

    assert told.summary == "c is blocked: it waits for a, b"
    assert told.lines[:2] == ("waits for a (in progress by me): Do a", "waits for b (ready): Do b")
    assert told.todo == project.todo("c")


def test_why_a_held_todo_waits_gives_the_reason(project):
    plan(project, {"a": []})
    project.hold("a", "ask the customer")

    told = project.why("a")

    assert told.summary == "a is blocked: held (manual): ask the customer"
    assert told.lines[0] == "held (manual): ask the customer"


def test_why_a_stuck_todo_waits_names_the_cause_however_far_above(project, me):
    #   broken → b → c → d ← held
    project.configure(max_attempts=1)
    plan(project, {"broken": [], "b": ["broken"], "c": ["b"], "held": [], "d": ["c", "held"]})
    project.hold("held", "not yet")
    me.claim()[0].fail("no compiler")

    assert project.why("d").summary == "d is stuck: held (held: not yet), broken (failed) in its way"
    assert project.why("broken").summary == "broken has failed after 1 attempts: no compiler"


def test_why_a_second_attempt_is_one(project, me, clock):
    plan(project, {"a": []})
    me.claim()[0].fail("flaky")
    clock.advance(2)
    me.claim()

    assert "attempt 2" in project.why("a").lines


@pytest.mark.parametrize("verb", ["complete", "cancel"])
def test_why_a_finished_todo_is_finished_says_how_to_take_it_up_again(project, verb):
    plan(project, {"a": []})
    getattr(project, verb)("a", **({"result": "done on paper"} if verb == "complete" else {}))

    told = project.why("a")

    assert told.summary.endswith("; `longpole reopen a` takes it up again")
    assert ("result: done on paper" in told.lines) == (verb == "complete")


def test_why_of_what_does_not_exist_is_refused(project):
    with pytest.raises(UnknownTodoError):
        project.why("nowhere")


def test_the_status_counts_every_status_and_measures_what_is_left(project, me):
    #   a → b → c      done      dropped
    plan(project, {"a": [], "b": ["a"], "c": ["b"], "done": [], "dropped": []}, estimate_minutes=10)
    empty = project.status()
    project.complete("done")
    project.cancel("dropped")
    me.claim()

    told = project.status()

    assert (empty.remaining_minutes, empty.finished) == (30, False)
    assert told.counts == {
        "blocked": 2, "ready": 0, "in_progress": 1, "completed": 1, "failed": 0, "cancelled": 1,
    }  # fmt: skip
    assert (told.project, told.remaining_minutes, told.live_instances, told.stuck) == ("default", 30, 1, ())


def test_a_project_is_finished_when_all_is_completed_or_cancelled_and_not_before(project, me):
    project.configure(max_attempts=1)
    nothing = project.status().finished
    plan(project, {"a": [], "b": []})
    project.cancel("b")
    me.claim()[0].fail("broken")
    failed = project.status().finished
    project.complete("a")

    assert (nothing, failed, project.status().finished) == (False, False, True)
    assert project.status().remaining_minutes == 0
    assert project.critical_path() == []


def test_the_critical_path_leads_from_its_first_todo_to_its_last(project):
    #   a 5 → b 5 → d 50
    #     ↘ c 20            e 40
    project.add_many(
        [
            {"id": "a", "title": "A", "estimate_minutes": 5},
            {"id": "b", "title": "B", "estimate_minutes": 5, "after": ["a"]},
            {"id": "c", "title": "C", "estimate_minutes": 20, "after": ["a"]},
            {"id": "d", "title": "D", "estimate_minutes": 50, "after": ["b"]},
            {"id": "e", "title": "E", "estimate_minutes": 40},
        ]
    )

    whole = [todo.id for todo in project.critical_path()]
    project.complete("d")
    rest = [todo.id for todo in project.critical_path()]

    assert whole == ["a", "b", "d"]
    assert rest == ["e"]


def test_the_list_can_be_narrowed_by_status_and_branch(project):
    project.add("A", id="a", branch="api")
    project.add("B", id="b", branch="api", after=["a"])
    project.add("C", id="c")

    assert [todo.id for todo in project.todos(branch="api")] == ["a", "b"]
    assert [todo.id for todo in project.todos(status="ready")] == ["a", "c"]
    assert [todo.id for todo in project.todos(status="ready", branch="api")] == ["a"]
    assert [(one.name, one.counts) for one in project.branches()] == [("api", {"ready": 1, "blocked": 1})]
    with pytest.raises(InvalidInputError, match="ready"):
        project.todos(status="open")


def test_the_journal_goes_on_after_a_cursor(project, monkeypatch):
    monkeypatch.setattr("longpole.store.journal.PAGE", 2)
    plan(project, {"a": [], "b": []})
    seen = project.cursor()
    project.complete("b")
    plan(project, {"c": []})

    later = list(project.journal(after=seen))

    assert [(event.kind, event.todo) for event in later] == [("completed", "b"), ("added", "c")]
    assert [event.kind for event in project.journal(after=str(later[0].seq))] == ["added"]
    assert kinds(project, todo="b") == ["added", "completed"]
    assert list(project.journal(after=project.cursor())) == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 30])
def test_what_is_no_cursor_is_refused(project, cursor):
    with pytest.raises(InvalidInputError):
        list(project.journal(after=cursor))


def test_the_journal_about_what_does_not_exist_is_refused(project):
    with pytest.raises(UnknownTodoError):
        project.journal(todo="nowhere")


def test_settings_have_defaults_and_can_be_changed_and_put_back(path):
    with longpole.open(path) as project:
        assert project.settings() == Settings()

        changed = project.configure(lease_s="120", max_attempts=5)
        back = project.configure(lease_s=None)

        assert (changed.lease_s, changed.max_attempts) == (120.0, 5)
        assert back == project.settings() == Settings(max_attempts=5)
        assert [event.data for event in project.journal()] == [{"lease_s": "120", "max_attempts": 5}, {"lease_s": None}]


WRONG: dict[str, list[object]] = {
    "lease_s": [0, -1, "soon", float("nan"), float("inf"), True],
    "heartbeat_s": [0, 1e12],
    "max_attempts": [0, 1.5, "many", 1001],
    "max_hold_s": [-1],
    "retry_backoff_s": [-1, 86401],
    "default_estimate_minutes": [0, -5, 1e7],
    "durability": ["", "none", 1],
    "strategy": ["", "fastest", 7],
    "colour": ["red"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_setting_out_of_its_range_is_refused_and_nothing_is_changed(project, name, value):
    before = dump(project)

    with pytest.raises(InvalidInputError):
        project.configure(**{"max_attempts": 7} | {name: value})

    assert dump(project) == before


def test_every_setting_is_explained_and_its_default_allowed():
    assert set(SPECS) - set(FAMILIES) == set(Settings().spelled())

    for name, default in Settings().spelled().items():
        from longpole.settings import parsed

        assert parsed(name, default) == parsed(name, str(default)) == default
        assert SPECS[name].meaning


def test_a_new_default_estimate_counts_for_all_without_one(project):
    #   a → b(10)
    project.add("A", id="a")
    project.add("B", id="b", after=["a"], estimate_minutes=10)

    project.configure(default_estimate_minutes=100)

    assert [todo.critical_path_minutes for todo in project.todos()] == [110, 10]
    assert project.add("C").critical_path_minutes == 100


def test_heartbeats_come_at_least_three_times_in_a_lease():
    assert Settings(lease_s=30.0, heartbeat_s=60.0).beat_every_s == 10.0
    assert Settings().beat_every_s == 60.0


@pytest.mark.parametrize("name", ["x" * 101, "a\nb"])
def test_a_project_is_not_made_under_a_name_that_cannot_be_shown(path, name):
    with pytest.raises(InvalidInputError):
        longpole.open(path, project=name)


def test_the_environment_names_the_project(path, monkeypatch):
    monkeypatch.setenv("LONGPOLE_PROJECT", "site")

    with longpole.open(path) as site, longpole.open(path, project="other") as other:
        assert (site.name, other.name) == ("site", "other")


def test_why_tells_who_had_a_completed_todo_and_by_which_rule(project):
    project.add("A", id="a")
    with project.register("me", heartbeat=False) as me:
        me.claim()[0].complete()

    told = project.why("a")

    assert any("me had it last, by the rule critical_path" in line for line in told.lines)
