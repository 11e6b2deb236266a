from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import longpole as library
from longpole.cli import exits
from tests.cli.calling import environment, process
from tests.style.tables import table

FULL = Path("/dev/full")


def test_the_exit_codes_are_those_of_the_page():
    documented = {int(row[0]) for row in table("docs/errors.md", header="exit code")}
    codes = {value for name, value in vars(exits).items() if name.isupper()}

    assert codes - {exits.INTERRUPTED} <= documented


def test_no_work_now_ends_with_3(longpole):
    longpole("next", "--as", "x")

    answer = longpole("next", "--as", "y", "--json")

    assert answer.code == exits.NO_WORK
    assert (answer.document["claims"], answer.document["reason"]) == ([], "all_blocked")


def test_a_finished_project_ends_with_5(longpole):
    for todo in ("schema", "api", "page", "release"):
        longpole("done", todo, "--force")

    answer = longpole("next", "--as", "x", "--json")

    assert (answer.code, answer.document["reason"]) == (exits.FINISHED, "finished")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("done", "schema", "--as", "x", "--token", "9"), "claim_lost"),
        (("claim", "schema", "--as", "y"), "already_claimed"),
        (("heartbeat", "--as", "nobody"), "instance_lost"),
    ],
)
def test_what_is_lost_ends_with_4(longpole, words, code):
    longpole("next", "--as", "x")

    answer = longpole(*words, "--json")

    assert (answer.code, answer.document["error"]["code"]) == (exits.LOST, code)


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("list", "--nonsense"),
        ("list", "--status", "nonsense"),
        ("list", "surplus"),
        ("add",),
        ("add", "T", "--priority", "9"),
        ("show",),
        ("db", "nonsense"),
        ("completion", "tcsh"),
        ("journal", "--todo"),
        ("--nonsense", "list"),
        ("import", "f", "--format", "nonsense"),
        ("next", "--nonsense"),
        ("next",),
        ("done", "a", "--as", "x"),
        ("-", "next"),
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_one_line(longpole, words):
    answer, as_json = longpole(*words), longpole("--json", *words)

    assert (answer.code, answer.out) == (exits.USAGE, "")
    assert answer.err.startswith("longpole: ")
    assert answer.err.count("\n") == 1
    assert as_json.code == exits.USAGE
    assert (as_json.document["v"], as_json.document["error"]["code"]) == (1, "usage")


def test_a_slip_of_the_finger_is_understood(longpole):
    assert "did you mean next?" in longpole("nxt").err
    assert "--json" in longpole("list", "--josn").err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nonsense"), "unknown_todo"),
        (("show", "\x1b[31m"), "unknown_todo"),
        (("journal", "--after", "x"), "invalid_input"),
        (("add", "T", "--estimate", "soon"), "invalid_input"),
        (("add", "T", "--after", "nonsense"), "unknown_todo"),
        (("add", "a\x1bb"), "invalid_input"),
        (("import", "missing.yaml"), "invalid_input"),
        (("import", "."), "invalid_input"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_one_line(longpole, words, code):
    answer, as_json = longpole(*words), longpole(*words, "--json")

    assert (answer.code, answer.out) == (exits.ERROR, "")
    assert answer.err.startswith("longpole: ")
    assert answer.err.count("\n") == 1
    assert answer.err.strip().isprintable()
    assert as_json.document["error"]["code"] == code


@pytest.mark.parametrize("verb", [("list",), ("next", "--as", "x"), ("status",), ("db", "check"), ("register",)])
def test_without_a_database_every_verb_says_how_to_make_one(empty, verb):
    answer = empty(*verb)

    assert (answer.code, answer.out) == (exits.ERROR, "")
    assert "longpole init" in answer.err
    assert answer.err.count("\n") == 1
    assert list(empty.folder.iterdir()) == []


@pytest.mark.parametrize("verb", [("list",), ("next", "--as", "x"), ("init",)])
def test_what_is_no_database_is_refused_in_one_line(empty, verb):
    (empty.folder / "binary").write_bytes(bytes(range(256)) * 20)
    (empty.folder / "folder").mkdir()

    for place in ("binary", "folder"):
        answer = empty(*verb, "--db", place)

        assert (answer.code, answer.out) == (exits.ERROR, "")
        assert answer.err.count("\n") == 1
        assert place in answer.err


@pytest.mark.parametrize("word", ["\udcff", "a\ud800", "nul\0"])
@pytest.mark.parametrize(
    "words", [("next", "--as"), ("show",), ("add",), ("list", "--branch"), ("list", "--db"), ("list", "--project")]
)
def test_a_word_that_is_no_text_is_refused(longpole, words, word):
    answer, as_json = longpole(*words, word), longpole(*words, word, "--json")

    assert (answer.code, as_json.code) == (exits.USAGE, exits.USAGE)
    assert answer.err.count("\n") == 1
    assert as_json.document["error"]["code"] == "usage"


def test_bytes_that_are_no_text_are_refused_by_a_real_process(tmp_path):
    process(tmp_path, "init")

    for words in (("next", "--as", "\udcff"), ("show", "\udcff")):
        answer = process(tmp_path, *words)

        assert answer.code == exits.USAGE
        assert "Traceback" not in answer.err


@pytest.mark.parametrize("name", ["LONGPOLE_DB", "LONGPOLE_PROJECT", "LONGPOLE_INSTANCE"])
def test_an_environment_that_is_no_text_is_refused(longpole, monkeypatch, name):
    monkeypatch.setenv(name, "\udcff")

    for words in (("next",), ("list",)):
        assert longpole(*words).code == exits.USAGE


def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    with library.open(str(tmp_path / ".longpole" / "longpole.db")) as project:
        project.add_many({"title": f"Todo {number}"} for number in range(5000))

    for verb in ("list", "journal", "export"):
        with subprocess.Popen(
            [sys.executable, "-m", "longpole", verb],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.readline()
            running.stdout.close()

            assert running.stderr.read() == b""
            assert running.wait(timeout=60) == 0


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", [("list",), ("next", "--as", "x", "--json"), ("export",)])
def test_an_answer_that_cannot_be_written_is_one_line_on_stderr(tmp_path, words):
    with library.open(str(tmp_path / ".longpole" / "longpole.db")) as project:
        project.add("A")

    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "longpole", *words],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == exits.ERROR
    assert done.stderr.startswith("longpole: the answer could not be written")
    assert done.stderr.count("\n") == 1


def test_a_closed_stdout_is_no_error(tmp_path):
    process(tmp_path, "init")
    script = 'exec "$0" -m longpole add A >&-'

    done = subprocess.run(
        ["sh", "-c", script, sys.executable],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_ends_with_130_and_a_newline(tmp_path):
    process(tmp_path, "init")
    process(tmp_path, "add", "A")
    with subprocess.Popen(
        [sys.executable, "-m", "longpole", "journal", "--follow", "--after", "0"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert b"added" in running.stdout.readline()

        running.send_signal(signal.SIGINT)

        assert running.stderr.read().decode() == os.linesep
        assert running.wait(timeout=60) == exits.INTERRUPTED


def test_following_the_journal_tells_what_happens_meanwhile(tmp_path):
    process(tmp_path, "init")
    process(tmp_path, "add", "A", "--id", "a")
    with subprocess.Popen(
        [sys.executable, "-m", "longpole", "journal", "--follow", "--after", "0", "--json"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())

        process(tmp_path, "next", "--as", "x")
        later = [json.loads(running.stdout.readline())["kind"] for _ in range(2)]
        running.kill()

    assert first["kind"] == "added"
    assert later == ["registered", "claimed"]
