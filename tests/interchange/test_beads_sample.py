"""The numbers of a real issue file, counted by hand once, and its way there and back."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from longpole.interchange import beads, beads_export, export, parse, sniff
from longpole.interchange.apply import report
from longpole.interchange.safe import read_text
from longpole.model import Status
from tests.interchange.shared import SAMPLE, as_todos, changed, imported

RECORDS = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def text():
    return read_text(SAMPLE)


@pytest.fixture(scope="module")
def parsed(text):
    return beads.parse(text)


@pytest.fixture(scope="module")
def todos(parsed):
    return as_todos(parsed)


def test_the_sample_has_the_records_that_were_counted():
    relations = [relation for record in RECORDS for relation in record.get("dependencies", ())]

    assert Counter(record["status"] for record in RECORDS) == {
        "closed": 403,
        "open": 291,
        "hooked": 4,
        "pinned": 3,
        "in_progress": 3,
    }
    assert Counter(relation["type"] for relation in relations) == {
        "blocks": 377,
        "parent-child": 359,
        "discovered-from": 7,
        "tracks": 2,
    }


def test_the_sample_gives_exactly_these_numbers(text, parsed, todos):
    told = report(parsed, imported(parsed, []), dry_run=True)

    assert sniff.detect("x.jsonl", text) == "beads"
    assert (told.records, told.todos, told.added) == (704, 689, 689)
    assert sum(todo.completed for todo in parsed.todos) == parsed.counts["completed"] == 403
    assert told.skipped == {"agent": 9, "convoy": 2, "message": 1, "pinned": 3}
    assert sum(told.skipped.values()) == parsed.counts["without_todo"] == 15
    assert told.dependencies == {"blocks": 356, "join": 354}
    assert told.relations == {"blocks": 377, "parent-child": 359, "discovered-from": 7, "tracks": 2}
    assert (told.dangling, told.holds, told.dropped) == (30, 0, {})
    assert (told.ready, told.warnings) == (46, ())
    assert sum(todo.status is Status.READY for todo in todos) == 46
    assert json.loads(json.dumps(told.as_document()))["import"]["ready"] == 46


def test_the_ready_ones_are_of_the_kinds_that_were_counted(todos):
    records = {record["id"]: record for record in RECORDS}

    ready = [records[todo.id] for todo in todos if todo.status is Status.READY]

    assert Counter(record["issue_type"] for record in ready) == {"task": 40, "epic": 5, "bug": 1}
    assert Counter(record["status"] for record in ready) == {"open": 43, "hooked": 2, "in_progress": 1}


def test_completed_todos_with_open_dependencies_are_completed(parsed):
    done = {todo.new.id for todo in parsed.todos if todo.completed}

    early = [todo for todo in parsed.todos if todo.completed and not done.issuperset(todo.new.after)]

    assert early
    assert parsed.counts["completed"] == len(done)


def test_what_was_not_touched_comes_back_line_for_line(text, parsed, todos):
    assert beads_export.export(todos, parsed.records, project="default") == text


def test_a_second_import_of_the_same_file_changes_nothing(parsed, todos):
    again = imported(parsed, todos)

    assert len(again.unchanged) == 689
    assert again.replace(unchanged=(), ready=0) == type(again)()
    assert again.ready == 46


def test_completing_two_todos_changes_their_two_records_alone(text, parsed, todos):
    ready = [todo.id for todo in todos if todo.status is Status.READY][:2]
    at = 1_775_000_000_000_000
    for todo_id in ready:
        todos = changed(todos, todo_id, status=Status.COMPLETED, finished_at=at, result="merged")

    written = export("beads", todos, parsed.records, project="default")

    pairs = zip(text.splitlines(), written.splitlines(), strict=True)
    different = [(json.loads(old), json.loads(new)) for old, new in pairs if old != new]
    assert [old["id"] for old, _ in different] == ready
    for old, new in different:
        assert {key for key in new if new[key] != old.get(key)} == {"status", "closed_at", "close_reason", "updated_at"}
        assert (new["status"], new["close_reason"], new["closed_at"]) == ("closed", "merged", "2026-03-31T23:33:20Z")
        assert [key for key in new if key in old] == list(old)
    assert not imported(parse(written, format="beads"), todos).changed


def test_the_file_of_every_export_keeps_closed_and_closed_at_together(parsed, todos):
    todos = changed(todos, "bd-5ua", status=Status.CANCELLED, finished_at=1_775_000_000_000_000)

    records = [json.loads(line) for line in export("beads", todos, parsed.records, project="p").splitlines()]

    assert all((record["status"] == "closed") == ("closed_at" in record) for record in records)
