from __future__ import annotations

import json

import pytest

from longpole.errors import CycleError, InvalidInputError
from longpole.interchange import beads
from longpole.model import Status
from tests.interchange.shared import as_todos, imported, issue, lines, relation

NOW = 1_800_000_000_000_000  # 2027-01-15


def after(text: str) -> dict[str, tuple[str, ...]]:
    """Give what each todo of a file waits for."""
    return {str(todo.new.id): todo.new.after for todo in beads.parse(text).todos}


def ready(text: str) -> set[str]:
    return {todo.id for todo in as_todos(beads.parse(text)) if todo.status is Status.READY}


def with_relations(record, *relations):
    return {**record, "dependencies": [*record.get("dependencies", []), *relations]}


def test_the_issue_on_whose_line_a_relation_stands_is_the_blocked_one():
    # b ──> a
    text = lines(issue("x-a", blocks=("x-b",)), issue("x-b"))

    assert after(text) == {"x-a": ("x-b",), "x-b": ()}
    assert ready(text) == {"x-b"}


def test_the_owner_named_in_the_relation_counts_if_it_stands_on_another_line():
    text = lines(issue("x-a"), with_relations(issue("x-b"), relation("x-a", "x-b")))

    assert after(text) == {"x-a": ("x-b",), "x-b": ()}


def test_blocking_is_transitive_along_a_chain():
    # c ──> b ──> a
    text = lines(issue("x-a", blocks=("x-b",)), issue("x-b", blocks=("x-c",)), issue("x-c"))

    assert ready(text) == {"x-c"}


def test_an_issue_of_low_urgency_is_offered_as_well():
    text = lines(issue("x-a", priority=3), issue("x-b", priority=4))

    assert ready(text) == {"x-a", "x-b"}


def test_a_parent_waits_for_its_children_and_children_do_not_wait_for_it():
    text = lines(issue("x-e", issue_type="epic"), issue("x-e.1", parent="x-e"), issue("x-e.2", parent="x-e"))

    assert after(text) == {"x-e": ("x-e.1", "x-e.2"), "x-e.1": (), "x-e.2": ()}
    assert beads.parse(text).counts["dependencies.join"] == 2


def test_all_beneath_a_blocked_parent_wait_for_what_it_waits_for():
    #        x-b
    #         │ blocks
    #   e ── e.1 ── e.1.1      (each beneath the one before)
    text = lines(
        issue("x-b"),
        issue("x-e", issue_type="epic", blocks=("x-b",)),
        issue("x-e.1", parent="x-e"),
        issue("x-e.1.1", parent="x-e.1"),
    )

    found = after(text)

    assert found["x-e.1"] == ("x-e.1.1", "x-b")
    assert found["x-e.1.1"] == ("x-b",)
    assert ready(text) == {"x-b"}
    assert beads.parse(text).counts["dependencies.inherited"] == 2


def test_a_parent_that_waits_for_its_own_children_does_not_tie_them_to_each_other():
    text = lines(
        issue("x-e", issue_type="epic", blocks=("x-1", "x-2")), issue("x-1", parent="x-e"), issue("x-2", parent="x-e")
    )

    assert after(text) == {"x-e": ("x-1", "x-2"), "x-1": (), "x-2": ()}


def test_children_of_a_closed_parent_are_not_blocked_by_it():
    closed = issue("x-e", blocks=("x-b",), status="closed", closed_at="2026-01-02T00:00:00Z")

    assert ready(lines(issue("x-b"), closed, issue("x-1", parent="x-e"))) == {"x-b", "x-1"}


def test_a_child_that_waits_for_its_parent_keeps_that_and_the_join_is_left_out():
    parsed = beads.parse(lines(issue("x-e"), issue("x-1", parent="x-e", blocks=("x-e",))))

    assert [todo.new.after for todo in parsed.todos] == [(), ("x-e",)]
    assert parsed.counts["dropped.join"] == 1
    assert "would close a cycle" in parsed.warnings[0]


