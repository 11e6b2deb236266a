from __future__ import annotations

import json
import tempfile
from pathlib import Path

import psycopg
import pytest

from bench.__main__ import POSTGRES_SUITES, main
from bench.postgres import SUITES
from bench.postgres.server import in_database

pytestmark = pytest.mark.slow
TINY = ["--sizes", "60,120", "--processes", "2", "--claimers", "1,2", "--seconds", "0.05", "--rounds", "1"]
QUANTILES = {"p50_ms", "p99_ms", "worst_ms"}


@pytest.fixture(scope="module")
def run():
    """Run everything on tiny projects and a server of the bench's own; give the document and the folder used."""
    # Not among pytest's folders: it closes them to the user that the server has when root starts it.
    with tempfile.TemporaryDirectory(prefix="longpole-bench-") as name:
        folder = Path(name)
        file = folder / "figures.json"
        main(["all", "--engine", "postgresql", *TINY, "--db-folder", str(folder / "databases"), "--json", str(file)])
        yield json.loads(file.read_text(encoding="utf-8")), folder


def test_every_suite_of_the_command_line_is_there(run):
    document, _ = run

    assert tuple(SUITES) == POSTGRES_SUITES
    assert document.keys() >= {"machine", "options", "figures", *POSTGRES_SUITES}


def test_the_server_is_measured_with_the_durability_that_it_comes_with(run):
    document, _ = run

    settings = document["machine"]["postgresql"]

    assert settings["fsync"] == settings["synchronous_commit"] == settings["full_page_writes"] == "on"


def test_all_kinds_of_cycle_are_compared_with_raw_commits(run):
    document, _ = run

    cases = document["claims"]["cases"]

    assert [(case["shape"], case["size"]) for case in cases] == [("layered", 60), ("layered", 120), ("project", 120)]
    assert all(case[name]["share"] > 0 for case in cases for name in ("merged", "unkeyed", "separate", "batch"))


def test_every_strategy_is_compared_with_critical_path(run):
    document, _ = run

    assert document["strategies"]["120"]["branch_affinity"]["merged"]["cost"] > 0


def test_claims_are_timed_beside_todos_that_wait_for_a_busy_path(run):
    document, _ = run

    found = document["conflicts"]

    assert len(found["busy"]["claims_ms"]) == len(found["busy"]["releases_ms"]) == 3
    for name in ("none", "one", "many", "touching"):
        assert found[f"{name}/full"]["p50_ms"] > 0
        assert found[f"{name}/normal"]["p50_ms"] > 0


def test_every_mechanism_is_compared_with_optimistic(run):
    document, _ = run

    (case,) = document["coordination"]["processes"].values()

    assert case.keys() == {"optimistic", "work_queue", "leader"}
    assert all(cycle["cost"] > 0 for cycles in case.values() for cycle in cycles.values())


def test_claims_and_completions_are_timed_in_projects_of_each_size(run):
    document, _ = run

    for name in ("60/full", "120/full", "hub/full", "120/normal", "completion/60", "completion/120"):
        assert document["latency"][name].keys() >= QUANTILES


def test_no_attempt_is_lost_and_nothing_deadlocks_where_pick_and_claim_are_one_statement(run):
    document, _ = run

    found = document["contention"]

    assert found["claimers"].keys() == {"1", "2"}
    assert [at["optimistic"]["lost_attempts"] for at in found["claimers"].values()] == [0, 0]
    assert [at["merged"]["lost_attempts"] for at in found["claimers"].values()] == [0, 0]
    assert found["deadlocks"] == 0


def test_claims_go_on_under_a_held_snapshot_and_after_it(run):
    document, _ = run

    assert document["snapshot"]["claims"] >= 120
    assert document["snapshot"]["after_ms"] > 0


def test_rows_log_and_heartbeats_are_weighed(run):
    document, _ = run

    space = document["space"]

    assert all(size > 0 for sizes in (space["todo_bytes"], space["row_bytes"]) for size in sizes.values())
    assert all(size > 0 for sizes in space["log_bytes"].values() for size in sizes)
    assert all(rate > 0 for rate in space["beats"].values())


def test_nothing_is_left_of_the_server_but_the_document(run):
    _, folder = run

    assert [path.name for path in folder.iterdir()] == ["figures.json"]


def test_a_server_that_is_given_is_left_as_it_was(postgres_server, tmp_path):
    before = _databases(postgres_server)

    document = main(["space", "--db", postgres_server, *TINY, "--db-folder", str(tmp_path / "databases")])

    assert _databases(postgres_server) == before
    assert document["options"]["db"] == "given"


def test_a_suite_that_an_engine_has_not_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["start", "--engine", "postgresql"])

    assert "start is not measured on postgresql" in capsys.readouterr().err


def test_another_database_of_a_server_is_named_whatever_the_url_looks_like():
    assert in_database("postgresql://me:secret@host:1/db?sslmode=require", "other") == (
        "postgresql://me:secret@host:1/other?sslmode=require"
    )
    assert in_database("postgresql://me:@/db?host=/run/pg", "other") == "postgresql://me:@/other?host=/run/pg"


def _databases(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT datname FROM pg_database ORDER BY datname").fetchall()
