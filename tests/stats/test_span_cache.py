"""Goals and funnels from the cache while further segments are loaded: always equal to those counted anew."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.goals import Definitions, Funnel, Goal
from prisme.stats.funnels import build_funnel_figures
from prisme.stats.goals import build_goal_figures
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.goal_oracle import GOALS
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, make_lines
from tests.stats.oracle import Made
from tests.stats.strategies import made_filters, read
from tests.stats.test_goals import make_query
from tests.stats.test_incremental import Instance, domain_of, when

_STEPS = Goal(7, "example.com", "Start", "page", "/"), Goal(8, "shop.example.com", "Start", "page", "/*")
DEFINITIONS = Definitions(
    (*GOALS, *_STEPS),
    (
        Funnel(1, "example.com", "First", ("Start", "Blog")),
        Funnel(2, "shop.example.com", "Second", ("Start", "Home, or so*")),
    ),
)


def count(instance: Instance, made: Made, end: int, domains: list[str] | None) -> None:
    """Check the figures against those counted anew."""
    query = make_query(FIRST, end, read(made), Span(FIRST - DAY, end - 10 * DAY, [FIRST - DAY, end - 10 * DAY]))
    with Reader(instance.database, 3600.0) as reader:
        stats, cache = Stats(reader, domains, DEFINITIONS), instance.cache.spans
        assert build_goal_figures(stats, query, cache=cache) == build_goal_figures(stats, query)
        assert build_funnel_figures(stats, query, cache) == build_funnel_figures(stats, query)


@given(st.integers(0, 1 << 32), made_filters, st.sampled_from([None, DOMAINS[:1]]))
@settings(max_examples=30 if LONG else 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_figures_are_those_counted_anew(
    tmp_path_factory: pytest.TempPathFactory, seed: int, made: Made, domains: list[str] | None
) -> None:
    noise, lines = random.Random(seed), sorted(make_lines(seed, 120), key=when)
    cuts = sorted(noise.sample(range(1, len(lines)), 3))
    segments = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        instance = Instance(tmp_path_factory.mktemp("spans"), patch)
        for one in (part for segment in segments for part in split(segment)):
            instance.load(one)
            latest = max(map(when, one), default=FIRST)
            past = latest - noise.randrange(10 * DAY)
            for end in (latest + 1, latest + noise.randrange(1, HOUR), past, past + noise.randrange(1, HOUR)):
                count(instance, made, end, domains)
        instance.close()


def split(lines: list[bytes]) -> Iterator[list[bytes]]:
    """One segment of each site."""
    yield from ([line for line in lines if domain_of(line) == domain] for domain in DOMAINS)


def test_what_no_load_changes_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, lines = Instance(tmp_path, monkeypatch), sorted(make_lines(6, 60), key=when)
    instance.load(lines[:-1])
    end = when(lines[-1]) - 1
    for number in range(3):
        count(instance, {}, end, None)
        assert instance.cache.spans.hits == 3 * number
    instance.load(lines[-1:])
    count(instance, {}, end + DAY, None)
    assert instance.cache.spans.hits < 9, "what changed is counted again"
    instance.close()
