"""Periods: the named ones, the ones before and after, their descriptions, and links that keep them."""

from datetime import UTC, datetime

import pytest

from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.dashboard import periods
from prisme.dashboard.intervals import build_intervals
from prisme.dashboard.page_query import read_page_query
from prisme.dashboard.period_menu import build_period_values, describe_period
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.url_state import UrlState, read_parameters
from prisme.stats.parameters import StatsQuery

NOW = int(datetime(2026, 11, 24, 15, 30, tzinfo=UTC).timestamp()) * SECOND


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def read(state: UrlState, now: int = NOW) -> StatsQuery:
    page = read_page_query(state, now, 10)
    assert page.faults == {}
    return page.query


@pytest.mark.parametrize("name", PERIODS)
def test_each_period_is_a_question(name: str) -> None:
    found = read(UrlState({"period": name}, NOW - 400 * 86_400 * SECOND, ""))
    assert found.span.start < found.span.end <= NOW + 86_400 * SECOND
    assert (found.compared is None) == (name == "all")


def test_each_period_has_a_key_of_its_own() -> None:
    keys = [period.key for period in PERIODS.values()]
    assert len(set(keys)) == len(keys)
    assert not {"x", "?", "/"} & set(keys)


@pytest.mark.parametrize(
    ("now", "name", "span", "compared"),
    [
        ("2026-11-24T15:30", "today", "2026-11-24T00:00 2026-11-24T15:30", "2026-11-23T00:00 2026-11-23T15:30"),
        ("2026-11-24T15:30", "yesterday", "2026-11-23T00:00 2026-11-24T00:00", "2026-11-22T00:00 2026-11-23T00:00"),
        ("2026-11-24T15:30", "7d", "2026-11-18T00:00 2026-11-24T15:30", "2026-11-11T00:00 2026-11-17T15:30"),
        ("2026-11-24T15:30", "month", "2026-11-01T00:00 2026-11-24T15:30", "2026-10-01T00:00 2026-10-24T15:30"),
        ("2026-03-30T15:30", "month", "2026-03-01T00:00 2026-03-30T15:30", "2026-02-01T00:00 2026-03-01T00:00"),
        ("2028-03-29T15:30", "month", "2028-03-01T00:00 2028-03-29T15:30", "2028-02-01T00:00 2028-02-29T15:30"),
        ("2026-01-15T15:30", "month", "2026-01-01T00:00 2026-01-15T15:30", "2025-12-01T00:00 2025-12-15T15:30"),
        ("2026-03-31T15:30", "last-month", "2026-02-01T00:00 2026-03-01T00:00", "2026-01-01T00:00 2026-02-01T00:00"),
        ("2026-11-24T15:30", "last-month", "2026-10-01T00:00 2026-11-01T00:00", "2026-09-01T00:00 2026-10-01T00:00"),
        ("2026-11-24T15:30", "year", "2026-01-01T00:00 2026-11-24T15:30", "2025-01-01T00:00 2025-11-24T15:30"),
        ("2026-01-15T15:30", "year", "2026-01-01T00:00 2026-01-15T15:30", "2025-01-01T00:00 2025-01-15T15:30"),
        ("2028-02-29T15:30", "year", "2028-01-01T00:00 2028-02-29T15:30", "2027-01-01T00:00 2027-03-01T00:00"),
        ("2028-05-01T15:30", "last-year", "2027-01-01T00:00 2028-01-01T00:00", "2026-01-01T00:00 2027-01-01T00:00"),
        ("2026-03-31T15:30", "12m", "2025-04-01T00:00 2026-03-31T15:30", "2024-04-01T00:00 2025-03-31T15:30"),
    ],
)
def test_calendar_periods_are_compared_to_date(now: str, name: str, span: str, compared: str) -> None:
    found = read(UrlState({"period": name}, None, ""), at(now))
    assert [found.span.start, found.span.end] == [at(text) for text in span.split()]
    assert found.compared
    assert [found.compared.start, found.compared.end] == [at(text) for text in compared.split()]


