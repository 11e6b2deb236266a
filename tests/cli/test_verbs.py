from __future__ import annotations

import json
import os

import pytest

import longpole as library
from longpole.model import Status
from longpole.settings import FAMILIES, SPECS


@pytest.fixture
def longpole(everywhere):
    """A folder with the sample project, once for each engine."""
    return everywhere


def test_add_prints_the_id_alone(longpole):
    assert longpole("add", "More", "--id", "more").out == "more\n"


def test_add_keeps_all_that_it_was_told(longpole):
    words = ("--estimate", "1h30m", "--priority", "0", "--branch", "b", "--touches", "src/a", "--touches", "src/b/")

    todo = longpole.json("add", "T", "--description", "D", "--needs", "gpu", "--after", "api", *words)["todo"]

    assert todo["estimate_minutes"] == 90
    assert (todo["priority"], todo["branch"], todo["description"]) == (0, "b", "D")
    assert (todo["touches"], todo["needs"], todo["depends_on"]) == (["src/a", "src/b/"], ["gpu"], ["api"])


def test_quiet_says_nothing(longpole):
    answer = longpole("list", "--quiet")

    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_list_filters_by_status_and_branch(longpole):
    assert [todo["id"] for todo in longpole.json("list", "--status", "ready")["todos"]] == ["schema"]
    assert [todo["id"] for todo in longpole.json("list", "--branch", "backend")["todos"]] == ["api"]


def test_show_tells_of_dependencies_holds_and_attempts(longpole):
    longpole("next", "--as", "x")
    longpole("fail", "schema", "--as", "x", "--token", "1", "--reason", "no luck")
    longpole("edit", "page", "--hold", "a decision is missing")

    schema, page = longpole("show", "schema").out, longpole("show", "page").out

    assert "claimed by x, token 1" in schema
    assert "failed by x: no luck" in schema
    assert "waits for\n    schema  Design the schema" in page
    assert "manual: a decision is missing" in page


def test_a_call_names_the_mechanism_that_it_goes_by(longpole):
    by_the_queue = ("--as", "x", "--coordination", "work_queue")

    (first,) = longpole.json("next", *by_the_queue)["claims"]
    (then,) = longpole.json("done", "schema", "--token", "1", "--next", *by_the_queue)["claims"]
    refused = longpole("next", "--as", "x", "--coordination", "anarchy")

    assert [claim["why"].split(",")[0] for claim in (first, then)] == ["work_queue by critical_path"] * 2
    assert (refused.code, "coordination must be optimistic or" in refused.err) == (1, True)


def test_why_names_what_is_waited_for(longpole):
    answer = longpole.json("why", "release")

    assert answer["id"] == "release"
    assert "api" in answer["summary"]
    assert longpole("why", "release").out.startswith(answer["summary"])


def test_predict_tells_what_becomes_ready_after_what_an_instance_holds_or_is_named(longpole):
    longpole("next", "--as", "claude-1")

    held, named = longpole.json("predict", "--as", "claude-1"), longpole.json("predict", "page", "api")

    assert [(one["todo"]["id"], one["after"]) for one in held["predictions"]] == [
        ("api", ["schema"]),
        ("page", ["schema"]),
    ]
    assert set(held["predictions"][0]) == {"todo", "expected_minutes", "expected_at", "after"}
    assert 29 < held["predictions"][0]["expected_minutes"] <= 30
    assert [(one["todo"]["id"], one["expected_minutes"]) for one in named["predictions"]] == [("release", 120)]


def test_predict_draws_a_table_or_says_that_there_is_nothing(longpole):
    longpole("next", "--as", "claude-1")

    table, nothing = longpole("predict", "--as", "claude-1").out, longpole("predict", "page").out

    assert table.splitlines()[0].split() == ["id", "in", "prio", "path", "branch", "after", "title"]
    assert table.splitlines()[1].split()[0] == "api"
    assert nothing == "nothing becomes ready by them alone; `longpole why ID` tells what else a todo waits for\n"


def test_predict_refuses_what_is_not_there(longpole):
    assert longpole("predict").code == longpole("predict", "api", "--as", "x").code == 2
    assert longpole("predict", "--as", "nobody").code == 4
    assert "did you mean schema?" in longpole("predict", "schem").err


