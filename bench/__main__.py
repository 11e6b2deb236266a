"""The command line of the benchmarks: `python -m bench claims|latency|contention|start|memory|all`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import claims, contention, latency, machine, memory, start
from bench.arena import Templates
from bench.databases import scratch
from bench.figures import table
from bench.options import Options, parsed_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Figure

SUITES = {
    "claims": claims.measure,
    "latency": latency.measure,
    "contention": contention.measure,
    "start": start.measure,
    "memory": memory.measure,
}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table, write the JSON document if asked; give the document."""
    told = _parser().parse_args(arguments)
    options = Options(
        sizes=tuple(parsed_size(text) for text in told.sizes.split(",")),
        processes=tuple(int(text) for text in told.processes.split(",")),
        seconds=told.seconds,
        rounds=told.rounds,
        db_folder=told.db_folder,
    )
    document = measure([*SUITES] if told.suite == "all" else [told.suite], options)
    if told.json:
        told.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def measure(suites: Sequence[str], options: Options) -> dict[str, Any]:
    """Run these suites in a scratch folder and print a table after each; give everything as one document."""
    with scratch(options.db_folder) as folder:
        document: dict[str, Any] = {
            "v": 1,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(["python", "-m", "bench", *sys.argv[1:]]),
            "machine": machine.facts(folder),
            "options": {**options._asdict(), "db_folder": str(options.db_folder)},
        }
        templates = Templates(folder)
        figures: list[Figure] = []
        for name in suites:
            document[name], found = SUITES[name](options, templates)
            figures += found
            sys.stdout.write(f"\n{name}\n\n{table(found)}\n")
            sys.stdout.flush()
        document["figures"] = [figure.as_json() for figure in figures]
        document["machine"]["load_at_end"] = machine.facts(folder)["load"]
    return document


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    parser.add_argument("--sizes", default="1k,100k,1M", help="todos, the smallest and the largest are compared")
    parser.add_argument("--processes", default="1,8", help="how many processes claim at the same time")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one slice")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender gets a slice")
    parser.add_argument("--db-folder", type=Path, default=Path(".bench"), help="on a real disk, not in memory")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    return parser


if __name__ == "__main__":
    main()
