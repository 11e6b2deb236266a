from __future__ import annotations

import re

from longpole.model import Status
from longpole.transitions import TRANSITIONS, Act
from tests.style.tables import ROOT, table

PAGE = "docs/state-machine.md"
ARROW = re.compile(r"^\s*(\w+) --> (\w+) : (\w+)$", re.MULTILINE)


def test_the_table_lists_exactly_the_transitions_of_the_code():
    rows = table(PAGE, header="from")

    documented = {(start, act): frozenset(ends.split(", ")) for start, act, ends in rows}

    assert len(documented) == len(rows)
    assert documented == TRANSITIONS


def test_the_drawing_shows_exactly_the_transitions_of_the_code():
    text = (ROOT / PAGE).read_text(encoding="utf-8")

    drawn = {(start, act, end) for start, end, act in ARROW.findall(text)}

    assert drawn == {(start, act, end) for (start, act), ends in TRANSITIONS.items() for end in ends}


def test_every_status_is_explained_and_can_be_reached():
    explained = {row[0] for row in table(PAGE, header="status")}
    reached = {end for ends in TRANSITIONS.values() for end in ends}

    assert explained == set(Status)
    assert reached == set(Status)


def test_every_act_is_used_and_explained():
    text = (ROOT / PAGE).read_text(encoding="utf-8")

    explained = {act for act in Act if f"- **{act}**:" in text}

    assert explained == set(Act)
    assert {act for _, act in TRANSITIONS} == set(Act)


def test_only_a_claim_leads_to_in_progress_and_only_from_ready():
    ways = {key for key, ends in TRANSITIONS.items() if Status.IN_PROGRESS in ends}

    assert ways == {(Status.READY, Act.CLAIM)}
