"""Every strategy with every coordination on both engines: four real processes, one of which is killed on the way."""

from __future__ import annotations

import os
import random
import select
import signal
from collections import Counter
from contextlib import ExitStack
from typing import NamedTuple

import pytest

import longpole
from longpole.errors import InvalidInputError
from longpole.model import NewTodo
from tests import postgres
from tests.reliability import checker, pairings, rights
from tests.reliability.acts import pairs
from tests.reliability.puppet import Puppet

pytestmark = [pytest.mark.crash, pytest.mark.slow]

TODOS, BRANCHES = 60, 6
POLL_S = 0.05
DEATHS = ("holding", "claimed", "completed")
SETTINGS = {
    "durability": "normal",
    "lease_s": 0.4,
    "heartbeat_s": 0.1,
    "max_attempts": 1000,
    "switch_bonus_minutes": 15,
    "queue_refresh_s": 0.2,
    "leader_lease_s": 0.3,
    "accept_s": 0.3,
    "resource.database": 3,
}
OFFERS = {0: {"gpu"}, 1: {"gpu", "reviewer"}, 2: {"reviewer"}, 3: set()}


class Crew(NamedTuple):
    """The places of one database; in each a process works on one project after the other."""

    url: str
    members: list[Puppet]


@pytest.fixture(scope="module", params=["sqlite-file", "postgresql"])
def crew(request, tmp_path_factory):
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(postgres.schema(request.getfixturevalue("postgres_server")))
        else:
            url = str(tmp_path_factory.mktemp("matrix") / "longpole.db")
            longpole.open(url).close()
        yield Crew(url, [stack.enter_context(Puppet(url, "tests.reliability.member")) for _ in range(4)])


@pytest.mark.parametrize(("strategy", "coordination"), pairings.ALLOWED)
def test_four_processes_finish_a_project_though_one_is_killed(crew, tmp_path, strategy, coordination):
    place = pairings.ALL.index((strategy, coordination))
    name, todos = f"{strategy} x {coordination}", graph(place)
    with longpole.open(crew.url, project=name) as project:
        settings = project.configure(strategy=strategy, coordination=coordination, **SETTINGS)
        project.add_many(todos)

        answers = play(crew, project, tmp_path, place)

        assert [answer.get("reason") for answer in answers] == ["finished"] * 3, answers
        events, rows = list(project.journal()), project.todos()
    acks = [ack for path in sorted(tmp_path.glob("*.acks")) for ack in checker.read_acks(path)]
    assert checker.check(events, acks=acks, rows=rows, dependencies=pairs(todos), one_each=True) == []
    assert rights.judge(events, todos, lambda name: OFFERS[int(name[1])], settings) == []
    assert Counter(event.todo for event in events if event.kind == "completed") == {todo.id: 1 for todo in todos}
    expired = [event for event in events if event.kind == "expired" and str(event.instance)[1] == str(place % 4)]
    assert expired or DEATHS[place // 4 % 3] == "claimed"  # what was not yet claimed was nobody's


@pytest.mark.parametrize(("strategy", "coordination"), pairings.REFUSED)
def test_a_strategy_that_asks_who_asks_is_refused_where_all_share_one_ranking(crew, strategy, coordination):
    with longpole.open(crew.url, project=f"{strategy} refused by {coordination}") as project:
        with pytest.raises(InvalidInputError, match=strategy):
            project.configure(strategy=strategy, coordination=coordination, **SETTINGS)
        project.configure(coordination=coordination, **SETTINGS)
        project.add("Do it", id="a")
        with project.register("i0", heartbeat=False) as me, pytest.raises(InvalidInputError, match=strategy):
            me.claim(strategy=strategy)

        assert project.todo("a").status == "ready"


def graph(seed):
    """Give branches of todos, each after the one before it and sometimes after one of another branch."""
    rng = random.Random(seed)
    return [
        NewTodo(
            id=f"t{number}",
            title=f"todo {number}",
            after=tuple(f"t{one}" for one in sorted(_before(number, rng))),
            estimate_minutes=rng.randint(5, 60),
            branch=f"branch {number % BRANCHES}",
            touches=_touches(number),
            needs=("gpu",) if number % 9 == 0 else ("reviewer",) if number % 11 == 0 else (),
        )
        for number in range(TODOS)
    ]


def _before(number, rng):
    after = {number - BRANCHES} if number >= BRANCHES and rng.random() < 0.7 else set()
    if number >= 2 * BRANCHES and rng.random() < 0.3:
        after.add(number - BRANCHES - rng.randint(1, BRANCHES))
    return after


def _touches(number):
    return {
        0: (f"src/part{number % 3}/",),
        1: (f"src/part{number % 3}/file{number % 2}.py", "docs/"),
        2: ({"path": "docs/", "mode": "read"},),
        3: ({"resource": "database", "amount": 1 + number % 2},),
    }.get(number % 8, ())


def play(crew, project, folder, seed):
    """Let one work until it hangs, then the others beside it, and kill it; give what the others say at the end.

    Were all to begin at once, the others might be done before it has got as far as that.
    """
    victim = seed % 4
    for place, member in enumerate(crew.members):
        die = {"die": DEATHS[seed // 4 % 3], "after": 2 + seed % 3} if place == victim else {}
        how = {"poll_s": POLL_S, "offers": sorted(OFFERS[place]), "acks": str(folder / f"i{place}.acks"), **die}
        member.tell("join", project=project.name, name=f"i{place}", **how)
    processes = [answer(member) for member in crew.members]
    survivors = [member for place, member in enumerate(crew.members) if place != victim]
    try:
        crew.members[victim].tell("work")
        assert answer(crew.members[victim]) == "inside"
        for member in survivors:
            member.tell("work")
    finally:
        os.kill(processes[victim], signal.SIGKILL)  # also where it failed: nobody else could work in this database
    return [answer(member) for member in survivors]


def answer(member):
    ready, _, _ = select.select([member.process.stdout], [], [], 40)
    assert ready, "it does not answer"
    return member.answer()
