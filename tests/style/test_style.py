"""The style of the code as tests, so that it cannot decay; CONTRIBUTING.md gives the reasons. No exception lists."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

import longpole
from longpole import errors
from longpole.model import EventKind
from tests.style.tables import ROOT, table

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = sorted((ROOT / "src").rglob("*.py"))
FUNCTION_LINES, MEDIAN_FUNCTION_LINES, FILE_LINES = 70, 9, 500
METHODS = (FunctionType, classmethod, property, staticmethod)
FORBIDDEN = {"job", "worker", "ticket", "task"}
SET_UP = (
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/longpole demo",
    ".venv/bin/pytest",
)
# The brackets keep these patterns from finding themselves.
MACHINE = re.compile(r"(?<![\w.])/(wor[k]|roo[t]|hom[e]/\w+|User[s]/\w+)/")
REGISTRY = re.compile(r"py[p]i\.org|python[h]osted\.org|npm[j]s\.|yarn[p]kg\.|crates\.[i]o|deb\.[d]ebian\.|ghc[r]\.io")


def test_no_function_is_longer_than_a_screen():
    too_long = [f"{where}: {size}" for where, size in _function_sizes() if size > FUNCTION_LINES]

    assert too_long == []


def test_most_functions_are_short():
    median = statistics.median(size for _, size in _function_sizes())

    print(f"median function length: {median} lines")
    assert median <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_no_file_has_outgrown_its_subject(folder):
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}

    too_long = [f"{path.relative_to(ROOT)}: {size}" for path, size in sizes.items() if size > FILE_LINES]

    assert too_long == []


def test_everything_public_is_documented():
    silent = [name for module in _modules() for name, documented in _public(module) if not documented]

    assert silent == []


def test_our_names_keep_to_the_vocabulary():
    wrong = [f"{where}: {name}" for path in SOURCES for where, name in _own_names(path) if _is_forbidden(path, name)]

    assert wrong == []


def test_the_journal_page_lists_exactly_the_events():
    documented = [row[0] for row in table("docs/journal.md", header="event")]

    assert sorted(documented) == sorted(EventKind)


def test_the_errors_page_lists_exactly_the_errors_with_code_and_exit_code():
    rows = table("docs/errors.md", header="class")

    documented = {name: (code, int(exit_code)) for name, code, exit_code, _ in rows}

    assert len(documented) == len(rows)
    assert documented == {error.__name__: (error.code, error.exit_code) for error in _errors()}


def test_every_error_has_a_message_and_a_code_of_its_own():
    found = list(_errors())

    assert all("__doc__" in vars(error) and error.__doc__ for error in found)
    assert len({error.code for error in found}) == len(found)


def test_the_exit_codes_of_errors_are_explained():
    explained = {int(row[0]) for row in table("docs/errors.md", header="exit code")}

    assert explained >= {error.exit_code for error in _errors()}


def test_imports_go_down_only():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_committed_file_names_a_machine_or_a_registry():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _committed()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if MACHINE.search(line) or REGISTRY.search(line)
    ]

    assert found == []


def test_continuous_integration_runs_what_the_readme_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    check = (ROOT / "scripts/check").read_text(encoding="utf-8")

    assert [line for line in SET_UP if line not in readme] == []
    assert '"$bin/longpole" demo' in run
    assert "scripts/check --all" in run
    assert re.search(r"^run \d+ pytest ", check, re.MULTILINE)


def test_the_lock_pins_every_declared_dependency_by_hash():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    pinned = {name.lower() for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}

    assert {name.lower() for name in _declared()} - pinned == set()
    assert lock.count("--hash=sha256:") > len(pinned)
    assert "://" not in lock


def _function_sizes() -> Iterator[tuple[str, int]]:
    """Count the lines of every function, docstring included; a nested one counts for itself and for the outer one."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def _modules() -> Iterator[Any]:
    yield longpole
    for found in pkgutil.walk_packages(longpole.__path__, "longpole."):
        yield importlib.import_module(found.name)


def _public(module: Any) -> Iterator[tuple[str, bool]]:
    """Give every public name that the module defines, and whether it (or what it overrides) is documented."""
    yield module.__name__, bool(module.__doc__)
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield f"{module.__name__}.{name}", bool(vars(value).get("__doc__"))
            yield from _methods(value)
        elif inspect.isfunction(value):
            yield f"{module.__name__}.{name}", bool(value.__doc__)


def _methods(owner: type) -> Iterator[tuple[str, bool]]:
    for name, value in vars(owner).items():
        if not name.startswith("_") and isinstance(value, METHODS):
            yield f"{owner.__module__}.{owner.__qualname__}.{name}", bool(inspect.getdoc(getattr(owner, name)))


def _own_names(path: Path) -> Iterator[tuple[str, str]]:
    """Give the names that a file itself introduces; what other libraries call their things is theirs."""
    where = str(path.relative_to(ROOT))
    yield where, path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield f"{where}:{node.lineno}", name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield f"{where}:{node.lineno}", name


def _is_forbidden(path: Path, name: str) -> bool:
    """Say whether a name speaks of jobs, workers, tickets or tasks; the formats of others may say task."""
    words = {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    allowed = {"task"} if "interchange" in path.parts else set()
    return bool(words & (FORBIDDEN - allowed))


def _errors() -> Iterator[type[errors.LongpoleError]]:
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, errors.LongpoleError):
            yield value


def _committed() -> Iterator[Path]:
    """Give the files that git knows or would add; without git (an unpacked archive), all outside hidden folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    names = listed.stdout.split("\0") if listed.returncode == 0 else map(str, ROOT.rglob("[!.]*"))
    yield from (path for path in (ROOT / name for name in names if name) if path.is_file())


def _declared() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["test"]
    for requirement in [*requirements, *project["build-system"]["requires"]]:
        yield re.split(r"[<>=\[ ]", requirement, maxsplit=1)[0]
