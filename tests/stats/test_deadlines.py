"""A deadline that passes while Python reads the rows of a query."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from prisme.dashboard.page import build_page
from prisme.dashboard.url_state import UrlState
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.keys import rank
from prisme.stats.cache.partials import Part, count, open_part
from prisme.stats.columns import SERIES, TOPS
from prisme.stats.figures import FRAMES
from prisme.stats.parameters import read_query
from prisme.stats.queries import Stats
from prisme.store.database import Database
from prisme.store.errors import LateError
from prisme.store.query_reader import Row
from prisme.store.reader import Reader
from tests.stats.lines import DOMAINS, FIRST, LAST, UTC

QUERY = read_query({"from": str(FIRST // 10**6), "to": str(LAST // 10**6), "interval": "day"}, LAST)
PART = Part({}, FIRST, LAST, QUERY.span.edges, UTC)


class Rows(list[Row]):
    """Rows of which the second is read too late; a single one too, in the end."""

    def __init__(self, reader: "LateReader", rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self._reader = reader

    def __iter__(self) -> Iterator[Row]:
        for number, row in enumerate(super().__iter__()):
            self._reader._late |= number == 1
            yield row
        self._reader._late = True


class LateReader(Reader):
    """A reader whose deadline passes while the rows of query number `last` are read."""

    def __init__(self, database: Database, last: int) -> None:
        super().__init__(database, 3600.0)
        self.last = last
        self.asked = 0

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        self.asked += 1
        rows = super().ask(query, parameters)
        return Rows(self, rows) if self.asked == self.last else rows


@pytest.mark.parametrize("name", [*SERIES, "top-pages", "top-browsers", "top-custom-events"])
def test_no_figure_is_returned_late(database: Database, name: str) -> None:
    with LateReader(database, 1) as reader, pytest.raises(LateError):
        FRAMES[name](Stats(reader, None), QUERY, LAST)


@pytest.mark.parametrize("last", [1, 3, 5])
def test_no_part_is_counted_late(database: Database, last: int) -> None:
    """Sessions, events and visitors; the other queries return nothing."""
    with LateReader(database, last) as reader:
        stats = Stats(reader, None)
        conditions = open_part(stats, PART)
        with pytest.raises(LateError):
            count(stats, (), PART, conditions, None)


def test_no_part_of_a_list_is_counted_late(database: Database) -> None:
    reader = LateReader(database, 0)
    with reader:
        stats = Stats(reader, None)
        conditions = open_part(stats, PART)
        counts = count(stats, TOPS, PART, conditions, None)
        reader.last = reader.asked + 2  # the first one groups the sessions
        with pytest.raises(LateError):
            rank(stats, TOPS, PART, conditions, None, {}, counts)


def test_no_page_is_built_late(database: Database) -> None:
    state = UrlState({}, FIRST, "")
    for _ in range(2):  # the first one also reads what stays in memory
        reader = LateReader(database, 0)
        with reader:
            build_page(Stats(reader, None), state, QUERY, DOMAINS, LAST, IncrementalCache(database))
    assert reader.asked > 5
    for last in range(1, reader.asked + 1):
        with LateReader(database, last) as late, pytest.raises(LateError):
            build_page(Stats(late, None), state, QUERY, DOMAINS, LAST, IncrementalCache(database))