def test_the_critical_path_is_told_from_its_first_todo_on(longpole):
    answer = longpole.json("critical-path")

    assert [todo["id"] for todo in answer["todos"]] == ["schema", "api", "release"]
    assert answer["remaining_minutes"] == 165
    assert "2h45m  schema" in longpole("critical-path").out


def test_status_tells_counts_time_left_and_who_holds_what(longpole):
    longpole("next", "--as", "claude-1")

    answer, words = longpole.json("status"), longpole("status").out

    assert answer["counts"] == dict.fromkeys(map(str, Status), 0) | {"in_progress": 1, "blocked": 3}
    assert answer["holding"] == [{"id": "schema", "instance": "claude-1", "progress_percent": None}]
    assert (answer["remaining_minutes"], answer["live_instances"], answer["finished"]) == (165, 1, False)
    assert "claude-1 holds schema  Design the schema" in words
    assert "2h45m left" in words


def test_status_names_what_is_stuck(longpole):
    longpole("settings", "max_attempts", "1")
    longpole("next", "--as", "x")
    longpole("fail", "schema", "--as", "x", "--token", "1", "--reason", "no luck")

    assert "schema" in longpole.json("status")["stuck"][0]
    assert "stuck: schema" in longpole("status").out


def test_edits_change_the_todo(longpole):
    todo = longpole.json("edit", "api", "--title", "New", "--estimate", "1h", "--branch", "", "--priority", "1")["todo"]

    assert (todo["title"], todo["estimate_minutes"], todo["branch"], todo["priority"]) == ("New", 60, None, 1)


def test_a_hold_sets_a_todo_aside_until_it_is_lifted(longpole):
    held = longpole.json("edit", "schema", "--hold", "later")["todo"]
    lifted = longpole.json("edit", "schema", "--lift")["todo"]

    assert (held["status"], [hold["reason"] for hold in held["holds"]]) == ("blocked", ["later"])
    assert (lifted["status"], lifted["holds"]) == ("ready", [])


def test_an_edit_of_nothing_is_a_usage_error(longpole):
    assert longpole("edit", "api").code == 2
    assert longpole("edit", "api", "--hold", "x", "--lift").code == 2


def test_links_are_made_and_undone(longpole):
    assert longpole.json("link", "page", "--after", "api")["linked"] == ["api"]
    assert longpole.json("unlink", "page", "--after", "api")["unlinked"] == ["api"]


def test_a_circle_is_refused_and_named(longpole):
    answer = longpole("link", "schema", "--after", "release")

    assert answer.code == 1
    assert all(todo in answer.err for todo in ("schema", "release"))


def test_cancel_frees_the_dependents_or_takes_them_along(longpole):
    assert longpole.json("cancel", "schema")["cancelled"] == ["schema"]
    assert longpole.json("show", "api")["todo"]["status"] == "ready"
    assert set(longpole.json("cancel", "api", "--cascade")["cancelled"]) == {"api", "release"}


def test_reopen_takes_a_todo_up_again(longpole):
    longpole("done", "schema", "--force")

    answer = longpole.json("reopen", "schema")

    assert (answer["reopened"], answer["status"]) == ("schema", "ready")


def test_retry_revives_a_failed_todo(longpole):
    longpole("settings", "max_attempts", "1")
    longpole("next", "--as", "x")
    longpole("fail", "schema", "--as", "x", "--token", "1", "--reason", "no luck")

    assert longpole.json("retry", "schema")["status"] == "ready"


def test_register_says_so_when_the_name_is_live_already(longpole):
    first, second = longpole.json("register", "--as", "x"), longpole.json("register", "--as", "x")

    assert (first["registered"], second["registered"]) == (True, False)
    assert first["number"] == second["number"]
    assert longpole("register", "--as", "x").code == 0


def test_register_makes_a_name_where_none_is_given(longpole):
    name = longpole("register").out.strip()

    assert [one["name"] for one in longpole.json("instances")["instances"]] == [name]


def test_register_refuses_the_name_of_an_instance_that_lives_in_a_process(longpole):
    with library.open() as project, project.register("x"):
        answer = longpole("register", "--as", "x")

    assert answer.code == 1
    assert f"process {os.getpid()}" in answer.err


