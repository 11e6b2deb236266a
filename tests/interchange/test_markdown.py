from __future__ import annotations

import pytest

from longpole.errors import CycleError, InvalidInputError
from longpole.interchange import markdown
from tests.interchange.shared import as_todos, imported

DOCUMENT = """# Backend

Some words, and - [ ] no list here.

- [ ] Ship it (id: ship) (2h)
  more of it

  - [x] Design (id: design) (30m)
  - plain detail
    - [ ] Build `api` *fast* (after: design, other)
* [X] Other (id: other) (v2)
- no box

```
- [ ] code, not a todo
```

## Docs
1. [ ] Write
"""


def test_task_items_become_todos_and_nothing_else():
    parsed = markdown.parse(DOCUMENT)

    assert [(todo.new.title, todo.completed) for todo in parsed.todos] == [
        ("Ship it", False),
        ("Design", True),
        ("Build `api` *fast*", False),
        ("Other (v2)", True),
        ("Write", False),
    ]
    assert parsed.counts["completed"] == 2


def test_a_nested_item_is_done_before_the_one_above_it():
    ship, design, build, *_ = markdown.parse(DOCUMENT).todos

    assert ship.new.after == (design.new.id, build.new.id)
    assert build.new.after == ("design", "other")


def test_headings_marks_and_texts_become_fields():
    parsed = markdown.parse(DOCUMENT)

    ship, write = parsed.todos[0].new, parsed.todos[-1].new
    assert (ship.id, ship.branch, ship.estimate_minutes) == ("ship", "Backend", 120.0)
    assert ship.description == "more of it\n\n- plain detail"
    assert write.branch == "Docs"


def test_items_without_an_id_are_found_again_at_the_next_import():
    todos = as_todos(markdown.parse(DOCUMENT))

    again = imported(markdown.parse(DOCUMENT.replace("\n", "\r\n")), todos)

    assert len(again.unchanged) == 5
    assert not again.added
    assert not again.changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- [ ] A (after: nope)", "waits for 'nope'"),
        ("- [ ] A (id: x)\n- [ ] B\n- [ ] C (id: x)", "lines 1 and 3 have the same id 'x'"),
        ("x\n\n- [ ] (id: x)", "line 3: todo 'x': title is empty"),
        ("- [ ] A (id: a b)", "white space"),
        ("no list", "no task list"),
        ("".join("  " * n + "- [ ] t\n" for n in range(100)), "nested too deeply"),
        ("- " * 20_000 + "[ ] a", "nested too deeply"),
        (">" * 20_000 + "- [ ] a", "nested too deeply"),
    ],
)
def test_a_mistake_in_a_list_is_named_with_its_line(text, message):
    with pytest.raises(InvalidInputError, match=message):
        markdown.parse(text)


def test_an_item_that_waits_for_itself_is_a_cycle():
    with pytest.raises(CycleError):
        markdown.parse("- [ ] A (id: a) (after: a)")


def test_an_item_may_wait_for_a_todo_of_the_project():
    assert markdown.parse("- [ ] A (after: old)", known_ids={"old"}).todos[0].new.after == ("old",)
