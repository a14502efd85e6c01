"""Which results have a chart, and what it shows."""

import pytest

from prisme.dashboard.query_chart import draw_query_chart
from prisme.store.sql_formats import Column, Value

DAY = Column("day", "DATE", "text")
COUNT = Column("n", "BIGINT", "plain")


def test_points_are_in_the_order_of_time() -> None:
    chart = draw_query_chart([DAY, COUNT], [("2026-01-03", 4), ("2026-01-01", 0), ("2026-01-02", 2)])
    assert chart
    assert chart.line == "M0 240L500 120L1000 0"
    assert chart.labels == [(0, "2026-01-01"), (500, "2026-01-02"), (1000, "2026-01-03")]
    assert [text for _, text in chart.ticks] == ["0", "1", "2", "3", "4"]
    assert chart.dots == []


def test_times_are_labelled_to_the_minute() -> None:
    rows: list[tuple[Value, ...]] = [("2026-01-01 10:30:00+00", 1), ("2026-01-01 11:30:00.5+00", "2.5")]
    chart = draw_query_chart(
        [Column("at", "TIMESTAMP WITH TIME ZONE", "text"), Column("n", "DECIMAL(3,1)", "number")], rows
    )
    assert chart
    assert chart.labels == [(0, "2026-01-01 10:30"), (1000, "2026-01-01 11:30")]
    assert len(chart.dots) == 2


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ([COUNT, DAY], [(1, "2026-01-01"), (2, "2026-01-02")]),
        ([DAY], [("2026-01-01",), ("2026-01-02",)]),
        ([DAY, Column("t", "VARCHAR", "text")], [("2026-01-01", "1"), ("2026-01-02", "2")]),
        ([DAY, Column("b", "BOOLEAN", "plain")], [("2026-01-01", True), ("2026-01-02", False)]),
        ([DAY, COUNT], []),
        ([DAY, COUNT], [("2026-01-01", 1)]),
        ([DAY, COUNT], [("2026-01-01", 1), ("2026-01-01", 2)]),
        ([DAY, COUNT], [("2026-01-01", 1), ("2026-01-02", -2)]),
        ([DAY, COUNT], [("2026-01-01", 1), ("infinity", 2), (None, 3), ("2026-01-02", None)]),
        ([DAY, COUNT], [("2026-01-01", 1), ("0044-03-15 (BC)", 2), ("2026-01-02", float("nan"))]),
    ],
)
def test_without_a_chart(columns: list[Column], rows: list[tuple[Value, ...]]) -> None:
    assert draw_query_chart(columns, rows) is None
