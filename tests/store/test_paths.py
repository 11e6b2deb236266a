"""Keys of paths: one begins with the other exactly where two paths overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longpole.store import paths

KEYS = {
    "src": "/src/",
    "src/": "/src/",
    "./src//api/./page.py": "/src/api/page.py/",
    ".": "/",
    "./": "/",
    "src/*.py": "/src/",
    "src/**/test_?.py": "/src/",
    "src/api*/x": "/src/",
    "*.md": "/",
    "src/{a,b}/c": "/src/",
    "app/[id]/page.tsx": "/app/[id]/page.tsx/",
    "docs/Übersicht.md": "/docs/Übersicht.md/",
}
PARTS = st.lists(st.sampled_from(["a", "b", "aa", "a0", "a-", "[a]", "é", "~"]), max_size=4)


@pytest.mark.parametrize("path", KEYS)
def test_a_path_is_known_by_one_key_however_it_is_spelled(path):
    assert paths.key_of(path) == KEYS[path]


@given(one=PARTS, other=PARTS)
def test_keys_tell_what_lies_in_what_as_an_index_does(one, other):
    key, place = paths.key_of("/".join(one)), paths.key_of("/".join(other))

    assert (key <= place < paths.beyond(key)) == (other[: len(one)] == one)
    assert (place in paths.above(key)) == (one[: len(other)] == other and one != other)


def test_a_path_that_no_index_takes_counts_as_a_folder_above_it():
    long = "/".join(["ä" * 100] * 20)

    key = paths.key_of(long)

    assert len(key.encode()) <= paths.KEY_BYTES
    assert paths.key_of(long + "/more") == key
    assert f"/{long}/".startswith(key)


def test_a_key_is_shown_as_a_path():
    assert (paths.shown("/src/api/"), paths.shown("/")) == ("src/api", ".")
