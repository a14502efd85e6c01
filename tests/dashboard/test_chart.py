"""The chart: its paths, its axes and its labels."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND
from prisme.dashboard import chart, chart_scale
from prisme.dashboard.chart import Options, Series
from prisme.dashboard.number_format import format_count, format_duration

NOW = int(datetime(2026, 11, 24, 15, 30, tzinfo=UTC).timestamp()) * SECOND
BERLIN = ZoneInfo("Europe/Berlin")


def draw(values: list[float], whole: bool = True, now: int = NOW) -> chart.Chart:
    day = 86_400 * SECOND
    start = NOW // day * day - (len(values) - 1) * day
    edges = [start + number * day for number in range(len(values) + 1)]
    options = Options("day", ZoneInfo("UTC"), format_count, lambda *_: "", whole)
    return chart.draw_chart(Series(edges, values), None, options, now)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=100))
def test_charts_stay_in_their_box(values: list[int]) -> None:
    found = draw(list(map(float, values)))
    assert 2 <= len(found.ticks) <= 6
    assert all(0 <= y <= chart_scale.HEIGHT for y, _ in found.ticks)
    assert found.ticks[0][1] == "0"
    assert len(found.points) == len(values)
    assert found.is_unfinished
    numbers_in_path = [float(part) for part in found.line.replace("M", " ").replace("L", " ").split()]
    assert all(0 <= one <= chart_scale.WIDTH for one in numbers_in_path)


def test_an_axis_has_round_numbers() -> None:
    assert [text for _, text in draw([3, 235, 7]).ticks] == ["0", "100", "200", "300"]
    assert [text for _, text in draw([0, 1, 2]).ticks] == ["0", "1", "2"]
    assert [text for _, text in draw([0, 0]).ticks] == ["0", "1"]


def test_a_chart_that_is_over_has_no_open_end() -> None:
    found = draw([1, 2, 3], now=NOW + 86_400 * SECOND)
    assert not found.is_unfinished
    assert found.unfinished == ""
    assert found.points[0].label == "Sun 22 Nov"


def test_labels_are_of_the_zone() -> None:
    assert chart.format_label(NOW, "hour", BERLIN) == "16:30"
    assert chart.format_label(NOW, "week", BERLIN) == "24 Nov"


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, ["0", "1s"]),
        (3, ["0", "1s", "2s", "3s"]),
        (47, ["0", "15s", "30s", "45s", "1m"]),
        (86, ["0", "30s", "1m", "1m 30s"]),
        (5 * 60, ["0", "2m", "4m", "6m"]),
        (17 * 60, ["0", "5m", "10m", "15m", "20m"]),
        (35 * 60, ["0", "10m", "20m", "30m", "40m"]),
        (55 * 60, ["0", "15m", "30m", "45m", "1h"]),
        (3 * 3600, ["0", "1h", "2h", "3h"]),
        (5 * 86_400, ["0", "48h", "96h", "144h"]),
    ],
)
def test_an_axis_of_durations_has_steps_of_a_clock(highest: float, ticks: list[str]) -> None:
    edges = [NOW + number * SECOND for number in range(3)]
    options = Options("day", BERLIN, format_duration, lambda *_: "", False, is_duration=True)
    found = chart.draw_chart(Series(edges, [highest, 0]), None, options, NOW)
    assert [text for _, text in found.ticks] == ticks


@given(st.floats(0.01, 1e9))
def test_durations_stay_in_their_box(highest: float) -> None:
    top, step = chart_scale.choose_duration_scale(highest)
    assert highest <= top < highest + step
    assert round(top / step) <= 4


def test_points_have_both_values_their_change_and_a_note() -> None:
    edges, before = ([start + number * SECOND for number in range(4)] for start in (NOW, NOW - 3 * SECOND))
    options = Options("day", BERLIN, format_count, lambda *_: "", True)
    found = chart.draw_chart(Series(edges, [12, 5, 0]), Series(before, [10, 0, 0]), options, NOW, {1: "Mostly Bing"})
    assert [(point.value, point.compared_value, point.change, point.note) for point in found.points] == [
        ("12", "10", "+20%", ""),
        ("5", "0", "new", "Mostly Bing"),
        ("0", "0", "0%", ""),
    ]


@pytest.mark.parametrize(("days", "label"), [(1, "01:00"), (2, "24 Nov, 01:00")])
def test_hours_of_several_days_have_the_day(days: int, label: str) -> None:
    hour = 3600 * SECOND
    edges = [NOW // hour * hour - (15 - number) * hour for number in range(24 * days + 1)]
    options = Options("hour", BERLIN, format_count, lambda *_: "", True)
    found = chart.draw_chart(Series(edges, [0.0] * 24 * days), None, options, NOW)
    assert found.points[0].label == found.labels[0][1] == label


@pytest.mark.parametrize(
    ("earlier", "labels"), [(24, ("24 Nov, 01:30", "23 Nov, 01:30")), (1, ("01:30", "00:30"))], ids=["a day", "an hour"]
)
def test_hours_beside_those_of_another_day_have_the_day(earlier: int, labels: tuple[str, str]) -> None:
    hour = 3600 * SECOND
    edges = [NOW - (15 - number) * hour for number in range(25)]
    options = Options("hour", BERLIN, format_count, lambda *_: "", True)
    before = Series([edge - earlier * hour for edge in edges], [1] * 24)
    point = chart.draw_chart(Series(edges, [1] * 24), before, options, NOW).points[0]
    assert (point.label, point.compared_label) == labels