def test_unregister_gives_everything_back(longpole):
    longpole("next", "--as", "x")

    answer = longpole.json("unregister", "--as", "x")

    assert answer["released"] == ["schema"]
    assert longpole.json("instances")["instances"] == []
    assert longpole.json("instances", "--every")["instances"][0]["state"] == "left"


def test_the_journal_prints_one_document_a_line(longpole):
    longpole("next", "--as", "x")

    events = [json.loads(line) for line in longpole("journal", "--json").out.splitlines()]

    assert [event["kind"] for event in events] == ["added"] * 4 + ["registered", "claimed"]
    assert set(events[-1]) == {"v", "seq", "at", "kind", "todo", "instance", "token", "why", "data", "cursor"}


def test_the_journal_goes_on_after_a_cursor_and_tells_of_one_todo(longpole):
    seq = json.loads(longpole("journal", "--json").out.splitlines()[0])["seq"]
    longpole("next", "--as", "x")

    later = [json.loads(line)["todo"] for line in longpole("journal", "--json", "--after", str(seq)).out.splitlines()]
    about = longpole("journal", "--todo", "schema").out.splitlines()

    assert later == ["api", "page", "release", None, "schema"]
    assert [line.split()[2] for line in about] == ["added", "claimed"]


def test_metrics_count_by_instance(longpole):
    longpole("next", "--as", "x")
    longpole("done", "schema", "--as", "x", "--token", "1", "--next")
    longpole("done", "page", "--force")

    answer = longpole.json("metrics")

    assert (answer["claimed"], answer["completed"], answer["completed_by_hand"]) == (2, 2, 1)
    assert [(one["name"], one["claimed"], one["completed"]) for one in answer["instances"]] == [("x", 2, 1)]
    assert longpole("metrics").out.splitlines()[1].split()[:3] == ["x", "2", "1"]


def test_branches_are_counted_by_status(longpole):
    found = {one["branch"]: one["counts"] for one in longpole.json("branches")["branches"]}

    assert found == {"backend": {"blocked": 1}, "frontend": {"blocked": 1}}


def test_settings_are_shown_set_and_put_back(longpole):
    everything = longpole.json("settings")

    assert set(everything["settings"]) == set(everything["defaults"]) == set(SPECS) - set(FAMILIES)
    assert longpole("settings", "max_attempts", "5").code == 0
    assert longpole("settings", "max_attempts").out == "5\n"
    assert longpole.json("settings", "max_attempts", "--reset") == {"v": 1, "settings": {"max_attempts": 3}}


@pytest.mark.parametrize("words", [("nonsense",), ("lease_s", "-1"), ("lease_s", "x"), ("nonsense", "1")])
def test_a_bad_setting_is_refused(longpole, words):
    answer = longpole("settings", "--", *words)

    assert answer.code == 1
    assert answer.err.count("\n") == 1


def test_a_plan_is_imported_and_exported(longpole, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"todos": [{"id": "docs", "title": "Docs", "after": ["release"], "estimate": "1h"}]}))

    dry = longpole.json("import", str(plan), "--dry-run")
    before = len(longpole.json("list")["todos"])
    report = longpole.json("import", str(plan))

    assert (dry["import"]["added"], dry["import"]["dry_run"], before) == (1, True, 4)
    assert (report["import"]["added"], report["import"]["dry_run"]) == (1, False)
    assert {todo["id"] for todo in json.loads(longpole("export").out)["todos"]} == {
        "schema",
        "api",
        "page",
        "release",
        "docs",
    }
    assert "flowchart" in longpole.json("export", "--format", "mermaid")["text"]


def test_instances_and_status_tell_who_leads_and_what_is_assigned(longpole):
    longpole("settings", "coordination", "leader")
    longpole("register", "--as", "y")
    longpole("done", "schema", "--as", "x", "--token", str(longpole.json("next", "--as", "x")["claims"][0]["token"]))

    longpole("heartbeat", "--as", "x")
    told, status = longpole.json("instances")["instances"], longpole.json("status")

    assert [(one["name"], one["leads_in_term"], one["assigned"]) for one in told] == [
        ("y", None, "page"),
        ("x", 1, "api"),
    ]
    assert (status["leader"], status["term"], status["assigned"]) == ("x", 1, 2)
    assert "x leads, term 1; assigned and not begun: 2 todos" in longpole("status").out
    assert "live, leads (term 1)" in longpole("instances").out
    assert "api (assigned)" in longpole("instances").out
