"""Time expressions against the calendar: what is read, what is refused, and buckets that leave no moment out."""

import contextlib
import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.timexpr import INTERVALS, SECOND, Interval, choose_interval, edges, floor, parse, step

UTC = datetime.UTC
BERLIN, NEW_YORK, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")
# Clocks that go by half an hour, midnights that do not exist, a day that was left out.
LORD_HOWE, SAO_PAULO, APIA = (
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("America/Sao_Paulo"),
    ZoneInfo("Pacific/Apia"),
)
ZONES = [UTC, BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE, SAO_PAULO, APIA, ZoneInfo("Africa/Cairo")]
DAY = 86_400 * SECOND


def at(text: str) -> int:
    """A moment by Python's own reading."""
    moment = datetime.datetime.fromisoformat(text)
    assert moment.tzinfo
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1)


def local(moment: int, zone: datetime.tzinfo) -> datetime.datetime:
    return (datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(microseconds=moment)).astimezone(zone)


NOW = at("2026-11-24T08:30:15.250000+00:00")  # a Tuesday


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("now", "2026-11-24T08:30:15.25+00:00", None),
        (" now ", "2026-11-24T08:30:15.25+00:00", None),
        ("now-1s", "2026-11-24T08:30:14.25+00:00", None),
        ("now-90m", "2026-11-24T07:00:15.25+00:00", None),
        ("now-h", "2026-11-24T07:30:15.25+00:00", None),
        ("now+2h", "2026-11-24T10:30:15.25+00:00", None),
        ("now-7d", "2026-11-17T08:30:15.25+00:00", None),
        ("now-1w", "2026-11-17T08:30:15.25+00:00", None),
        ("now-1M", "2026-10-24T08:30:15.25+00:00", None),
        ("now-1Q", "2026-08-24T08:30:15.25+00:00", None),
        ("now-1y", "2025-11-24T08:30:15.25+00:00", None),
        ("now/s", "2026-11-24T08:30:15+00:00", "2026-11-24T08:30:16+00:00"),
        ("now/m", "2026-11-24T08:30+00:00", "2026-11-24T08:31+00:00"),
        ("now/h", "2026-11-24T08:00+00:00", "2026-11-24T09:00+00:00"),
        ("now/d", "2026-11-24T00:00+00:00", "2026-11-25T00:00+00:00"),
        ("now/w", "2026-11-23T00:00+00:00", "2026-11-30T00:00+00:00"),
        ("now/M", "2026-11-01T00:00+00:00", "2026-12-01T00:00+00:00"),
        ("now/Q", "2026-10-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("now/y", "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("now-7d/d", "2026-11-17T00:00+00:00", "2026-11-18T00:00+00:00"),
        ("now-1M/M", "2026-10-01T00:00+00:00", "2026-11-01T00:00+00:00"),
        ("now-1d/d+6h", "2026-11-23T06:00+00:00", "2026-11-24T06:00+00:00"),
        ("now/d+1d-1h", "2026-11-24T23:00+00:00", "2026-11-25T23:00+00:00"),
        ("2026-11-24", "2026-11-24T00:00+00:00", "2026-11-25T00:00+00:00"),
        ("2026-12", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("2026", "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00+00:00", "2024-03-01T00:00+00:00"),
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00+00:00", None),
        ("2026-11-24t08:00:00z", "2026-11-24T08:00+00:00", None),
        ("2026-11-24 08:00:00.5+05:30", "2026-11-24T02:30:00.5+00:00", None),
        ("2026-11-24T08:00:00.123456789-03:00", "2026-11-24T11:00:00.123456+00:00", None),
        ("2026-11-24T08:00", "2026-11-24T08:00+00:00", None),
        ("1795507200", "2026-11-24T08:00+00:00", None),
        ("1795507200.25", "2026-11-24T08:00:00.25+00:00", None),
        ("0", "1970-01-01T00:00+00:00", None),
    ],
)
def test_reads(text: str, begins: str, ends: str | None) -> None:
    """`ends` is None where an end of a span is the same moment."""
    assert parse(text, NOW, UTC) == at(begins)
    assert parse(text, NOW, UTC, ends=True) == at(ends or begins)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "yesterday", "Now", "now-", "now7d", "now-7", "now-7x", "now-7d/", "now/2d", "now--1d", "now-1.5d"),
        *("now 7d", "now-7d to now", "26-11-24", "2026-13-01", "2026-02-30", "2026-11-24T", "2026-11-24T25:00"),
        *("2026-11-24T08:00:60Z", "2026-11-24T08:00:00+25:00", "1795507200000", "-1", "1e9", "0x10", "1795507200Z"),
        *("now-100y", "now+9999y", "now-999999999y", "9999-12-31", "1969-12-31", "0000-01-01", "now-1000000000d"),
        *("\u0661\u0667", "now-\u0667d", "now\n-7d", "now-7d\0", "now" + "+1d" * 50, "1" * 400),
    ],
)
def test_refuses_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"is no time, such as 2026-11-24, ") as caught:
        parse(text, NOW, UTC)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("now/d", BERLIN, "2026-11-24T00:00+01:00"),
        ("now/d", NEW_YORK, "2026-11-24T00:00-05:00"),
        ("now/h", KATHMANDU, "2026-11-24T14:00+05:45"),
        ("2026-07-01", BERLIN, "2026-07-01T00:00+02:00"),
        ("2026-07-01T12:00", BERLIN, "2026-07-01T12:00+02:00"),
        # Clocks are set forward at 02:00: 02:30 is not there, and means half an hour after the change.
        ("2026-03-29T02:30", BERLIN, "2026-03-29T03:30+02:00"),
        # They are set back at 03:00: of the two 02:30, the first.
        ("2026-10-25T02:30", BERLIN, "2026-10-25T02:30+02:00"),
        # Midnight was not there, as clocks went to 01:00.
        ("2018-11-04", SAO_PAULO, "2018-11-04T01:00-02:00"),
        # A day that was not there begins with the next one.
        ("2011-12-30", APIA, "2011-12-31T00:00+14:00"),
    ],
)
def test_days_are_the_zones(text: str, zone: datetime.tzinfo, expected: str) -> None:
    assert parse(text, NOW, zone) == at(expected)


