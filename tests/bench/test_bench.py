from __future__ import annotations

import json

import pytest

from bench import graphs
from bench.__main__ import SUITES, main
from bench.figures import Figure, table
from bench.fleet import Lap, _together
from bench.options import parsed_size, spelled_size
from bench.strategies import CROWDED
from longpole.strategies import BUILT_IN

pytestmark = pytest.mark.slow
TINY = ["--sizes", "60,120", "--processes", "1,2", "--seconds", "0.05", "--rounds", "1"]
CONTENDER = {"rates", "rate", "p50_ms", "p99_ms", "worst_ms"}
QUANTILES = {"p50_ms", "p99_ms", "worst_ms"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run everything on tiny projects; give the document that was written and the folder that was used."""
    folder = tmp_path_factory.mktemp("bench")
    file = folder / "figures.json"
    main(["all", *TINY, "--db-folder", str(folder / "databases"), "--json", str(file)])
    return json.loads(file.read_text(encoding="utf-8")), folder


def test_the_document_says_what_was_run_and_where(run):
    document, _ = run

    assert document.keys() >= {"v", "at", "command", "machine", "options", "figures", *SUITES}
    assert document["machine"].keys() >= {"system", "cores", "load", "load_at_end", "python", "sqlite", "sync_ms"}
    assert document["options"]["sizes"] == [60, 120]


def test_every_size_shape_and_number_of_processes_is_measured(run):
    document, _ = run

    cases = document["claims"]["cases"]

    assert {(case["shape"], case["size"], case["processes"]) for case in cases} == {
        (shape, size, processes)
        for shape, size in (("layered", 60), ("layered", 120), ("project", 120))
        for processes in (1, 2)
    }
    assert all(case["raw"].keys() >= CONTENDER for case in cases)
    assert all(case[name].keys() >= {*CONTENDER, "share"} for case in cases for name in ("merged", "separate"))


def test_claims_and_completions_are_timed_in_each_project_behind_a_hub_and_by_both_strategies(run):
    document, _ = run

    for durability in ("full", "normal"):
        for name in ("60", "120", "hub", "greedy", "critical_path"):
            assert document["latency"][f"{name}/{durability}"].keys() >= QUANTILES
    for name in ("60", "120"):
        assert document["latency"][f"completion/{name}"].keys() >= QUANTILES


def test_waits_starts_and_memory_are_measured(run):
    document, _ = run

    assert len(document["contention"]["longpole"]["acts"]) == 2
    assert document["contention"]["raw"].keys() >= QUANTILES
    assert document["start"]["module"].keys() == {"min_ms", "median_ms", "cpu_ms", "starts"}
    assert document["start"]["slowest_imports"][0].keys() == {"module", "self_us", "cumulative_us"}
    assert document["memory"]["import"]["peak_mb"] > 0, document["memory"]
    assert document["memory"]["run"]["peak_mb"] > 0, document["memory"]


def test_every_strategy_is_compared_with_critical_path(run):
    document, _ = run

    found = document["strategies"]

    assert found.keys() == {"60", "120", CROWDED}
    assert all(found[size].keys() == {*BUILT_IN} for size in ("60", "120"))
    assert found[CROWDED].keys() == {"critical_path", "branch_affinity"}
    assert all(
        cycle["cost"] > 0
        for case in found.values()
        for name, cycles in case.items()
        for cycle in cycles.values()
        if name != "critical_path"
    )


def test_every_mechanism_is_compared_with_optimistic(run):
    document, _ = run

    found = document["coordination"]["processes"]

    assert found.keys() == {"1", "2"}
    for case in found.values():
        assert case.keys() == {"optimistic", "work_queue", "leader"}
        assert all(cycle["cost"] > 0 for cycles in case.values() for cycle in cycles.values())
        assert case["optimistic"]["merged"]["cost"] == 1


def test_claims_are_timed_beside_todos_that_wait_for_a_busy_path(run):
    document, _ = run

    found = document["conflicts"]

    assert len(found["busy"]["claims_ms"]) == len(found["busy"]["releases_ms"]) == 3
    for name in ("none", "one", "many", "touching"):
        assert found[f"{name}/full"]["p50_ms"] > 0
        assert found[f"{name}/normal"]["p50_ms"] > 0


def test_nothing_is_left_behind_but_the_document(run):
    _, folder = run

    assert [path.name for path in folder.iterdir()] == ["figures.json"]


def test_the_layered_graph_is_the_same_for_the_same_seed():
    drawn = list(graphs.layered(1000, seed=7))

    assert drawn == list(graphs.layered(1000, seed=7))
    assert sum(not todo["after"] for todo in drawn) == 100
    assert 1.6 < sum(len(todo["after"]) for todo in drawn) / 900 < 1.9


def test_in_the_project_graph_nothing_waits_for_another_epic_or_for_long_ago():
    for number, todo in enumerate(graphs.project(5000)):
        before = [int(other.removeprefix("t")) for other in todo["after"]]

        assert all(number - 200 <= other < number and other // 2000 == number // 2000 for other in before)


def test_a_slice_ends_where_the_first_process_runs_out_of_work():
    one = Lap(ended=[10.1, 10.2, 10.3, 10.4], took=[0.1] * 4)
    other = Lap(ended=[10.15, 10.25], took=[0.1] * 2, dry_at=10.3)

    together = _together([one, other], 10.0, 1.0)

    assert together.acts == [3, 2]
    assert together.rate == pytest.approx(5 / 0.3)
    assert together.dry


def test_a_figure_is_judged_by_its_target_alone():
    judged = {
        "high enough": Figure("a", 0.7, at_least=0.7),
        "too high": Figure("b", 1.31, at_most=1.3),
        "no target": Figure("c", 5.0),
        "no value": Figure("d", None, at_most=4),
    }

    assert {name: figure.verdict for name, figure in judged.items()} == {
        "high enough": "pass",
        "too high": "MISS",
        "no target": "",
        "no value": "not measured",
    }
    assert table(list(judged.values())).count("\n") == 5


def test_sizes_are_read_and_spelled_alike():
    assert [parsed_size(text) for text in ("1k", "100k", "1M", "60")] == [1000, 100_000, 1_000_000, 60]
    assert [spelled_size(size) for size in (1000, 100_000, 1_000_000, 60)] == ["1k", "100k", "1M", "60"]
