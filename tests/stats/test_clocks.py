"""Hours, days and hours of the week where clocks are set to another time, counted row by row in plain Python."""

import datetime
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from prisme.base.timexpr import SECOND, Interval
from prisme.journal.segment import Segment, segment_path
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.stats.zones import open_zone
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.loader import Loader
from tests.stats.lines import DAY, UTC, make_visit
from tests.stats.strategies import span_of

# The change lies in the middle of two days.
CHANGES = {
    "back by half an hour": ("Australia/Lord_Howe", "2026-04-04T15:00"),
    "forward by half an hour": ("Australia/Lord_Howe", "2026-10-03T15:30"),
    "back at a quarter to four": ("Pacific/Chatham", "2026-04-04T14:00"),
    "forward at a quarter to three": ("Pacific/Chatham", "2026-09-26T14:00"),
    "back by an hour": ("Europe/Berlin", "2026-10-25T01:00"),
    "a day is skipped": ("Pacific/Apia", "2011-12-30T10:00"),
    "forward by 45 minutes": ("Africa/Monrovia", "1972-01-07T00:44:30"),
    "back by 45 minutes": ("Asia/Kathmandu", "1986-01-01T00:00"),
}
WINDOWS = {
    name: int(datetime.datetime.fromisoformat(f"{at}+00:00").timestamp()) * SECOND for name, (_, at) in CHANGES.items()
}


def times_around(change: int) -> range:
    """Moments every 11 minutes, and the change itself."""
    return range(change - 100 * 660 * SECOND, change + 100 * 660 * SECOND, 660 * SECOND)


ALL = sorted(moment for change in WINDOWS.values() for moment in times_around(change))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder, noise = tmp_path_factory.mktemp("clocks"), random.Random(1)
    database = Database(folder / "prisme.duckdb", Limits(256 << 20, 2), folder / "tmp")
    (folder / "journal").mkdir()
    loader, segment = Loader(database, 1_000), Segment(1, segment_path(folder / "journal", 1))
    segment.path.write_bytes(b"".join(b"".join(make_visit(noise, at, at, ["view"])) for at in ALL))
    loader.load(segment, ALL[-1])
    loader.close()
    yield database
    database.close()


def count(stats: Stats, name: str, interval: Interval) -> list[tuple[datetime.datetime, float]]:
    """The buckets around a change: the local time at which each begins, and its pageviews."""
    zone, moments = open_zone(CHANGES[name][0]), times_around(WINDOWS[name])
    span = span_of(moments[0], moments[-1] + 1, interval, zone)
    frame = stats.series(["pageviews"], {}, span)["pageviews"].frame
    starts = (datetime.datetime.fromtimestamp(int(key), UTC).astimezone(zone) for key in frame.keys)
    return list(zip(starts, frame.values, strict=True))


def local_times(name: str) -> list[datetime.datetime]:
    """The local times of all pageviews around a change."""
    zone, moments = open_zone(CHANGES[name][0]), times_around(WINDOWS[name])
    within = [at for at in ALL if moments[0] <= at <= moments[-1]]
    return [datetime.datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone) for at in within]


@pytest.mark.parametrize("name", CHANGES)
def test_an_hour_is_what_the_clock_shows_until_it_is_set(stats: Stats, name: str) -> None:
    """An hour that comes twice has two buckets, however long they are."""
    expected = Counter((there.strftime("%F %H"), there.utcoffset()) for there in local_times(name))
    found = count(stats, name, "hour")
    assert {(there.strftime("%F %H"), there.utcoffset()): value for there, value in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", CHANGES)
def test_days_are_counted(stats: Stats, name: str) -> None:
    found = {there.strftime("%F"): value for there, value in count(stats, name, "day")}
    assert found == Counter(there.strftime("%F") for there in local_times(name))
    assert "2011-12-30" not in found


@pytest.mark.parametrize("name", CHANGES)
def test_hours_of_the_week_are_counted(stats: Stats, name: str) -> None:
    zone, moments = open_zone(CHANGES[name][0]), times_around(WINDOWS[name])
    span = span_of(moments[0], moments[-1] + 1, "day", zone)
    frame = stats.weekday_hours({}, span, zone)
    found = {key: value for key, value in zip(frame.keys, frame.values, strict=True) if value}
    assert found == Counter(f"{there.isoweekday()}-{there:%H}" for there in local_times(name))


def test_hours_of_the_week_are_counted_in_a_century(stats: Stats) -> None:
    zone = open_zone("Australia/Lord_Howe")
    frame = stats.weekday_hours({}, Span(0, 36_525 * DAY, []), zone)
    expected = Counter[str]()
    for at in ALL:
        there = datetime.datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone)
        expected[f"{there.isoweekday()}-{there:%H}"] += 1
    assert {key: value for key, value in zip(frame.keys, frame.values, strict=True) if value} == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("back by half an hour", ["00:00+11:00", "01:00+11:00", "01:30+10:30", "02:00+10:30"]),
        ("forward by half an hour", ["00:00+10:30", "01:00+10:30", "02:30+11:00", "03:00+11:00"]),
        ("back at a quarter to four", ["02:00+13:45", "03:00+13:45", "02:45+12:45", "03:00+12:45"]),
        ("back by an hour", ["01:00+02:00", "02:00+02:00", "02:00+01:00", "03:00+01:00"]),
    ],
)
def test_buckets_begin_where_a_clock_was_set(stats: Stats, name: str, expected: list[str]) -> None:
    starts = [start for start, _ in count(stats, name, "hour")]
    change = next(place for place, start in enumerate(starts) if start.timestamp() * SECOND == WINDOWS[name])
    around = starts[change - 2 : change + 2]
    assert [start.isoformat()[11:16] + start.isoformat()[19:] for start in around] == expected