def test_days_keep_the_time_of_day_where_hours_count_on() -> None:
    sunday = at("2026-10-25T12:00+01:00")
    assert parse("now-1d", sunday, BERLIN) == at("2026-10-24T12:00+02:00")
    assert parse("now-24h", sunday, BERLIN) == at("2026-10-24T13:00+02:00")


def test_months_end_where_they_end() -> None:
    assert parse("now-1M", at("2026-03-31T10:00+00:00"), UTC) == at("2026-02-28T10:00+00:00")
    assert parse("now-1y", at("2024-02-29T10:00+00:00"), UTC) == at("2023-02-28T10:00+00:00")


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", BERLIN, 23),
        ("2026-10-25", BERLIN, 25),
        ("2026-11-24", BERLIN, 24),
        ("2026-03-08", NEW_YORK, 23),
        ("2026-11-01", NEW_YORK, 25),
        ("2018-11-04", SAO_PAULO, 23),
        ("2026-04-05", LORD_HOWE, 24.5),
        ("2026-10-04", LORD_HOWE, 23.5),
        ("2011-12-29", APIA, 24),
    ],
)
def test_days_have_the_hours_that_they_have(day: str, zone: datetime.tzinfo, hours: float) -> None:
    start, end = parse(day, NOW, zone), parse(day, NOW, zone, ends=True)
    assert (end - start) / SECOND / 3600 == hours
    assert edges(start, end, "day", zone, 10) == [start, end]
    found = edges(start, end, "hour", zone, 30)
    assert (found[0], found[-1]) == (start, end)
    assert len(found) - 1 == int(hours + 0.5)


def test_a_day_that_was_left_out_has_no_bucket() -> None:
    start, end = at("2011-12-29T00:00-10:00"), at("2012-01-01T00:00+14:00")
    assert edges(start, end, "day", APIA, 10) == [start, at("2011-12-31T00:00+14:00"), end]


@pytest.mark.parametrize(
    ("start", "end", "interval", "expected"),
    [
        ("now", "now", "day", 0),
        ("now", "now-1h", "day", 0),
        ("now-1s", "now", "day", 1),
        ("now-1h", "now", "minute", 61),
        ("now-24h", "now", "hour", 25),
        ("now-7d/d", "now", "day", 8),
        ("now-28d/d", "now-1d/d", "day", 28),
        ("now/y", "now/y", "month", 12),
        ("now/y", "now/y", "week", 53),
        ("2020-01-01", "now", "year", 7),
    ],
)
def test_buckets_are_counted(start: str, end: str, interval: Interval, expected: int) -> None:
    begin, stop = parse(start, NOW, UTC), parse(end, NOW, UTC, ends=True)
    assert len(edges(begin, stop, interval, UTC, 1000)) - 1 == expected