@pytest.mark.parametrize(
    ("given", "compared"),
    [
        # Whole months, as they are: 31 days with 30.
        ({"from": "2026-10-01", "to": "2026-10-31"}, "2026-09-01T00:00 2026-10-01T00:00"),
        ({"from": "2025-01-01", "to": "2025-12-31"}, "2024-01-01T00:00 2025-01-01T00:00"),
        # Not over yet: what has passed.
        ({"from": "2026-11-01", "to": "2026-11-30"}, "2026-10-01T00:00 2026-10-24T15:30"),
        ({"from": "2026-11-24", "to": "2026-11-24"}, "2026-11-23T00:00 2026-11-23T15:30"),
        ({"from": "2026-11-20", "to": "2026-11-24"}, "2026-11-15T00:00 2026-11-19T15:30"),
        # Days, by as many days.
        ({"from": "2026-11-01", "to": "2026-11-15"}, "2026-10-17T00:00 2026-11-01T00:00"),
        ({"from": "now-30m", "to": "now"}, "2026-11-24T14:30 2026-11-24T15:00"),
        ({"from": "2027-01-01", "to": "2027-01-31"}, "2026-12-01T00:00 2027-01-01T00:00"),
        # Last year: months with the same months, days with the same weekdays.
        ({"period": "month", "compare": "year"}, "2025-11-01T00:00 2025-11-24T15:30"),
        ({"period": "last-month", "compare": "year"}, "2025-10-01T00:00 2025-11-01T00:00"),
        ({"from": "2026-10-01", "to": "2026-10-31", "compare": "year"}, "2025-10-01T00:00 2025-11-01T00:00"),
        ({"period": "7d", "compare": "year"}, "2025-11-19T00:00 2025-11-25T15:30"),
        ({"period": "24h", "compare": "year"}, "2025-11-24T15:30 2025-11-25T15:30"),
        ({"period": "month", "compare": "-3M"}, "2026-08-01T00:00 2026-08-24T15:30"),
        ({"period": "month", "compare-from": "2025", "compare-to": "2025-02"}, "2025-01-01T00:00 2025-03-01T00:00"),
    ],
    ids=str,
)  # fmt: skip
def test_other_comparisons(given: dict[str, str], compared: str) -> None:
    found = read(UrlState(given, None, "")).compared
    assert found
    assert [found.start, found.end] == [at(text) for text in compared.split()]


@pytest.mark.parametrize(
    ("given", "earlier", "later"),
    [
        ({"period": "today"}, ("2026-11-23", "2026-11-23"), None),
        ({"period": "yesterday"}, ("2026-11-22", "2026-11-22"), "today"),
        ({"period": "7d"}, ("2026-11-11", "2026-11-17"), None),
        ({"from": "2026-11-11", "to": "2026-11-17"}, ("2026-11-04", "2026-11-10"), "7d"),
        ({"period": "28d"}, ("2026-09-30", "2026-10-27"), None),
        ({"period": "month"}, ("2026-10-01", "2026-10-31"), None),
        ({"period": "last-month"}, ("2026-09-01", "2026-09-30"), "month"),
        ({"period": "year"}, ("2025-01-01", "2025-12-31"), None),
        ({"period": "last-year"}, ("2024-01-01", "2024-12-31"), "year"),
        ({"from": "2025-01-01", "to": "2025-12-31"}, ("2024-01-01", "2024-12-31"), "year"),
        ({"period": "12m"}, ("2024-12-01", "2025-11-30"), None),
        ({"from": "2026-02-01", "to": "2026-02-28"}, ("2026-01-01", "2026-01-31"), ("2026-03-01", "2026-03-31")),
        ({"from": "2026-03-28", "to": "2026-03-30"}, ("2026-03-25", "2026-03-27"), ("2026-03-31", "2026-04-02")),
        ({"from": "2026-10-01", "to": "2026-10-15"}, ("2026-09-16", "2026-09-30"), ("2026-10-16", "2026-10-30")),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_previous_and_next(
    given: dict[str, str], earlier: tuple[str, str], later: tuple[str, str] | str | None, zone: str
) -> None:
    state = UrlState({**given, "tz": zone}, None, "")
    found = read(state)
    before, after = (periods.shift(found, NOW, direction, state.period) for direction in (-1, 1))
    assert before is not None
    assert (before["from"], before["to"]) == earlier
    # The present one has a name, and grows with the time.
    assert (after and (after["period"] or (after["from"], after["to"]))) == later


def test_january_of_this_year_is_no_month() -> None:
    january = at("2026-01-15T12:00")
    found = read(UrlState({"period": "year"}, None, ""), january)
    assert periods.shift(found, january, -1, "year") == {"period": None, "from": "2025-01-01", "to": "2025-12-31"}
    assert periods.shift(found, january, -1, "month") == {"period": None, "from": "2025-12-01", "to": "2025-12-31"}


def test_february_is_a_month_even_if_it_is_the_last_28_days() -> None:
    february = at("2026-02-28T12:00")
    found = read(UrlState({"from": "2026-01-01", "to": "2026-01-31"}, None, ""), february)
    assert periods.shift(found, february, 1) == {"period": "month", "from": None, "to": None}
    found = read(UrlState({"from": "2026-01-04", "to": "2026-01-31"}, None, ""), february)
    assert periods.shift(found, february, 1) == {"period": "28d", "from": None, "to": None}


def test_half_an_hour_before() -> None:
    found = read(UrlState({"period": "30m"}, None, ""))
    assert periods.shift(found, NOW, -1) == {
        "period": None,
        "from": str(NOW // SECOND - 3600),
        "to": str(NOW // SECOND - 1800),
    }


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("start", "end"), [("1970-01-02", "2069"), ("1970-01-02", "2070-01-01"), ("9899", "9998"), ("9998", "9998")]
)
def test_no_period_is_outside_of_the_calendar(start: str, end: str, zone: str) -> None:
    found = read(UrlState({"from": start, "to": end, "interval": "year", "tz": zone}, None, ""))
    assert periods.shift(found, NOW, -1) is None
    assert periods.shift(found, NOW, 1) is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"period": "today"}, "24 Nov 2026"),
        ({"period": "7d"}, "18 to 24 Nov 2026"),
        ({"from": "2026-10-30", "to": "2026-11-02"}, "30 Oct to 2 Nov 2026"),
        ({"from": "2025-12-30", "to": "2026-01-02"}, "30 Dec 2025 to 2 Jan 2026"),
        ({"period": "30m"}, "24 Nov 2026, 15:00 to 15:29"),
        ({"period": "24h"}, "23 Nov 2026, 15:30 to 24 Nov 2026, 15:29"),
    ],
    ids=str,
)
def test_spans_in_words(given: dict[str, str], text: str) -> None:
    assert describe_period(read(UrlState(given, None, ""))) == text


