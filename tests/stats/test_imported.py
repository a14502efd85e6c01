"""Figures that imports brought, added to those of visits, against sums in plain Python."""

import datetime
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND, Interval, floor
from prisme.stats import filters
from prisme.stats.breakdown import ListQuery, count_rows, query_list
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import RATED, SERIES, TOPS
from prisme.stats.dashboard import Dashboard
from prisme.stats.figures import compute, read_figure_query
from prisme.stats.frames import Frame
from prisme.stats.imported import add_to_series, list_imports
from prisme.stats.list_metrics import LIST_METRICS, list_metrics
from prisme.stats.queries import Stats
from prisme.stats.selection import Imported, Page
from prisme.stats.totals import Totals
from prisme.store.database import Database
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.conftest import fill_database
from tests.stats.imported_figures import (
    DIMENSIONS,
    IMPORTS,
    Row,
    add_rows,
    at_midnight,
    average,
    by_bucket,
    choose,
    insert,
    make_rows,
    total,
)
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, LAST, LINES, UTC, ZONES, make_lines
from tests.stats.oracle import Journal, Made, Oracle
from tests.stats.strategies import make_filters, many, read, span_of, spans, terms
from tests.stats.test_breakdown import EVERYTHING, NEEDS, expect_rows
from tests.stats.test_incremental import Instance, select, when
from tests.stats.test_row_cache import count as count_cached_rows

ROWS = make_rows(random.Random(11))
# The journal with every third visit as that of an import.
PAST = Journal(LINES)
for number, uuid in enumerate(PAST.sessions):
    if number % 3 == 0:
        PAST.sessions[uuid]["imported"] = "goatcounter-1"
# What narrows figures of imports, and what leaves them out.
narrowing = st.fixed_dictionaries(
    {}, optional={"domain": terms(DOMAINS), "imported": terms(["no", "goatcounter-1", *IMPORTS])}
)
made_filters = narrowing | make_filters(["path", "country", "event", "imported"], 2)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = fill_database(tmp_path_factory.mktemp("imported"), LINES)
    brought = [uuid for uuid, state in PAST.sessions.items() if "imported" in state]
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE sessions SET imported = 'goatcounter-1' WHERE session_uuid IN (SELECT CAST(unnest(?) AS UUID))",
            [brought],
        )
    insert(database, ROWS)
    yield database
    database.close()


@given(made_filters, spans, st.sampled_from(ZONES), st.sampled_from(["hour", "day", "week", "month"]))
@settings(many, max_examples=300 if LONG else 12)
def test_series_have_the_sums_of_whole_days(
    stats: Stats, made: Made, bounds: tuple[int, int], zone: datetime.tzinfo, interval: Interval
) -> None:
    span, oracle = span_of(*bounds, interval, zone), Oracle(PAST, made)
    rows = choose(ROWS, made, span)
    chosen = read(made)
    found = add_to_series(stats, stats.series(SERIES, chosen, span), chosen, span)
    days, whole = by_bucket(rows, span), [row for row in rows if row.dimension == ""]
    counts = oracle.series("sessions", span)
    for name in SERIES:
        own, everything = oracle.series(name, span), oracle.total(name, span)
        if name == "sessions-duration":
            expected = [average(*some) for some in zip(own, counts, days, strict=True)]
            expected.append(average(everything, oracle.total("sessions", span), whole))
        else:
            expected = [value + total(some, name) for value, some in zip(own, days, strict=True)]
            expected.append(everything + total(whole, name))
        assert [*found[name].frame.values, found[name].total] == pytest.approx(expected), name
    rated = [[row for row in some if row.bounces is not None] for some in (*days, whole)]
    sessions = [*counts, oracle.total("sessions", span)]
    if total(rated[-1], "sessions") != total(whole, "sessions"):
        known = [own + total(some, "sessions") for own, some in zip(sessions, rated, strict=True)]
        assert [*found[RATED].frame.values, found[RATED].total] == known


