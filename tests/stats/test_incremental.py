"""Figures of which a part is kept, while further segments come in: always those that are counted anew."""

import datetime
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND, Interval, floor
from prisme.journal.segment import Segment, segment_path
from prisme.stats import filters
from prisme.stats.cache import incremental, keys
from prisme.stats.cache.entry import Entry
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import HOURS, PROPERTIES, TOPS
from prisme.stats.dashboard import count_anew
from prisme.stats.frames import Result
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store import load_log as touched
from prisme.store.database import Database, Limits
from prisme.store.loader import Loader
from prisme.store.reader import LateError, Reader
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, UTC, ZONES, make_lines
from tests.stats.oracle import Made
from tests.stats.questions import made_filters, read, span_of

NAMES = (*TOPS, PROPERTIES, HOURS)


class Shop:
    """A database to which segments come, long after one another by the clock of `touched`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.database = Database(folder / "prisme.duckdb", Limits(256 << 20, 2), folder / "tmp")
        self.cache = IncrementalCache(self.database)
        self._loader = Loader(self.database, 1_000)
        self._folder, self._number, self._time = folder, 0, time.monotonic()
        patch.setattr(touched, "monotonic", lambda: self._time)

    def load(self, lines: list[bytes]) -> None:
        self._time += 1000
        self._number += 1
        segment = Segment(self._number, segment_path(self._folder, self._number))
        segment.path.write_bytes(b"".join(lines))
        self._loader.load(segment, FIRST)

    def ask(self, selection: Selection, page: Page, domains: list[str] | None = None) -> tuple[Result, bool]:
        """The figures, which have to be those that are counted anew; and whether a part of them was kept before."""
        before = self.cache.hits
        with Reader(self.database, 3600.0) as reader:
            stats = Stats(reader, domains)
            (found,) = self.cache.count(stats, [selection], page, selection.span.end)
            anew = count_anew(stats, selection, page)
        if found is None:
            return anew, False
        assert found.frames == {name: anew.frames[name] for name in found.frames}
        assert found.frames.keys() == anew.frames.keys()
        for name, (frame, total) in found.series.items():
            assert frame.keys == anew.series[name].frame.keys
            assert [*frame.values, total] == pytest.approx([*anew.series[name].frame.values, anew.series[name].total])
        return found, self.cache.hits > before

    def entries(self) -> list[Entry]:
        return [entry for entry, _ in self.cache._entries._entries.values()]

    def tables(self) -> int:
        query = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'kept'"
        ((count,),) = self.database.cursor().execute(query).fetchall()
        return int(count)

    def close(self) -> None:
        self._loader.close()
        self.database.close()


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("kept"), monkeypatch)
    yield shop
    shop.close()


def when(line: bytes) -> int:
    return int(json.loads(line)["session"]["exit"])


def select(
    start: int, end: int, interval: Interval = "day", made: Made | None = None, zone: datetime.tzinfo = UTC
) -> Selection:
    return Selection(NAMES, read(made or {}), span_of(start, end, interval, zone), zone)


@given(
    st.integers(0, 1 << 32),
    made_filters,
    st.sampled_from(ZONES),
    st.sampled_from(["hour", "day", "week"]),
    st.sampled_from([None, DOMAINS[:1]]),
    st.sampled_from([1, 1_000_000]),
)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_figures_are_those_counted_anew(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    made: Made,
    zone: datetime.tzinfo,
    interval: Interval,
    domains: list[str] | None,
    worth_moving: int,
) -> None:
    noise, used, asked = random.Random(seed), 0, 0
    lines = sorted(make_lines(seed, 120), key=when)
    cuts = sorted(noise.sample(range(1, len(lines)), 8))
    segments = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    # Some come late, as after a failed load.
    for number in range(len(segments) - 1):
        if noise.random() < 0.2:
            segments[number], segments[number + 1] = segments[number + 1], segments[number]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incremental, "_WORTH_MOVING", worth_moving)
        shop = Shop(tmp_path_factory.mktemp("kept"), patch)
        starts = [floor(FIRST + days * DAY, "w" if interval == "week" else "d", zone) for days in (-1, 3)]
        for segment in segments:
            shop.load(segment)
            latest = max(map(when, segment), default=FIRST)
            for start in starts:
                for end in (latest + 1, latest + noise.randrange(1, 3 * HOUR)):
                    page = Page(noise.randrange(1, 12), noise.randrange(4))
                    _, was_kept = shop.ask(select(start, max(end, start + 1), interval, made, zone), page, domains)
                    used, asked = used + was_kept, asked + 1
        shop.close()
    assert used > asked / 4


def test_what_lies_before_the_cut_is_kept_until_it_changes(shop: Shop) -> None:
    lines = sorted(make_lines(3, 300), key=when)
    half = next(number for number, line in enumerate(lines) if when(line) > FIRST + 20 * DAY)
    shop.load(lines[:half])
    shop._time += 1000  # so that nothing was loaded lately, and all is kept
    end = FIRST + 20 * DAY
    first, was_kept = shop.ask(select(FIRST, end), Page())
    assert not was_kept
    assert first.series["pageviews"].total > 100
    assert shop.ask(select(FIRST, end + 1), Page())[1]
    begins_later = [line for line in lines[half:] if json.loads(line)["session"]["entry"] > end]
    goes_on = [line for line in lines[half:] if json.loads(line)["session"]["entry"] <= end]
    assert begins_later
    shop.load(begins_later)
    more, was_kept = shop.ask(select(FIRST, end + 19 * DAY), Page())
    assert was_kept
    assert more.series["pageviews"].total > first.series["pageviews"].total
    shop.load(goes_on or [lines[half - 1]])
    assert not shop.ask(select(FIRST, end + 19 * DAY), Page())[1]
    shop._time += 1000
    assert not shop.ask(select(FIRST + DAY, end), Page())[1]
    assert not shop.ask(select(FIRST + DAY, end - DAY), Page())[1], "an end before the cut is counted anew"
    assert shop.ask(select(FIRST + DAY, end), Page())[1]


def test_a_clock_that_was_set_back_ends_it(shop: Shop) -> None:
    lines = sorted(make_lines(5, 50), key=when)
    shop.load(lines)
    broken = json.loads(lines[0])
    broken["session"]["exit"] = broken["session"]["entry"] - DAY
    shop.load([json.dumps(broken).encode() + b"\n"])
    shop._time += 1000
    assert not shop.ask(select(FIRST, FIRST + 50 * DAY), Page())[1]
    shop.load([lines[-1]])
    for _ in range(3):
        assert not shop.ask(select(FIRST, FIRST + 50 * DAY), Page())[1]


def test_what_has_too_many_keys_is_counted_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 5)
    shop.load(sorted(make_lines(6, 50), key=when))
    shop._time += 1000
    for _ in range(2):
        assert not shop.ask(select(FIRST, FIRST + 50 * DAY), Page())[1]
    assert shop.tables() == 0


def test_only_so_much_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.load(sorted(make_lines(6, 100), key=when))
    shop._time += 1000
    selections = [select(FIRST + days * DAY, FIRST + 50 * DAY) for days in range(5)]
    for one in selections:
        shop.ask(one, Page())
    assert all(shop.ask(one, Page())[1] for one in selections)
    size = max(entry.size for entry in shop.entries())
    monkeypatch.setattr(shop.cache._entries, "max_bytes", size * 3 // 2)
    assert shop.ask(selections[0], Page())[1]
    assert shop.ask(selections[0], Page())[1], "the one that was asked for last stays"
    assert not shop.ask(selections[1], Page())[1]
    assert shop.tables() == 2 * len(shop.entries())
    assert 0 < len(shop.entries()) < 3


def test_where_all_begins_anywhere_nothing_is_kept(shop: Shop) -> None:
    shop.load(sorted(make_lines(6, 50), key=when))
    shop._time += 1000
    for _ in range(2):
        assert not shop.ask(select(FIRST + SECOND, FIRST + 50 * DAY), Page())[1]


def test_a_span_without_any_moment_has_no_figures(shop: Shop) -> None:
    shop.load(sorted(make_lines(6, 50), key=when))
    found, was_kept = shop.ask(select(FIRST, FIRST), Page())
    assert (found.series["pageviews"].total, was_kept) == (0, False)


def test_filters_tell_questions_apart(shop: Shop) -> None:
    shop.load(sorted(make_lines(6, 100), key=when))
    shop._time += 1000
    every, _ = shop.ask(select(FIRST, FIRST + 50 * DAY), Page())
    some = Selection(NAMES, filters.read({"domain": DOMAINS[0]}), span_of(FIRST, FIRST + 50 * DAY, "day", UTC), UTC)
    found, was_kept = shop.ask(some, Page())
    assert not was_kept
    assert 0 < found.series["pageviews"].total < every.series["pageviews"].total


def test_keeping_ends_at_the_deadline_too(shop: Shop) -> None:
    endless = "CREATE TABLE kept.endless AS SELECT sum(a.range) FROM range(10000000) a, range(10000000) b"
    with Reader(shop.database, 0.2) as reader:
        with pytest.raises(LateError, match=r"over 0\.2 s"):
            reader.keep(endless, {})
        reader.drop(["kept.endless"])
    assert (shop.tables(), shop.database.reading) == (0, set())
