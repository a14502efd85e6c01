"""Names of goals and patterns of filters: the same answers as a regular expression, in a moment for any pattern."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from prisme.base.goals import Goal, Kind
from prisme.stats import filters
from prisme.stats.dialect import DUCKDB
from prisme.stats.goal_conditions import GoalFilter, matches, resolve, session_condition


@given(st.lists(st.text("ab", max_size=2), min_size=1, max_size=5), st.text("ab", max_size=8))
def test_patterns_match_as_stars_say(parts: list[str], text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None
    assert matches(tuple(parts), text) == expected


def test_no_pattern_takes_long() -> None:
    began = time.monotonic()
    assert not matches(("", "a", "", "a", "", "a", "", "a", "b"), "a" * 30)
    assert not matches(("",) * 8 + ("!",), "n" * 253)
    assert time.monotonic() - began < 0.1


def test_many_goals_are_two_subqueries() -> None:
    kinds: tuple[Kind, ...] = ("page", "event")
    goals = [Goal(0, "a.test", f"{kind} {number}", kind, "/x") for kind in kinds for number in range(50)]
    chosen = resolve(filters.read({"goal": ",".join("*" * number for number in range(1, 9))}), goals)["goal"]
    assert isinstance(chosen, GoalFilter)
    assert chosen.included == tuple(goals), "each once, though eight terms match it"
    assert session_condition(chosen, lambda value: f"${value}", DUCKDB, lambda _: "true").count("SELECT") == 2
