from __future__ import annotations

from longpole.cli import branching, progress
from tests.cli.calling import process


def test_branches_are_shown_with_what_is_left_and_who_keeps_to_them(longpole):
    longpole("settings", "strategy", "branch_affinity")
    longpole("settings", "cap.frontend", "3")
    longpole("edit", "schema", "--branch", "data")
    longpole("next", "--as", "claude-1")

    header, backend, data, frontend = longpole("branches").out.splitlines()

    assert header.split() == ["branch", "blocked", "in", "progress", "left", "kept", "by", "since", "cap"]
    assert backend.split() == ["backend", "1", "2h"]
    assert data.split()[:4] == ["data", "1", "30m", "claude-1"]
    assert frontend.split() == ["frontend", "1", "1h", "3"]


def test_branches_are_a_document_of_all_that_is_known_of_them(everywhere):
    everywhere("settings", "strategy", "branch_affinity")
    everywhere("edit", "schema", "--branch", "data")
    everywhere("next", "--as", "claude-1")

    _, data, _ = everywhere.json("branches")["branches"]

    held_at = data.pop("held_at")
    assert held_at.endswith("Z")
    assert data == {
        "branch": "data",
        "counts": {"in_progress": 1},
        "remaining_minutes": 30,
        "holder": "claude-1",
        "token": 1,
        "pause": None,
        "cap": None,
        "todos": ["schema"],
    }


def test_branches_are_derived_from_the_graph(everywhere):
    derived = everywhere.json("branches", "--derive")

    assert derived == {
        "v": 1,
        "derived": [
            {"branch": "schema", "minutes": 30, "todos": ["schema"]},
            {"branch": "release", "minutes": 15, "todos": ["release"]},
        ],
        "dry_run": False,
    }
    assert everywhere.json("show", "schema")["todo"]["branch"] == "schema"
    assert everywhere.json("show", "api")["todo"]["branch"] == "backend"
    assert everywhere("branches", "--derive").out == "every unfinished todo has a branch\n"


def test_a_dry_run_shows_the_branches_that_there_would_be(longpole):
    for todo in ("api", "page"):
        longpole("edit", todo, "--branch", "")
    longpole("add", "Lone", "--id", "lone", "--estimate", "5m")
    before = longpole.json("list")

    answer = longpole("branches", "--derive", "--dry-run")

    assert answer.out.splitlines() == [
        "5 todos would get 3 branches",
        "  schema: 3 todos (2h45m), to release",
        "  page: 1 todo (1h)",
        "  lone: 1 todo (5m)",
    ]
    assert longpole.json("list") == before
    assert longpole("branches", "--derive").out.startswith("5 todos got 3 branches\n")


def test_many_branches_are_counted_and_the_longest_are_named(longpole, monkeypatch):
    monkeypatch.setattr(branching, "SHOWN", 1)

    assert longpole("branches", "--derive").out.splitlines()[-2:] == ["  schema: 1 todo (30m)", "  … and 1 more"]


def test_a_dry_run_of_nothing_is_refused(longpole):
    answer = longpole("branches", "--dry-run")

    assert answer.code == 2
    assert "--dry-run goes with --derive" in answer.err


def test_where_no_todo_has_a_branch_both_ways_to_one_are_told(empty):
    empty("init")

    assert "longpole branches --derive" in empty("branches").out


def test_the_verb_works_in_a_process_of_its_own(longpole):
    answer = process(longpole.folder, "branches", "--json")

    assert [one["branch"] for one in answer.document["branches"]] == ["backend", "frontend"]


def test_a_long_derivation_says_on_stderr_how_far_it_is(longpole, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_S", 0.0)

    told = longpole("branches", "--derive", "--json")

    assert told.err == "2 todos with a branch\n"
    assert len(told.document["derived"]) == 2
