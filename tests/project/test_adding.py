from __future__ import annotations

import pytest

from longpole.errors import CycleError, InvalidInputError, UnknownTodoError
from longpole.model import NewTodo, Status
from tests.project.looking import dump, kinds, plan, statuses


def test_a_todo_without_an_id_gets_a_short_one_of_its_own(project):
    ids = project.add_many([{"title": "Same"} for _ in range(300)])

    assert len(set(ids)) == 300
    assert all(4 <= len(one) <= 6 and one.isalnum() for one in ids)


def test_ids_are_given_in_the_order_of_the_todos_named_or_not(project):
    ids = project.add_many([{"title": "A", "id": "first"}, {"title": "B"}, NewTodo(title="C", id="third")])

    assert (ids[0], ids[2]) == ("first", "third")
    assert [todo.title for todo in project.todos()] == ["A", "B", "C"]


def test_drawn_ids_avoid_those_that_the_same_batch_names(project, monkeypatch):
    drawn = iter(["mine", "free"])
    monkeypatch.setattr("longpole.store.additions._drawn", lambda _length: next(drawn))

    ids = project.add_many([{"title": "A"}, {"title": "B", "id": "mine"}])

    assert ids == ["free", "mine"]


def test_drawn_ids_avoid_those_of_the_project_and_grow_a_letter(project, monkeypatch):
    project.add("Old", id="mine")
    drawn = {4: "mine", 5: "yours"}
    monkeypatch.setattr("longpole.store.additions._drawn", drawn.__getitem__)

    todo = project.add("New")

    assert todo.id == "yours"


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        ([{"title": "A", "id": "x"}, {"title": "B", "id": "x"}], InvalidInputError),
        ([{"title": "A", "id": "there"}], InvalidInputError),
        ([{"title": "A", "id": "x", "after": ["nowhere"]}], UnknownTodoError),
        ([{"title": "A", "id": "x", "after": ["x"]}], CycleError),
        ([{"title": "A", "id": "x", "after": ["y"]}, {"title": "B", "id": "y", "after": ["x"]}], CycleError),
        ([{"title": "A"}, {"title": ""}], InvalidInputError),
        ([{"title": "A", "colour": "red"}], InvalidInputError),
        ([{"id": "no-title"}], InvalidInputError),
        ([{"title": "A", "id": "two words"}], InvalidInputError),
        ([{"title": "A", "priority": 5}], InvalidInputError),
        ([{"title": "A", "estimate_minutes": -1}], InvalidInputError),
        ([{"title": "A", "touches": ["/etc/passwd"]}], InvalidInputError),
    ],
    ids=lambda value: None if isinstance(value, type) else str(value)[:60],
)
def test_a_batch_with_one_wrong_todo_adds_nothing(project, batch, error):
    project.add("There", id="there")
    before = dump(project)

    with pytest.raises(error):
        project.add_many([{"title": "Right", "id": "right"}, *batch])

    assert dump(project) == before


def test_a_cycle_inside_a_batch_is_named_in_order(project):
    #   a → b → c → a      d
    batch = [("a", ["c"]), ("b", ["a"]), ("c", ["b"]), ("d", [])]

    with pytest.raises(CycleError) as refused:
        project.add_many([{"title": one, "id": one, "after": after} for one, after in batch])

    path = list(refused.value.cycle)
    assert sorted(path) == ["a", "b", "c"]
    assert all(then in dict(batch)[one] for one, then in zip(path, [*path[1:], path[0]], strict=True))


def test_a_batch_may_name_what_comes_later_in_it_and_what_is_there(project):
    #   old → a → b
    project.add("Old", id="old")

    project.add_many([{"title": "B", "id": "b", "after": ["a"]}, {"title": "A", "id": "a", "after": ["old", "old"]}])

    assert statuses(project) == {"old": "ready", "b": "blocked", "a": "blocked"}
    assert project.todo("a").depends_on == ("old",)
    assert [todo.id for todo in project.critical_path()] == ["old", "a", "b"]


def test_a_todo_that_waits_only_for_finished_ones_is_ready(project):
    plan(project, {"done": [], "dropped": []})
    project.complete("done")
    project.cancel("dropped")

    todo = project.add("New", after=["done", "dropped"])

    assert (todo.status, todo.unmet) == (Status.READY, 0)


def test_every_field_comes_back_as_it_was_given(project):
    project.configure(**{"resource.gpu": 2})
    description = "ä😀\n" * 1000

    todo = project.add(
        "Schnittstelle überarbeiten 🚧",
        id="ünï-1",
        description=description,
        estimate_minutes=12.5,
        priority=1,
        branch="api/v2",
        touches=["src/api/", {"path": "docs", "mode": "read"}, {"resource": "gpu", "amount": 2}],
        needs=["python", "日本語"],
    )

    assert (todo.id, todo.title, todo.description) == ("ünï-1", "Schnittstelle überarbeiten 🚧", description)
    assert (todo.estimate_minutes, todo.priority, todo.branch) == (12.5, 1, "api/v2")
    assert todo.touches == ("src/api/", {"path": "docs", "mode": "read"}, {"resource": "gpu", "amount": 2})
    assert todo.needs == ("python", "日本語")
    assert todo == project.todo("ünï-1") == project.todos()[0]


def test_a_description_may_have_a_mebibyte_and_no_byte_more(project):
    todo = project.add("Long", description="x" * (1 << 20))

    assert len(project.todo(todo.id).description) == 1 << 20
    with pytest.raises(InvalidInputError):
        project.add("Longer", description="x" * ((1 << 20) + 1))


def test_what_is_added_is_told_by_the_journal_in_order(project):
    plan(project, {"b": [], "a": ["b"]})

    told = [(event.kind, event.todo) for event in project.journal()][-2:]

    assert told == [("added", "b"), ("added", "a")]


def test_adding_nothing_changes_nothing(project):
    before = dump(project)

    assert project.add_many([]) == []
    assert dump(project) == before


def test_two_projects_of_one_database_know_nothing_of_each_other(path):
    import longpole

    with longpole.open(path, project="one") as one, longpole.open(path, project="two") as two:
        one.add("A", id="a")
        two.add("Other A", id="a", after=[two.add("B", id="b").id])
        one.complete("a")

        assert statuses(one) == {"a": "completed"}
        assert statuses(two) == {"b": "ready", "a": "blocked"}
        assert kinds(two) == ["added", "added"]
