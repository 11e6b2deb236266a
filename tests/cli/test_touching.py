"""What a todo touches, as the command line says it."""

from __future__ import annotations

import pytest

TOUCHES = [
    "src/api/",
    {"path": "docs/", "mode": "read"},
    {"resource": "gpu", "amount": 2},
    {"resource": "port"},
]
WORDS = ("--touches", "src/api/", "--reads", "docs/", "--takes", "gpu=2", "--takes", "port")


@pytest.fixture
def longpole(empty):
    assert empty("init").code == 0
    assert empty("settings", "resource.gpu", "2").code == 0
    return empty


def test_paths_and_resources_are_added_with_a_todo(longpole):
    assert longpole.json("add", "A", "--id", "a", *WORDS)["todo"]["touches"] == TOUCHES


def test_an_edit_puts_all_of_them_in_the_place_of_the_old_list(longpole):
    longpole("add", "A", "--id", "a", *WORDS)

    assert longpole.json("edit", "a", "--takes", "gpu")["todo"]["touches"] == [{"resource": "gpu"}]
    assert longpole.json("edit", "a", *WORDS)["todo"]["touches"] == TOUCHES
    assert longpole.json("edit", "a", "--touches", "")["todo"]["touches"] == []


def test_an_edit_of_something_else_leaves_them_as_they_are(longpole):
    longpole("add", "A", "--id", "a", *WORDS)

    assert longpole.json("edit", "a", "--title", "B")["todo"]["touches"] == TOUCHES


@pytest.mark.parametrize("word", ["gpu=", "gpu=-1", "gpu=x", "gpu=1.5", "gpu=0", "gpu=3", "=2"])
def test_a_bad_amount_is_refused(longpole, word):
    answer = longpole("add", "A", "--takes", word)

    assert answer.code in (1, 2)
    assert answer.err.count("\n") == 1
    assert longpole.json("list")["todos"] == []
