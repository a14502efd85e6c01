"""The figures of the start page against plain Python, for random spans, zones and grants."""

from bisect import bisect_right
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.timexpr import edges
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.stats.site_figures import count_by_bucket, list_site_figures
from prisme.store.reader import Reader
from tests.stats.lines import DOMAINS, LINES
from tests.stats.oracle import Journal, Made, Oracle, passes
from tests.stats.strategies import made_filters, many, read, spans

ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]
JOURNAL = Journal(LINES)


def cut(drawn: tuple[int, int], zone: str) -> Span:
    start, end = drawn[0], drawn[1] + 1
    return Span(start, end, edges(start, end, "day", ZoneInfo(zone), 9000))


def count(domain: str, span: Span) -> int:
    views = JOURNAL.rows["pageview"]
    return len({row["visitor"] for row in views if row["domain"] == domain and span.start <= row["at"] < span.end})


def count_by_day(domain: str, span: Span) -> list[int]:
    days: list[set[str]] = [set() for _ in span.edges[1:]]
    for row in JOURNAL.rows["pageview"]:
        if row["domain"] == domain and span.start <= row["at"] < span.end:
            days[bisect_right(span.edges, row["at"]) - 1].add(row["visitor"])
    return [len(visitors) for visitors in days]


@many
@given(
    spans,
    spans,
    st.sampled_from(ZONES),
    st.none() | st.lists(st.sampled_from([*DOMAINS, "*.example.com"]), unique=True),
)
def test_figures_equal_plain_python(
    reader: Reader, one: tuple[int, int], other: tuple[int, int], zone: str, allowed: list[str] | None
) -> None:
    span, before = cut(one, zone), cut(other, zone)
    stats = Stats(reader, allowed)
    found = list_site_figures(stats, span, before)
    assert {figures.domain for figures in found} == {domain for domain, _ in stats.domains()}
    by_bucket = count_by_bucket(stats, span, [figures.domain for figures in found])
    assert count_by_bucket(stats, span, [figures.domain for figures in found[:1]]).items() <= by_bucket.items()
    for figures in found:
        sessions = [state for state in JOURNAL.sessions.values() if state["domain"] == figures.domain]
        assert (figures.visitors, figures.before) == (count(figures.domain, span), count(figures.domain, before))
        assert by_bucket[figures.domain] == count_by_day(figures.domain, span)
        assert figures.first == min(state["entry"] for state in sessions)
        assert figures.last == max(state["exit"] for state in sessions)
    assert [figures.visitors for figures in found] == sorted((one.visitors for one in found), reverse=True)


@many
@given(made_filters, spans, st.sampled_from(ZONES))
def test_filters_choose_sites_and_visitors(reader: Reader, made: Made, times: tuple[int, int], zone: str) -> None:
    span, oracle = cut(times, zone), Oracle(JOURNAL, made)
    found = list_site_figures(Stats(reader, None), span, None, read(made))
    chosen = [domain for domain in DOMAINS if passes(made.get("domain", []), domain)]
    assert sorted(figures.domain for figures in found) == sorted(chosen)
    for figures in found:
        views = [row for row in oracle.rows("pageview", span.start, span.end) if row["domain"] == figures.domain]
        assert (figures.visitors, figures.before) == (len({row["visitor"] for row in views}), 0)


@pytest.mark.parametrize("domains", [DOMAINS, DOMAINS[:1], ["nowhere.example"]])
def test_first_event(reader: Reader, domains: list[str]) -> None:
    kinds = [kind for kind in JOURNAL.rows if kind != "pageview"]
    times = [row["at"] for kind in kinds for row in JOURNAL.rows[kind] if row["domain"] in domains]
    assert Stats(reader, None).first_event(domains) == min(times, default=None)