@pytest.mark.parametrize("kind", ["parent_child", "child-of"])
def test_other_spellings_of_parent_child_mean_the_same(kind):
    text = lines(issue("x-e"), with_relations(issue("x-1"), relation("x-1", "x-e", kind)))

    assert after(text)["x-e"] == ("x-1",)


@pytest.mark.parametrize("kind", ["blocked-by", "blocks-on"])
def test_other_spellings_of_blocks_block_their_owner(kind):
    assert after(lines(with_relations(issue("x-1"), relation("x-1", "x-2", kind)), issue("x-2")))["x-1"] == ("x-2",)


@pytest.mark.parametrize(
    "kind", ["related", "discovered-from", "tracks", "duplicates", "validates", "our-own-kind", "follows"]
)
def test_relations_without_effect_are_kept_and_do_not_block(kind):
    text = lines(with_relations(issue("x-1"), relation("x-1", "x-2", kind)), issue("x-2"))

    parsed = beads.parse(text)

    assert after(text)["x-1"] == ()
    assert parsed.counts[f"relations.{kind}"] == 1
    assert bool(parsed.warnings) == (kind == "follows")


def test_waits_for_means_each_child_of_the_other_issue():
    waiting = with_relations(issue("x-w"), relation("x-w", "x-e", "waits-for", '{"gate": "all-children"}'))

    text = lines(waiting, issue("x-e"), issue("x-1", parent="x-e"), issue("x-2", parent="x-e"))

    assert after(text)["x-w"] == ("x-1", "x-2")


def test_what_longpole_cannot_express_is_set_aside_with_a_reason():
    any_child = with_relations(issue("x-w"), relation("x-w", "x-e", "waits-for", '{"gate": "any-children"}'))
    on_failure = with_relations(issue("x-f"), relation("x-f", "x-e", "conditional-blocks"))
    gated = issue("x-g", blocks=("x-gate",))

    parsed = beads.parse(lines(any_child, on_failure, gated, issue("x-e"), issue("x-gate", issue_type="gate")))

    assert [todo.hold for todo in parsed.todos] == [
        "waits for any child of x-e (beads)",
        "runs only if x-e fails (beads)",
        "waits for x-gate (beads gate), which is no todo",
        None,
    ]
    assert parsed.counts["holds"] == 3


@pytest.mark.parametrize(
    ("fields", "hold", "completed"),
    [
        ({"status": "open"}, None, False),
        ({"status": "in_progress", "assignee": "jasper"}, None, False),
        ({"status": "hooked"}, None, False),
        ({"status": "active"}, None, False),
        ({"status": None}, None, False),
        ({"status": "blocked"}, "blocked in beads", False),
        ({"status": "deferred"}, "deferred in beads", False),
        ({"status": "frozen"}, "frozen in beads", False),
        ({"defer_until": "2031-01-01T00:00:00Z"}, "deferred until 2031-01-01T00:00:00Z in beads", False),
        ({"defer_until": "2020-01-01T00:00:00Z"}, None, False),
        ({"status": "closed", "closed_at": "2026-01-01T00:00:00Z"}, None, True),
        ({"status": "done"}, None, True),
        ({"status": "waiting\x1b"}, "status 'waiting\\x1b' in beads", False),
    ],
)
def test_a_status_becomes_completed_or_a_hold_and_never_a_claim(fields, hold, completed):
    parsed = beads.parse(lines(issue("x-a", **fields)), now_at=NOW)

    assert (parsed.todos[0].hold, parsed.todos[0].completed) == (hold, completed)
    assert bool(parsed.warnings) == ("waiting" in str(fields.get("status")))


def test_the_former_holder_is_remembered():
    text = lines(issue("x-a", status="in_progress", assignee="jasper"), issue("x-b", assignee="onyx"))

    assert [todo.former_holder for todo in beads.parse(text).todos] == ["jasper", None]


