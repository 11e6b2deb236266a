from __future__ import annotations

import itertools
import json

import pytest

import longpole
from bench.quality.__main__ import main
from bench.quality.gaps import Case, Outcome, added_percent, measure, summary
from bench.quality.simulation import Seat, Setup, Simulation, ViolationError, VirtualClock, simulate
from bench.quality.stg import Bound, BrokenDataError, Cell, Data, Graph, parsed_bounds, parsed_graph
from longpole.strategies import BUILT_IN

MINUTE_US = 60_000_000

# 0 and 1 wait for nothing, 2 → 3 → 4 is the long pole:
#
#   begin ─┬─ 0 (3) ────────────────────┬─ end
#          ├─ 1 (3) ────────────────────┤
#          └─ 2 (3) ── 3 (3) ── 4 (3) ──┘
POLE_TEXT = """
  5
  0  0  0
  1  3  1  0
  2  3  1  0
  3  3  1  0
  4  3  1  3
  5  3  1  4
  6  0  3  1 2 5
# a comment
"""
POLE = Graph("pole", minutes=(3, 3, 3, 3, 3), after=((), (), (), (2,), (3,)))

# Two diamonds that share their middle, and a few that stand alone.
#
#   0 ─┬─ 1 ─┬─ 4 ─┬─ 7      8   9   10
#      └─ 2 ─┤     │
#   3 ───────┴─ 5 ─┴─ 6
MIXED = Graph(
    "mixed",
    minutes=(4, 7, 2, 5, 3, 6, 2, 8, 1, 9, 5),
    after=((), (0,), (0,), (), (1, 2), (2, 3), (5,), (4, 5), (), (), ()),
)
OPTIMA = """graph,m,best_known,lower_bound,status,published_value_in_source
50/a.stg,2,9,9,optimal,8
50/a.stg,4,10,9,open,9
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of data with one tiny graph in each set, all its bounds known."""
    lines = [OPTIMA.splitlines()[0]]
    for name in ("50", "100"):
        (tmp_path / "stg" / name).mkdir(parents=True)
        (tmp_path / "stg" / name / "a.stg").write_text(POLE_TEXT, encoding="utf-8")
        lines += [f"{name}/a.stg,{m},9,9,optimal,9" for m in (2, 4, 8, 16)]
    (tmp_path / "stg" / "optima.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_a_graph_is_read_without_its_begin_and_its_end():
    assert parsed_graph(POLE_TEXT, "pole") == POLE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("  5\n", "  6\n"),  # fewer lines than are announced
        ("  5\n", "  4\n"),  # more
        ("  5\n", "  0\n"),
        ("  5\n", ""),
        ("  5  3  1  4", "  5  3  2  4"),  # a predecessor is missing
        ("  5  3  1  4", "  5  3  1  5"),  # waits for itself
        ("  3  3  1  0", "  3  3  1  5"),  # a cycle
        ("  5  3  1  4", "  5  3  1  9"),  # of something that is not there
        ("  5  3  1  4", "  5  -3  1  4"),
        ("  5  3  1  4", "  5  0  1  4"),
        ("  5  3  1  4", "  5  x  1  4"),
        ("  5  3  1  4", "  4  3  1  4"),  # an id twice
        ("  5  3  1  4", "  5"),
        ("  6  0  3", "  6  1  3"),
        ("  0  0  0", "  0  2  0"),
    ],
)
def test_a_broken_graph_is_refused(right, wrong):
    broken = POLE_TEXT.replace(right, wrong, 1)

    with pytest.raises(BrokenDataError, match="pole"):
        parsed_graph(broken, "pole")


