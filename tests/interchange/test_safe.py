from __future__ import annotations

import datetime as dt
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from longpole.errors import InvalidInputError
from longpole.interchange import safe
from longpole.interchange.safe import decode, load_json, load_yaml, plain_text, read_text

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "text",
    [
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "[1e999]",
        "[" + "9" * 5000 + "]",
        '{"a": 1, "a": 2}',
        '[{"a": {"b": 1, "b": 2}}]',
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 65 + '"' + '\\"' * 100_000,
        '["\\ud800"]',
        '{"\\uDFFF": 1}',
        '{"a": ',
        "[1,]",
        "{'a': 1}",
        "[1] [2]",
        '["tab\tinside"]',
    ],
)
def test_hostile_json_is_one_clear_line(text):
    with pytest.raises(InvalidInputError) as refusal:
        load_json(text)

    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x\n",
        "a: &x 1\n",
        "a: *nothing\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "a: !!binary aGk=\n",
        "a: !local 1\n",
        "a: 1\na: 2\n",
        "- {b: 1, b: 2}\n",
        "[" * 100_000,
        "".join(" " * n + "- \n" for n in range(200)),
        "a:\n  - b\n c: [",
        "---\na: 1\n---\nb: 2\n",
        "? [1, 2]\n: 3\n",
        "a: \x07\n",
        "a: \ud800\n",
        "\t- tab",
    ],
)
@pytest.mark.parametrize("loader", [safe._LOADER, yaml.SafeLoader], ids=["fast", "plain"])
def test_hostile_yaml_is_one_clear_line(text, loader, monkeypatch):
    monkeypatch.setattr(safe, "_LOADER", loader)

    with pytest.raises(InvalidInputError) as refusal:
        load_yaml(text)

    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_yaml_words_stay_what_they_look_like():
    text = "[no, yes, on, 2026-01-31, 1:30, 0x1F, 012, 1_000, 7, -2, 1.5, 1e3, true, null, ~, '7', .inf, 1e999, <<]"

    found = load_yaml(text)

    words = ["no", "yes", "on", "2026-01-31", "1:30", "0x1F", "012", "1_000", 7, -2, 1.5, 1000.0]
    assert found == [*words, True, None, None, "7", ".inf", "1e999", "<<"]
    assert not any(isinstance(value, dt.date) for value in found)


@settings(deadline=None)
@given(JSON_VALUES)
def test_yaml_and_json_give_the_same_values(value):
    text = json.dumps(value, ensure_ascii=False)

    assert load_json(text) == value
    assert load_yaml(text) == value


def test_a_file_may_have_a_byte_order_mark_and_windows_lines(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r")

    assert read_text(path) == "a: 1\nb: 2\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b" \n\r\n", "empty"),
        (b"a\0b", "binary"),
        (b"\xff\xfea", "UTF-8"),
        (b"ok \xed\xa0\x80", "UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, data, problem):
    path = tmp_path / "plan.json"
    path.write_bytes(data)

    with pytest.raises(InvalidInputError, match=problem):
        read_text(path)


def test_a_folder_a_missing_file_and_a_strange_name_are_refused(tmp_path):
    for path, problem in [
        (tmp_path, "folder"),
        (tmp_path / "no", "does not exist"),
        (f"{tmp_path}/a\0b", "cannot be read"),
    ]:
        with pytest.raises(InvalidInputError, match=problem):
            read_text(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)

    with pytest.raises(InvalidInputError, match="split"):
        read_text(path)


def test_standard_input_is_held_to_the_same_rules():
    assert decode("ä\r\n".encode(), name="standard input") == "ä\n"
    with pytest.raises(InvalidInputError, match="standard input is empty"):
        decode(b"", name="standard input")
    with pytest.raises(InvalidInputError, match="empty"):
        plain_text("\ufeff")
