"""The fast parser and click are made from one table; here they are asked the same and must say the same."""

from __future__ import annotations

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longpole.cli.arguments import parse
from longpole.cli.asked import GLOBAL_NAMES
from longpole.cli.commands import ROOT
from longpole.cli.verbs import GLOBAL, VERBS
from longpole.errors import UsageError

REFUSED = "refused"
GIVEN = ("--help", "-h")


def _fast(words: list[str]) -> Any:
    try:
        verb, values = parse(list(words))
    except UsageError:
        return REFUSED
    return verb.name, values


def _click(words: list[str]) -> Any:
    """Parse with click as far as the verb's callback, and give what it would be called with."""
    try:
        root = ROOT.make_context("longpole", list(words))
        name, command, rest = ROOT.resolve_command(root, [*root._protected_args, *root.args])
        assert command is not None
        with command.make_context(name, rest, parent=root) as ctx:
            values = dict(ctx.params)
            values |= {name: root.params[name] for name in GLOBAL_NAMES if values[name] in (None, False)}
            return name, values
    except click.UsageError:
        return REFUSED


@pytest.mark.parametrize(
    "words",
    [
        "next --as x",
        "next --as=x --count=3 --wait 1.5",
        "--db a.db --project p next --as x --json",
        "next --as x --db a.db --quiet",
        "--db a.db next --db b.db --as x",
        "--json next --as x",
        "next --as x --as y",
        "next --wait -1",
        "next --count 1_0",
        "next --count 1.5",
        "next --count",
        "next --json=1",
        "next surplus",
        "next --nonsense",
        "next --a x",
        "next -x",
        "--as x next",
        "next --as --json",
        "claim",
        "claim a",
        "claim a b",
        "claim -- -a",
        "claim a --",
        "claim -",
        "done a --token 1 --next --result=",
        "done --token 1 a",
        "done a --token x",
        "done a",
        "fail a --token 1",
        "fail a --token 1 --reason r --key k",
        "progress a --token 1 --percent 40 --note n",
        "heartbeat",
    ],
)
def test_both_parsers_give_the_same_for(words):
    assert _fast(words.split()) == _click(words.split())


FLAGS = sorted({option.flag for verb in VERBS.values() for option in (*GLOBAL, *verb.options)})
WORDS = st.one_of(
    st.sampled_from(FLAGS),
    st.sampled_from(["a", "1", "-1", "2.5", "nan", "", "--", "-", "--nonsense", "x=y", " 1 "]),
    st.builds("{}={}".format, st.sampled_from(FLAGS), st.sampled_from(["a", "1", "", "-"])),
    st.text(alphabet="-=a1é", max_size=4).filter(lambda word: word not in GIVEN),
)


@given(st.sampled_from(sorted(VERBS)), st.lists(WORDS, max_size=6))
def test_both_parsers_give_the_same_for_any_words(verb, words):
    fast, slow = _fast([verb, *words]), _click([verb, *words])

    assert repr(fast) == repr(slow) if REFUSED in (fast, slow) else _comparable(fast) == _comparable(slow)


def _comparable(found: tuple[str, dict[str, Any]]) -> tuple[str, list[tuple[str, str]]]:
    name, values = found
    return name, sorted((key, repr(value)) for key, value in values.items())
