from __future__ import annotations

import json

import pytest

from longpole.interchange import beads, beads_export
from longpole.model import Hold, Status, Todo
from tests.interchange.shared import as_todos, changed, imported, issue, lines, relation

AT = 1_780_000_000_000_000


def there_and_back(text: str, todos, **options):
    """Export with the file's records; gives the new text and its records by id, and checks that import agrees."""
    parsed = beads.parse(text)
    written = beads_export.export(todos, parsed.records, project="default", now_at=AT, **options)
    again = beads.parse(written)
    plan = imported(again, todos)
    assert not plan.added
    assert not plan.changed
    assert beads_export.export(todos, again.records, project="default", now_at=AT) == written
    return written, {json.loads(line)["id"]: json.loads(line) for line in written.splitlines()}


def todos_of(text: str) -> list[Todo]:
    return as_todos(beads.parse(text))


PAIR = lines(issue("x-a", blocks=("x-b", "x-gone"), spec_id="7", metadata={"own": 1}), issue("x-b"), issue("x-c"))


def differences(record, original):
    return {key for key in {*record, *original} if record.get(key) != original.get(key)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "New"}, {"title": "New"}),
        ({"priority": 0}, {"priority": 0}),
        ({"description": "New"}, {"description": "New"}),
        ({"estimate_minutes": 30.0}, {"estimated_minutes": 30}),
        ({"estimate_minutes": 0.5}, {"metadata": {"own": 1, "longpole": {"estimate_minutes": 0.5}}}),
        ({"branch": "ui"}, {"metadata": {"own": 1, "longpole": {"branch": "ui"}}}),
        ({"touches": ("a/",)}, {"metadata": {"own": 1, "longpole": {"touches": ["a/"]}}}),
        ({"status": Status.IN_PROGRESS, "holder": "me"}, {"status": "in_progress", "assignee": "me"}),
        ({"status": Status.FAILED, "result": "no disk"}, {"notes": "longpole: failed: no disk"}),
        (
            {"status": Status.CANCELLED, "finished_at": AT},
            {"status": "closed", "close_reason": "cancelled", "closed_at": "2026-05-28T20:26:40Z"},
        ),
        (
            {"holds": (Hold(kind="manual", reason="ask Ann"),)},
            {"status": "blocked", "metadata": {"own": 1, "longpole": {"hold": "ask Ann"}}},
        ),
        ({"holds": (Hold(kind="backoff", reason="rests"),)}, {}),
    ],
)
def test_a_change_touches_its_own_keys_of_its_own_record_alone(changes, expected):
    todos = changed(todos_of(PAIR), "x-a", **changes)

    written, records = there_and_back(PAIR, todos)

    original = json.loads(PAIR.splitlines()[0])
    assert differences(records["x-a"], original) == ({*expected, "updated_at"} if expected else set())
    assert {key: records["x-a"][key] for key in expected} == expected
    assert written.splitlines()[1:] == PAIR.splitlines()[1:]


def test_an_edited_description_leaves_the_sections_after_it_alone():
    text = lines(issue("x-a", description="Old", design="So", notes="N"))
    todos = changed(todos_of(text), "x-a", description="New\n\n## Design\n\nSo\n\n## Notes\n\nN")

    _, records = there_and_back(text, todos)

    assert (records["x-a"]["description"], records["x-a"]["design"], records["x-a"]["notes"]) == ("New", "So", "N")


def test_an_edit_inside_the_sections_is_kept_whole():
    text = lines(issue("x-a", description="Old", design="So"))
    todos = changed(todos_of(text), "x-a", description="Old\n\n## Design\n\nDifferently")

    _, records = there_and_back(text, todos)

    assert records["x-a"]["description"] == "Old\n\n## Design\n\nDifferently"
    assert "design" not in records["x-a"]


def test_reopening_takes_what_belongs_to_closing_out():
    text = lines(issue("x-a", status="closed", closed_at="2026-01-02T00:00:00Z", close_reason="merged"))
    todos = changed(todos_of(text), "x-a", status=Status.READY, finished_at=None, result=None)

    parsed = beads.parse(text)
    record = json.loads(beads_export.export(todos, parsed.records, project="p", now_at=AT))

    assert record["status"] == "open"
    assert not record.keys() & {"closed_at", "close_reason"}


@pytest.mark.parametrize(
    "record",
    [
        issue("x-a", status="blocked"),
        issue("x-a", status="odd"),
        issue("x-a", defer_until="2040-01-01T00:00:00Z"),
        {**issue("x-a"), "dependencies": [relation("x-a", "x-b", "conditional-blocks")]},
    ],
)
def test_a_lifted_hold_stays_lifted(record):
    text = lines(record, issue("x-b"))
    todos = changed(todos_of(text), "x-a", holds=(), status=Status.READY)

    _, records = there_and_back(text, todos)

    assert records["x-a"]["status"] == "open"
    assert records["x-a"].get("dependencies") == record.get("dependencies")


