"""How much memory cached counts take: the estimates, compared with what DuckDB says, and the limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.stats import filters
from prisme.stats.cache import incremental, keys
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.reader import Reader
from tests.stats.lines import DAY, FIRST, UTC
from tests.stats.strategies import span_of

NAMES = ("top-pages", "top-statuses")
TAGS = "('IN_MEMORY_TABLE', 'OVERFLOW_STRINGS')"
ROWS = """
INSERT INTO pageviews BY NAME
SELECT make_timestamp({first}) + INTERVAL 1 MINUTE AS "timestamp", 'example.com' AS domain,
       lpad('/' || range % {paths}, {length}, '/') AS path,
       'visitor-' || range % {visitors} AS visitor_id, uuidv7() AS session_uuid, 200 AS status
FROM range({rows})
"""


class Cache:
    """A cache of counts, and what DuckDB says its tables take."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "prisme.duckdb", Limits(512 << 20, 2), folder / "tmp")
        self.counts = IncrementalCache(self.database)

    def insert(self, rows: int, paths: int, length: int, visitors: int) -> None:
        with self.database.cursor() as cursor:
            cursor.execute(ROWS.format(first=FIRST, rows=rows, paths=paths, length=length, visitors=visitors))

    def count(self, days: int = 1, **where: str) -> None:
        """Count the span that begins so many days before the rows, unless that is cached."""
        span = span_of(FIRST - days * DAY, FIRST + DAY, "day", UTC)
        selection = Selection(NAMES, filters.read(where), span, UTC)
        with Reader(self.database, 3600.0) as reader:
            self.counts.count(Stats(reader, None), [selection], Page(), span.end)

    @property
    def entries(self) -> int:
        return len(self.counts._entries._entries)

    @property
    def estimate(self) -> int:
        return self.counts._entries._bytes

    @property
    def memory(self) -> int:
        return self._ask(f"SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag IN {TAGS}")

    @property
    def tables(self) -> int:
        return self._ask(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'cache' AND table_name <> 'arrivals'"
        )

    def _ask(self, query: str) -> int:
        with self.database.cursor() as cursor:
            ((number,),) = cursor.execute(query).fetchall()
        return int(number)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache(tmp_path)
    yield cache
    cache.database.close()


@pytest.mark.parametrize(
    ("rows", "paths", "length", "visitors", "selections"),
    [
        pytest.param(10, 10, 10, 10, 12, id="small sites"),
        pytest.param(3_000, 3_000, 10, 3_000, 10, id="short keys"),
        pytest.param(100, 100, 500, 100, 10, id="few keys"),
        pytest.param(2_000, 2_000, 2_000, 10, 3, id="long keys"),
        pytest.param(300, 300, 8_000, 10, 3, id="keys longer than a page of DuckDB's"),
        pytest.param(40_000, 40_000, 60, 10, 1, id="many keys"),
        pytest.param(150_000, 10, 10, 150_000, 1, id="many visitors"),
    ],
)
def test_no_more_is_taken_than_estimated(
    cache: Cache, rows: int, paths: int, length: int, visitors: int, selections: int
) -> None:
    cache.insert(rows, paths, length, visitors)
    before = cache.memory
    for days in range(selections):
        cache.count(days)
    taken = cache.memory - before
    assert (cache.entries, cache.tables) == (selections, 2 * selections)
    assert taken > 8_000 * selections
    assert 0.8 * taken < cache.estimate < 2 * taken + 500_000 * selections


def test_the_number_of_entries_is_limited(cache: Cache) -> None:
    assert cache.counts._entries.max_entries == incremental._MOST_ENTRIES == 512
    cache.counts._entries.max_entries = 3
    cache.insert(10, 10, 10, 10)
    for days in range(6):
        cache.count(days)
        assert cache.entries == min(days + 1, 3)
    assert cache.tables == 6


def test_what_is_larger_than_all_may_be_evicts_nothing(cache: Cache) -> None:
    cache.insert(3_000, 3_000, 300, 3_000)
    for days in range(3):
        cache.count(days, path="/1*")
    kept = cache.estimate
    cache.counts._entries.max_bytes = kept + 100_000
    for _ in range(2):
        cache.count()
        assert (cache.entries, cache.estimate, cache.tables) == (3, kept, 6)


def test_long_filters_count_too(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached selection is found by its filters, whose texts may be long: also one that has too many keys."""
    cache.insert(10, 10, 10, 10)
    cache.count()
    small = cache.estimate
    cache.count(path="/" + "x" * 8_000)
    assert cache.estimate - small > 8_000
    monkeypatch.setattr(keys, "MOST_KEYS", -1)
    assert cache.counts._large.max_bytes == incremental._LARGE_BYTES == 1 << 20
    cache.counts._large.max_bytes = 50_000
    for number in range(10):
        cache.count(path=f"/{number}" + "x" * 8_000)
    assert len(cache.counts._large._entries) == 5
