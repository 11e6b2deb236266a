from __future__ import annotations

import io
import json

import pytest

import longpole
from longpole import demo
from longpole.demo.recorder import Bout
from longpole.demo.run import PLAN
from longpole.demo.timeline import PLAIN, Signs, Timeline
from longpole.errors import InvalidInputError


def bout(instance: str, todo_id: str, began_s: float, ended_s: float, **more: bool) -> Bout:
    return Bout(
        instance=instance,
        todo_id=todo_id,
        branch=todo_id[0],
        began_s=began_s,
        ended_s=ended_s,
        completed=more.get("completed", True),
    )


BOUTS = [bout("me-2", "b1", 0, 5), bout("me-10", "c1", 4, 6, completed=False), bout("me-2", "a1", 5, 10)]


def drawn(*, signs: Signs, width: int = 30) -> list[str]:
    lines = Timeline(BOUTS, critical={"a1"}, width=width, signs=signs).lines()
    return [line.plain for line in lines]


def test_a_timeline_has_a_row_for_each_instance_and_capitals_for_the_critical_path():
    rows = drawn(signs=Signs())

    assert rows[0] == "me-2  ▏bbbbbbbbbbb▏AAAAAAAAAAA"
    assert rows[1] == "me-10 ··········▏cc✗··········"


def test_a_timeline_needs_no_more_than_ascii():
    assert all(row.isascii() for row in drawn(signs=PLAIN))


def test_a_timeline_keeps_to_its_width():
    assert max(len(row) for row in drawn(signs=Signs(), width=50)[:3]) == 50


def test_the_plan_is_a_project_of_a_believable_size():
    with longpole.open(":memory:") as project:
        project.import_text(PLAN.read_text(encoding="utf-8"), format="plan")

        todos, branches, path = project.todos(), project.branches(), project.critical_path()

    assert 50 <= len(todos) <= 70
    assert len({branch.name[0] for branch in branches}) == len(branches), "the timeline tells branches by first letter"
    assert path[-1].id == "opening"


@pytest.mark.slow
def test_the_demo_finishes_and_tells_of_the_agent_that_was_killed(tmp_path):
    out, err, kept = io.StringIO(), io.StringIO(), tmp_path / "kept.db"

    code = demo.run(keep=str(kept), out=out, err=err)

    told = out.getvalue()
    assert code == 0
    assert "agent-4 " in told
    assert "killed with -9 in the middle of search-index" in told
    assert "longpole run -n 4" in told
    assert "completed opening after" in err.getvalue()
    assert max(len(line) for line in told.splitlines()) <= 80 + len(str(kept))
    with longpole.open(str(kept), project="webshop") as project:
        assert project.status().finished


def test_the_demo_does_not_write_over_a_file(tmp_path):
    (tmp_path / "mine.db").touch()

    with pytest.raises(InvalidInputError, match="is there already"):
        demo.run(keep=str(tmp_path / "mine.db"))


@pytest.mark.slow
def test_the_demo_needs_no_more_than_ascii():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    assert demo.run(instances=8, out=out, err=io.StringIO()) == 0


@pytest.mark.slow
def test_the_demo_as_json_is_one_document():
    out = io.StringIO()

    code = demo.run(instances=8, as_json=True, out=out)

    document = json.loads(out.getvalue())
    assert code == 0
    assert (document["v"], document["outcome"], document["project"]) == (1, "finished", "webshop")