def test_a_deferral_that_has_passed_is_no_change():
    text = lines(issue("x-a", defer_until="2026-05-01T00:00:00Z"))
    before = beads.parse(text, now_at=1)

    for todos in (as_todos(before), as_todos(beads.parse(text, now_at=AT))):
        assert beads_export.export(todos, before.records, project="p", now_at=AT) == text


def test_a_new_dependency_adds_exactly_its_record_and_a_removed_one_takes_it_out():
    todos = changed(todos_of(PAIR), "x-a", depends_on=("x-c",))
    todos = changed(todos, "x-b", depends_on=("x-c",))

    _, records = there_and_back(PAIR, todos)

    assert [item["depends_on_id"] for item in records["x-a"]["dependencies"]] == ["x-gone", "x-c"]
    assert [item["depends_on_id"] for item in records["x-b"]["dependencies"]] == ["x-c"]
    assert records["x-b"]["dependencies"][0]["type"] == "blocks"


def test_dependencies_that_come_from_parents_can_be_edited_as_well():
    #  b ──> e ── children 1, 2 (and inherit b)
    text = lines(
        issue("x-b"),
        issue("x-c"),
        issue("x-e", issue_type="epic", blocks=("x-b",)),
        issue("x-1", parent="x-e"),
        issue("x-2", parent="x-e"),
    )
    start = todos_of(text)

    unjoined = changed(start, "x-e", depends_on=("x-b", "x-2"))
    _, records = there_and_back(text, unjoined)
    assert records["x-e"]["metadata"] == {"longpole": {"without": ["x-1"]}}

    unblocked = changed(start, "x-e", depends_on=("x-1", "x-2"))
    _, records = there_and_back(text, unblocked)
    assert [item["depends_on_id"] for item in records["x-1"]["dependencies"]] == ["x-e", "x-b"]

    blocked_more = changed(start, "x-e", depends_on=("x-b", "x-1", "x-2", "x-c"))
    _, records = there_and_back(text, blocked_more)
    assert len(records["x-1"]["dependencies"]) == 1


def test_a_dependency_taken_out_and_put_back_leaves_no_trace_but_an_empty_note():
    text = lines(issue("x-e"), issue("x-1", parent="x-e"))
    start = todos_of(text)
    written, _ = there_and_back(text, changed(start, "x-e", depends_on=()))

    _, records = there_and_back(written, start)

    assert records["x-e"].get("metadata", {}) == {}


def test_a_dependency_that_closed_a_cycle_is_still_exported():
    text = lines(issue("x-a", blocks=("x-b",)), issue("x-b", blocks=("x-a",)))
    parsed = beads.parse(text)
    broken = imported(parsed, [], break_cycles=True)
    todos = as_todos(parsed.replace(todos=broken.added))

    assert beads_export.export(todos, parsed.records, project="p") == text
    assert not imported(parsed, todos, break_cycles=True).changed


def test_a_new_todo_becomes_a_valid_record_with_an_id_of_the_files_kind():
    text = lines(issue("my-proj-a1"), issue("my-proj-b2"))
    new = Todo(id="write docs"[:5], title="Docs", depends_on=("my-proj-a1",), branch="docs", priority=1, created_at=AT)
    fitting = Todo(id="my-proj-zz9", title="Fits", depends_on=("write",), created_at=AT)

    written, records = there_and_back(text, [*todos_of(text), new, fitting])

    fresh = json.loads(written.splitlines()[2])
    assert fresh["id"].startswith("my-proj-")
    assert fresh["metadata"]["longpole"] == {"id": "write", "branch": "docs"}
    assert {"title", "status", "priority", "issue_type", "created_at", "updated_at"} <= fresh.keys()
    assert fresh["dependencies"][0]["depends_on_id"] == "my-proj-a1"
    assert records["my-proj-zz9"]["dependencies"][0]["depends_on_id"] == fresh["id"]
    assert "metadata" not in records["my-proj-zz9"]


def test_an_id_that_longpole_noted_is_not_given_twice():
    own = {"longpole": {"id": "write"}}

    parsed = beads.parse(lines(issue("x-1", metadata=own), issue("x-2", metadata=own), issue("x-3", metadata=own)))

    assert [todo.new.id for todo in parsed.todos] == ["write", "x-2", "x-3"]
    assert len(parsed.warnings) == 2


def test_changed_lines_keep_the_files_way_of_writing():
    compact = json.dumps(issue("x-a"), separators=(",", ":")) + "\n"

    written, _ = there_and_back(compact, changed(todos_of(compact), "x-a", title="Neu & schön"))

    assert '"title":"Neu & schön"' in written


def test_records_of_other_formats_and_of_missing_todos_are_left_alone():
    parsed = beads.parse(PAIR)
    others = tuple(record.replace(format="github") for record in parsed.records)

    assert beads_export.export([], parsed.records, project="p") == PAIR
    assert beads_export.export([], others, project="p") == ""
