"""The rows of lists: shares, changes, and what is known of the compared period."""

import pytest

from prisme.dashboard.lists import ListData, build_list
from prisme.dashboard.rows import Row
from prisme.dashboard.url_state import UrlState
from prisme.stats.list_metrics import Figures

HERE = UrlState({}, None, "")
NOW = [Figures("/", sessions=30, actions=60), Figures("/new", sessions=10, actions=15)]
BEFORE = [Figures("/", sessions=20, actions=30)]


def rows_of(data: ListData, name: str = "top-pages") -> list[Row]:
    return build_list(HERE, name, data).rows


@pytest.mark.parametrize(
    ("metric", "total", "values", "shares", "changes"),
    [
        ("sessions", 40, ["30", "10"], ["75%", "25%"], ["+50%", "new"]),
        ("pageviews", 150, ["60", "15"], ["40%", "10%"], ["+100%", "new"]),
        ("views-per-session", 0, ["2.00", "1.50"], ["", ""], ["+33%", "new"]),
        # A session may have begun before the period, and is not among the sessions of it.
        ("sessions", 29, ["30", "10"], ["100%", "34%"], ["+50%", "new"]),
    ],
)
def test_rows_have_shares_and_changes(
    metric: str, total: float, values: list[str], shares: list[str], changes: list[str]
) -> None:
    rows = rows_of(ListData(metric, NOW, total, BEFORE))
    assert [row.value for row in rows] == values
    assert [row.share for row in rows] == shares
    assert [row.change.sign + row.change.text for row in rows if row.change] == changes


def test_what_the_end_of_the_earlier_list_cut_off_is_no_change() -> None:
    changes = [row.change for row in rows_of(ListData("sessions", NOW, 40, BEFORE, is_cut=True))]
    assert changes[0]
    assert changes[1] is None
    assert [row.change for row in rows_of(ListData("sessions", NOW, 40))] == [None, None]


def test_a_fall_of_the_bounce_rate_is_good() -> None:
    now, before = (Figures("/", actions=9, entries=10, bounces=bounces) for bounces in (4, 5))
    (row,) = rows_of(ListData("bounce-rate", [now], 0, [before]))
    assert row.change
    assert (row.value, row.change.text, row.change.rating) == ("40%", "10 points", "good")


def test_rows_without_a_value_are_none() -> None:
    """Where nothing entered, there is no bounce rate."""
    assert rows_of(ListData("bounce-rate", [Figures("/", actions=9)])) == []


def test_bars_are_of_the_highest_value() -> None:
    figures = [Figures("a", entries=10, bounces=2), Figures("b", entries=5, bounces=4)]
    assert [row.bar for row in rows_of(ListData("bounce-rate", figures), "top-browsers")] == [25, 100]
