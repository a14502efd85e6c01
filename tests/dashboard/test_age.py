"""How long ago something was, as pages say it."""

import pytest

from prisme.dashboard.age import format_age


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (1.9, "just now"),
        (2, "2 seconds ago"),
        (59.9, "59 seconds ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (90 * 86_400 + 3600, "90 days ago"),
        (5000 * 86_400, "5,000 days ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
