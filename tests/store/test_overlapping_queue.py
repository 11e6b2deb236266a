"""Several that take from one work queue at once: nothing is lost, nothing is given twice, and nobody waits."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

import longpole
from longpole.model import Status
from longpole.store import queue
from tests.project.ranking import places, ranked, sized
from tests.reliability import checker
from tests.reliability.acts import layered
from tests.reliability.puppet import Puppet
from tests.store.overlapping import Pair, ask, claimed

pytestmark = pytest.mark.race


@pytest.fixture
def small(monkeypatch):
    """Rankings of two todos at most, or of one for each need."""
    monkeypatch.setattr(queue, "MOST", 2)
    monkeypatch.setattr(queue, "FEWEST", 1)


@pytest.fixture
def pair(postgres_url):
    with Pair(postgres_url) as opened:
        opened.mine.configure(coordination="work_queue")
        for project in (opened.mine, opened.theirs):
            project.settings()
        yield opened


def test_a_process_killed_with_an_item_in_its_hands_loses_nothing(shared_url):
    with longpole.open(shared_url) as project, Puppet(shared_url) as killed:
        project.configure(coordination="work_queue", queue_refresh_s=1000, durability="normal")
        sized(project, a=30, b=20, c=10)
        project.register("first", heartbeat=False).claim()
        killed.ask("register", name="killed")
        killed.ask("freeze", kind="claimed")
        killed.tell("claim")
        inside = killed.answer()

        killed.process.kill()
        killed.process.wait(timeout=20)
        (claim,) = project.register("other", heartbeat=False).claim()

        assert (inside, claim.id, claim.token) == ("inside", "b", 1)
        assert ranked(project) == (1, ["c"])


def test_eight_processes_take_four_hundred_todos_from_the_queue_each_once_and_two_may_die(shared_url, eventually):
    with longpole.open(shared_url) as project, ExitStack() as all_of_them:
        project.configure(coordination="work_queue", durability="normal", lease_s=0.5, heartbeat_s=0.1)
        project.add_many(layered(400))
        puppets = [all_of_them.enter_context(Puppet(shared_url)) for _ in range(8)]
        for number, one in enumerate(puppets):
            one.ask("register", name=f"p{number}", heartbeat=True)

        for one in puppets:
            one.tell("rush", count=40)
        eventually(lambda: len(project.todos(status="completed")) > 40)
        for killed in puppets[:2]:
            killed.process.kill()
            killed.process.wait(timeout=20)
        done = [todo for one in puppets[2:] for todo in one.answer()["done"]]
        me = project.register("me", heartbeat=False)
        while claims := me.claim(wait_s=20):
            claims[0].complete()
            done.append(claims[0].id)

        assert max(Counter(done).values()) == 1
        assert {todo.status for todo in project.todos()} == {Status.COMPLETED}
        assert checker.check(project.journal(), rows=project.todos(), max_attempts=3, one_each=True) == []
        assert project.metrics().lost_attempts == 0


def test_two_that_take_at_once_get_two_todos_and_neither_waits(pair):
    sized(pair.mine, a=40, b=30, c=20)
    claimed(pair.mine)
    claimed(pair.mine, by="other")
    ask("me")(pair.mine)

    met = pair.overlap(ask("me"), ask("other"))

    assert met == (["b"], ["c"], False)
    assert [place for _, place, _ in places(pair.mine)] == ["1", "2", "3"]


def test_while_one_ranks_the_others_go_on_with_the_edition_before(pair):
    sized(pair.mine, a=50, b=40, c=30, d=20, e=10)
    claimed(pair.mine)
    claimed(pair.mine, by="other")
    ask("other")(pair.theirs)
    pair.mine.edit("e", estimate_minutes=11)

    met = pair.overlap(ask("me"), lambda project: [ask("other")(project) for _ in range(2)])

    assert met == (["b"], [["c"], ["d"]], False)
    assert ask("other")(pair.theirs) == ["e"]
    assert places(pair.mine) == [(todo, place, "") for todo, place in zip("abcde", "11344", strict=True)]


def test_who_ranks_does_not_wait_for_an_item_of_an_edition_long_before_that_another_has_in_hand(pair):
    sized(pair.mine, a=50, b=40, c=30, d=20, e=10)
    claimed(pair.mine)
    claimed(pair.mine, by="other")
    ask("other")(pair.theirs)

    def ranks_twice(project):
        for minutes in (11, 12):
            project.edit("e", estimate_minutes=minutes)
            yield ask("other")(project)

    met = pair.overlap(ask("me"), lambda project: list(ranks_twice(project)))

    assert met == (["b"], [["c"], ["d"]], False)
    assert ranked(pair.mine) == (3, ["b", "e"])
    assert ask("other")(pair.theirs) == ["e"]


def test_while_one_ranks_and_nothing_is_left_of_the_edition_before_the_others_go_on_without(pair, small):
    pair.mine.configure(strategy="greedy", queue_refresh_s=1000)
    sized(pair.mine, a=1, b=1, c=1, d=1, e=1)
    claimed(pair.mine)
    claimed(pair.mine, by="other")
    ask("other")(pair.theirs)
    pair.mine.edit("e", estimate_minutes=2)

    met = pair.overlap(ask("me"), lambda project: [ask("other")(project) for _ in range(2)])

    assert met == (["b"], [["c"], ["d"]], False)
    assert ask("other")(pair.theirs) == ["e"]
    assert places(pair.mine) == [
        ("a", "1", ""),
        ("b", "1", ""),
        ("c", "", "not ranked"),
        ("d", "", "not ranked"),
        ("e", "1", ""),
    ]


def test_the_first_ranking_of_all_is_made_once(pair):
    sized(pair.mine, a=40, b=30, c=20)
    claimed(pair.mine)
    claimed(pair.mine, by="other")

    met = pair.overlap(ask("me"), ask("other"))

    assert (met.first, met.second) == (["a"], ["b"])
    assert ranked(pair.mine) == (1, ["c"])


def test_a_todo_that_an_edit_has_in_hand_is_passed_over_and_stays_in_the_queue(pair):
    sized(pair.mine, first=90, a=40, b=30)
    claimed(pair.mine)
    ask("me")(pair.mine)

    met = pair.overlap(lambda project: project.edit("a", title="A").id, ask("me"))

    assert met == ("a", ["b"], False)
    assert ranked(pair.mine) == (1, ["a"])


def test_the_last_item_of_all_is_waited_for_when_another_has_it_in_hand(pair):
    sized(pair.mine, first=90, a=40)
    claimed(pair.mine)
    ask("me")(pair.mine)

    met = pair.overlap(lambda project: project.edit("a", title="A").id, ask("me"))

    assert met == ("a", ["a"], True)
