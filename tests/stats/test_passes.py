"""Long parts are counted in passes: those before a deadline are kept, and those that need too much memory are cut."""

import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.seed import seed
from prisme.runtime.clock import Clock
from prisme.stats.cache import incremental, passes
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.dashboard import build_dashboard
from prisme.stats.parameters import COMPARE, read_query
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.errors import FullError, LateError, UnavailableError
from prisme.store.reader import Reader
from prisme.web.stats_source import ReadingOptions, ShortageLog, StatsSource
from tests.stats.lines import DAY, FIRST, UTC, make_lines
from tests.stats.oracle import Term
from tests.stats.strategies import read, span_of
from tests.stats.test_incremental import Instance, when

DAYS = 8
FIREFOX = {"browser": [Term(False, ("Firefox",))]}
# A Monday noon.
SEEDED = FIRST + 60 * DAY + DAY // 2


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """Visits of weeks, which are counted in passes of a day."""
    monkeypatch.setattr(passes, "_FIRST_PAGEVIEWS", 1)
    monkeypatch.setattr(passes, "_GROWTH", 1.0)
    instance = Instance(tmp_path, monkeypatch)
    instance.load(sorted(make_lines(3, 100), key=when))
    instance._time += 1000  # so that no load is recent, and all is cached
    yield instance
    instance.close()


class Parts:
    """The lengths in days of the parts that are counted; `before` is called with the reader and each one's length."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.days: list[int] = []
        self.before: Any = lambda *_: None
        count_part = incremental._count_part

        def count(stats: Stats, names: Any, part: Any, *others: Any) -> Any:
            days = (part.end - part.start) // DAY
            self.before(stats.reader, days)
            self.days.append(days)
            return count_part(stats, names, part, *others)

        patch.setattr(incremental, "_count_part", count)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(monkeypatch)


def week() -> Selection:
    return _select(FIRST)


def _select(start: int) -> Selection:
    return Selection(("top-pages", "top-browsers"), read(FIREFOX), span_of(start, FIRST + DAYS * DAY, "day", UTC), UTC)


def test_passes_before_the_deadline_are_kept(instance: Instance, parts: Parts) -> None:
    def end_sixth(reader: Reader, _: int) -> None:
        if len(parts.days) == 5:
            reader.cancel()

    parts.before = end_sixth
    with pytest.raises(LateError):
        instance.count(week(), Page())
    assert [entry.cut for entry in instance.entries()] == [FIRST + 5 * DAY]
    assert instance.tables() == 2
    parts.before = lambda *_: None
    parts.days.clear()
    found, was_cached = instance.count(week(), Page())
    assert (was_cached, parts.days) == (True, [1] * (DAYS - 5))
    assert found.series["pageviews"].total > 0


def test_a_pass_that_needs_too_much_memory_is_cut(
    instance: Instance, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_long(_: Reader, days: int) -> None:
        if days > 3:
            raise FullError("Out of Memory")

    monkeypatch.setattr(passes, "_FIRST_PAGEVIEWS", 1_000_000)
    parts.before = refuse_long
    instance.count(week(), Page())
    assert sum(parts.days) == DAYS
    assert max(parts.days) <= 3


def test_a_day_that_needs_too_much_memory_is_refused(instance: Instance, parts: Parts) -> None:
    """What was counted before it is kept."""

    def refuse_fifth(_: Reader, days: int) -> None:
        if len(parts.days) == 4:
            raise FullError("Out of Memory")

    parts.before = refuse_fifth
    for _ in range(2):
        with pytest.raises(FullError):
            instance.count(week(), Page())
        assert parts.days == [1] * 4
    assert [entry.cut for entry in instance.entries()] == [FIRST + 4 * DAY]


def test_nothing_is_kept_of_a_span_that_starts_within_a_day(instance: Instance, parts: Parts) -> None:
    selection = _select(FIRST + 1)
    instance.count(selection, Page())
    assert len(parts.days) == DAYS
    assert (instance.entries(), instance.tables()) == ([], 0)

    def end(reader: Reader, _: int) -> None:
        reader.cancel()

    parts.before = end
    with pytest.raises(LateError):
        instance.count(selection, Page())
    assert (instance.entries(), instance.tables()) == ([], 0)


def test_little_memory_is_enough_or_the_answer_says_how_to_have_more(tmp_path: Path) -> None:
    """A year of more than a million pageviews, in the least memory that the option allows."""
    seed(tmp_path, 1_050_000, SEEDED)
    database = Database(tmp_path / "prisme.duckdb", Limits(64 << 20, 2), tmp_path / "tmp")
    shortages, cache = ShortageLog(logging.getLogger("test")), IncrementalCache(database)
    reading = functools.partial(Reader, database)
    source = StatsSource(reading, database.load_log, cache, Clock(), ReadingOptions(60.0, ()), shortages)
    for filters in ({"browser": "Firefox"}, {"path": "!/", "country": "!DE"}):
        query, answer = read_query({"from": "now-360d/d", **filters}, SEEDED, COMPARE), ""
        try:
            with Reader(database, 60.0) as reader:
                page = build_dashboard(Stats(reader, None), query, SEEDED, cache)
            assert page.totals["visitors"] > 10_000
        except UnavailableError as error:
            answer = source.refuse(error).reason
        assert answer == "" or "duckdb_memory_limit" in answer
    database.close()


def test_the_few_rows_of_weeks_are_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million pageviews at their rate would take longer than there are dates."""
    instance = Instance(tmp_path, monkeypatch)
    lines = [line for line in sorted(make_lines(3, 60), key=when) if b'"pageview"' in line]
    instance.load([lines[0], lines[-1]])
    instance._time += 1000
    found, _ = instance.count(
        Selection(("top-pages",), read({}), span_of(FIRST, FIRST + 60 * DAY, "day", UTC), UTC), Page()
    )
    assert found.series["pageviews"].total == 2
    instance.close()
