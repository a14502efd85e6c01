"""Each figure against the lines of the journal, counted in plain Python, for any filters, spans and zones."""

import csv
import datetime
import io
import itertools
import json
from collections import Counter
from operator import itemgetter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import INTERVALS, SECOND, Interval
from prisme.stats import buckets, filters
from prisme.stats.buckets import WEEK, bucket_number
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import SERIES, TOPS
from prisme.stats.dashboard import build_dashboard
from prisme.stats.dialect import DUCKDB
from prisme.stats.figures import FRAMES
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.store.database import Database
from prisme.store.errors import LateError
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.lines import DAY, DOMAINS, FIRST, LAST, UTC, ZONES
from tests.stats.oracle import JOURNAL, TOP_FIELDS, Made, Oracle, Term, property_text
from tests.stats.strategies import PROPERTY_VALUES, VALUES, made_filters, make_filters, many, read, span_of, spans


def test_every_name_is_known_to_the_oracle() -> None:
    assert set(TOP_FIELDS) == set(TOPS)
    assert set(VALUES) == set(filters.NAMES)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("interval", INTERVALS[1:])
@pytest.mark.parametrize("name", SERIES)
def test_whole_series_are_counted(stats: Stats, name: str, interval: Interval, zone: datetime.tzinfo) -> None:
    span = span_of(FIRST, LAST + DAY, interval, zone)
    assert stats.series([name], {}, span)[name].frame.values == pytest.approx(Oracle(JOURNAL, {}).series(name, span))


