from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longpole.durations import format_minutes, parse_minutes
from longpole.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("30m", 30), ("2h", 120), ("1d", 1440), ("90s", 1.5), ("1h30m", 90), ("1.5h", 90), (" 1D2h ", 1560), ("0m", 0)],
)
def test_a_duration_is_read_as_minutes(text, minutes):
    assert parse_minutes(text) == minutes


@pytest.mark.parametrize(
    "text", ["", "30", "m", "1h1h", "30m1h", "-5m", "1e3m", "1 h", "½h", "٣m", "1..5h", ".m", "nan", "5w"]
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(InvalidInputError, match="30m"):
        parse_minutes(text)


@pytest.mark.parametrize(
    ("minutes", "text"), [(90, "1h30m"), (1440, "1d"), (0, "0m"), (1.5, "1m30s"), (0.001, "0.001m")]
)
def test_minutes_are_written_the_usual_way(minutes, text):
    assert format_minutes(minutes) == text


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e6))
def test_a_written_duration_reads_back_as_the_same_number(minutes):
    assert parse_minutes(format_minutes(minutes)) == minutes
