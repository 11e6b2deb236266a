"""Calling the command line: in a process of its own, as agents do, or inside of the test's where calls are many."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from longpole import __main__ as front
from longpole.value import Value

if TYPE_CHECKING:
    from pathlib import Path


class Answer(Value):
    """What a call has said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document of the answer."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def environment(**more: str) -> dict[str, str]:
    """Give the environment of the tests without what a developer may have set for longpole."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LONGPOLE_", "FORCE_", "NO_"))}
    return {**kept, "PYTHONUTF8": "1", **more}


def process(folder: Path, *words: str, stdin: str | None = None, **more: str) -> Answer:
    """Call longpole in a process of its own, in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "longpole", *words],
        cwd=folder,
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        check=False,
    )
    return Answer(code=done.returncode, out=done.stdout, err=done.stderr)


class Inside:
    """Calls the front door inside of this process, in a folder with a database."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        for name in [name for name in os.environ if name.startswith(("LONGPOLE_", "FORCE_COLOR", "NO_COLOR"))]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(folder)

    def __call__(self, *words: str) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["longpole", *words])
        with pytest.raises(SystemExit) as end:
            front.main()
        said = self._capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Answer(code=end.value.code, out=said.out, err=said.err)

    def json(self, *words: str) -> dict[str, Any]:
        """Call with --json and give the document."""
        return self(*words, "--json").document
