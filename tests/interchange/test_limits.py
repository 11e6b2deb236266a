from __future__ import annotations

import pytest

from longpole.errors import InvalidInputError
from longpole.limits import checked, checked_count, checked_field
from longpole.model import NewTodo

REFUSED = [
    ("title", ""),
    ("title", " \t"),
    ("title", "x" * 501),
    ("title", "red \x1b[31m"),
    ("title", "two\nlines"),
    ("title", "nul \0"),
    ("title", "half \ud800"),
    ("title", "turned \u202e round"),
    ("title", "hidden \U000e0041"),
    ("title", 7),
    ("title", None),
    ("id", ""),
    ("id", "-rf"),
    ("id", "a b"),
    ("id", "a\u00a0b"),
    ("id", "a\n"),
    ("id", "x" * 201),
    ("id", "\u200b"),
    ("id", 7),
    ("description", "nul \0"),
    ("description", "half \udfff"),
    ("description", "x" * ((1 << 20) + 1)),
    ("description", "ä" * ((1 << 19) + 1)),
    ("description", None),
    ("priority", -1),
    ("priority", 5),
    ("priority", True),
    ("priority", 1.0),
    ("priority", "1"),
    ("priority", 10**400),
    ("estimate_minutes", -1),
    ("estimate_minutes", float("nan")),
    ("estimate_minutes", float("inf")),
    ("estimate_minutes", 1e6 + 1),
    ("estimate_minutes", 10**400),
    ("estimate_minutes", "30m"),
    ("estimate_minutes", True),
    ("branch", ""),
    ("branch", " a"),
    ("branch", "x" * 201),
    ("after", "abc"),
    ("after", ["a", 3]),
    ("after", [f"t{n}" for n in range(1001)]),
    ("after", None),
    ("needs", {"a": 1}),
    ("needs", [""]),
    ("touches", ["/etc/passwd"]),
    ("touches", ["~/x"]),
    ("touches", ["C:/x"]),
    ("touches", ["a/../../b"]),
    ("touches", [".."]),
    ("touches", ["a\\b"]),
    ("touches", [""]),
    ("touches", ["a\0b"]),
    ("touches", [{"path": "../x"}]),
    ("touches", [{"path": "a", "mode": "own"}]),
    ("touches", [{"path": 5}]),
    ("touches", [{"resource": "gpu", "amount": 0}]),
    ("touches", [{"resource": "gpu", "amount": 1.5}]),
    ("touches", [{"resource": "gpu", "amount": True}]),
    ("touches", [{"path": "a", "resource": "b"}]),
    ("touches", [{}]),
    ("touches", [3]),
    ("colour", "red"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=range(len(REFUSED)))
def test_a_value_that_no_database_should_keep_is_refused_in_one_line(name, value):
    with pytest.raises(InvalidInputError) as refusal:
        checked_field(name, value, todo="t1")

    assert "\n" not in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("name", ["priority", "estimate_minutes", "title"])
def test_a_number_too_long_to_print_is_refused_like_any_other(name):
    with pytest.raises(InvalidInputError, match="too large"):
        checked_field(name, 10**5000)


def test_the_message_names_the_todo_the_field_and_what_to_do():
    with pytest.raises(InvalidInputError, match=r"todo 'api': priority is 9; write a whole number") as refusal:
        checked(NewTodo(title="Write the API", id="api", priority=9))

    assert refusal.value.todo_id == "api"


def test_a_good_todo_comes_back_in_its_plain_form():
    new = NewTodo(
        title="Émile's 👨‍👩‍👧 = all of it",
        id="bd-1.2/x",
        description="two\nlines\tand \x1b[0m",
        after=["a", "b"],  # type: ignore[arg-type]
        estimate_minutes=30,
        touches=["src/", {"path": "docs", "mode": "read"}, {"resource": "gpu", "amount": 2}],  # type: ignore[arg-type]
    )

    found = checked(new)

    assert found.after == ("a", "b")
    assert found.touches == ("src/", {"path": "docs", "mode": "read"}, {"resource": "gpu", "amount": 2})
    assert isinstance(found.estimate_minutes, float)
    assert checked(found) == found


def test_an_import_has_a_greatest_size():
    assert checked_count(200_000) == 200_000
    with pytest.raises(InvalidInputError, match="split"):
        checked_count(200_001)
