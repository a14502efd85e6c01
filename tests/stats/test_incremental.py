"""Figures from the incremental cache while further segments are loaded: always equal to those counted anew."""

import datetime
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND, Interval, floor
from prisme.journal.segment import Segment, segment_path
from prisme.stats import filters
from prisme.stats.cache import incremental, keys, passes
from prisme.stats.cache.entry import Entry
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.keys import KeyCounts
from prisme.stats.columns import HOURS, PROPERTIES, TOPS
from prisme.stats.dashboard import count_anew
from prisme.stats.frames import Result
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store import load_log
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.errors import LateError
from prisme.store.load_log import Changed
from prisme.store.loader import Loader
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.server import PATIENCE
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, LAST, UTC, ZONES, make_lines
from tests.stats.oracle import Made, Term
from tests.stats.strategies import made_filters, read, span_of

NAMES = (*TOPS, PROPERTIES, HOURS)


class Instance:
    """A database with a cache; by the clock of the load log, segments are loaded long after one another."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.database = Database(folder / "prisme.duckdb", Limits(256 << 20, 2), folder / "tmp")
        self.cache = IncrementalCache(self.database)
        self.loader = Loader(self.database, 1_000)
        self._folder, self._number, self._time = folder / "journal", 0, time.monotonic()
        patch.setattr(load_log, "monotonic", lambda: self._time)
        self._folder.mkdir()

    def load(self, lines: list[bytes]) -> None:
        self._time += 1000
        self._number += 1
        segment = Segment(self._number, segment_path(self._folder, self._number))
        segment.path.write_bytes(b"".join(lines))
        self.loader.load(segment, FIRST)

    def count(self, selection: Selection, page: Page, domains: list[str] | None = None) -> tuple[Result, bool]:
        """Return the figures, checked against those counted anew; and whether a part of them was cached before."""
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
        query = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'cache' AND table_name <> 'arrivals'"
        ((count,),) = self.database.cursor().execute(query).fetchall()
        return int(count)

    def close(self) -> None:
        self.loader.close()
        self.database.close()


@pytest.fixture
def instance(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("kept"), monkeypatch)
    yield instance
    instance.close()


def when(line: bytes) -> int:
    return int(json.loads(line)["session"]["exit"])


def domain_of(line: bytes) -> str:
    return str(json.loads(line)["session"]["domain"])


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
    st.sampled_from([1, 1_000_000]),
)
@settings(max_examples=30 if LONG else 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_figures_are_those_counted_anew(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    made: Made,
    zone: datetime.tzinfo,
    interval: Interval,
    domains: list[str] | None,
    worth_moving: int,
    first_pageviews: int,
) -> None:
    """Also in passes of one day."""
    noise, cached, counted = random.Random(seed), 0, 0
    lines = sorted(make_lines(seed, 120), key=when)
    cuts = sorted(noise.sample(range(1, len(lines)), 8 if LONG else 4))
    segments = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    # Some loads are of one site, and some come late, as after a failed load.
    if noise.random() < 0.5:
        segments = [[line for line in one if domain_of(line) == domain] for one in segments for domain in DOMAINS]
    for number in range(len(segments) - 1):
        if noise.random() < 0.2:
            segments[number], segments[number + 1] = segments[number + 1], segments[number]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incremental, "_WORTH_MOVING", worth_moving)
        patch.setattr(passes, "_FIRST_PAGEVIEWS", first_pageviews)
        patch.setattr(passes, "_GROWTH", 1.0)
        instance = Instance(tmp_path_factory.mktemp("kept"), patch)
        starts = [floor(FIRST + days * DAY, "w" if interval == "week" else "d", zone) for days in (-1, 3)]
        for segment in segments:
            instance.load(segment)
            latest = max(map(when, segment), default=FIRST)
            for start in starts:
                past = latest - noise.randrange(10 * DAY)
                ends = [latest + 1, latest + noise.randrange(1, 3 * HOUR), past, past + noise.randrange(1, HOUR)]
                for end in ends if LONG else noise.sample(ends, 2):
                    page = noise.choice([Page(), Page(noise.randrange(1, 12), noise.randrange(4))])
                    _, was_cached = instance.count(
                        select(start, max(end, start + 1), interval, made, zone), page, domains
                    )
                    cached, counted = cached + was_cached, counted + 1
        instance.close()
    assert cached > counted / 4


def test_what_lies_before_the_cut_is_kept_until_it_changes(instance: Instance) -> None:
    lines = sorted(make_lines(3, 300), key=when)
    half = next(number for number, line in enumerate(lines) if when(line) >= FIRST + 20 * DAY)
    instance.load(lines[:half])
    instance._time += 1000  # so that no load is recent, and all is cached
    end = FIRST + 20 * DAY
    first, was_cached = instance.count(select(FIRST, end), Page())
    assert not was_cached
    assert first.series["pageviews"].total > 100
    assert instance.count(select(FIRST, end + 1), Page())[1]
    begins_later = [line for line in lines[half:] if json.loads(line)["session"]["entry"] >= end]
    goes_on = [line for line in lines[half:] if json.loads(line)["session"]["entry"] < end]
    assert begins_later
    instance.load(begins_later)
    more, was_cached = instance.count(select(FIRST, end + 19 * DAY), Page())
    assert was_cached
    assert more.series["pageviews"].total > first.series["pageviews"].total
    instance.load(goes_on or [lines[half - 1]])
    assert not instance.count(select(FIRST, end + 19 * DAY), Page())[1]
    instance._time += 1000
    assert not instance.count(select(FIRST + DAY, end), Page())[1]
    assert not instance.count(select(FIRST + DAY, end - DAY), Page())[1], "an end before the cut is counted anew"
    assert instance.count(select(FIRST + DAY, end), Page())[1]


def test_rows_of_before_the_span_change_nothing(instance: Instance) -> None:
    instance.load(sorted(make_lines(3, 60), key=when))
    instance._time += 1000  # so that no load is recent, and all is cached
    selection = select(FIRST, LAST + DAY)
    before, _ = instance.count(selection, Page())

    def add(at: int, changed: Changed | None) -> bool:
        """Whether the figures are still cached once there is another pageview, at a time in microseconds."""
        with instance.loader.hold() as held:
            held.cursor.begin()
            held.cursor.execute(
                "INSERT INTO pageviews BY NAME SELECT * EXCLUDE (is_anon, session_timestamp) "
                'REPLACE (make_timestamp(?) AS "timestamp") FROM pageviews LIMIT 1',
                [at],
            )
            held.commit(changed)
        return instance.count(selection, Page())[1]

    assert add(FIRST - 1, Changed(FIRST - DAY, FIRST - 1, [DOMAINS[0]]))
    assert not add(FIRST, Changed(FIRST - DAY, FIRST, [DOMAINS[0]]))
    assert instance.count(selection, Page())[1], "old days do not say that recent ones may change"
    assert not add(FIRST - 1, None)
    after, _ = instance.count(selection, Page())
    assert after.series["pageviews"].total == before.series["pageviews"].total + 1


def test_a_clock_that_was_set_back_ends_it(instance: Instance) -> None:
    lines = sorted(make_lines(5, 50), key=when)
    instance.load(lines)
    broken = json.loads(lines[0])
    broken["session"]["exit"] = broken["session"]["entry"] - DAY
    instance.load([json.dumps(broken).encode() + b"\n"])
    instance._time += 1000
    assert not instance.count(select(FIRST, FIRST + 50 * DAY), Page())[1]
    instance.load([lines[-1]])
    for _ in range(3):
        assert not instance.count(select(FIRST, FIRST + 50 * DAY), Page())[1]


def test_what_has_too_many_keys_is_counted_anew(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(incremental, "time", SimpleNamespace(monotonic=lambda: now[0]))
    instance.load(sorted(make_lines(6, 50), key=when))
    instance._time += 1000
    with monkeypatch.context() as patch:
        patch.setattr(keys, "MOST_KEYS", 5)
        for _ in range(2):
            assert not instance.count(select(FIRST, FIRST + 50 * DAY), Page())[1]
    assert instance.tables() == 0
    # It is tried again after a while.
    for now[0], tables in ((599.0, 0), (600.0, 2)):
        instance.count(select(FIRST, FIRST + 50 * DAY), Page())
        assert instance.tables() == tables


def test_what_was_cached_for_a_later_end_is_not_for_an_earlier_one(instance: Instance) -> None:
    lines = sorted(make_lines(6, 100), key=when)
    instance.load(lines[:-3])
    instance.load(lines[-3:])
    end = when(lines[-1]) + 1
    later, _ = instance.count(select(FIRST, end), Page())
    earlier, was_cached = instance.count(select(FIRST, end - 1), Page())
    assert was_cached
    assert earlier.series != later.series


def is_same_remainder(instance: Instance, selection: Selection, before: object) -> bool:
    """Count a selection; whether its part after the cut was not counted again since it was `before`."""
    assert instance.count(selection, Page())[1]
    return any(entry.remainder is before for entry in instance.entries())


def test_figures_hold_while_other_sites_change(instance: Instance) -> None:
    lines, middle = sorted(make_lines(6, 100), key=when), FIRST + 20 * DAY
    later = [line for line in lines if json.loads(line)["session"]["entry"] >= middle + DAY]
    ours, others = ([line for line in later if domain_of(line) == domain] for domain in DOMAINS)
    instance.load([line for line in lines if json.loads(line)["session"]["entry"] < middle])
    instance._time += 1000
    by_filter: Made = {"domain": [Term(False, (DOMAINS[0],))]}
    chosen: list[tuple[Made, list[str] | None]] = [(by_filter, None), ({}, DOMAINS[:1])]

    def count(end: int) -> list[object]:
        for made, domains in chosen:
            instance.count(select(FIRST, end, made=made), Page(), domains)
        return [entry.remainder for entry in instance.entries()]

    before = count(middle + DAY)
    instance.load(others)
    assert all(one is other for one, other in zip(count(LAST), before, strict=True))
    instance.load(ours)
    assert not any(one is other for one, other in zip(count(LAST), before, strict=True))


def test_figures_up_to_a_past_time_hold_until_the_next_row(instance: Instance) -> None:
    lines = sorted(make_lines(6, 100), key=when)
    instance.load(lines)
    instance._time += 1000
    times = sorted({when(line) for line in lines} | {json.loads(line)["session"]["entry"] for line in lines})
    number = next(number for number in range(40, 200) if SECOND < times[number + 1] - times[number] < HOUR)
    last, following = times[number : number + 2]
    instance.count(select(FIRST, last + 1), Page())
    (entry,) = instance.entries()
    before = entry.remainder
    assert is_same_remainder(instance, select(FIRST, last + 2), before)
    instance.load([lines[-1]])  # again: nothing changes before it
    assert is_same_remainder(instance, select(FIRST, following), before)
    assert not is_same_remainder(instance, select(FIRST, following + 1), before)


def test_nothing_is_kept_that_a_load_changes_meanwhile(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = sorted(make_lines(6, 50), key=when)
    instance.load(lines[:-1])
    instance._time += 1000

    def create_tables(*arguments: Any) -> KeyCounts:
        created = keys.create_tables(*arguments)
        instance.load(lines[-1:])
        return created

    monkeypatch.setattr(incremental, "create_tables", create_tables)
    assert not instance.count(select(FIRST, FIRST + 50 * DAY), Page())[1]
    assert (instance.entries(), instance.tables()) == ([], 0)


def test_tables_of_earlier_parts_are_dropped(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "_WORTH_MOVING", 1)
    lines = sorted(make_lines(6, 100), key=when)
    cuts = []
    for start in range(0, 90, 30):
        instance.load(lines[start : start + 30])
        instance._time += 1000
        instance.count(select(FIRST, when(lines[start + 29]) + 1), Page())
        cuts += [entry.cut for entry in instance.entries()]
        assert instance.tables() == 2
    assert len(set(cuts)) > 1


def test_only_so_much_is_kept(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    instance.load(sorted(make_lines(6, 100), key=when))
    instance._time += 1000
    selections = [select(FIRST + days * DAY, FIRST + 50 * DAY) for days in range(5)]
    for one in selections:
        instance.count(one, Page())
    assert all(instance.count(one, Page())[1] for one in selections)
    size = max(entry.size for entry in instance.entries())
    monkeypatch.setattr(instance.cache._entries, "max_bytes", size * 3 // 2)
    assert instance.count(selections[0], Page())[1]
    assert instance.count(selections[0], Page())[1], "the most recently used one stays"
    assert not instance.count(selections[1], Page())[1]
    assert instance.tables() == 2 * len(instance.entries())
    assert 0 < len(instance.entries()) < 3


def test_where_all_begins_anywhere_nothing_is_kept(instance: Instance) -> None:
    instance.load(sorted(make_lines(6, 50), key=when))
    instance._time += 1000
    for _ in range(2):
        assert not instance.count(select(FIRST + SECOND, FIRST + 50 * DAY), Page())[1]


def test_a_span_without_any_moment_has_no_figures(instance: Instance) -> None:
    instance.load(sorted(make_lines(6, 50), key=when))
    found, was_cached = instance.count(select(FIRST, FIRST), Page())
    assert (found.series["pageviews"].total, was_cached) == (0, False)


def test_filters_tell_questions_apart(instance: Instance) -> None:
    instance.load(sorted(make_lines(6, 100), key=when))
    instance._time += 1000
    every, _ = instance.count(select(FIRST, FIRST + 50 * DAY), Page())
    some = Selection(NAMES, filters.read({"domain": DOMAINS[0]}), span_of(FIRST, FIRST + 50 * DAY, "day", UTC), UTC)
    found, was_cached = instance.count(some, Page())
    assert not was_cached
    assert 0 < found.series["pageviews"].total < every.series["pageviews"].total


def test_figures_do_not_wait_for_the_count_of_another_request(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.stats.cache.lru._MOST_WAIT", 0.05)
    instance.load(sorted(make_lines(6, 50), key=when))
    instance._time += 1000
    selection = select(FIRST, FIRST + 50 * DAY)
    with ThreadPoolExecutor(1) as threads, instance.cache._entries.reserve("all"):
        found, _ = threads.submit(instance.count, selection, Page()).result(PATIENCE)
    assert found.series["pageviews"].total > 0
    assert instance.entries() == []
    instance.count(selection, Page())
    assert len(instance.entries()) == 1


def test_keeping_ends_at_the_deadline_too(instance: Instance) -> None:
    endless = "CREATE TABLE cache.endless AS SELECT sum(a.range) FROM range(10000000) a, range(10000000) b"
    with Reader(instance.database, 0.2) as reader:
        with pytest.raises(LateError, match=r"over 0\.2 s"):
            reader.keep(endless, {})
        reader.drop(["cache.endless"])
    assert (instance.tables(), instance.database.read_cursors) == (0, set())
