"""Whole responses of both engines, byte by byte, for any filters, spans and zones, with the figures of imports."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.goals import Definitions, Funnel
from prisme.base.timexpr import INTERVALS, Interval
from prisme.stats import row_details
from prisme.stats.breakdown import count_rows, query_list
from prisme.stats.cache.whole_spans import WholeSpans
from prisme.stats.columns import PLACES, SERIES, TOPS
from prisme.stats.dashboard import build_dashboard, count_anew
from prisme.stats.figures import NAMES, compute
from prisme.stats.funnels import build_funnel_figures
from prisme.stats.goals import build_goal_figures
from prisme.stats.imported import list_imports
from prisme.stats.list_metrics import LIST_METRICS, list_metrics
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection, Span
from prisme.stats.short_lists import count_lists
from prisme.stats.site_figures import build_site_list
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.database import Database
from prisme.store.load_log import LoadLog
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.goal_oracle import GOALS
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, LAST, ZONES
from tests.stats.oracle import Made, Term
from tests.stats.strategies import made_filters, many, read, span_of, spans
from tests.stats.test_imported import database, narrowing  # noqa: F401

ENTRIES = [None, DOMAINS[:1], ["*.example.com", "example.com:*"], ["nowhere.example"]]
GOAL_NAMES = [goal.name for goal in GOALS if goal.site == "example.com"]
DEFINITIONS = Definitions(GOALS, (Funnel(1, "example.com", "Way", tuple(GOAL_NAMES)),))
NAMED_ZONES = [zone for zone in ZONES if isinstance(zone, ZoneInfo)]
few = settings(many, max_examples=60 if LONG else 10)


@dataclass
class Both:
    """Figures of the same rows, of each engine."""

    duckdb: Stats
    clickhouse: Stats

    def limited(self, domains: list[str] | None) -> "Both":
        return Both(*(Stats(one.reader, domains, DEFINITIONS) for one in (self.duckdb, self.clickhouse)))

    def check(self, ask: Any) -> None:
        """`ask` has the same result of both: the same types, too, as JSON shows them."""
        expected, found = ask(self.duckdb), ask(self.clickhouse)
        assert found == expected
        assert msgspec.json.encode(found) == msgspec.json.encode(expected)


@pytest.fixture(scope="module")
def both(database: Database, reader: ClickHouseReader) -> Iterator[Both]:  # noqa: F811
    with Reader(database, 3600.0) as duckdb:
        yield Both(Stats(duckdb, None, DEFINITIONS), Stats(reader, None, DEFINITIONS))


def query_of(
    made: Made, times: tuple[int, int], other: tuple[int, int], zone: ZoneInfo, interval: Interval, page: Page
) -> StatsQuery:
    """A query of two spans; none is empty, as none that is read from a request is."""
    now, before = (span_of(start, max(end, start + 1), interval, zone) for start, end in (times, other))
    return StatsQuery(now, zone, interval, page, "", read(made), before)


pages = st.builds(Page, st.integers(1, 12), st.integers(0, 4))
zones, intervals, entries = st.sampled_from(NAMED_ZONES), st.sampled_from(INTERVALS[1:]), st.sampled_from(ENTRIES)


@given(made_filters | narrowing, spans, spans, zones, intervals, pages, entries, st.integers(FIRST, LAST))
@settings(many, max_examples=200 if LONG else 10)
def test_pages_are_equal(
    both: Both,
    made: Made,
    times: tuple[int, int],
    other: tuple[int, int],
    zone: ZoneInfo,
    interval: Interval,
    page: Page,
    domains: list[str] | None,
    now: int,
) -> None:
    query = query_of(made, times, other, zone, interval, page)
    both.limited(domains).check(
        lambda stats: build_dashboard(stats, query, now, WholeSpans(LoadLog(0)), ("top-pages", "top-channels"))
    )


@given(made_filters | narrowing, spans, zones, pages)
@few
def test_selections_are_equal(both: Both, made: Made, times: tuple[int, int], zone: ZoneInfo, page: Page) -> None:
    selection = Selection((*TOPS, "custom-properties", "weekday-hours"), read(made), span_of(*times, "day", zone), zone)
    both.check(lambda stats: count_anew(stats, selection, page))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "dashboard"])
@given(made_filters | narrowing, spans, zones, intervals, pages)
@settings(many, max_examples=20 if LONG else 3)
def test_each_figure_of_the_api_is_equal(
    both: Both, name: str, made: Made, times: tuple[int, int], zone: ZoneInfo, interval: Interval, page: Page
) -> None:
    query = query_of(made, times, (FIRST, LAST), zone, interval, page)
    both.check(lambda stats: compute(name, stats, query, LAST, WholeSpans(LoadLog(0))))


@pytest.mark.parametrize("metric", LIST_METRICS)
@given(made_filters | narrowing, spans, zones, pages, entries)
@settings(many, max_examples=30 if LONG else 5)
def test_rows_are_equal_by_each_metric(
    both: Both,
    metric: str,
    made: Made,
    times: tuple[int, int],
    zone: datetime.tzinfo,
    page: Page,
    domains: list[str] | None,
) -> None:
    lists = [query_list(name, metric, page) for name in TOPS if metric in list_metrics(name)]
    span, chosen = span_of(*times, "day", zone), read(made)
    both.limited(domains).check(lambda stats: count_rows(stats, lists, chosen, span))


@given(made_filters, spans, pages)
@few
def test_goals_and_funnels_are_equal(both: Both, made: Made, times: tuple[int, int], page: Page) -> None:
    query = query_of(made, (times[0], times[1] + 1), (FIRST, LAST), NAMED_ZONES[0], "day", page)
    both.check(lambda stats: build_goal_figures(stats, query))
    both.check(lambda stats: build_funnel_figures(stats, query))


@pytest.mark.parametrize("table", ["pageviews", "sessions", "events_custom", "outbound_link_clicks", "file_downloads"])
@given(made_filters, spans)
@few
def test_details_of_rows_are_equal(both: Both, table: str, made: Made, times: tuple[int, int]) -> None:
    span, chosen = span_of(times[0], times[1] + 1, "day", NAMED_ZONES[0]), read(made)
    both.check(lambda stats: row_details.count_by_bucket(stats, table, chosen, span))
    both.check(lambda stats: row_details.find_domain(stats, table, chosen, span))
    both.check(lambda stats: row_details.list_properties(stats, chosen, span))
    if table in ("pageviews", "sessions"):
        both.check(lambda stats: row_details.list_neighbours(stats, table, chosen, span))
    if table != "sessions":
        both.check(lambda stats: row_details.list_paths(stats, table, chosen, span))


@given(made_filters, spans, st.sampled_from(["visitors", "pageviews"]), st.integers(1, 10))
@few
def test_short_lists_are_equal(both: Both, made: Made, times: tuple[int, int], count: Any, limit: int) -> None:
    both.check(lambda stats: count_lists(stats, read(made), Span(*times, [*times]), count, limit))


@given(made_filters | narrowing, spans, spans, zones, intervals, entries)
@few
def test_sites_are_equal(
    both: Both,
    made: Made,
    times: tuple[int, int],
    other: tuple[int, int],
    zone: ZoneInfo,
    interval: Interval,
    domains: list[str] | None,
) -> None:
    query, limited = query_of(made, times, other, zone, interval, Page()), both.limited(domains)
    limited.check(lambda stats: build_site_list(stats, query))
    limited.check(lambda stats: stats.domains())
    limited.check(lambda stats: sorted(stats.find_rare(query.filters, query.span)))
    limited.check(lambda stats: stats.first_event(domains or DOMAINS))
    limited.check(lambda stats: list_imports(stats, query.filters, query.span, Page()))


@given(made_filters, st.integers(FIRST - DAY, LAST + DAY), st.integers(0, 3 * HOUR))
@few
def test_live_figures_and_next_rows_are_equal(both: Both, made: Made, now: int, length: int) -> None:
    both.check(lambda stats: stats.live_visitors(read(made), now))
    both.check(lambda stats: stats.next_row(read(made), now, now + length))


@pytest.mark.parametrize("days", [1, 400, 36_500])
@given(made_filters | narrowing, zones)
@settings(many, max_examples=20 if LONG else 3)
def test_spans_of_any_length_are_equal(both: Both, days: int, made: Made, zone: ZoneInfo) -> None:
    """Of days that are to be deleted, and of all times: with buckets that are found in a list of edges, too."""
    interval: Interval = "hour" if days < 2 else "day" if days < 1000 else "month"
    start = LAST - min(days * DAY, LAST - DAY)
    query = query_of(made, (start, LAST), (start - DAY, start), zone, interval, Page())
    both.check(lambda stats: build_dashboard(stats, query, LAST, WholeSpans(LoadLog(0))))


@pytest.mark.parametrize("zone", NAMED_ZONES if LONG else NAMED_ZONES[:1], ids=str)
def test_the_longest_filters_and_the_most_buckets_are_equal(both: Both, zone: ZoneInfo) -> None:
    """As many hours as a request may ask for, with clocks that are set, and filters of as many terms as may be."""
    paths = [Term(number % 7 == 1, ("", f"{number}")) for number in range(498)]
    made = {
        "path": [*paths, Term(False, ("/", "")), Term(True, ("/a",))],
        "referrer": [Term(False, (f"{number}.example",)) for number in range(499)] + [Term(False, ("", ""))],
        "goal": [Term(False, (goal.name,)) for goal in GOALS],
    }
    span = span_of(LAST - 365 * DAY, LAST, "hour", zone)
    assert len(span.edges) > 8_700
    for filters in (read(made), {}):
        both.check(lambda stats, filters=filters: stats.series(SERIES, filters, span))


def test_what_is_rare_is_equal_in_each_hour(both: Both) -> None:
    def find(stats: Stats) -> list[list[str]]:
        return [sorted(stats.find_rare({}, Span(start, start + HOUR, []))) for start in range(FIRST, LAST, 8 * HOUR)]

    both.check(find)


def test_the_rows_have_what_is_rare(both: Both) -> None:
    """Otherwise the tests above would compare nothing with nothing."""
    span = span_of(FIRST, LAST, "day", NAMED_ZONES[0])
    assert both.clickhouse.find_rare({}, span) == {*PLACES, "imported"}
    found = row_details.list_neighbours(both.clickhouse, "pageviews", {}, span)
    assert found.before
    assert found.after
