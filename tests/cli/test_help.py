from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest

from longpole.__main__ import HOT
from longpole.cli.asked import Verb, Verbs
from longpole.cli.commands import HOMES, ROOT, SECTIONS
from longpole.cli.verbs import VERBS
from tests.style.tables import ROOT as TREE

NAMES = [name for names in SECTIONS.values() for name in names]


def _command(path: str) -> click.Command:
    command: click.Command = ROOT
    for name in path.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


def test_every_verb_of_a_section_has_a_home_and_the_other_way_round():
    homes = [name for names in HOMES.values() for name in names]

    assert sorted(homes) == sorted(NAMES)


def test_the_front_door_and_the_table_agree_on_the_hot_verbs():
    assert set(VERBS) == HOT


@pytest.mark.parametrize("path", [*NAMES, "db upgrade", "db backup", "db restore", "db check", "db copy"])
def test_every_verb_has_a_help_and_an_example_of_itself(path):
    command = _command(path)

    assert isinstance(command, Verb | Verbs)
    assert command.help
    assert all(len(line) <= 120 for line in command.example.splitlines())
    assert any(f"longpole {path}" in line or f" {path}" in line for line in command.example.splitlines())


@pytest.mark.parametrize("path", NAMES)
def test_every_option_says_what_it_is_for(path):
    silent = [param.name for param in _command(path).params if isinstance(param, click.Option) and not param.help]

    assert silent == []


@pytest.mark.parametrize("path", [name for name in NAMES if name not in ("completion", "import", "db", "run")])
def test_every_example_can_be_parsed(path):
    command = _command(path)
    assert isinstance(command, Verb)

    for line in command.example.splitlines():
        words = shlex.split(line.split(" > ", maxsplit=1)[0])[1:]
        while words[0].startswith("--"):
            words = words[2:]

        _command(words[0]).make_context(words[0], words[1:])


@pytest.mark.parametrize("path", [*NAMES, "db", "db backup"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_ends_well_for_every_verb(empty, path, flag):
    answer = empty(*path.split(), flag)

    assert answer.code == 0
    assert answer.out.startswith(f"Usage: longpole {path}")
    assert "Example:" in answer.out


def test_longpole_alone_shows_its_verbs(empty):
    answer = empty()

    assert answer.code == 0
    assert all(f"  {name} " in answer.out for name in NAMES)


def test_the_version_is_told(empty):
    answer = empty("--version")

    assert answer.code == 0
    assert answer.out.startswith("longpole 0.")


def test_the_page_about_the_command_line_is_what_the_commands_say():
    command = [sys.executable, str(TREE / "scripts/cli_docs"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_learn_to_complete(empty, shell):
    answer = empty("completion", shell)

    assert answer.code == 0
    assert "_LONGPOLE_COMPLETE" in answer.out


def test_completion_knows_the_verbs(empty, monkeypatch):
    monkeypatch.setenv("_LONGPOLE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "longpole sta")
    monkeypatch.setenv("COMP_CWORD", "1")

    answer = empty()

    assert answer.out.strip() == "plain,status"


def test_completion_knows_verbs_and_options(empty, monkeypatch):
    monkeypatch.setenv("_LONGPOLE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "longpole done --tok")
    monkeypatch.setenv("COMP_CWORD", "2")

    answer = empty()

    assert answer.out.strip() == "plain,--token"
