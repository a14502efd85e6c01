"""Names of goals and patterns of filters: the same answers as a regular expression, in a moment for any pattern."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from prisme.stats.goal_conditions import matches


@given(st.lists(st.text("ab", max_size=2), min_size=1, max_size=5), st.text("ab", max_size=8))
def test_patterns_match_as_stars_say(parts: list[str], text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None
    assert matches(tuple(parts), text) == expected


def test_no_pattern_takes_long() -> None:
    began = time.monotonic()
    assert not matches(("", "a", "", "a", "", "a", "", "a", "b"), "a" * 30)
    assert not matches(("",) * 8 + ("!",), "n" * 253)
    assert time.monotonic() - began < 0.1
