from __future__ import annotations

import json
from typing import Any

import pytest

from longpole.model import Event, EventKind, NewTodo, Status, Todo
from longpole.settings import Settings
from tests.reliability import checker, rights
from tests.reliability.checker import Ack, Rule

#   a ──▶ b      c stands alone
DEPENDENCIES = [("a", "b")]


class Story:
    """Journal lines, written one act after the other."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(
        self, kind: str, todo: str | None = None, by: str | None = None, token: int | None = None, **data: Any
    ) -> Story:
        seq = len(self.events) + 1
        self.events.append(
            Event(seq=seq, at=seq, kind=EventKind(kind), todo=todo, instance=by, token=token, data=data or None)
        )
        return self


def begun() -> Story:
    """Two instances, and a in the hands of the first one."""
    return Story().add("registered", by="one").add("registered", by="two").add("claimed", "a", "one", 1)


def rules(story: Story, **options: Any) -> set[Rule]:
    return {found.rule for found in checker.check(story.events, dependencies=DEPENDENCIES, **options)}


def rows_after(story: Story, **changed: dict[str, Any]) -> list[Todo]:
    """Give the rows as they stand when all three todos were completed, a and b under token 1, c under 2."""
    tokens = {"a": 1, "b": 1, "c": 2}
    plain = [
        Todo(id=name, title=name, status=Status.COMPLETED, token=token, depends_on=("a",) if name == "b" else ())
        for name, token in tokens.items()
    ]
    return [row.replace(**changed.get(row.id, {})) for row in plain]


def clean() -> Story:
    story = begun().add("completed", "a", "one", 1).add("claimed", "b", "two", 1).add("claimed", "c", "one", 1)
    story.add("lost", by="one").add("expired", "c", "one", 1)
    return story.add("completed", "b", "two", 1).add("claimed", "c", "two", 2).add("completed", "c", "two", 2)


def test_a_clean_history_passes():
    story = clean()
    acks = [Ack("claimed", "one", "a", 1), Ack("completed", "one", "a", 1), Ack("refused", "one", "c", 1, "complete")]

    found = checker.check(
        story.events, acks=acks, rows=rows_after(story), dependencies=DEPENDENCIES, max_attempts=3, one_each=True
    )

    assert found == []


def test_the_lines_that_the_command_line_prints_are_read_as_well():
    lines = [json.dumps({"v": 1, **event.as_dict()}) for event in clean().events]

    found = checker.check((json.loads(line) for line in lines), dependencies=DEPENDENCIES, max_attempts=3)

    assert found == []


def test_reopening_retrying_cancelling_and_completing_by_hand_are_no_violations():
    story = begun().add("completed", "a", "one", 1).add("reopened", "a").add("claimed", "a", "two", 2)
    story.add("failed", "a", "two", 2).add("quarantined", "a").add("retried", "a").add("claimed", "a", "two", 3)
    story.add("released", "a", "two", 3).add("completed", "a").add("cancelled", "c").add("claimed", "b", "one", 1)

    assert rules(story, max_attempts=1, acks=[Ack("completed", "one", "a", 1)]) == set()


BAD: dict[Rule, Story] = {
    Rule.CLAIMED_WHILE_HELD: begun().add("claimed", "a", "two", 2),
    Rule.CLAIMED_AFTER_DONE: begun().add("completed", "a", "one", 1).add("claimed", "a", "two", 2),
    Rule.TOKEN_NOT_RISING: begun().add("released", "a", "one", 1).add("claimed", "a", "two", 1),
    Rule.CLAIMED_TOO_EARLY: begun().add("claimed", "b", "two", 1),
    Rule.COMPLETED_TWICE: begun().add("completed", "a", "one", 1).add("completed", "a", "one", 1),
    Rule.COMPLETED_BY_OTHER: begun().add("expired", "a", "one", 1).add("completed", "a", "one", 1),
    Rule.RETURNED_AFTER_DONE: begun().add("completed", "a", "one", 1).add("expired", "a", "one", 1),
    Rule.RETURNED_FOREIGN: begun().add("released", "a", "one", 1).add("claimed", "a", "two", 2).add(
        "expired", "a", "one", 1
    ),
    Rule.DEAD_CLAIMER: begun().add("lost", by="one"),
    Rule.CYCLE: begun().add("linked", "a", after=["b"]),
}  # fmt: skip


@pytest.mark.parametrize("rule", BAD)
def test_each_bad_history_breaks_its_rule(rule):
    assert rule in rules(BAD[rule])


def test_an_acknowledged_claim_that_the_journal_does_not_know_is_found():
    assert rules(begun(), acks=[Ack("claimed", "two", "c", 1)]) == {Rule.CLAIM_FORGOTTEN}


def test_a_claim_that_two_instances_were_told_of_is_found():
    assert rules(begun(), acks=[Ack("claimed", "one", "a", 1), Ack("claimed", "two", "a", 1)]) == {Rule.CLAIM_FORGOTTEN}


def test_an_acknowledged_completion_that_the_journal_does_not_know_is_found():
    assert rules(begun(), acks=[Ack("completed", "one", "a", 1)]) == {Rule.COMPLETION_FORGOTTEN}


def test_an_acknowledged_completion_that_was_overwritten_is_found():
    story = begun().add("completed", "a", "one", 1).add("expired", "a", "one", 1)

    assert Rule.COMPLETION_FORGOTTEN in rules(story, acks=[Ack("completed", "one", "a", 1)])


@pytest.mark.parametrize(
    "changes",
    [{"status": Status.READY}, {"token": 3}, {"status": Status.IN_PROGRESS, "holder": "two"}, {"depends_on": ("c",)}],
)
def test_rows_that_differ_from_the_journal_are_found(changes):
    story = clean()

    assert rules(story, rows=rows_after(story, a=changes)) == {Rule.ROWS_DIFFER}


def test_a_row_that_is_ready_although_it_waits_or_waits_for_nothing_is_found():
    waits = [Todo(id="b", title="b", status=Status.READY, depends_on=("a",))]
    waits_for_nothing = [Todo(id="c", title="c", status=Status.BLOCKED)]

    assert rules(Story(), rows=waits) == {Rule.ROWS_DIFFER}
    assert rules(Story(), rows=waits_for_nothing) == {Rule.ROWS_DIFFER}


def kept() -> Story:
    """Two instances, of which the first keeps to a branch."""
    story = Story().add("registered", by="one").add("registered", by="two")
    return story.add("branch_kept", by="one", token=1, branch="api")


@pytest.mark.parametrize(
    ("story", "broken"),
    [
        (kept().add("branch_freed", by="one", token=1, branch="api").add("lost", by="one"), set()),
        (kept().add("branch_kept", by="two", token=2, branch="api"), {Rule.BRANCH_KEPT_BY_TWO}),
        (kept().add("branch_kept", by="two", token=2, branch="db"), set()),
        (kept().add("lost", by="one"), {Rule.BRANCH_NOT_FREED}),
        (kept().add("branch_freed", by="two", token=1, branch="api"), {Rule.RETURNED_FOREIGN}),
        (kept().add("branch_freed", by="one", token=2, branch="api"), {Rule.RETURNED_FOREIGN}),
        (kept().add("branch_kept", by="gone", token=1, branch="db"), {Rule.DEAD_CLAIMER}),
        (
            kept()
            .add("branch_freed", by="one", token=1, branch="api")
            .add("branch_kept", by="two", token=1, branch="api"),
            {Rule.TOKEN_NOT_RISING},
        ),
    ],
)
def test_a_branch_that_two_keep_to_or_that_is_left_with_who_is_gone_is_found(story, broken):
    assert rules(story) == broken


def test_an_instance_that_holds_two_is_found_where_each_asks_for_one():
    story = begun().add("claimed", "c", "one", 1)

    assert rules(story) == set()
    assert rules(story, one_each=True) == {Rule.TWO_HELD}


def test_a_claim_beyond_the_attempt_cap_is_found():
    story = begun().add("failed", "a", "one", 1).add("claimed", "a", "two", 2).add("expired", "a", "two", 2)

    assert rules(story, max_attempts=2) == set()
    assert rules(story.add("claimed", "a", "two", 3), max_attempts=2) == {Rule.CAP_EXCEEDED}


def test_a_released_claim_is_no_attempt():
    story = begun().add("released", "a", "one", 1).add("claimed", "a", "two", 2)

    assert rules(story, max_attempts=1) == set()


def test_a_claim_by_an_instance_that_left_is_found_even_if_its_name_lives_again():
    story = Story().add("registered", by="one").add("unregistered", by="one")
    again = begun().add("lost", by="one").add("registered", by="one").add("completed", "a", "one", 1)

    assert rules(story.add("claimed", "a", "one", 1)) == {Rule.DEAD_CLAIMER}
    assert rules(again) == {Rule.DEAD_CLAIMER, Rule.COMPLETED_BY_OTHER}


def test_a_todo_quarantined_with_attempts_left_is_found():
    story = begun().add("failed", "a", "one", 1).add("quarantined", "a")

    assert rules(story, max_attempts=1) == set()
    assert rules(story, max_attempts=2) == {Rule.QUARANTINED_EARLY}


def test_a_refused_completion_that_took_effect_is_found():
    story = begun().add("completed", "a", "one", 1)

    assert rules(story, acks=[Ack("refused", "one", "a", 1, "complete")]) == {Rule.REFUSED_BUT_DONE}


@pytest.mark.parametrize(
    ("second", "broken"),
    [
        (Ack("idle", "one", text="d:1 c:0"), {Rule.STARVED}),
        (Ack("idle", "one", text="c:1"), set()),  # it changed hands in between
        (Ack("idle", "one"), set()),
        (Ack("idle", "two", text="c:0"), set()),
    ],
)
def test_a_todo_that_stands_ready_from_one_idle_answer_to_the_next_is_found(second, broken):
    acks = [Ack("idle", "one", text="b:0 c:0"), second]

    assert rules(begun(), acks=acks) == broken


def test_a_claim_between_two_idle_answers_ends_the_wait():
    story = begun().add("claimed", "c", "two", 1)
    acks = [Ack("idle", "two", text="b:0"), Ack("claimed", "two", "c", 1), Ack("idle", "two", text="b:0")]

    assert rules(story, acks=acks) == set()


TOUCHING = [
    NewTodo(id="a", title="A", touches=("src/",)),
    NewTodo(id="b", title="B", touches=("src/api.py",), needs=("gpu",)),
    NewTodo(id="c", title="C", touches=({"path": "srcs/", "mode": "read"},)),
    NewTodo(id="d", title="D", touches=({"path": "srcs", "mode": "read"},)),
    NewTodo(id="e", title="E", touches=("srcs/x",)),
]


@pytest.mark.parametrize(
    ("second", "broken"), [("b", {Rule.OVERLAP}), ("c", set()), ("d", set()), ("e", set())], ids=str
)
def test_a_claim_of_what_another_has_taken_is_found(second, broken):
    story = begun().add("claimed", second, "two", 1)

    assert {found.rule for found in rights.judge(story.events, TOUCHING, lambda _: {"gpu"}, Settings())} == broken


def test_those_who_only_read_a_path_share_it_and_whoever_writes_does_not():
    story = Story().add("claimed", "c", "one", 1).add("claimed", "d", "two", 1)
    written = Story().add("claimed", "d", "one", 1).add("claimed", "e", "two", 1)

    assert rights.judge(story.events, TOUCHING, lambda _: set(), Settings()) == []
    assert [found.rule for found in rights.judge(written.events, TOUCHING, lambda _: set(), Settings())] == [
        Rule.OVERLAP
    ]


@pytest.mark.parametrize(("capacity", "broken"), [(2, [Rule.OVERLAP]), (3, [])])
def test_more_of_a_resource_than_there_is_is_found(capacity, broken):
    story = begun().add("claimed", "b", "two", 1)
    wanting = [
        NewTodo(id="a", title="A", touches=({"resource": "gpu", "amount": 2},)),
        NewTodo(id="b", title="B", touches=({"resource": "gpu"},)),
    ]

    found = rights.judge(story.events, wanting, lambda _: set(), Settings(resources={"gpu": capacity}))

    assert [one.rule for one in found] == broken


def test_a_path_is_free_again_when_its_claim_ends():
    story = begun().add("expired", "a", "one", 1).add("claimed", "b", "two", 1)

    assert rights.judge(story.events, TOUCHING, lambda _: {"gpu"}, Settings()) == []


def test_a_claim_by_who_does_not_offer_what_it_needs_is_found():
    story = Story().add("claimed", "b", "two", 1)

    found = rights.judge(story.events, TOUCHING, lambda _: {"reviewer"}, Settings())

    assert [one.rule for one in found] == [Rule.NOT_OFFERED]


def test_a_torn_last_line_of_a_killed_process_is_ignored(tmp_path):
    whole = {"act": "claimed", "instance": "one", "todo": "a", "token": 1, "text": ""}
    intent = {"act": "intends", "instance": "one", "todo": "a", "token": 1, "text": "complete"}
    path = tmp_path / "one.acks"
    path.write_text(f"{json.dumps(whole)}\n{json.dumps(intent)}\n" + '{"act": "compl')

    assert list(checker.read_acks(path)) == [Ack("claimed", "one", "a", 1)]


def test_the_circle_that_is_named_is_one():
    #   p ──▶ x ──▶ y ──▶ z ──▶ x      (z also waits for nobody else)
    needs = {"x": {"p", "z"}, "y": {"x"}, "z": {"y"}}

    circle = checker.cycle(needs)

    assert sorted(circle) == ["x", "y", "z"]
    assert all(circle[(place + 1) % 3] in needs[name] for place, name in enumerate(circle))
