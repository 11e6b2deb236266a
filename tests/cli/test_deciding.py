"""Labels, pauses and gates on the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import longpole as library
from longpole.cli.arguments import parse


@pytest.fixture
def longpole(everywhere):
    """A folder with the sample project, once for each engine."""
    return everywhere


@pytest.fixture
def labelled(longpole):
    """The sample project with a todo that needs two labels, and nothing else to do."""
    for todo in ("schema", "api", "page", "release"):
        assert longpole("done", todo, "--force").code == 0
    assert longpole("add", "Train", "--id", "train", "--needs", "gpu", "--needs", "big disk").code == 0
    return longpole


OFFERS = ("--offers", "gpu", "--offers", "big disk")


def test_an_option_that_may_be_given_again_keeps_all_values():
    _, values = parse(["next", "--as", "x", "--offers", "gpu", "--offers=big disk"])
    _, without = parse(["next", "--as", "x"])

    assert (values["offers"], without["offers"]) == (("gpu", "big disk"), ())


@pytest.mark.parametrize("verb", [("next",), ("claim", "train")])
def test_an_instance_says_what_it_offers_as_it_asks(labelled, verb):
    without = labelled(*verb, "--as", "x")
    given = labelled(*verb, "--as", "x", *OFFERS)

    assert (without.code, given.code) == (3 if verb == ("next",) else 1, 0)
    assert given.out.startswith("train  Train")


def test_the_environment_says_what_an_instance_offers(labelled, monkeypatch):
    monkeypatch.setenv("LONGPOLE_OFFERS", "gpu, big disk,")

    assert labelled.json("next", "--as", "x")["claims"][0]["id"] == "train"
    assert labelled.json("instances")["instances"][0]["offers"] == ["big disk", "gpu"]


def test_the_command_line_comes_before_the_environment(labelled, monkeypatch):
    monkeypatch.setenv("LONGPOLE_OFFERS", "gpu,big disk")

    answer = labelled.json("next", "--as", "x", "--offers", "")

    assert (answer["claims"], answer["reason"]) == ([], "all_blocked")
    assert answer["detail"].startswith("1 todo is ready, but it needs: big disk, gpu; ")


def test_what_an_instance_offered_counts_until_it_offers_something_else(labelled):
    labelled("register", "--as", "x", *OFFERS)
    labelled("register", "--as", "x")

    assert labelled.json("next", "--as", "x")["claims"][0]["id"] == "train"
    assert "big disk, gpu" in labelled("instances").out


def test_what_nobody_offers_is_shown(labelled):
    labelled("register", "--as", "x", "--offers", "gpu")

    status, why, doctor = labelled("status").out, labelled("why", "train").out, labelled("doctor", "--json")

    assert "1 todo needs big disk, gpu: no live instance offers that" in status
    assert labelled.json("status")["unoffered"] == [{"needs": ["big disk", "gpu"], "todos": 1}]
    assert "no live instance offers gpu and big disk; start one with" in why
    assert [one["level"] for one in doctor.document["findings"] if one["check"] == "labels"] == ["warning"]


def test_a_pause_is_told_to_whoever_asks_and_shown(longpole):
    said = longpole("pause", "--reason", "the tests are red", "--drain")

    answer, status = longpole("next", "--as", "x"), longpole("status").out
    document = longpole.json("status")

    assert (said.code, said.out) == (0, "default is paused; `longpole resume` goes on\n")
    assert (answer.code, answer.out) == (
        3,
        "no work (paused): the project is paused: the tests are red; `longpole resume` goes on\n",
    )
    assert longpole.json("next", "--as", "x")["retry_after_s"] is None
    assert "paused: the tests are red (until `longpole resume`; runners go home)" in status
    assert (document["pause"], document["draining"]) == ("the tests are red", True)
    assert longpole("resume").out == "default goes on\n"
    assert longpole("resume").out == "default was not paused\n"
    assert longpole("next", "--as", "x").code == 0


def test_a_branch_is_paused_by_its_name(longpole):
    longpole("done", "schema", "--force")
    said = longpole("pause", "--branch", "backend", "--reason", "the design changes")

    shown, branches = longpole("show", "api").out, longpole.json("branches")["branches"]
    claims = longpole.json("next", "--as", "x", "--count", "5")["claims"]

    assert said.out == (
        "the branch backend is paused, with 1 unfinished todo; `longpole resume --branch backend` goes on\n"
    )
    assert (
        "paused: the branch backend is paused: the design changes (until `longpole resume --branch backend`)" in shown
    )
    assert {one["branch"]: one["pause"] for one in branches} == {"backend": "the design changes", "frontend": None}
    assert [claim["id"] for claim in claims] == ["page"]
    assert "paused: backend: the design changes (until" in longpole("status").out
    assert longpole.json("resume", "--branch", "backend") == {
        "v": 1,
        "paused": False,
        "branch": "backend",
        "was_paused": True,
    }
    assert longpole.json("next", "--as", "y")["claims"][0]["id"] == "api"


def test_a_branch_is_not_drained(longpole):
    answer = longpole("pause", "--branch", "backend", "--drain")

    assert (answer.code, "is not drained" in answer.err) == (1, True)


def test_a_person_opens_a_gate(longpole):
    longpole("add", "Approve the release", "--id", "approval", "--after", "schema", "--gate")
    longpole("link", "release", "--after", "approval")

    early = longpole("approve", "approval")
    longpole("done", "schema", "--force")
    listed, shown, status = longpole("list").out, longpole("show", "approval").out, longpole("status").out
    opened = longpole("approve", "approval", "--note", "fine")

    assert (early.code, early.err) == (
        1,
        "longpole: the gate 'approval' waits for schema; `longpole done approval --force` opens it all the same\n",
    )
    assert "gate: Approve the release" in listed
    assert "gate: a person opens it once all before it is done: `longpole approve approval`" in shown
    assert "gate: approval waits for a person (`longpole approve approval`)" in status
    assert (opened.code, opened.out) == (0, "approval is open\n")
    assert longpole.json("show", "approval")["todo"]["result"] == "fine"


def test_a_gate_opens_at_the_time_that_is_given(longpole):
    todo = longpole.json("add", "Freeze ends", "--id", "freeze", "--gate", "--opens", "2100-12-01T10:00+01:00")["todo"]
    soon = longpole.json("add", "Soon", "--id", "soon", "--gate", "--opens", "2h")["todo"]
    with library.open() as project:
        in_minutes = ((project.todo("soon").opens_at or 0) - project.now()) / 60e6
    longpole("edit", "freeze", "--opens", "2101-01-01T00:00Z")
    shown = longpole("show", "freeze").out
    longpole("edit", "freeze", "--opens", "")

    assert (todo["kind"], todo["status"], todo["opens_at"]) == ("gate", "blocked", "2100-12-01T09:00:00.000Z")
    assert (soon["kind"], 115 < in_minutes < 125) == ("gate", True)
    assert "opens by itself on 210" in shown
    now = longpole.json("show", "freeze")["todo"]
    assert (now["opens_at"], now["status"]) == (None, "ready")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--opens", "2h"), 2, "give --gate as well"),
        (("--gate", "--opens", "tomorrow"), 1, "'tomorrow' is no time; write it with its zone"),
        (("--gate", "--opens", "2026-12-01T09:00"), 1, "like 2026-12-01T09:00Z, or from now on like 2h"),
        (("--gate", "--needs", "gpu"), 1, "is a gate: nobody works on it, so it has no needs"),
    ],
)
def test_what_makes_no_gate_is_refused(longpole, words, code, said):
    answer = longpole("add", "Gate", *words)

    assert (answer.code, said in answer.err) == (code, True)


def test_the_page_about_people_shows_what_works(empty):
    page = (Path(__file__).parents[2] / "docs" / "people.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL) for line in block.splitlines()]
    empty("init")
    codes = {}

    for line in lines:
        if line.startswith("longpole approve"):
            empty("done", "build", "--force")
        codes[line] = empty(*shlex.split(line, comments=True)[1:]).code

    assert len(codes) > 10
    assert {line: code for line, code in codes.items() if code} == {
        "longpole next --as claude-1                                  # never gets it": 3
    }
