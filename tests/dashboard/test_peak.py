"""When a bucket of the chart is a peak."""

import pytest

from prisme.dashboard.peak import find_peak


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ([50, 60, 55, 310, 58], 3),
        ([310, 60, 55, 50, 58], 0),
        ([50, 60, 55, 110, 58], None),  # less than twice the median
        ([1, 0, 2, 9, 1], None),  # too few to explain
        ([0, 0, 0, 10, 0], 3),
        ([50, 310, 55], None),  # too few to compare with
        ([], None),
    ],
)
def test_a_peak_is_far_above_the_others(values: list[float], number: int | None) -> None:
    assert find_peak(values) == number
