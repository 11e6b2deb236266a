from __future__ import annotations

import pytest

from longpole.errors import UsageError
from longpole.interchange import jsonl
from longpole.interchange.sniff import detect
from longpole.model import Todo
from tests.interchange.shared import issue, lines

BEADS = lines(issue("x-a"), issue("x-b", blocks=("x-a",)))


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("plan.json", '{"todos": []}', "plan"),
        ("plan.json", '[{"title": "A"}]', "plan"),
        ("plan.json", '\ufeff{\r\n "project": "x",\r\n "todos": []}', "plan"),
        ("plan.json", '{"todos": [{"title": "A",}]}', "plan"),
        ("plan.json", '[{"title": "A",}]', "plan"),
        ("plan.yaml", "todos:\n- title: A\n", "plan"),
        ("plan.yaml", "todos: [\n", "plan"),
        ("tasks.json", '{"todos": []}', "plan"),
        ("backlog/plan.json", '{"todos": []}', "plan"),
        ("tasks/big/plan.json", '{"todos": []}', "plan"),
        ("plan.yml", "- title: A\n", "plan"),
        (None, "- title: A\n- title: B\n", "plan"),
        ("issues.jsonl", "anything", "beads"),
        (".beads/beads.jsonl", "anything", "beads"),
        ("x.jsonl", BEADS, "beads"),
        ("-", BEADS, "beads"),
        ("x.jsonl", BEADS.splitlines()[0], "beads"),
        ("x.jsonl", BEADS + '{"id": "x-', "beads"),
        ("x.jsonl", BEADS[:-9], "beads"),
        ("todo.md", "# Plan\n\n- [ ] A\n", "markdown"),
        ("todo.md", "nothing to tick\n", "markdown"),
        (None, "1. [x] A\n", "markdown"),
        ("x.jsonl", jsonl.export([Todo(id="a", title="A"), Todo(id="b", title="B")]), "jsonl"),
        ("x.jsonl", jsonl.export([Todo(id="a", title="A")]), "jsonl"),
    ],
)
def test_a_format_is_told_by_name_or_shape(name, text, found):
    assert detect(name, text) == found


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("tasks.json", "{}", "taskmaster"),
        ("x.json", '{"master": {"tasks": []}}', "taskmaster"),
        ("x.json", '{"tasks": []}', "taskmaster"),
        ("tasks/list/7.json", "{}", "claude"),
        ("x.json", '{"id": "7", "subject": "A", "blockedBy": []}', "claude"),
        ("x.json", '[{"id": "7", "subject": "A", "activeForm": "x"}]', "claude"),
        ("x.json", '[{"number": 1, "state": "open", "title": "A"}]', "github"),
        ("x.json", '{"data": {"repository": {}}}', "github"),
        ("backlog/tasks/task-1 - A.md", "x", "backlog"),
        ("x.md", "---\ntitle: A\nid: task-1\n---\n\n- [ ] #1 x\n", "backlog"),
    ],
)
def test_a_format_that_cannot_be_imported_yet_is_named(name, text, found):
    with pytest.raises(UsageError, match=f"recognised as {found}") as refusal:
        detect(name, text)

    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.txt", "hello"), ("x.json", "{}"), (None, "3"), ("x.jsonl", '{"a": 1}\n{"b": 2}\n'), ("x", "{broken")],
)
def test_an_unclear_file_asks_for_the_format(name, text):
    with pytest.raises(UsageError, match="--format"):
        detect(name, text)
