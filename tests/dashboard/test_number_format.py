"""Numbers and their changes, as pages show them."""

import pytest

from prisme.dashboard.number_format import (
    MINUS,
    Change,
    describe_change,
    describe_points,
    format_count,
    format_duration,
    format_percent,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (12_431, "12.4k"), (999_940, "1000k"), (999_950, "1.0M"), (2.5e9, "2.5B")],
)
def test_counts(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0%"), (0.0004, "<0.1%"), (0.041, "4.1%"), (0.415, "42%"), (1, "100%")]
)
def test_percentages(value: float, text: str) -> None:
    assert format_percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0s"), (59.6, "1m 00s"), (125, "2m 05s"), (4320, "1h 12m")])
def test_durations(value: float, text: str) -> None:
    assert format_duration(value) == text


def test_changes_have_words_and_a_sign() -> None:
    assert describe_change(110, 100, "100") == Change("+", "10%", "up 10% from 100", "good")
    assert describe_change(95, 100, "100") == Change("\N{MINUS SIGN}", "5.0%", "down 5.0% from 100", "bad")
    assert describe_change(0.5, 0.4, "40%", less_is_better=True).rating == "bad"
    assert describe_change(5, 0, "0").text == "new"
    assert describe_change(0, 0, "0").sign == describe_change(100, 100, "100").sign == "="


def test_what_is_new_is_never_bad() -> None:
    assert describe_change(5, 0, "0") == Change("", "new", "new, 0 before", "good")
    assert describe_change(5, 0, "0", less_is_better=True).rating == "same"


@pytest.mark.parametrize(
    ("now", "before", "sign", "text"),
    [
        (0.43, 0.40, "+", "3 points"),
        (0.40, 0.43, MINUS, "3 points"),
        (0.41, 0.40, "+", "1 point"),
        (0.404, 0.40, "+", "0.4 points"),
        (0.4096, 0.40, "+", "1 point"),
        (0.4002, 0.40, "=", "0 points"),
        (0, 1, MINUS, "100 points"),
    ],
)
def test_fractions_change_by_points(now: float, before: float, sign: str, text: str) -> None:
    change = describe_points(now, before, "before", less_is_better=True)
    assert (change.sign, change.text) == (sign, text)
    assert change.rating == {"+": "bad", MINUS: "good", "=": "same"}[sign]
