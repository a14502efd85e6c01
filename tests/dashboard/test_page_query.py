"""Wrong parameters of a page: they are left out and told, and the others stay."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND
from prisme.dashboard.page_query import PageQuery, read_page_parameters, read_page_query
from prisme.dashboard.sites import names_only_foreign
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters

NOW = int(datetime.datetime(2026, 11, 24, 15, 30, tzinfo=datetime.UTC).timestamp()) * SECOND


def ask(parameters: dict[str, str]) -> PageQuery:
    return read_page_query(UrlState(parameters, None, "Europe/Berlin"), NOW, 10)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"period": "never"}, {"period": "Period: 'never' is not one of 30m, 24h, "}),
        ({"from": "yesterday"}, {"from": "From: 'yesterday' is no time, such as 2026-11-24, "}),
        ({"to": "2026-02-30"}, {"to": "To: '2026-02-30' is no time, such as "}),
        ({"from": "2026-11-02", "to": "2026-11-01"}, {"from": "From: has to be before `to`, such as "}),
        ({"from": "1971", "to": "2071"}, {"from": "From: over 100 years before `to`, such as "}),
        ({"tz": "Mars"}, {"tz": "Time zone: 'Mars' is no time zone, such as tz=Europe/Berlin"}),
        ({"interval": "days"}, {"interval": "Interval: 'days' is none of minute, hour, "}),
        ({"interval": "minute"}, {"interval": "Interval: over 9000 times minute between these times, "}),
        ({"compare": "last"}, {"compare": "Comparison: 'last' is none of previous, year, none and no step, "}),
        ({"compare-from": "2026-01-01"}, {"compare-from": "Compare from: comes with compare-to "}),
        ({"compare-from": "x", "compare-to": "y"}, {"compare-from": "Compare from: 'x' is no time, "}),
        ({"compare-from": "2026-02", "compare-to": "2026-01"}, {"compare-from": "Compare from: has to be before "}),
        ({"compare-from": "2026", "compare-to": "z"}, {"compare-to": "Compare to: 'z' is no time, "}),
        ({"from": "x", "tz": "y"}, {"tz": "Time zone: 'y'", "from": "From: 'x'"}),
    ],
    ids=str,
)
def test_what_is_wrong_is_left_out_and_told(wrong: dict[str, str], told: dict[str, str]) -> None:
    found = ask({"metric": "events", "path": "/a", **wrong})
    assert list(found.faults) == list(told)
    for name, fault in found.faults.items():
        assert f"{fault.title}: {fault.reason}".startswith(told[name])
        assert fault.typed == wrong[name]
    # The forms show all that was typed, links have none of it.
    assert found.typed == wrong
    assert found.state.parameters == {"metric": "events", "path": "/a"}
    assert found.query == ask({"metric": "events", "path": "/a"}).query


def test_an_interval_gives_way_to_a_comparison_that_is_too_long_for_it() -> None:
    found = ask({"period": "today", "interval": "minute", "compare-from": "2025", "compare-to": "2025"})
    assert list(found.faults) == ["compare-from"]
    # 375 days have 9,000 hours, and the year before has a 29 February more.
    found = ask({"from": "2024-03-01", "to": "2025-03-10", "interval": "hour"})
    assert found.faults == {}
    found = ask({"from": "2024-03-01", "to": "2025-03-10", "interval": "hour", "compare": "-1y"})
    assert list(found.faults) == ["interval"]
    assert found.query.compared


def test_wrong_filters_are_left_out_and_told() -> None:
    given, faults = read_page_parameters({"path": "\\", "event": "a\\,b", "country": "DE", "utm-medium": "x" * 9000})
    assert given == {"event": "a\\,b", "country": "DE"}
    assert [fault.title for fault in faults.values()] == ["UTM medium", "Page"]
    assert faults["path"].reason.endswith("a backslash has to stand before a character")
    assert faults["path"].typed == "\\"


names = st.sampled_from(
    ["from", "to", "tz", "interval", "period", "compare", "compare-from", "compare-to", "utm_source", *filters.NAMES]
)
texts = st.sampled_from(["now", "now-7d", "2026", "day", "minute", "7d", "all", "year", "-1M", "UTC", "\\"]) | st.text()


@settings(deadline=None)  # the files of a zone are read once
@given(st.dictionaries(names | st.text(), texts))
def test_every_address_has_a_page(query: dict[str, str]) -> None:
    given, wrong = read_page_parameters(query)
    found = ask(given)
    assert found.query.span.start < found.query.span.end
    assert not set(found.state.parameters) & (set(found.faults) | set(wrong) | set(found.typed))
    assert ask(found.state.parameters).faults == {}


@pytest.mark.parametrize(
    ("domain", "allowed", "foreign"),
    [
        ("", ("a.org",), False),
        ("a.org", None, False),
        ("a.org", ("a.org",), False),
        ("b.org", ("a.org",), True),
        ("b.org,c.org", ("a.org",), True),
        ("b.org,a.org", ("a.org",), False),
        ("b.org,!c.org", ("a.org",), True),
        ("!b.org", ("a.org",), False),
        ("b*", ("a.org",), False),
        ("b.org,*.org", ("a.org",), False),
        ("x.a.org", ("*.a.org",), False),
        ("a.org", ("*.a.org",), True),
        ("Bücher.example", ("xn--bcher-kva.example",), False),
    ],
)
def test_sites_of_others(domain: str, allowed: tuple[str, ...] | None, foreign: bool) -> None:
    assert names_only_foreign(domain, allowed) is foreign