def test_records_that_are_no_work_are_kept_without_a_todo():
    kinds = ["message", "gate", "agent", "convoy", "molecule", "event"]
    records = [issue(f"x-{kind}", issue_type=kind) for kind in kinds]
    records += [issue("x-p", status="pinned"), issue("x-t", status="tombstone"), issue("x-i", is_template=True)]
    records += [issue("x-q", pinned=True), {"_type": "memory", "text": "kept"}, issue("x-w", ephemeral=True)]

    parsed = beads.parse(lines(*records, issue("x-z", blocks=("x-p", "x-t"), issue_type="spike")))

    assert [todo.new.id for todo in parsed.todos] == ["x-w", "x-z"]
    assert [record.todo for record in parsed.records] == [False] * 11 + [True, True]
    assert parsed.records[10].id is None
    assert json.loads(parsed.records[10].raw) == {"_type": "memory", "text": "kept"}
    assert parsed.counts["skipped.memory"] == 1
    assert parsed.todos[1].new.after == ()
    assert parsed.todos[1].hold is None


def test_texts_times_and_numbers_become_fields():
    record = issue("x-a", description="Do it", design="So", acceptance_criteria="If", notes="Note", priority=0)
    record |= {"estimated_minutes": 45, "labels": ["python"], "status": "closed", "close_reason": "merged"}
    record |= {"closed_at": "2026-01-31T10:00:00.123456789+02:00", "title": "two\n lines"}

    todo = beads.parse(lines(record), labels_as_needs=True).todos[0]

    assert todo.new.title == "two lines"
    assert todo.new.description == "Do it\n\n## Design\n\nSo\n\n## Acceptance criteria\n\nIf\n\n## Notes\n\nNote"
    assert (todo.new.priority, todo.new.estimate_minutes, todo.new.needs) == (0, 45.0, ("python",))
    assert (todo.result, todo.finished_at) == ("merged", 1_769_846_400_123_456)
    assert beads.parse(lines(record)).todos[0].new.needs == ()


def test_the_branch_is_the_nearest_epic_above_or_else_the_topmost_parent():
    text = lines(
        issue("x-e", issue_type="epic"),
        issue("x-f", parent="x-e"),
        issue("x-g", parent="x-f"),
        issue("x-t"),
        issue("x-u", parent="x-t"),
        issue("x-v", parent="x-u"),
        issue("x-1", parent="x-2"),
        issue("x-2", parent="x-1"),
    )

    found = {todo.new.id: todo.new.branch for todo in beads.parse(text).todos}

    assert [found[name] for name in ("x-e", "x-f", "x-g", "x-t", "x-u", "x-v")] == [
        None,
        "x-e",
        "x-e",
        None,
        "x-t",
        "x-t",
    ]


def test_dangling_repeated_and_self_relations_do_not_block_and_are_counted():
    text = lines(issue("x-a", blocks=("x-gone", "x-a", "x-b", "x-b")), issue("x-b"))

    parsed = beads.parse(text)

    assert after(text)["x-a"] == ("x-b",)
    assert (parsed.counts["dangling"], parsed.counts["dropped.self"], parsed.counts["dropped.repeated"]) == (1, 1, 1)


def test_a_cycle_is_refused_in_order_and_broken_only_on_request():
    # a waits for b, b for c, c for a
    text = lines(issue("x-a", blocks=("x-b",)), issue("x-b", blocks=("x-c",)), issue("x-c", blocks=("x-a",)))
    parsed = beads.parse(text)

    with pytest.raises(CycleError) as refusal:
        imported(parsed, [])
    broken = imported(parsed, [], break_cycles=True)

    assert refusal.value.cycle == ("x-a", "x-b", "x-c")
    assert broken.dropped == (("x-c", "x-a"),)
    assert [todo.new.after for todo in broken.added] == [("x-b",), ("x-c",), ()]
    assert broken.ready == 1


def test_a_backup_folders_tables_are_put_together():
    flat = [{**issue("x-a"), "pinned": 0, "is_template": 0}, {**issue("x-b"), "pinned": 1}, issue("x-c")]
    tables = {
        "issues": lines(*flat),
        "dependencies": lines({"issue_id": "x-a", "depends_on_id": "x-c", "type": "blocks"}),
        "labels": lines({"issue_id": "x-a", "label": "python"}),
    }

    parsed = beads.parse_backup(tables, labels_as_needs=True)

    assert [(todo.new.id, todo.new.after, todo.new.needs) for todo in parsed.todos] == [
        ("x-a", ("x-c",), ("python",)),
        ("x-c", (), ()),
    ]