@pytest.mark.parametrize(
    ("given", "titles", "chosen"),
    [
        ({"period": "30m"}, ["Minute"], "Minute"),
        ({"period": "today"}, ["Hour"], "Hour"),
        ({"period": "24h"}, ["Hour"], "Hour"),
        ({"period": "7d"}, ["Hour", "Day"], "Day"),
        ({"period": "28d"}, ["Hour", "Day", "Week"], "Day"),
        ({"period": "28d", "interval": "hour"}, ["Hour", "Day", "Week"], "Hour"),
        ({"period": "last-month"}, ["Hour", "Day", "Week"], "Day"),
        ({"period": "90d"}, ["Day", "Week", "Month"], "Day"),
        ({"period": "12m"}, ["Day", "Week", "Month"], "Week"),
        # A month and a day with an hour more.
        ({"period": "last-month", "tz": "Europe/Berlin"}, ["Hour", "Day", "Week"], "Day"),
        ({"from": "2026-10-25", "to": "2026-10-25", "tz": "Europe/Berlin"}, ["Hour"], "Hour"),
        ({"from": "2020", "to": "2026"}, ["Week", "Month", "Year"], "Month"),
    ],
    ids=str,
)
def test_intervals_are_those_that_can_be_read(given: dict[str, str], titles: list[str], chosen: str) -> None:
    state = UrlState(given, None, "")
    links = build_intervals(state, read(state))
    assert [one.title for one in links] == (titles if len(titles) > 1 else [])
    assert [one.title for one in links if one.chosen] == ([chosen] if len(titles) > 1 else [])
    assert all(f"interval={one.title.lower()}" in one.link for one in links)


def test_an_interval_is_kept_where_it_fits() -> None:
    state = UrlState({"period": "7d", "interval": "hour", "path": "/a"}, None, "")
    values = build_period_values(state, read(state), NOW)
    links = {one.name: one.link for one in values["periods"]}
    assert links["28d"] == "/dashboard?period=28d&interval=hour&path=/a"
    assert links["year"] == "/dashboard?period=year&path=/a"
    assert links["30m"] == "/dashboard?period=30m&path=/a"
    assert "interval=hour" in values["previous_link"]


def test_links_hold_the_whole_state() -> None:
    here = UrlState({"period": "7d", "path": "/a b,/c"}, None, "")
    assert here.link() == "/dashboard?period=7d&path=/a%20b,/c"
    assert here.link({"path": None, "country": "DE"}) == "/dashboard?period=7d&country=DE"
    assert UrlState({}, None, "").link() == "/dashboard"
    assert here.hidden_fields("path") == [("period", "7d")]


def test_a_wrong_period_is_named() -> None:
    with pytest.raises(InputError, match="period: 'never' is not one of"):
        UrlState({"period": "never"}, None, "").stats_parameters()


def test_unknown_parameters_are_not_carried_on() -> None:
    assert read_parameters({"perjod": "7d", "utm_source": "mail", "fbclid": "1", "metric": "events"}) == {
        "metric": "events"
    }
