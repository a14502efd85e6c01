"""Spans to compare with, by the calendar: against plain dates of Python, in zones with changes of clocks."""

import calendar
import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND
from prisme.stats.parameters import COMPARE, read_query

UTC = datetime.UTC
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")


def moment(local: datetime.datetime, zone: str) -> int:
    """Microseconds since 1970 of what a zone's clock shows."""
    return round(local.replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def months_before(day: datetime.date, months: int) -> tuple[datetime.date, bool]:
    """The same day some months earlier, and whether it exists; if it does not, the first of the next month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if day.day <= calendar.monthrange(year, month + 1)[1]:
        return datetime.date(year, month + 1, day.day), True
    return datetime.date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1), False


def compared(zone: str, now: datetime.datetime, **parameters: str) -> tuple[int, int]:
    found = read_query({"tz": zone, **parameters}, moment(now, zone), COMPARE).compared
    assert found
    return found.start, found.end


# Without the hours that a clock shows twice or never.
few = settings(max_examples=50, deadline=None)
afternoons = st.builds(
    datetime.datetime.combine,
    st.dates(datetime.date(1975, 1, 1), datetime.date(2035, 12, 31)),
    st.times(datetime.time(5), datetime.time(22)).map(lambda time: time.replace(microsecond=0)),
)


@few
@given(afternoons, st.sampled_from(ZONES), st.sampled_from([("M", "-1M", 1), ("y", "-1y", 12), ("y", "-12M", 12)]))
def test_a_month_or_year_to_date(now: datetime.datetime, zone: str, step: tuple[str, str, int]) -> None:
    unit, compare, months = step
    first = now.date().replace(day=1) if unit == "M" else now.date().replace(month=1, day=1)
    before, exists = months_before(now.date(), months)
    start, end = compared(zone, now, **{"from": f"now/{unit}", "to": "now", "compare": compare})
    assert start == moment(datetime.datetime.combine(months_before(first, months)[0], datetime.time()), zone)
    assert end == moment(datetime.datetime.combine(before, now.time() if exists else datetime.time()), zone)


@few
@given(afternoons, st.sampled_from(ZONES), st.integers(1, 400), st.integers(1, 400))
def test_days_of_any_length(now: datetime.datetime, zone: str, length: int, back: int) -> None:
    first = now.date() - datetime.timedelta(days=length - 1)
    start, end = compared(zone, now, **{"from": first.isoformat(), "to": "now", "compare": f"-{back}d"})
    moved = datetime.timedelta(days=back)
    assert start == moment(datetime.datetime.combine(first - moved, datetime.time()), zone)
    assert end == moment(now - moved, zone)


@few
@given(afternoons, st.sampled_from(ZONES), st.integers(-400, 0), st.integers(0, 400))
def test_a_span_that_is_not_over_is_compared_as_far_as_it_is(
    now: datetime.datetime, zone: str, begun: int, left: int
) -> None:
    first, last = (str(now.date() + datetime.timedelta(days=days)) for days in (begun, left))
    whole = {"from": first, "to": last, "compare": "-4w", "interval": "month"}
    assert compared(zone, now, **whole) == compared(zone, now, **whole | {"to": "now"})


@pytest.mark.parametrize(
    ("zone", "now", "start", "hours"),
    [
        # A day of 23 hours and one of 25: up to the same time by the clock.
        ("Europe/Berlin", "2026-03-30T12:00", "2026-03-29T00:00", 11),
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T00:00", 12),
        ("Europe/Berlin", "2026-10-26T12:00", "2026-10-25T00:00", 13),
        ("America/New_York", "2026-11-02T12:00", "2026-11-01T00:00", 13),
        ("Australia/Lord_Howe", "2026-10-05T12:00", "2026-10-04T00:00", 11.5),
    ],
)
@pytest.mark.parametrize("compare", ["previous", "-1d"])
def test_today_is_compared_up_to_the_same_time(zone: str, now: str, start: str, hours: float, compare: str) -> None:
    found = compared(zone, datetime.datetime.fromisoformat(now), **{"from": "now/d", "compare": compare})
    assert found[0] == moment(datetime.datetime.fromisoformat(start), zone)
    assert (found[1] - found[0]) / SECOND / 3600 == hours


def test_buckets_of_both_spans_have_the_same_interval() -> None:
    now = datetime.datetime.fromisoformat("2026-03-31T12:00")
    query = read_query({"from": "now/M", "compare": "-1M"}, moment(now, "UTC"), COMPARE)
    assert query.compared
    assert (len(query.span.edges) - 1, len(query.compared.edges) - 1) == (31, 28)