def test_byte_order_mark_windows_lines_blank_lines_and_a_missing_last_newline_are_accepted():
    text = "\ufeff" + lines(issue("x-a")).replace("\n", "\r\n") + "\r\n\r\n" + lines(issue("x-b")).rstrip()

    parsed = beads.parse(text)

    assert [record.id for record in parsed.records] == ["x-a", "x-b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines(issue("x-a")) + '{"id": "x-b", "titl', "line 2 is not valid JSON"),
        (lines(issue("x-a"), issue("x-b")) + "\n" + lines(issue("x-a")), "lines 1 and 4 have the same id 'x-a'"),
        ("[1]", "line 1 is no JSON object"),
        ("{}", "line 1: the id is None"),
        (lines(issue("x-a", id=7)), "line 1: the id is 7"),
        (lines(issue("../x\n")), "line 1: the id"),
        (lines(issue("x-a", title="")), "line 1: todo 'x-a': title is empty"),
        (lines(issue("x-a", title=5)), "line 1: title is no text"),
        (lines(issue("x-a", title="\x1b[2J")), "line 1: todo 'x-a': title"),
        (lines(issue("x-a", priority=9)), "line 1: todo 'x-a': priority is 9"),
        (lines(issue("x-a", priority=2**63)), "priority is 9223372036854775808"),
        (lines(issue("x-a", estimated_minutes="1h")), "estimate_minutes is '1h'"),
        (lines(issue("x-a", description="\0")), "NUL"),
        (lines(issue("x-a", labels="python")), "labels is no list"),
        (lines(issue("x-a", status="closed", close_reason="\0")), "line 1: has a NUL"),
        (lines({**issue("x-a"), "dependencies": "x-b"}), "line 1: the dependencies"),
        (lines({**issue("x-a"), "dependencies": ["x-b"]}), "line 1: the dependencies"),
        (lines({**issue("x-a"), "dependencies": [{"type": "blocks"}]}), "line 1: the dependencies"),
        (lines({**issue("x-a"), "dependencies": [{"depends_on_id": "x", "type": 3}]}), "line 1: the dependencies"),
        (lines(issue("x-a", metadata={"longpole": {"id": "-x"}})), "line 1: the id in metadata"),
        (lines(issue("x-a", metadata={"longpole": {"touches": ["/etc"]}})), "touches '/etc' leads out"),
        (lines(issue("x-a", metadata={"longpole": {"hold": "\x1b"}})), "line 1: "),
        ('{"id": "x", "n": NaN}', "NaN"),
        ('{"id": "x", "id": "y"}', "twice"),
        ('{"id": "x", "metadata": ' + "[" * 100 + "]" * 100 + "}", "nested"),
    ],
)
def test_a_broken_line_is_named_with_its_number(text, message):
    with pytest.raises(InvalidInputError) as refusal:
        beads.parse(text)

    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_strange_but_harmless_metadata_is_passed_over():
    for metadata in ("text", [1], {"longpole": 5}, {"longpole": {"without": 3, "hold": None}}, None):
        assert beads.parse(lines(issue("x-a", metadata=metadata))).todos[0].hold is None


def test_twenty_thousand_levels_of_parents_are_read_without_recursion():
    count = 20_000
    text = lines(*(issue(f"x-{n}", parent=f"x-{n - 1}" if n else None) for n in range(count)))

    parsed = beads.parse(text)

    assert parsed.todos[-1].new.branch == "x-0"
    assert parsed.counts["dependencies.join"] == count - 1


def test_inheritance_that_explodes_is_refused():
    deep = [issue(f"x-{n}", parent=f"x-{n - 1}" if n else None, blocks=("x-b",)) for n in range(3_000)]

    with pytest.raises(InvalidInputError, match="split"):
        beads.parse(lines(issue("x-b"), *deep))
