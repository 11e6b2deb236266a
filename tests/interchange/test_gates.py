"""Gates in the formats: plan, JSON lines and beads bring them back as they were; what makes no gate is refused."""

from __future__ import annotations

import pytest

import longpole
from longpole.errors import InvalidInputError

PLAN = """
project: site
todos:
- {title: Build, id: build, estimate: 30m}
- {title: Approve, id: approval, kind: gate, after: [build]}
- {title: Not before nine, id: nine, kind: gate, opens: 2100-12-01T10:00+01:00, branch: web}
- {title: Release, id: release, after: [approval, nine]}
"""
NINE = 4_131_334_800_000_000


@pytest.fixture
def project():
    with longpole.open(":memory:") as opened:
        yield opened


def seen(project):
    return [
        (todo.id, todo.kind, todo.opens_at, todo.status.value, todo.estimate_minutes, todo.depends_on)
        for todo in project.todos()
    ]


GATED = [
    ("build", "todo", None, "ready", 30.0, ()),
    ("approval", "gate", None, "blocked", 0.0, ("build",)),
    ("nine", "gate", NINE, "blocked", 0.0, ()),
    ("release", "todo", None, "blocked", None, ("approval", "nine")),
]


def test_a_plan_names_gates_and_their_times(project):
    report = project.import_text(PLAN, name="plan.yaml")

    assert (report.added, report.ready) == (4, 1)
    assert seen(project) == GATED


@pytest.mark.parametrize("format_", ["plan", "jsonl", "beads"])
def test_gates_survive_the_way_through_a_format(project, format_):
    project.import_text(PLAN, name="plan.yaml")
    text = project.export(format_)

    again = project.import_text(text, format=format_)
    with longpole.open(":memory:") as other:
        other.import_text(text, format=format_)

        assert seen(other) == GATED
    assert (again.added, again.changed, again.left_alone) == (0, 0, ())


def test_a_plan_changes_the_time_of_a_gate(project):
    project.import_text(PLAN, name="plan.yaml")

    project.import_text(PLAN.replace("2100", "2101"), name="plan.yaml")

    assert project.todo("nine").opens_at == NINE + 365 * 86_400_000_000


def test_a_plan_does_not_turn_a_todo_into_a_gate(project):
    project.import_text(PLAN, name="plan.yaml")

    report = project.import_text(PLAN.replace("estimate: 30m", "kind: gate"), name="plan.yaml")

    assert report.left_alone == (("build", "a todo in longpole, a gate in the file"),)
    assert seen(project) == GATED


def test_a_list_in_markdown_leaves_gates_as_they_are(project):
    project.add("Approve", id="approve", kind="gate")

    report = project.import_text("- [ ] Approve (id: approve)\n", format="markdown")

    assert (report.added, report.changed, len(report.left_alone)) == (0, 0, 0)
    assert project.todo("approve").kind == "gate"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{title: T, kind: door}", "kind is 'door'; write todo or gate"),
        ("{title: T, opens: 2100-12-01T09:00Z}", "is no gate and cannot open by itself"),
        ("{title: T, kind: gate, opens: 2h}", "opens: '2h' is no time; write it with its zone like 2026-12-01T09:00Z"),
        ("{title: T, kind: gate, opens: 2100-12-01}", "opens: '2100-12-01' is no time"),
        ("{title: T, kind: gate, opens: [1]}", "is no time"),
        ("{title: T, kind: gate, opens: 1960-01-01T00:00Z}", "write microseconds since 1970"),
        ("{title: T, kind: gate, needs: [gpu]}", "'T' is a gate: nobody works on it, so it has no needs"),
    ],
)
def test_what_makes_no_gate_is_refused_by_its_place(project, entry, said):
    with pytest.raises(InvalidInputError) as error:
        project.import_text(f"todos:\n- {entry}\n", format="plan")

    assert str(error.value).startswith("todo 1 of the plan: ")
    assert said in str(error.value)
