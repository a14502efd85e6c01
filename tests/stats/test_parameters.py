"""Query parameters: their defaults, and the message for each mistake."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.stats.filters import NAMES, Filter
from prisme.stats.parameters import COMPARE, MOST_BUCKETS, PROPERTY, read_query
from prisme.stats.selection import Page
from prisme.stats.zones import open_zone

NOW = int(datetime.datetime(2026, 11, 24, 8, 30, tzinfo=datetime.UTC).timestamp()) * SECOND


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp()) * SECOND


def test_nothing_asked_is_the_last_week() -> None:
    query = read_query({}, NOW)
    assert (query.span.start, query.span.end) == (at("2026-11-17T00:00+00:00"), NOW)
    assert (query.interval, query.zone, query.page, query.property, query.filters) == (
        "day",
        open_zone("UTC"),
        Page(10, 0),
        "",
        {},
    )
    assert len(query.span.edges) == 9
    assert read_query(dict.fromkeys(("from", "to", "tz", "interval", "limit", "path"), ""), NOW) == query


def test_all_is_read() -> None:
    query = read_query(
        {
            "from": "2026-10-01",
            "to": "2026-10-31",
            "tz": "Europe/Berlin",
            "interval": "hour",
            "limit": "100",
            "offset": "20",
            "property": "plan",
            "path": "/a,!/b",
            "utm-source": "letter",
        },
        NOW,
        PROPERTY,
    )
    assert (query.span.start, query.span.end) == (at("2026-10-01T00:00+02:00"), at("2026-11-01T00:00+01:00"))
    assert len(query.span.edges) - 1 == 31 * 24 + 1
    assert (query.page, query.property) == (Page(100, 20), "plan")
    assert query.filters == {
        "path": Filter((("/a",),), (("/b",),)),
        "utm-source": Filter((("letter",),), ()),
    }


@pytest.mark.parametrize(
    ("parameters", "start", "end"),
    [
        ({}, "2026-11-09T00:00+00:00", "2026-11-16T08:30+00:00"),
        ({"from": "now-30m"}, "2026-11-24T07:30+00:00", "2026-11-24T08:00+00:00"),
        ({"from": "now/d"}, "2026-11-23T00:00+00:00", "2026-11-23T08:30+00:00"),
        ({"from": "now-24h"}, "2026-11-22T08:30+00:00", "2026-11-23T08:30+00:00"),
        ({"from": "2026-10", "to": "2026-10"}, "2026-09-01T00:00+00:00", "2026-10-01T00:00+00:00"),
        ({"from": "2026", "to": "2026"}, "2025-01-01T00:00+00:00", "2026-01-01T00:00+00:00"),
        (
            {"from": "2026-10-25", "to": "2026-10-26", "tz": "Europe/Berlin"},
            "2026-10-23T00:00+02:00",
            "2026-10-25T00:00+02:00",
        ),
        ({"from": "now/d", "compare": "year"}, "2025-11-25T00:00+00:00", "2025-11-25T08:30+00:00"),
        ({"from": "now/d", "compare": "-52w"}, "2025-11-25T00:00+00:00", "2025-11-25T08:30+00:00"),
        ({"from": "now/M", "compare": "-1M"}, "2026-10-01T00:00+00:00", "2026-10-24T08:30+00:00"),
        ({"from": "2026-11", "to": "2026-11", "compare": "-1M"}, "2026-10-01T00:00+00:00", "2026-10-24T08:30+00:00"),
        ({"from": "2027", "to": "2027", "compare": "-1y"}, "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ({"from": "now-1h", "compare": "-6h"}, "2026-11-24T01:30+00:00", "2026-11-24T02:30+00:00"),
        (
            {"compare-from": "2026-01-01", "compare-to": "2026-01-07"},
            "2026-01-01T00:00+00:00",
            "2026-01-08T00:00+00:00",
        ),
    ],
)
def test_another_span_is_compared(parameters: dict[str, str], start: str, end: str) -> None:
    compared = read_query(parameters, NOW, COMPARE).compared
    assert compared is not None
    assert (compared.start, compared.end) == (at(start), at(end))
    assert compared.edges[0] <= compared.start < compared.end <= compared.edges[-1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"compare": "none"},
        {"from": "0"},
        {"from": "0", "compare": "year", "to": "1"},
        {"compare": "-999999y"},
        # None of these days is in February.
        {"from": "2026-03-30", "to": "2026-03-31", "compare": "-1M"},
    ],
)
def test_nothing_is_compared(parameters: dict[str, str]) -> None:
    assert read_query(parameters, NOW, COMPARE).compared is None


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"compare": "last"}, "compare: 'last' is none of previous, year, none and no step, such as compare=-1M"),
        ({"compare": "-0M"}, "compare: '-0M' is none of previous, year, none and no step"),
        ({"compare": "+1M"}, "compare: '+1M' is none of previous"),
        ({"compare": "-1M-1d"}, "compare: '-1M-1d' is none of previous"),
        ({"compare": "-1000000d"}, "compare: '-1000000d' is none of previous"),
        ({"compare-from": "2026-01-01"}, "compare-from: comes with compare-to and without compare"),
        (
            {"compare": "year", "compare-from": "2026-01-01", "compare-to": "2026-01-07"},
            "compare-from: comes with compare-to and without compare",
        ),
        (
            {"compare-from": "2026-01-07", "compare-to": "2026-01-01"},
            "compare-from: has to be before `compare-to`, such as compare-from=now-7d&compare-to=now",
        ),
        ({"compare-from": "x", "compare-to": "now"}, "compare-from: 'x' is no time, such as "),
        (
            {"from": "now-1d", "interval": "minute", "compare-from": "2025", "compare-to": "2025"},
            f"compare-from: over {MOST_BUCKETS} times minute between these times, such as interval=hour",
        ),
    ],
)
def test_mistakes_of_comparing_are_named(parameters: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=r"^compare") as caught:
        read_query(parameters, NOW, COMPARE)
    assert str(caught.value).startswith(told)


def test_a_century_is_compared_with_what_1970_leaves() -> None:
    assert read_query({"from": "1970", "to": "2069"}, NOW, COMPARE).compared is None
    compared = read_query({"from": "1970-01-02", "to": "2070-01-01"}, NOW, COMPARE).compared
    assert compared is not None
    assert (compared.start, compared.end) == (0, at("1970-01-02T00:00+00:00"))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia", "Africa/Monrovia"])
@pytest.mark.parametrize("year", [1970, 1972, 2026, 9899])
def test_a_century_is_the_longest_span(year: int, zone: str) -> None:
    query = read_query({"from": str(year), "to": str(year + 99), "tz": zone}, NOW)
    assert (query.interval, len(query.span.edges)) == ("year", 101)
    for name, last in (("from", "to"), ("compare-from", "compare-to")):
        with pytest.raises(InputError, match=f"^{name}: over 100 years before `{last}`, such as "):
            read_query(
                {name: str(year - (year == 9899)), last: f"{min(year + 100, 9998)}-02", "tz": zone}, NOW, COMPARE
            )


@pytest.mark.parametrize("name", ["property", "compare", "compare-from"])
def test_parameters_of_one_question_are_no_others(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}: no such parameter"):
        read_query({name: "now"}, NOW)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"from": "yesterday"}, "from: 'yesterday' is no time, such as 2026-11-24, "),
        ({"to": "now-"}, "to: 'now-' is no time, such as "),
        ({"from": "now", "to": "now-1d"}, "from: has to be before `to`, such as from=now-7d&to=now"),
        ({"from": "now", "to": "now"}, "from: has to be before `to`"),
        ({"to": "9998-01-01"}, "from: over 100 years before `to`, such as from=now-1y&to=now"),
        ({"from": "1970-01-02", "to": "9998-01-01", "interval": "year"}, "from: over 100 years before `to`"),
        ({"to": "9998-12-31T23:00:00Z", "tz": "Pacific/Kiritimati"}, "to: '9998-12-31T23:00:00Z' is no time"),
        ({"tz": "Berlin"}, "tz: 'Berlin' is no time zone, such as tz=Europe/Berlin"),
        ({"tz": "Europe"}, "tz: 'Europe' is no time zone"),
        ({"tz": "../../etc/passwd"}, "tz: '../../etc/passwd' is no time zone"),
        ({"tz": "/etc/localtime"}, "tz: '/etc/localtime' is no time zone"),
        ({"tz": "a/../../b\0"}, "tz: "),
        ({"tz": "x" * 1000}, "tz: 'xxx"),
        (
            {"interval": "days"},
            "interval: 'days' is none of minute, hour, day, week, month, year, such as interval=day",
        ),
        (
            {"from": "now-1y", "interval": "minute"},
            f"interval: over {MOST_BUCKETS} times minute between these times, such as interval=hour",
        ),
        ({"limit": "0"}, "limit: '0' is no number from 1 to 10000, such as limit=10"),
        ({"limit": "10001"}, "limit: '10001' is no number from 1 to 10000"),
        ({"limit": "1e3"}, "limit: '1e3' is no number"),
        ({"limit": "\u0661"}, "limit: "),
        ({"limit": "9" * 400}, "limit: "),
        ({"offset": "-1"}, "offset: '-1' is no number from 0 to 1000000000, such as offset=10"),
        ({"path": "\\"}, "path: such as path=a,b* or path=!c; "),
        ({"utm_source": "letter"}, "utm_source: no such parameter; did you mean utm-source?"),
        ({"zzzzzz": "1"}, "zzzzzz: no such parameter, such as from=now-7d; there are from, to, tz, "),
    ],
)
def test_mistakes_are_named(parameters: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=r"^[^:]*: ") as caught:
        read_query(parameters, NOW)
    assert str(caught.value).startswith(told)
    assert len(str(caught.value)) < 400


@given(
    st.dictionaries(st.sampled_from(["from", "to", "tz", "interval", "limit", "offset", *NAMES]) | st.text(), st.text())
)
def test_reads_or_names_the_parameter(parameters: dict[str, str]) -> None:
    try:
        query = read_query(parameters, NOW)
    except InputError as error:
        name = str(error).partition(":")[0]
        told = name in {text[:64].partition(":")[0] for text in parameters}
    else:
        told = query.span.start < query.span.end
    assert told