def test_the_bound_is_what_is_proven_never_what_was_published():
    assert parsed_bounds(OPTIMA) == {("50/a.stg", 2): Bound(9, proven=True), ("50/a.stg", 4): Bound(9, proven=False)}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("lower_bound", "bound"),
        ("2,9,9,optimal", "2,9,8,optimal"),
        ("4,10,9,open", "4,9,9,open"),
        ("4,10,9,open", "4,8,9,open"),
        ("4,10,9,open", "4,10,0,open"),
        ("4,10,9,open", "4,10,nine,open"),
        ("4,10,9,open", "4,10,9,closed"),
        ("4,10,9,open", "4,10"),
        ("a.stg,4", "a.stg,2"),
    ],
)
def test_broken_bounds_are_refused(right, wrong):
    with pytest.raises(BrokenDataError, match=r"optima\.csv"):
        parsed_bounds(OPTIMA.replace(right, wrong, 1))


def test_a_cell_without_a_bound_and_a_set_without_graphs_are_refused(folder):
    data = Data(folder / "stg")

    with pytest.raises(BrokenDataError, match=r"50/a\.stg on 3"):
        data.cells(("50",), (3,))
    with pytest.raises(BrokenDataError, match="75"):
        data.cells(("75",), (2,))


def test_the_long_pole_first_is_optimal_where_first_come_first_served_is_not():
    best = simulate(POLE, Setup("critical_path", instances=2))
    arrival = simulate(POLE, Setup("greedy", instances=2))

    assert best.minutes == 9
    assert arrival.minutes == 12


def test_one_instance_does_everything_one_after_another():
    course = simulate(MIXED, Setup("critical_path", instances=1))

    assert course.minutes == sum(MIXED.minutes)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("strategy", BUILT_IN)
def test_every_todo_is_done_once_after_what_it_waits_for_and_no_instance_does_two_at_once(strategy, batch):
    course = simulate(MIXED, Setup(strategy, instances=3, batch=batch, switch_minutes=0.5))

    ended = {stretch.todo: stretch.ended_us for stretch in course.stretches}
    assert sorted(stretch.todo for stretch in course.stretches) == list(range(len(MIXED.minutes)))
    assert all(one.begun_us >= ended[other] for one in course.stretches for other in MIXED.after[one.todo])
    for seat in range(3):
        own = sorted((one.begun_us, one.ended_us) for one in course.stretches if one.instance == seat)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(own))


def test_a_run_is_the_same_each_time():
    setup = Setup("context_aware", instances=3, batch=2, switch_minutes=0.7)

    assert simulate(MIXED, setup) == simulate(MIXED, setup)


