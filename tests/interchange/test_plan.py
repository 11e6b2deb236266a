from __future__ import annotations

import json

import pytest

from longpole.errors import CycleError, InvalidInputError
from longpole.interchange import plan
from longpole.model import NewTodo
from tests.interchange.shared import as_todos, imported

FULL = {
    "id": "api",
    "title": "Write the API",
    "description": "All of it",
    "after": ["schema"],
    "estimate": "1h30m",
    "priority": 1,
    "branch": "backend",
    "touches": ["src/api/", {"path": "docs/", "mode": "read"}, {"resource": "gpu", "amount": 2}],
    "needs": ["python"],
}


def test_a_plan_in_json_is_read_with_every_field():
    text = json.dumps({"project": "site", "todos": [FULL, {"id": "schema", "title": "Design"}]})

    parsed = plan.parse(text)

    assert parsed.project == "site"
    assert parsed.todos[0].new == NewTodo(
        id="api",
        title="Write the API",
        description="All of it",
        after=("schema",),
        estimate_minutes=90.0,
        priority=1,
        branch="backend",
        touches=("src/api/", {"path": "docs/", "mode": "read"}, {"resource": "gpu", "amount": 2}),
        needs=("python",),
    )
    assert parsed.todos[1].new == NewTodo(id="schema", title="Design")
    assert parsed.counts == {"records": 2, "todos": 2, "dependencies.after": 1}


def test_a_plan_in_yaml_reads_the_same_and_numbers_may_be_ids():
    parsed = plan.parse("todos:\n- {id: 1, title: no}\n- {id: b, title: B, after: [1], branch: }\n")

    assert [todo.new.id for todo in parsed.todos] == ["1", "b"]
    assert [todo.new.title for todo in parsed.todos] == ["no", "B"]
    assert parsed.todos[1].new.after == ("1",)


def test_a_bare_list_with_titles_alone_is_a_plan_and_gets_the_same_ids_each_time():
    text = '[{"title": "Sweep"}, {"title": "Mop"}, {"title": "Sweep"}]'

    first, second = plan.parse(text), plan.parse(text)

    ids = [todo.new.id for todo in first.todos]
    assert len(set(ids)) == 3
    assert first == second
    assert imported(second, as_todos(first)).unchanged == tuple(ids)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"title": "A", "titel": "B"}]', "unknown key 'titel'; did you mean 'title'"),
        ('[{"title": "A", "estimate_minutes": 3}]', "did you mean 'estimate'"),
        ('[{"title": "A", "status": "done"}]', "todo 1 of the plan has the unknown key 'status'; keys are"),
        ('{"todo": []}', "did you mean 'todos'"),
        ('{"project": "x"}', "no list of todos"),
        ('{"project": 3, "todos": []}', "project is no text"),
        ("just text", "no list of todos"),
        ("[3]", "todo 1 of the plan is no object"),
        ('[{"id": "a"}]', "todo 1 of the plan has no title"),
        ('[{"title": null}]', "todo 1 of the plan has no title"),
        ('[{"title": "A", "estimate": 30}]', "no unit"),
        ('[{"title": "A", "estimate": "30"}]', "todo 1 of the plan: '30' is no duration"),
        ('[{"title": "A", "priority": 7}]', "todo 1 of the plan: todo 'A': priority is 7"),
        ('[{"title": "A", "after": "b"}]', "after is 'b'; write a list"),
        ('[{"title": "A", "id": true}]', "id is True"),
        ('[{"id": "a", "title": "A"}, {"title": "B"}, {"id": "a", "title": "C"}]', "todos 1 and 3 of the plan"),
        ('[{"id": "a", "title": "A", "after": ["schem"]}, {"id": "schema", "title": "S"}]', "did you mean 'schema'"),
        ('[{"id": "a", "title": "A", "after": ["zzz"]}]', "waits for 'zzz'"),
        ('[{"id": "../../etc\\npasswd", "title": "A"}]', "white space"),
        ("   ", "empty"),
    ],
)
def test_a_mistake_in_a_plan_is_named_with_what_to_do(text, message):
    with pytest.raises(InvalidInputError, match=message.replace("(", r"\(")) as refusal:
        plan.parse(text)

    assert "\n" not in str(refusal.value)


def test_a_plan_may_wait_for_todos_that_the_project_has():
    parsed = plan.parse('[{"id": "b", "title": "B", "after": ["a"]}]', known_ids={"a"})

    assert parsed.todos[0].new.after == ("a",)


def test_a_todo_that_waits_for_itself_is_a_cycle_and_repeated_dependencies_are_dropped():
    with pytest.raises(CycleError) as refusal:
        plan.parse('[{"id": "a", "title": "A", "after": ["a"]}]')
    assert refusal.value.cycle == ("a",)

    parsed = plan.parse('[{"id": "a", "title": "A"}, {"id": "b", "title": "B", "after": ["a", "a"]}]')
    assert parsed.todos[1].new.after == ("a",)
    assert parsed.counts["dropped.repeated"] == 1


def test_a_plan_holds_the_graph_and_no_state():
    todos = as_todos(plan.parse(json.dumps([FULL, {"id": "schema", "title": "Design"}])))

    text = plan.export(todos, project="site")

    assert json.loads(text) == {"project": "site", "todos": [FULL, {"id": "schema", "title": "Design"}]}


def test_a_long_chain_and_a_wide_fan_are_read_without_recursion():
    chain = [{"id": f"t{n}", "title": "T", "after": [f"t{n - 1}"] if n else []} for n in range(20_000)]

    parsed = plan.parse(json.dumps(chain))

    assert imported(parsed, []).ready == 1
