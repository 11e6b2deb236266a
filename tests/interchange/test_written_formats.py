from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess

import pytest

from longpole.errors import CycleError, InvalidInputError, UsageError
from longpole.interchange import EXPORTS, IMPORTS, export, jsonl, parse
from longpole.model import Hold, Status, Todo
from tests.interchange.shared import as_todos, imported

HOSTILE = 'a"]; n9[label="x"] %%{init: {}}%% <b>&lt; `c` \\N #35; | end'

# a (done) ──> b ──> c     d apart
TODOS = [
    Todo(id="a", title="A", status=Status.COMPLETED, finished_at=1_780_000_000_000_000, result="ok"),
    Todo(id="b", title=HOSTILE, critical_path_minutes=90.0, depends_on=("a",), touches=("x/", {"path": "y"})),
    Todo(id="c", title="=1+1", status=Status.BLOCKED, critical_path_minutes=30.0, depends_on=("b",), unmet=1),
    Todo(id="@d", title="D, and\nmore", status=Status.FAILED, critical_path_minutes=10.0, result="-no"),
]


def test_mermaid_escapes_every_steering_character_and_marks_the_critical_path():
    text = export("mermaid", TODOS, project="si%%te")

    label = re.search(r'n1\["b<br/>(.*)"\]:::ready', text)
    assert label is not None
    assert not set(label.group(1).replace("#", "").replace(";", "")) & set('"<>&%`{}[]|\\')
    assert "n0 --> n1\n" in text
    assert "n1 ==> n2\n" in text
    assert "class n1,n2 critical" in text
    assert text.startswith("%% si#37;#37;te\nflowchart LR\n")


def test_dot_escapes_quotes_and_backslashes_and_marks_the_critical_path():
    text = export("dot", TODOS, project='s"')

    assert text.startswith('digraph "s\\"" {')
    assert "  n0 -> n1;\n  n1 -> n2 [penwidth=3];\n" in text
    assert 'label="b\\na\\"]; n9[label=\\"x\\"]' in text
    assert "\\\\N" in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_what_is_written():
    done = subprocess.run(
        ["dot", "-Tplain"], input=export("dot", TODOS, project="p").encode(), capture_output=True, check=True
    )

    assert done.stdout.count(b"\nnode ") == 4


def test_csv_reads_back_and_disarms_formulas():
    text = export("csv", TODOS, project="p")

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == ["a", "b", "c", "'@d"]
    assert [row["title"] for row in rows] == ["A", HOSTILE, "'=1+1", "D, and\nmore"]
    assert rows[3]["result"] == "'-no"
    assert rows[1]["touches"] == 'x/ {"path":"y"}'
    assert rows[0]["finished_at"] == "2026-05-28T20:26:40Z"
    assert text.count("\r\n") == 5


def test_jsonl_holds_every_field_and_can_be_imported():
    todos = [*TODOS[:3], Todo(id="h", title="H", holds=(Hold(kind="manual", reason="later"),), status=Status.BLOCKED)]

    text = export("jsonl", todos, project="p")

    parsed = parse(text, format="jsonl")
    assert [set(json.loads(line)) for line in text.splitlines()] == [set(Todo._fields)] * 4
    assert [todo.completed for todo in parsed.todos] == [True, False, False, False]
    assert (parsed.todos[0].result, parsed.todos[0].finished_at) == ("ok", 1_780_000_000_000_000)
    assert parsed.todos[1].new.touches == ("x/", {"path": "y"})
    assert parsed.todos[3].hold == "later"
    assert len(imported(parsed, as_todos(parsed)).unchanged) == 4


def test_what_failed_or_was_held_elsewhere_is_on_hold_or_free_after_an_import():
    failed = Todo(id="f", title="F", status=Status.FAILED, result="disk\nfull")
    held = Todo(id="g", title="G", status=Status.IN_PROGRESS, holder="claude-1")

    found = jsonl.parse(jsonl.export([failed, held])).todos

    assert (found[0].hold, found[0].former_holder) == ("failed before: disk full", None)
    assert (found[1].hold, found[1].former_holder) == (None, "claude-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "line 1 is no JSON object"),
        ('{"id": "a"}', "line 1: todo 'a': title is empty"),
        ('{"id": "a", "title": "A", "status": "odd"}', "line 1: 'odd' is not a valid Status"),
        ('{"id": "a", "title": "A", "depends_on": "b"}', "line 1: the id stands where a list"),
        ('{"id": "a", "title": "A", "depends_on": ["b"]}', "waits for 'b'"),
        ('{"id": "a", "title": "A"}\n\n{"id": "a", "title": "A"}', "lines 1 and 3 have the same id 'a'"),
        ('{"id": "a", "title": "A", "holds": 3}', "line 1: stands where a list"),
        ('{"id": "a", "title": "A", "result": "\\u0000"}', "line 1: has a NUL"),
    ],
)
def test_a_broken_line_is_named_with_its_number(text, message):
    with pytest.raises(InvalidInputError) as refusal:
        jsonl.parse(text)

    assert message in str(refusal.value)


def test_a_todo_that_waits_for_itself_is_a_cycle():
    with pytest.raises(CycleError):
        jsonl.parse('{"id": "a", "title": "A", "depends_on": ["a"]}')


def test_each_format_can_be_written_for_an_empty_project_and_unknown_ones_are_refused():
    assert all(isinstance(export(name, [], project="p"), str) for name in EXPORTS)
    for name in ("taskmaster", "xml"):
        with pytest.raises(UsageError, match="formats are"):
            export(name, [], project="p")
        with pytest.raises(UsageError, match="formats are"):
            parse("x", format=name)
    assert set(IMPORTS) == {"plan", "markdown", "beads", "jsonl"}