@given(made_filters, spans, st.sampled_from(ZONES))
@settings(many, max_examples=100 if LONG else 10)
def test_lists_have_the_sums_of_whole_days(
    stats: Stats, made: Made, bounds: tuple[int, int], zone: datetime.tzinfo
) -> None:
    span, oracle = span_of(*bounds, "day", zone), Oracle(PAST, made)
    lists = [ListQuery(name, "actions", NEEDS, EVERYTHING) for name in TOPS]
    found = count_rows(stats, lists, read(made), span)
    for name in TOPS:
        expected = add_rows(name, expect_rows(oracle, name, *bounds), choose(ROWS, made, span))
        assert {row.key: row for row in found[name]} == expected, name


@pytest.mark.parametrize("name", TOPS)
def test_the_api_has_the_same_lists_by_each_metric_and_page(database: Database, stats: Stats, name: str) -> None:
    given = {"from": str(FIRST // SECOND), "to": str(LAST // SECOND), "tz": "Europe/Berlin"}
    span = read_figure_query(name, given, LAST).span
    rows = add_rows(name, expect_rows(Oracle(PAST, {}), name, FIRST, LAST), choose(ROWS, {}, span))
    for metric in list_metrics(name):
        chosen = LIST_METRICS[metric]
        ranked = sorted(rows.values(), key=lambda row: (-getattr(row, chosen.rank), row.key))
        values = [(row.key, chosen.compute(row)) for row in ranked if getattr(row, chosen.rank)]
        for limit, offset in ((10_000, 0), (3, 2)):
            more = {"limit": str(limit), "offset": str(offset), "metric": metric}
            frame = compute(name, stats, read_figure_query(name, given | more, LAST), LAST, IncrementalCache(database))
            assert isinstance(frame, Frame)
            expected = values[offset : offset + limit]
            assert frame.keys == [key for key, _ in expected]
            assert frame.values == pytest.approx([value for _, value in expected])


@given(
    st.integers(0, 1 << 32),
    narrowing,
    st.sampled_from(ZONES),
    st.sampled_from([None, DOMAINS[:1]]),
    st.sampled_from([1, 1_000_000]),
)
@settings(max_examples=30 if LONG else 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_cached_equals_what_is_counted_anew(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    made: Made,
    zone: datetime.tzinfo,
    domains: list[str] | None,
    worth_moving: int,
) -> None:
    noise, cached = random.Random(seed), 0
    lines = sorted(make_lines(seed, 60), key=when)
    rows = make_rows(noise)
    cuts = sorted(noise.sample(range(1, len(lines)), 4))
    # Of the past, of today and of days to come, as an export of another zone may have them.
    imports = [rows[number::5] for number in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        for module in ("incremental", "row_cache"):
            patch.setattr(f"prisme.stats.cache.{module}._WORTH_MOVING", worth_moving)
        instance = Instance(tmp_path_factory.mktemp("kept"), patch)
        start = floor(FIRST + noise.randrange(10) * DAY, "d", zone)
        for number, some in enumerate(imports):
            segment = lines[([0, *cuts])[number] : ([*cuts, len(lines)])[number]]
            instance.load(segment)
            if noise.random() < 0.7:
                insert(instance.database, some)
            latest = max(map(when, segment))
            for end in (latest + 1, latest + noise.randrange(1, 3 * HOUR), latest + noise.randrange(DAY, 3 * DAY)):
                page = Page(noise.randrange(1, 12), noise.randrange(4))
                selection = select(start, max(end, start + 1), "day", made, zone)
                cached += instance.count(selection, page, domains)[1]
                lists = [query_list(name, "visitors", page) for name in ("top-pages", "top-countries")]
                cached += count_cached_rows(instance, lists, selection, domains)[1]
        instance.close()
    assert cached


def test_a_day_is_added_once_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(tmp_path, monkeypatch)
    instance.load([line for line in LINES if when(line) < FIRST + 5 * DAY])
    today = datetime.date(2026, 10, 6)
    days = [today - datetime.timedelta(days=1), today]
    insert(instance.database, [Row("ga4-1", DOMAINS[0], day, "path", "/old", 1, 1, 9, 0, 0, 0) for day in days])
    instance._time += 1000
    midnight = at_midnight(today, UTC) + DAY
    for end, pageviews in ((midnight - HOUR // 2, 9), (midnight - HOUR // 4, 9), (midnight + HOUR // 4, 18)):
        selection = select(FIRST, end)
        found, _ = instance.count(selection, Page(1000))
        pages = found.frames["top-pages"]
        assert dict(zip(pages.keys, pages.values, strict=True))["/old"] == pageviews
        rows, _ = count_cached_rows(instance, [query_list("top-pages", "pageviews", Page(1000))], selection)
        assert {row.key: row.actions for row in rows["top-pages"]}["/old"] == pageviews
    assert instance.cache.hits == 2
    assert instance.cache.rows.hits == 2
    instance.close()


@pytest.mark.parametrize("zone", ["America/New_York", *(["Etc/GMT+12", "UTC", "Pacific/Kiritimati"] if LONG else [])])
def test_an_import_changes_what_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    instance, here = Instance(tmp_path, monkeypatch), ZoneInfo(zone)
    today = datetime.date(2026, 10, 6)
    start, end = at_midnight(today, here), at_midnight(today + datetime.timedelta(days=2), here)
    instance.load([line for line in LINES if when(line) < end])
    instance._time += 1000

    def count(start: int, end: int) -> float:
        selection = select(start, end, "day", None, here)
        rows, _ = count_cached_rows(instance, [query_list("top-pages", "pageviews", Page(1000))], selection)
        return instance.count(selection, Page(1000))[0].series["pageviews"].total + len(rows["top-pages"])

    # The first one ends within a day, whose end comes after the cut.
    spans = [(start - 3 * DAY, start + 20 * HOUR), (start, end), (start, start + DAY)]
    before = [count(*span) for span in spans]
    insert(instance.database, [Row("ga4-1", DOMAINS[0], today, "path", "/old", 1, 1, 9, 0, 0, 0)])
    assert [count(*span) for span in spans[1:]] == [value + 1 for value in before[1:]]
    count(start - 3 * DAY, start + DAY + 1)  # which compares with what is counted anew
    instance.close()


def ask(database: Database, stats: Stats, name: str, **given: str) -> Any:
    given = {"from": "2026-10-05", "to": "2026-10-08", "interval": "day"} | given
    query = read_figure_query(name, {one.replace("_", "-"): text for one, text in given.items()}, LAST)
    return compute(name, stats, query, LAST, IncrementalCache(database))


def days_of(name: str = "", *more: str) -> set[datetime.date]:
    return {
        row.day
        for row in ROWS
        if datetime.date(2026, 10, 5) <= row.day <= datetime.date(2026, 10, 8)
        and (not name or row.dimension == name)
        and all(getattr(row, one) is not None for one in more)
    }


def test_responses_say_what_imports_brought(database: Database, stats: Stats) -> None:
    names = sorted(IMPORTS)
    every = days_of()
    for name in ("dashboard", "totals"):
        page = ask(database, stats, name)
        assert isinstance(page, Dashboard | Totals)
        assert page.imported == Imported(len(every), min(every), max(every), names)
        assert isinstance(page.compared_imported, Imported)
        assert page.compared_imported.last_day < datetime.date(2026, 10, 5)
    of_day = days_of("", "visitors") & {row.day for row in ROWS if row.dimension == "" and row.visitors is not None}
    assert ask(database, stats, "visitors").imported.days == len(of_day)
    assert ask(database, stats, "top-pages").imported.days == len(days_of("path", "pageviews"))
    assert ask(database, stats, "top-pages", metric="bounce-rate").imported.days == len(
        days_of("entry-path", "bounces")
    )
    assert ask(database, stats, "top-countries", metric="duration").imported.days == len(days_of("country", "seconds"))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("visitors", {"path": "/a"}),
        ("visitors", {"imported": "no"}),
        ("visitors", {"imported": "goatcounter-*"}),
        ("visitors", {"domain": "elsewhere.example"}),
        ("visitors", {"interval": "hour"}),
        ("visitors", {"to": "2026-10-05T12:00:00Z"}),
        ("top-pages", {"country": "FR"}),
        ("top-statuses", {}),
        ("weekday-hours", {}),
        ("custom-properties", {}),
    ],
)
def test_responses_without_them_say_nothing(database: Database, stats: Stats, name: str, given: dict[str, str]) -> None:
    assert not ask(database, stats, name, **given).imported


def test_one_import_can_be_chosen_or_left_out(database: Database, stats: Stats) -> None:
    own = ask(database, stats, "pageviews", imported="no,goatcounter-1")
    both = ask(database, stats, "pageviews", imported=",".join(IMPORTS))
    assert ask(database, stats, "pageviews", imported="!no").values == [
        a + b
        for a, b in zip(ask(database, stats, "pageviews", imported="goatcounter-1").values, both.values, strict=True)
    ]
    assert ask(database, stats, "pageviews").values == [a + b for a, b in zip(own.values, both.values, strict=True)]
    one = ask(database, stats, "pageviews", imported="plausible-*")
    assert one.imported.names == ["plausible-1"]


def test_figures_of_other_sites_stay_hidden(database: Database, reader: Reader) -> None:
    few = Stats(reader, ["shop.example.com:*"])
    found = ask(database, few, "totals")
    own = [row for row in ROWS if row.domain == DOMAINS[1] and row.dimension == "" and row.day in days_of()]
    visits = ask(database, few, "totals", imported="no,goatcounter-1")
    assert found.totals["pageviews"] == visits.totals["pageviews"] + total(own, "pageviews")
    assert not ask(database, Stats(reader, ["example.org"]), "totals").imported


def test_imports_are_listed_with_their_sessions(stats: Stats) -> None:
    span = span_of(FIRST, LAST, "day", UTC)
    found = list_imports(stats, {}, span, Page(10))
    counts = dict(zip(found.keys, found.values, strict=True))
    rows = [row for row in choose(ROWS, {}, span) if row.dimension == ""]
    sessions = Oracle(PAST, {}).sessions(FIRST, LAST)
    assert counts == {
        **{one: total([row for row in rows if row.imported == one], "sessions") for one in IMPORTS},
        "goatcounter-1": sum("imported" in state for state in sessions),
        "no": sum("imported" not in state for state in sessions),
    }
    chosen = filters.read({"imported": "goatcounter-*"})
    assert list_imports(stats, chosen, span, Page(10)).keys == ["goatcounter-1"]


def test_domains_are_as_old_as_their_first_figure(database: Database, stats: Stats) -> None:
    first = {domain: min(row.day for row in ROWS if row.domain == domain) for domain in DOMAINS}
    assert dict(stats.domains()) == {domain: at_midnight(day, UTC) for domain, day in first.items()}


def test_nothing_is_read_twice_where_no_import_brought_figures(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = fill_database(tmp_path_factory.mktemp("none"), LINES[:50])
    asked: list[str] = []
    with Reader(database, 3600.0) as reader:
        ask_really = reader.ask

        def note(query: str, parameters: Mapping[str, Any]) -> list[Any]:
            asked.append(query)
            return ask_really(query, parameters)

        monkeypatch.setattr(reader, "ask", note)
        for name in ("dashboard", "visitors", "top-pages"):
            ask(database, Stats(reader, None), name)
    assert sum("imported_figures" in query for query in asked) == 1
    insert(database, [Row("ga4-1", DOMAINS[0], datetime.date(2026, 10, 6), "", "", 1, 2, 3, 4, 1, 60)])
    with Reader(database, 3600.0) as reader:
        assert ask(database, Stats(reader, None), "visitors").imported.days == 1
    database.close()


def test_every_dimension_of_a_list_is_tried() -> None:
    assert {"top-statuses"} == set(TOPS) - {name for name, _ in DIMENSIONS.values()}
