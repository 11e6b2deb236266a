"""What a cold `longpole next` costs, against the start of the interpreter that it cannot avoid."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import longpole
from bench import databases
from bench.figures import Figure

if TYPE_CHECKING:
    from bench.arena import Templates
    from bench.options import Options

SIZE = 10_000
STARTS_EACH_ROUND = 10
SHOWN = 10
NAME = "bench"
VERB = ("next", "--json")


def measure(options: Options, templates: Templates) -> tuple[dict[str, Any], list[Figure]]:
    """Start each command in turns."""
    template = templates.shape("layered", options.up_to(SIZE))
    path = databases.copy(template, template.with_name("start.db"))
    environment = child_environment(path)
    commands = _commands()
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(1 + options.rounds * STARTS_EACH_ROUND):
        _begin_anew(path)
        for name, command in commands.items():
            took[name].append(_timed(command, environment))
    found: dict[str, Any] = {name: _summed_up(all_of_them[1:]) for name, all_of_them in took.items()}
    _begin_anew(path)
    found["slowest_imports"] = _slowest_imports(environment)
    return found, _figures(found)


def child_environment(path: Path) -> dict[str, str]:
    """Give the environment in which a child finds this longpole, this database and its own name."""
    source = str(Path(longpole.__file__).parent.parent)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,  # an installed longpole has its bytecode; without it each start would compile all sources
        "PYTHONPATH": os.pathsep.join([source, str(Path(__file__).parent.parent)]),
        "LONGPOLE_DB": str(path),
        "LONGPOLE_INSTANCE": NAME,
    }


def _begin_anew(path: Path) -> None:
    """Release what has been claimed, and register again: the command to time is to find its instance live."""
    with longpole.open(str(path)) as project:
        project.instance_or_register(NAME).unregister()
        project.instance_or_register(NAME)


def _commands() -> dict[str, list[str]]:
    commands = {
        "pass": [sys.executable, "-c", "pass"],
        "module": [sys.executable, "-m", "longpole", *VERB],
    }
    script = Path(sys.executable).with_name("longpole")
    if script.exists():
        commands["script"] = [str(script), *VERB]
    return commands


def _timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end, with as little between as there can be; give its seconds, elapsed and of processor."""
    silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment, file_actions=silence)
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return took, used.ru_utime + used.ru_stime


def _summed_up(took: list[tuple[float, float]]) -> dict[str, float]:
    elapsed, cpu = zip(*took, strict=True)
    return {
        "min_ms": 1e3 * min(elapsed),
        "median_ms": 1e3 * statistics.median(elapsed),
        "cpu_ms": 1e3 * statistics.median(cpu),
        "starts": len(took),
    }


def _slowest_imports(environment: dict[str, str]) -> list[dict[str, Any]]:
    """Give the modules that cost most to import, themselves alone, in microseconds."""
    command = [sys.executable, "-X", "importtime", "-m", "longpole", *VERB]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    slowest = sorted(rows, key=lambda row: -int(row[0]))[:SHOWN]
    return [{"module": row[2].strip(), "self_us": int(row[0]), "cumulative_us": int(row[1])} for row in slowest]


def _figures(found: dict[str, Any]) -> list[Figure]:
    figures = [Figure("python -c pass, median", found["pass"]["median_ms"], "ms")]
    for name, command in (("module", "python -m longpole next --json"), ("script", "longpole next --json")):
        if name not in found:
            figures.append(Figure(f"{command} of python -c pass", None, at_most=4, note="no console script installed"))
            continue
        for which, word in (("median_ms", "median"), ("min_ms", "min"), ("cpu_ms", "processor time")):
            judged = 4.0 if which == "median_ms" else None
            share = found[name][which] / found["pass"][which]
            figures.append(Figure(f"{command} of python -c pass, {word}", share, at_most=judged))
    return figures