def test_all_that_ends_at_an_instant_is_completed_before_anybody_asks():
    # 0 and 1 end together; only then 3, the longest, becomes ready. 2 is ready all the time.
    graph = Graph("together", minutes=(9, 9, 1, 9), after=((), (), (), (0, 1)))

    course = simulate(graph, Setup("critical_path", instances=2))

    begun = {stretch.todo: (stretch.instance, stretch.begun_us // MINUTE_US) for stretch in course.stretches}
    assert begun == {0: (0, 0), 1: (1, 0), 3: (0, 9), 2: (1, 9)}


def test_an_idle_instance_gets_what_another_one_has_made_ready():
    fork = Graph("fork", minutes=(2, 3, 3), after=((), (0,), (0,)))

    course = simulate(fork, Setup("critical_path", instances=2))

    assert course.minutes == 5


def test_a_todo_that_is_given_too_early_stops_the_run():
    unlinked = POLE._replace(after=((),) * 5)

    with pytest.raises(ViolationError, match="before what it waits for"):
        _simulated(POLE, given=unlinked)


def test_todos_that_are_never_given_stop_the_run():
    fewer = POLE._replace(minutes=(3, 3), after=((), ()))

    with pytest.raises(ViolationError, match="3 todos are left"):
        _simulated(POLE, given=fewer)


def test_a_makespan_that_is_impossible_stops_the_run():
    cell = Cell(POLE, 2, Bound(10, proven=True))

    with pytest.raises(ViolationError, match="shorter than is possible"):
        measure(Case("critical_path"), [cell], _silent)


def test_a_switch_costs_time_and_staying_in_the_branch_does_not():
    chain = Graph("chain", minutes=(2, 2), after=((), (0,)))
    apart = Graph("apart", minutes=(2, 2), after=((), ()))
    setup = Setup("critical_path", instances=1, switch_minutes=0.5)

    assert simulate(chain, setup).minutes == 4
    assert simulate(apart, setup).minutes == 4.5


def test_with_a_switch_cost_context_aware_stays_where_critical_path_leaves():
    # After 0 the long pole is 3 by a minute; to stay with 1 → 2 and to leave for 3 only once saves a switch.
    graph = Graph("stay", minutes=(9, 3, 3, 5, 2), after=((), (0,), (1,), (), (3,)))
    leaves = Setup("critical_path", instances=1, switch_minutes=2)

    assert simulate(graph, leaves).minutes == 22 + 3 * 2
    assert simulate(graph, leaves._replace(strategy="context_aware")).minutes == 22 + 2


def test_an_idle_instance_takes_over_what_another_has_claimed_and_not_begun():
    # The first gets 0 and 1, the second 2 and then 3; after two minutes that one is idle, and 1 has not been begun.
    graph = Graph("batch", minutes=(10, 9, 1, 1), after=((), (), (), ()))

    course = simulate(graph, Setup("critical_path", instances=2, batch=2))

    assert course.minutes == 2 + 9
    assert course.taken_back == 1
    assert {stretch.todo: stretch.instance for stretch in course.stretches} == {0: 0, 1: 1, 2: 1, 3: 1}


def test_gaps_are_summed_up_as_percents_over_the_bound():
    outcomes = [
        Outcome(Cell(POLE, 2, Bound(100, proven=True)), minutes=100.0 + step, taken_back=1) for step in range(20)
    ]

    found = summary(outcomes)

    assert (found.mean, found.p95, found.worst) == pytest.approx((9.5, 19, 19))
    assert (found.cells, found.optimal_percent, found.taken_back) == (20, 5, 20)
    assert added_percent(outcomes[:1], outcomes[10:11]) == pytest.approx(10)


def test_a_table_is_printed_for_the_strategies_that_are_asked_for(folder, capsys):
    file = folder / "out.json"

    main(["--data", str(folder), "--strategy", "greedy,critical_path", "--instances", "2,4", "--json", str(file)])

    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert rows[2] == ["greedy", "2", "2", "33.333", "33.3", "33.3", "0.0", "0"]
    assert [row[:2] for row in rows[2:]] == [
        [name, m] for name in ("greedy", "critical_path") for m in ("2", "4", "all")
    ]
    assert json.loads(file.read_text(encoding="utf-8"))["strategies"]["critical_path"]["cells"][0] == [
        "50/a.stg",
        2,
        9.0,
        9,
    ]


def test_without_a_strategy_the_promises_are_judged(folder, capsys):
    document = main(["--data", str(folder)])

    assert "context_aware, a switch costs 0.25, m=8" in capsys.readouterr().out
    assert document["figures"][0]["verdict"] == "pass"


def test_without_data_one_is_told_how_to_give_it(monkeypatch, capsys):
    monkeypatch.delenv("LONGPOLE_BENCH_DATA", raising=False)

    with pytest.raises(SystemExit):
        main([])

    assert "LONGPOLE_BENCH_DATA" in capsys.readouterr().err


def test_a_strategy_that_is_not_there_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        main(["--data", str(folder), "--strategy", "nearest"])

    assert "no strategy 'nearest'" in capsys.readouterr().err


def _simulated(graph, *, given):
    """Run over a graph while the project holds another one, as if the allocation went wrong."""
    clock = VirtualClock()
    with longpole.open(":memory:", clock=clock) as project:
        for number, minutes in enumerate(given.minutes):
            after = [str(other) for other in given.after[number]]
            project.add(f"todo {number}", id=str(number), estimate_minutes=minutes, after=after)
        seats = [Seat(number, project.register(f"i{number}", heartbeat=False)) for number in range(2)]
        setup = Setup("critical_path", instances=2)
        return Simulation(graph, setup, clock=clock, seats=seats).run()


def _silent(_done, _total):
    pass
