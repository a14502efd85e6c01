"""Times of logs become moments."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.imports.logs.times import SECOND, LocalClock, read_clf, read_local, read_moment, read_offset

_OFFSETS = st.integers(-14 * 4, 14 * 4).map(
    lambda quarters: datetime.timezone(datetime.timedelta(minutes=15 * quarters))
)
_DATES = st.datetimes(datetime.datetime(1970, 1, 3), datetime.datetime(2199, 1, 1), timezones=_OFFSETS)  # noqa: DTZ001 - the strategy wants these without a zone


@given(_DATES)
def test_clf(moment: datetime.datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert read_clf(moment.strftime("%d/%b/%Y:%H:%M:%S %z").encode()) == moment.timestamp() * SECOND


@given(_DATES)
def test_iso(moment: datetime.datetime) -> None:
    moment = moment.replace(microsecond=0)
    text, offset = moment.strftime("%Y-%m-%dT%H:%M:%S"), moment.strftime("%z")
    assert read_moment(text.encode(), offset.encode()) == moment.timestamp() * SECOND


@pytest.mark.parametrize(
    "text",
    [
        b"", b"28/Nov/2026", b"28/Nov/2026:23:06:25", b"28/Nov/2026:23:06:25+0530", b"28/Nov/2026:24:00:00 +0000",
        b"28/Nov/2026:23:60:00 +0000", b"28/Nov/2026:23:06:61 +0000", b"31/Nov/2026:23:06:25 +0530",
        b"29/Feb/2026:23:06:25 +0530", b"00/Nov/2026:23:06:25 +0530", b"28/nov/2026:23:06:25 +0530",
        b"28/Foo/2026:23:06:25 +0530", b"28/Nov/0000:23:06:25 +0530", b"28/Nov/2026:-1:06:25 +0530",
        b"28/Nov/2026:23:06:25 +0530 ", b"28/Nov/2026:23:06:25 GMT",
    ],
)  # fmt: skip
def test_what_is_no_time(text: bytes) -> None:
    assert read_clf(text) is None


def test_a_leap_second_is_the_next_one() -> None:
    assert read_clf(b"31/Dec/2016:23:59:60 +0000") == read_clf(b"01/Jan/2017:00:00:00 +0000")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [(b"+0530", 330), (b"+05:30", 330), (b"-0330", -210), (b"-03-30", -210), (b"Z", 0), (b"+0000", 0)],
)
def test_offsets(text: bytes, minutes: int) -> None:
    assert read_offset(text) == minutes * 60 * SECOND


def test_local_times_with_a_blank() -> None:
    assert read_local(b"28/Nov/2026 22:49:11") == read_local(b"28/Nov/2026:22:49:11") == 1_795_906_151 * SECOND
    assert read_local(b"28/Nov/2026-22:49:11") is None


def _convert(zone: str, *texts: str) -> list[str]:
    """The moments of readings of a clock, as times of UTC."""
    clock = LocalClock(ZoneInfo(zone))
    found = []
    for text in texts:
        reading = read_local(text.encode())
        assert reading is not None
        moment = datetime.datetime.fromtimestamp(clock.convert(reading) / SECOND, datetime.UTC)
        found.append(moment.strftime("%d %H:%M:%S"))
    return found


def test_the_hour_that_is_repeated_in_autumn() -> None:
    day = "25/Oct/2026"
    assert _convert(
        "Europe/Paris", f"{day}:01:00:00", f"{day}:02:10:00", f"{day}:02:59:59", f"{day}:02:00:00", f"{day}:02:30:00",
        f"{day}:02:59:59", f"{day}:03:00:00",
    ) == [
        "24 23:00:00", "25 00:10:00", "25 00:59:59", "25 01:00:00", "25 01:30:00", "25 01:59:59", "25 02:00:00",
    ]  # fmt: skip


def test_lines_that_are_a_little_late_are_of_the_same_hour() -> None:
    day = "25/Oct/2026"
    assert _convert("Europe/Paris", f"{day}:02:20:00", f"{day}:02:19:00", f"{day}:02:21:00") == [
        "25 00:20:00", "25 00:19:00", "25 00:21:00",
    ]  # fmt: skip


def test_the_hour_that_is_not_there_in_spring() -> None:
    day = "29/Mar/2026"
    assert _convert("Europe/Paris", f"{day}:01:59:59", f"{day}:03:00:00") == ["29 00:59:59", "29 01:00:00"]
    assert _convert("Europe/Paris", f"{day}:02:30:00") == ["29 01:30:00"]


def test_zones_of_half_an_hour() -> None:
    assert _convert("Australia/Lord_Howe", "05/Apr/2026:01:45:00", "05/Apr/2026:01:31:00", "05/Apr/2026:02:00:00") == [
        "04 14:45:00", "04 15:01:00", "04 15:30:00",
    ]  # fmt: skip
    assert _convert("Asia/Kolkata", "28/Nov/2026:23:06:25") == ["28 17:36:25"]
