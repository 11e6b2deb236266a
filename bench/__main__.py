"""The command line of the benchmarks, on SQLite or, with --engine postgresql, on PostgreSQL."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import claims, conflicts, contention, coordination, latency, machine, memory, start, strategies
from bench.arena import Templates
from bench.databases import scratch
from bench.figures import table
from bench.options import Options, parsed_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Figure

SUITES = {
    "claims": claims.measure,
    "latency": latency.measure,
    "contention": contention.measure,
    "conflicts": conflicts.measure,
    "coordination": coordination.measure,
    "strategies": strategies.measure,
    "start": start.measure,
    "memory": memory.measure,
}
POSTGRES_SUITES = ("claims", "latency", "contention", "conflicts", "coordination", "strategies", "snapshot", "space")
ENGINES = ("sqlite", "postgresql")
EPILOG = """
on SQLite:      python -m bench all
on PostgreSQL:  python -m bench all --engine postgresql     on a server of its own, started and stopped
                python -m bench claims --db postgresql://…  on yours, in databases that are dropped at the end
SQLite has claims, latency, contention, conflicts, coordination, strategies, start and memory; PostgreSQL has claims,
latency, contention, conflicts, coordination, strategies, snapshot, space.
"""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table, write the JSON document if asked; give the document."""
    parser = _parser()
    told = parser.parse_args(arguments)
    options = Options(
        sizes=tuple(parsed_size(text) for text in told.sizes.split(",")),
        processes=tuple(int(text) for text in told.processes.split(",")),
        seconds=told.seconds,
        rounds=told.rounds,
        db_folder=told.db_folder,
        engine=told.engine or ("postgresql" if told.db else "sqlite"),
        db=told.db,
        claimers=tuple(int(text) for text in told.claimers.split(",")),
    )
    suites = SUITES if options.engine == "sqlite" else POSTGRES_SUITES
    if told.db and options.engine == "sqlite":
        parser.error("--db is for PostgreSQL; SQLite's databases go to --db-folder")
    if told.suite not in (*suites, "all"):
        parser.error(f"{told.suite} is not measured on {options.engine}; there are: {', '.join(suites)}")
    document = measure([*suites] if told.suite == "all" else [told.suite], options)
    if told.json:
        told.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def measure(suites: Sequence[str], options: Options) -> dict[str, Any]:
    """Run these suites in a scratch folder and print a table after each; give everything as one document."""
    with scratch(options.db_folder) as folder, _ground(options, folder) as (ground, known, facts):
        document: dict[str, Any] = {
            "v": 1,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": _without_url(" ".join(["python", "-m", "bench", *sys.argv[1:]]), options),
            "machine": machine.facts(folder) | facts,
            "options": {**options._asdict(), "db_folder": str(options.db_folder), "db": options.db and "given"},
        }
        figures: list[Figure] = []
        for name in suites:
            document[name], found = known[name](options, ground)
            figures += found
            sys.stdout.write(f"\n{name}\n\n{table(found)}\n")
            sys.stdout.flush()
        document["figures"] = [figure.as_json() for figure in figures]
        document["machine"]["load_at_end"] = machine.facts(folder)["load"]
    return document


@contextlib.contextmanager
def _ground(options: Options, folder: Path) -> Iterator[tuple[Any, dict[str, Any], dict[str, Any]]]:
    """Give what to measure on, the suites that can, and what figures depend on besides the machine."""
    if options.engine == "sqlite":
        yield Templates(folder), SUITES, {}
        return
    from bench import postgres  # needs psycopg
    from bench.postgres import server

    with postgres.ground(options, folder) as ground:
        yield ground, postgres.SUITES, {"postgresql": server.facts(ground.url)}


def _without_url(command: str, options: Options) -> str:
    """Leave the server's URL out of what is published: it may hold a password."""
    return command.replace(options.db, "URL") if options.db else command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("suite", choices=[*dict.fromkeys((*SUITES, *POSTGRES_SUITES)), "all"])
    parser.add_argument("--engine", choices=ENGINES, help="sqlite unless told; postgresql if there is a --db")
    parser.add_argument("--db", metavar="URL", help="a PostgreSQL to measure on instead of one of the bench's own")
    parser.add_argument("--sizes", default="1k,100k,1M", help="todos, the smallest and the largest are compared")
    parser.add_argument("--processes", default="1,8", help="how many processes claim at the same time")
    parser.add_argument("--claimers", default="2,8,32,64", help="the same for contention on PostgreSQL")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one slice")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender gets a slice")
    parser.add_argument("--db-folder", type=Path, default=Path(".bench"), help="on a real disk, not in memory")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    return parser


if __name__ == "__main__":
    main()