def test_too_many_buckets_are_refused() -> None:
    assert len(edges(0, 10 * DAY, "day", UTC, 10)) == 11
    with pytest.raises(InputError, match=r"^over 10 times hour between these times$"):
        edges(0, 10 * DAY, "hour", UTC, 10)
    with pytest.raises(InputError, match=r"^over 2 times year "):
        edges(0, 10_000 * DAY, "year", UTC, 2)


@pytest.mark.parametrize(
    ("span", "interval"),
    [
        (0, "minute"),
        (3600, "minute"),
        (86_400, "hour"),
        (2 * 86_400, "hour"),
        (7 * 86_400, "day"),
        (91 * 86_400, "day"),
        (366 * 86_400, "week"),
        (3 * 366 * 86_400, "month"),
        (30 * 366 * 86_400, "year"),
    ],
)
def test_interval_is_chosen_to_be_read(span: int, interval: Interval) -> None:
    assert choose_interval(NOW, NOW + span * SECOND) == interval


moments = st.integers(min_value=at("1971-01-01T00:00+00:00"), max_value=at("2060-01-01T00:00+00:00"))
spans = {"minute": 200, "hour": 5 * 60, "day": 5 * 1440, "week": 30 * 1440, "month": 200 * 1440, "year": 3000 * 1440}


def label(moment: int, interval: Interval, zone: datetime.tzinfo) -> object:
    """What a calendar calls the bucket that a moment is in."""
    there = local(moment, zone)
    if interval in ("minute", "hour"):
        return there.replace(second=0, microsecond=0, minute=there.minute if interval == "minute" else 0, tzinfo=None)
    week = there.isocalendar()
    names = {
        "day": there.date(),
        "week": (week.year, week.week),
        "month": (there.year, there.month),
        "year": there.year,
    }
    return names[interval]


@given(moments, st.floats(0, 1), st.sampled_from(INTERVALS), st.sampled_from(ZONES), st.data())
def test_buckets_are_the_calendars(
    start: int, part: float, interval: Interval, zone: datetime.tzinfo, data: st.DataObject
) -> None:
    """None overlaps or leaves a gap; all moments of one have the calendar's one name, and neighbours have another."""
    end = start + int(part * spans[interval] * 60 * SECOND)
    found = edges(start, end, interval, zone, 10_000)
    assert found[0] <= start
    assert found == sorted(set(found))
    if start < end:
        assert found[-2] < end <= found[-1]
        at_random = data.draw(st.integers(start, end - 1))
        index = max(i for i, edge in enumerate(found) if edge <= at_random)
        first, last = found[index], found[index + 1] - 1
        name = label(at_random, interval, zone)
        assert label(first, interval, zone) == label(last, interval, zone) == name
        if interval not in ("minute", "hour"):  # an hour of the clock comes twice when it is set back
            assert label(first - 1, interval, zone) != name != label(last + 1, interval, zone)


@given(moments, st.sampled_from(["s", "m", "h", "d", "w", "M", "Q", "y"]), st.sampled_from(ZONES))
def test_rounding_again_changes_nothing(moment: int, unit: str, zone: datetime.tzinfo) -> None:
    once = parse(f"now/{unit}", moment, zone)
    assert once <= moment
    assert parse(f"now/{unit}/{unit}", moment, zone) == once
    assert parse(f"now/{unit}", moment, zone, ends=True) > moment


@given(
    moments.filter(lambda moment: moment > at("1980-01-01T00:00+00:00")),
    st.sampled_from(["s", "m", "h", "d", "w"]),
    st.integers(-500, 500),
    st.sampled_from(ZONES),
)
def test_days_step_by_the_calendar(moment: int, unit: str, count: int, zone: datetime.tzinfo) -> None:
    moved = parse(f"now{count:+d}{unit}", moment, zone)
    if unit in ("s", "m", "h"):
        assert moved - moment == count * {"s": 1, "m": 60, "h": 3600}[unit] * SECOND
        return
    expected = local(moment, zone).replace(tzinfo=None) + datetime.timedelta(days=count * {"d": 1, "w": 7}[unit])
    exists = expected.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == expected
    if exists:
        assert local(moved, zone).replace(tzinfo=None) == expected
    else:
        assert abs(local(moved, zone).replace(tzinfo=None) - expected) <= datetime.timedelta(days=1)


@given(st.text(max_size=80))
def test_reads_or_refuses_whatever_comes(text: str) -> None:
    with contextlib.suppress(InputError):
        assert parse(text, NOW, BERLIN) >= 0


def test_floor_and_step_are_there_for_others() -> None:
    assert floor(NOW, "d", UTC) == at("2026-11-24T00:00+00:00")
    assert step(NOW, "w", -1, UTC) == NOW - 7 * DAY
