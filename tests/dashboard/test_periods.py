"""Periods: the named ones, the ones before and after, their descriptions, and links that keep them."""

from datetime import UTC, datetime

import pytest

from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.dashboard import periods
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.url_state import UrlState, read_parameters
from prisme.stats.parameters import COMPARE, StatsQuery, read_query

NOW = int(datetime(2026, 11, 24, 15, 30, tzinfo=UTC).timestamp()) * SECOND


def read(state: UrlState) -> StatsQuery:
    return read_query(state.stats_parameters(), NOW, COMPARE)


@pytest.mark.parametrize("name", PERIODS)
def test_each_period_is_a_question(name: str) -> None:
    found = read(UrlState({"period": name}, NOW - 400 * 86_400 * SECOND, ""))
    assert found.span.start < found.span.end <= NOW + 86_400 * SECOND
    assert (found.compared is None) == (name == "all")


@pytest.mark.parametrize(
    ("given", "earlier", "later"),
    [
        ({"period": "today"}, ("2026-11-23", "2026-11-23"), None),
        ({"period": "yesterday"}, ("2026-11-22", "2026-11-22"), ("2026-11-24", "2026-11-24")),
        ({"period": "7d"}, ("2026-11-11", "2026-11-17"), None),
        ({"period": "28d"}, ("2026-09-30", "2026-10-27"), None),
        ({"period": "month"}, ("2026-10-01", "2026-10-31"), None),
        ({"period": "year"}, ("2025-01-01", "2025-12-31"), None),
        ({"from": "2026-02-01", "to": "2026-02-28"}, ("2026-01-01", "2026-01-31"), ("2026-03-01", "2026-03-31")),
        ({"from": "2026-03-28", "to": "2026-03-30"}, ("2026-03-25", "2026-03-27"), ("2026-03-31", "2026-04-02")),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_previous_and_next(
    given: dict[str, str], earlier: tuple[str, str], later: tuple[str, str] | None, zone: str
) -> None:
    found = read(UrlState({**given, "tz": zone}, None, ""))
    before, after = periods.shift(found, NOW, -1), periods.shift(found, NOW, 1)
    assert before is not None
    assert (before["from"], before["to"]) == earlier
    assert (after and (after["from"], after["to"])) == later


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


def test_links_hold_the_whole_state() -> None:
    here = UrlState({"period": "7d", "path": "/a b,/c"}, None, "")
    assert here.link() == "/dashboard?period=7d&path=/a%20b,/c"
    assert here.link({"path": None, "country": "DE"}) == "/dashboard?period=7d&country=DE"
    assert UrlState({}, None, "").link() == "/dashboard"
    assert here.hidden_fields("path") == [("period", "7d")]


def test_a_wrong_period_is_named() -> None:
    with pytest.raises(InputError, match="period: 'never' is not one of"):
        UrlState({"period": "never"}, None, "").stats_parameters()
    with pytest.raises(InputError, match="perjod: unknown parameter"):
        read_parameters({"perjod": "7d"})
