"""The details of a row against the lines of the journal, counted in plain Python."""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prisme.stats import filters, row_details
from prisme.stats.queries import Stats
from prisme.stats.row_details import ROWS
from prisme.stats.selection import Page, Span
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.lines import DAY, DOMAINS, EVENT_NAMES, FIRST, LAST, PATHS, UTC
from tests.stats.oracle import JOURNAL, Made, Oracle, Term
from tests.stats.strategies import made_filters, many, read, span_of, spans

few = settings(many, max_examples=15 if LONG else 8)
KINDS = {
    "pageviews": "pageview",
    "events_custom": "custom",
    "outbound_link_clicks": "outbound",
    "file_downloads": "download",
}


def only(name: str, text: str) -> Made:
    return {name: [Term(False, (text,))]}


def highest(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """The first of a list: by count, then by bytes."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[:ROWS]


def steps() -> dict[int, tuple[str | None, str | None]]:
    """The pages before and after each pageview, by its identity."""
    visits: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(JOURNAL.rows["pageview"], key=itemgetter("at")):
        visits[row["uuid"]].append(row)
    found: dict[int, tuple[str | None, str | None]] = {}
    for visit in visits.values():
        paths = [None, *(row["path"] for row in visit), None]
        found |= {id(row): (paths[place], paths[place + 2]) for place, row in enumerate(visit)}
    return found


STEPS = steps()


def check_side(shown: list[tuple[str | None, int]], expected: Counter[str | None]) -> None:
    assert dict(shown).get(None) == (expected.pop(None, 0) or None)
    assert [row for row in shown if row[0] is not None] == highest(expected)
    assert [count for _, count in shown] == sorted((count for _, count in shown), reverse=True)


@given(made_filters, st.sampled_from(PATHS), spans)
@example({}, "/a", (FIRST, LAST))
@few
def test_pages_before_and_after(stats: Stats, made: Made, path: str, times: tuple[int, int]) -> None:
    made = made | only("path", path)
    found = row_details.list_neighbours(stats, "pageviews", read(made), Span(*times, []))
    both = [STEPS[id(row)] for row in Oracle(JOURNAL, made).rows("pageview", *times)]
    check_side(found.before, Counter(before for before, _ in both))
    check_side(found.after, Counter(after for _, after in both))


@given(made_filters, spans)
@example(only("entry-path", "/a"), (FIRST, LAST))
@few
def test_pages_after_the_entry_and_before_the_exit(stats: Stats, made: Made, times: tuple[int, int]) -> None:
    found = row_details.list_neighbours(stats, "sessions", read(made), Span(*times, []))
    left = {state["uuid"] for state in Oracle(JOURNAL, made).sessions(*times)}
    both = [STEPS[id(row)] for row in JOURNAL.rows["pageview"] if row["uuid"] in left]
    check_side(found.after, Counter(after for before, after in both if before is None))
    check_side(found.before, Counter(before for before, after in both if after is None))


@given(st.sampled_from(sorted(KINDS)), made_filters, spans)
@few
def test_rows_by_bucket(stats: Stats, table: str, made: Made, times: tuple[int, int]) -> None:
    span = span_of(*times, "day", UTC)
    rows = Oracle(JOURNAL, made).rows(KINDS[table], *times)
    visitors, counts = row_details.count_by_bucket(stats, table, read(made), span) if span.edges[1:] else (None, None)
    if visitors is None or counts is None:
        return
    buckets: list[list[str]] = [[] for _ in span.edges[1:]]
    for row in rows:
        buckets[bisect_right(span.edges, row["at"]) - 1].append(row["visitor"])
    assert (counts.frame.values, counts.total) == ([len(some) for some in buckets], len(rows))
    assert visitors.frame.values == [len(set(some)) for some in buckets]
    assert visitors.total == len({row["visitor"] for row in rows})


@given(st.sampled_from(sorted(KINDS)), made_filters, spans)
@few
def test_pages_and_domain_of_events(stats: Stats, table: str, made: Made, times: tuple[int, int]) -> None:
    rows, span = Oracle(JOURNAL, made).rows(KINDS[table], *times), Span(*times, [])
    assert row_details.list_paths(stats, table, read(made), span) == highest(Counter(row["path"] for row in rows))
    domains = {row["domain"] for row in rows}
    assert row_details.find_domain(stats, table, read(made), span) == (domains.pop() if len(domains) == 1 else "")


@given(made_filters, st.sampled_from(EVENT_NAMES), spans)
@example({}, "click", (FIRST, LAST))
@few
def test_properties_of_an_event(stats: Stats, made: Made, event: str, times: tuple[int, int]) -> None:
    made = made | only("event", event)
    values: dict[str, Counter[str]] = defaultdict(Counter)
    events: Counter[str] = Counter()
    for row in Oracle(JOURNAL, made).rows("custom", *times):
        for name, value in json.loads(row["properties"]).items():
            events[name] += 1
            if value is not None:
                values[name][value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))] += 1
    found = row_details.list_properties(stats, read(made), Span(*times, []))
    assert [(one.name, one.events) for one in found] == sorted(
        events.items(), key=lambda item: (-item[1], item[0].encode())
    )
    assert {one.name: one.values for one in found} == {name: highest(values[name]) for name in events}


@given(made_filters, st.sampled_from(PATHS), spans)
@few
def test_sources_of_a_page(stats: Stats, made: Made, path: str, times: tuple[int, int]) -> None:
    made = made | only("path", path)
    frame = stats.tops(["top-referrers"], read(made), Span(*times, []), Page(ROWS))["top-referrers"]
    expected = highest(Oracle(JOURNAL, made).top("top-referrers", *times))
    assert list(zip(frame.keys, frame.values, strict=True)) == expected


@pytest.mark.parametrize("domain", DOMAINS)
def test_nothing_beyond_ones_domains(reader: Reader, domain: str) -> None:
    every, some = Stats(reader, None), Stats(reader, (domain,))
    alone, span = filters.read({"domain": domain, "path": "/a"}), span_of(FIRST, LAST + DAY, "week", UTC)
    row = filters.read({"path": "/a"})
    for table in KINDS:
        assert row_details.count_by_bucket(some, table, row, span) == row_details.count_by_bucket(
            every, table, alone, span
        )
        assert row_details.list_paths(some, table, row, span) == row_details.list_paths(every, table, alone, span)
        assert row_details.find_domain(some, table, row, span) == domain
    for table in ("pageviews", "sessions"):
        assert row_details.list_neighbours(some, table, row, span) == row_details.list_neighbours(
            every, table, alone, span
        )
    assert row_details.list_properties(some, row, span) == row_details.list_properties(every, alone, span)
    other = filters.read({"domain": next(one for one in DOMAINS if one != domain), "path": "/a"})
    assert row_details.list_neighbours(some, "pageviews", other, span) == ([], [])
    assert row_details.find_domain(some, "pageviews", other, span) == ""
