import re

from hypothesis import given
from hypothesis import strategies as st

from prisme.dashboard.sparkline import HEIGHT, WIDTH, draw_sparkline


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=60))
def test_line_goes_through_all_values_in_its_box(values: list[int]) -> None:
    points = [tuple(map(float, point)) for point in re.findall(r"(-?[\d.]+) (-?[\d.]+)", draw_sparkline(values))]
    assert len(points) == len(values)
    assert (points[0][0], points[-1][0]) == (0, WIDTH)
    assert all(0 <= y <= HEIGHT for _, y in points)
    highest = max(values)
    if highest:
        assert points[values.index(highest)][1] == min(y for _, y in points) == 1


def test_line_of_one_day_is_none() -> None:
    assert draw_sparkline([]) == draw_sparkline([3]) == ""
    assert draw_sparkline([0, 0]) == "M0 19L100 19"
