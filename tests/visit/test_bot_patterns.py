"""The fast verdict on bots by the strict list is that of `re`."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.assets import BOT_PATTERNS
from prisme.visit.bots import BotPatterns
from tests.visit.useragents import BROWSERS, FAMILY_BOTS, LISTED_BOTS, ODD

# The list as JavaScript reads it, for `re`: one class written otherwise, and one look-behind in two.
PATTERNS: list[str] = json.loads(BOT_PATTERNS.read_text())
REFERENCE = [
    re.compile(
        pattern.replace(r"[\w\d-.]", r"[\w.-]").replace("(?<! channel/|google/)", "(?<! channel/)(?<!google/)"),
        re.ASCII | re.IGNORECASE,
    )
    for pattern in PATTERNS
]
FAST = BotPatterns(PATTERNS)
EVERY = [ua for ua, *_ in BROWSERS] + FAMILY_BOTS + LISTED_BOTS + ODD


def by_the_list(ua: str) -> bool:
    return any(pattern.search(ua) for pattern in REFERENCE)


@pytest.mark.parametrize("ua", EVERY)
def test_the_fast_verdict_is_that_of_re(ua: str) -> None:
    assert FAST.match(ua) == by_the_list(ua)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_at_work(pattern: str) -> None:
    """Each alone finds the same as in `re`, so that none hides behind the others."""
    fast, reference = BotPatterns([pattern]), REFERENCE[PATTERNS.index(pattern)]
    found = [ua for ua in [*EVERY, *WORDS] if reference.search(ua)]
    assert [ua for ua in [*EVERY, *WORDS] if fast.match(ua)] == found
    assert found


# The patterns' own words, without their signs: " daum", "deusu/", "cu", "bots", "channel/", "google/" ...
WORDS = sorted({word for pattern in PATTERNS for word in re.findall(r"[\w ./;@-]+", re.sub(r"\\[bwdsS]", "", pattern))})
SIGNS = [*" ;/()_-.,:@|<?+%0123456789\u00e9\u212a\u017f\u2003", "Mozilla/5.0 ", "compatible;", " Build/"]
MIXTURES = st.lists(st.sampled_from([*WORDS, *map(str.upper, WORDS), *SIGNS]), max_size=8).map("".join)


@settings(max_examples=500, deadline=None)
@given(MIXTURES)
def test_the_fast_verdict_is_that_of_re_for_mixtures(ua: str) -> None:
    assert FAST.match(ua) == by_the_list(ua)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([" ".join(EVERY[i : i + 2]) for i in range(len(EVERY))]), min_size=1, max_size=2),
    st.data(),
)
def test_the_fast_verdict_is_that_of_re_for_cuttings(uas: list[str], data: st.DataObject) -> None:
    ua = " ".join(uas)
    start = data.draw(st.integers(0, len(ua)))
    cutting = ua[start : data.draw(st.integers(start, len(ua)))]
    assert FAST.match(cutting) == by_the_list(cutting)