@pytest.mark.parametrize("zone", ZONES[1:], ids=str)
@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
def test_buckets_are_found_in_a_list(
    stats: Stats, interval: Interval, zone: datetime.tzinfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in spans with many buckets of different lengths."""
    monkeypatch.setattr(buckets, "_MOST_CASES", 0)
    span = span_of(FIRST, LAST + 20 * DAY, interval, zone)
    assert "$edges[" in bucket_number("sessions", span.edges, lambda _: "$edges", DUCKDB)
    for name in ("pageviews", "sessions", "events"):
        frame = stats.series([name], {}, span)[name].frame
        assert frame.values == pytest.approx(Oracle(JOURNAL, {}).series(name, span))


@given(st.lists(st.integers(FIRST, LAST), min_size=2, max_size=12, unique=True).map(sorted), st.sampled_from([0, 64]))
@settings(many, max_examples=30 if LONG else 12)
def test_buckets_have_any_lengths(stats: Stats, edges: list[int], most_cases: int) -> None:
    span = Span(edges[0], edges[-1], edges)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "_MOST_CASES", most_cases)
        frame = stats.series(["pageviews"], {}, span)["pageviews"].frame
    assert frame.values == pytest.approx(Oracle(JOURNAL, {}).series("pageviews", span))


@pytest.mark.parametrize("name", TOPS)
def test_whole_tops_are_counted(stats: Stats, name: str) -> None:
    """By day, where many values are equally frequent."""
    for start in range(FIRST, LAST, DAY):
        counts = Oracle(JOURNAL, {}).top(name, start, start + DAY)
        expected = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))
        frame = stats.tops([name], {}, Span(start, start + DAY, []), Page(100))[name]
        assert list(zip(frame.keys, frame.values, strict=True)) == expected


@given(made_filters, spans, st.sampled_from(INTERVALS[1:]), st.sampled_from(ZONES), st.sampled_from(sorted(SERIES)))
@many
def test_series_are_counted(
    stats: Stats, made: Made, times: tuple[int, int], interval: Interval, zone: datetime.tzinfo, name: str
) -> None:
    span = span_of(*times, interval, zone)
    frame, total = stats.series([name], read(made), span)[name]
    assert total == pytest.approx(Oracle(JOURNAL, made).total(name, span))
    assert frame.keys == [edge // SECOND for edge in span.edges[:-1]]
    assert frame.values == pytest.approx(Oracle(JOURNAL, made).series(name, span))
    assert (frame.start, frame.end) == (span.start // SECOND, span.end // SECOND)


@given(made_filters, spans, st.sampled_from(sorted(TOPS)), st.integers(0, 8), st.integers(0, 8))
@many
def test_tops_are_counted(stats: Stats, made: Made, times: tuple[int, int], name: str, limit: int, offset: int) -> None:
    counts = Oracle(JOURNAL, made).top(name, *times)
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[offset : offset + limit]
    frame = stats.tops([name], read(made), Span(*times, []), Page(limit, offset))[name]
    assert list(zip(frame.keys, frame.values, strict=True)) == expected


@given(made_filters, spans)
@settings(many, max_examples=30 if LONG else 12)
def test_events_are_those_of_the_three_lists(stats: Stats, made: Made, times: tuple[int, int]) -> None:
    chosen, names = read(made), ("top-custom-events", "top-outbound-links", "top-file-downloads")
    total = stats.series(["events"], chosen, span_of(*times, "day", UTC))["events"].total
    lists = stats.tops(names, chosen, Span(*times, []), Page(100))
    assert total == sum(sum(frame.values) for frame in lists.values())


def test_visits_without_a_pageview(stats: Stats) -> None:
    """They count as sessions, not as bounces or visitors, and no filter on pageviews matches them."""
    alone = [state for state in JOURNAL.sessions.values() if not state["pageviews"]]
    late = [rows[0] for state in JOURNAL.sessions.values() if (rows := JOURNAL.views_of(state["uuid"]))]
    assert len(alone) > 20
    assert any(row["events"] for row in late), "an event began it, and its pageview came later"
    for state in alone:
        # The moment of the event alone, so that few other sessions are in it.
        span = Span(state["entry"], state["entry"] + 1, [state["entry"], state["entry"] + 1])
        totals = {name: one.total for name, one in stats.series(SERIES, {}, span).items()}
        if totals["sessions"] == 1:
            assert totals == {
                "visitors": 0,
                "sessions": 1,
                "pageviews": 0,
                "events": 1,
                "bounces": 0,
                "sessions-duration": (state["exit"] - state["entry"]) / SECOND,
            }
            assert stats.tops(["top-entry-pages"], {}, span, Page())["top-entry-pages"].values == [1]
            for by in ({"path": "*"}, {"path": "!/x"}, {"status": "*"}):
                assert stats.series(["sessions"], filters.read(by), span)["sessions"].total == 0


@given(made_filters, spans, st.integers(1, 4), st.integers(0, 3))
@settings(many, max_examples=30 if LONG else 12)
def test_many_at_once_are_the_same(stats: Stats, made: Made, times: tuple[int, int], limit: int, offset: int) -> None:
    chosen, page = read(made), Page(limit, offset)
    span = span_of(*times, "day", ZONES[1])
    assert stats.tops(TOPS, chosen, span, page) == {name: stats.tops([name], chosen, span, page)[name] for name in TOPS}
    together = stats.series(SERIES, chosen, span)
    assert list(together) == list(SERIES)
    for name, (frame, total) in together.items():
        alone = stats.series([name], chosen, span)[name]
        assert [*frame.values, total] == pytest.approx([*alone.frame.values, alone.total])


@pytest.mark.parametrize("name", ["", "plan", "seats", "a/b~c", "a~1b", "lost"])
@given(made=made_filters, times=spans)
@example(made={}, times=(FIRST, LAST))
@settings(many, max_examples=30 if LONG else 12)
def test_properties_are_counted(stats: Stats, name: str, made: Made, times: tuple[int, int]) -> None:
    rows = [json.loads(row["properties"]) for row in Oracle(JOURNAL, made).rows("custom", *times)]
    if name:
        values = [row[name] for row in rows if row.get(name) is not None]
        counts = Counter(map(property_text, values))
    else:
        counts = Counter(key for row in rows for key in row)
    frame = stats.properties(read(made), Span(*times, []), Page(100), name)
    assert dict(zip(frame.keys, frame.values, strict=True)) == counts


@given(make_filters([*PROPERTY_VALUES, "event", "path"]), st.sampled_from(["events", "sessions", "pageviews"]))
@settings(many, max_examples=60 if LONG else 20)
@example({"prop.plan": [Term(False, ("pro",))], "event": [Term(False, ("click",))]}, "events")
@example({"prop.plan": [Term(True, ("pro",))]}, "events")
@example({"prop.a~1b": [Term(False, ("1",))]}, "events")
@example({"prop.": [Term(False, ("", ""))]}, "sessions")
def test_properties_are_filters(stats: Stats, made: Made, name: str) -> None:
    """One event has to match all of them, and `event`."""
    span = span_of(FIRST, LAST + DAY, "day", UTC)
    assert stats.series([name], read(made), span)[name].total == Oracle(JOURNAL, made).total(name, span)


@pytest.mark.parametrize("name", [name for name in PROPERTY_VALUES if name != "prop."])
def test_values_that_are_listed_are_filters(stats: Stats, name: str) -> None:
    span = Span(FIRST, LAST + DAY, [])
    listed = stats.properties({}, span, Page(100), name.removeprefix("prop."))
    for key, count in zip(listed.keys, listed.values, strict=True):
        chosen = read({name: [Term(False, (str(key),))]})
        assert sum(stats.tops(["top-custom-events"], chosen, span, Page(100))["top-custom-events"].values) == count


@given(made_filters, spans, st.sampled_from(ZONES))
@many
def test_weeks_are_counted(stats: Stats, made: Made, times: tuple[int, int], zone: datetime.tzinfo) -> None:
    expected: Counter[str] = Counter()
    for row in Oracle(JOURNAL, made).rows("pageview", *times):
        there = datetime.datetime.fromtimestamp(row["at"] // SECOND, UTC).astimezone(zone)
        expected[f"{there.isoweekday()}-{there:%H}"] += 1
    frame = stats.weekday_hours(read(made), Span(*times, []), zone)
    assert frame.keys == WEEK
    assert {key: value for key, value in zip(frame.keys, frame.values, strict=True) if value} == expected


@given(made_filters, st.integers(FIRST, LAST))
@many
def test_live_visitors_are_counted(stats: Stats, made: Made, now: int) -> None:
    oracle = Oracle(JOURNAL, made)
    kinds = ("pageview", "custom", "download", "outbound")
    rows = itertools.chain.from_iterable(oracle.rows(kind, now - 5 * 60 * SECOND, now + 1) for kind in kinds)
    frame = stats.live_visitors(read(made), now)
    assert (frame.keys, frame.values) == ([now // SECOND], [len({row["visitor"] for row in rows})])


@pytest.mark.parametrize("kind", ["pageview", "custom", "download", "outbound"])
def test_a_visitor_is_live_for_five_minutes(stats: Stats, kind: str) -> None:
    def live(now: int) -> float:
        return stats.live_visitors(filters.read({"domain": DOMAINS[0]}), now).values[0]

    rows = sorted(JOURNAL.rows[kind], key=itemgetter("at"))
    alone = [row for row in rows if row["domain"] == DOMAINS[0] and not live(row["at"] - 1) and row["at"] < LAST]
    assert alone
    for row in alone[:20]:
        assert live(row["at"]) >= 1
        assert live(row["at"] + 300 * SECOND) >= 1
        later = [other["at"] for rows in JOURNAL.rows.values() for other in rows if other["domain"] == DOMAINS[0]]
        if not any(row["at"] < at <= row["at"] + 301 * SECOND for at in later):
            assert live(row["at"] + 300 * SECOND + 1) == 0


@given(made_filters, spans, spans, st.sampled_from(ZONES[1:]), st.integers(1, 20))
@settings(many, max_examples=20 if LONG else 10)
def test_a_page_has_the_same_figures(
    database: Database,
    stats: Stats,
    made: Made,
    times: tuple[int, int],
    other: tuple[int, int],
    zone: datetime.tzinfo,
    limit: int,
) -> None:
    assert isinstance(zone, ZoneInfo)
    span, compared = span_of(*times, "day", zone), span_of(*other, "day", zone)
    query = StatsQuery(span, zone, "day", Page(limit), "", read(made), compared)
    alone = {name: compute(stats, query, LAST) for name, compute in FRAMES.items()}
    page = build_dashboard(stats, query, LAST, IncrementalCache(database))
    single = {**page.series, **page.tops, "custom-properties": page.custom_properties}
    assert {**single, "weekday-hours": page.weekday_hours}.keys() == alone.keys() - {"live-visitors"}
    for name, frame in single.items():
        assert (frame.start, frame.end, frame.keys) == (alone[name].start, alone[name].end, alone[name].keys)
        assert frame.values == pytest.approx(alone[name].values)
    assert page.weekday_hours == alone["weekday-hours"]
    assert [page.live_visitors] == alone["live-visitors"].values
    oracle = Oracle(JOURNAL, made)
    assert page.totals == pytest.approx({name: oracle.total(name, span) for name in SERIES})
    assert page.compared_totals == pytest.approx({name: oracle.total(name, compared) for name in SERIES})
    assert page.compared_series is not None
    for name, frame in page.compared_series.items():
        assert frame.values == pytest.approx(oracle.series(name, compared))


def test_nothing_beyond_ones_domains_is_counted(reader: Reader) -> None:
    """Figures limited to a domain equal those of all domains filtered by it."""
    every, some = Stats(reader, None), Stats(reader, DOMAINS[:1])
    span = span_of(FIRST, LAST, "week", UTC)
    alone = filters.read({"domain": DOMAINS[0]})
    assert some.series(SERIES, {}, span) == every.series(SERIES, alone, span) != every.series(SERIES, {}, span)
    assert some.tops(TOPS, {}, span, Page()) == every.tops(TOPS, alone, span, Page())
    assert some.properties({}, span, Page()) == every.properties(alone, span, Page())
    assert some.weekday_hours({}, span, UTC) == every.weekday_hours(alone, span, UTC)
    assert some.live_visitors({}, FIRST + DAY) == every.live_visitors(alone, FIRST + DAY)
    other = filters.read({"domain": DOMAINS[1]})
    assert all(one.total == 0 for one in some.series(SERIES, other, span).values())


def test_questions_end_at_their_deadline(database: Database) -> None:
    slow = "SELECT count(*) FROM range($n) AS a, range($n) AS b WHERE a.range % 7 = b.range % 11"
    with Reader(database, 0.2) as reader:
        assert reader.ask("SELECT $n", {"n": 1}) == [(1,)]
        with pytest.raises(LateError, match=r"^the answer took over 0\.2 s: "):
            reader.ask(slow, {"n": 10**7})
        with pytest.raises(LateError):  # nor does it start another query
            reader.ask("SELECT $n", {"n": 1})
    with Reader(database, 60) as reader:
        assert reader.ask("SELECT $n", {"n": 1}) == [(1,)]


def test_csv_has_a_head_and_quotes() -> None:
    frame = Frame(0, 60, ["/a", '/b,"c"', "=1+1"], [3, 2, 1.5])
    assert frame.to_csv() == 'key,value\r\n/a,3\r\n"/b,""c""",2\r\n=1+1,1.5\r\n'


FORMULAS = (
    *("=1+1", "+1", "-a", "-1-1", "-", "@SUM(A1)", "\t=1", "\ta", "\ra", "\na"),
    *(" =1", "\x00=1", "\u00a0-1+1", "\ufeff=1"),
    *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20a"),
)
TEXTS = ("", "/a;=1+1", '"=1+1"', "a=1", "'=1", "-5", "-1.5e-7", "direct", "1=1", "a\n=1")


def test_csv_for_a_spreadsheet_has_no_formulas() -> None:
    frame = Frame(0, 60, [*FORMULAS, *TEXTS, -1, 1793577600], [-1, *range(len(FORMULAS) + len(TEXTS)), 1.5])
    lines = csv.reader(io.StringIO(frame.to_csv(spreadsheet=True).removeprefix("\ufeff"), newline=""))
    assert [key for key, _ in lines][1:] == [*(f"'{key}" for key in FORMULAS), *TEXTS, "-1", "1793577600"]
    whole = Frame(0, 60, ["=1", "/a;=1+1", "-5", -2], [-1, 2.5, 3, 4]).to_csv(spreadsheet=True)
    # Also of a spreadsheet that separates columns by `;`, no cell begins with a formula.
    assert whole == '\ufeff"key","value"\r\n"\'=1",-1\r\n"/a;=1+1",2.5\r\n"-5",3\r\n-2,4\r\n'
