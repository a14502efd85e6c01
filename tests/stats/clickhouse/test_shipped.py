"""Figures of what a node has shipped, in several segments, against plain Python and DuckDB's of the same lines."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from prisme.stats.cache.whole_spans import WholeSpans
from prisme.stats.columns import TOPS
from prisme.stats.dashboard import build_dashboard
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.row_details import list_neighbours, list_properties
from prisme.stats.selection import Page
from prisme.stats.zones import open_zone
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.load_log import LoadLog
from tests.faults.load import LONG
from tests.stats.lines import FIRST, LAST, LINES
from tests.stats.oracle import Made
from tests.stats.strategies import made_filters, many, read, span_of, spans
from tests.stats.test_queries import (  # noqa: F401
    test_properties_are_counted,
    test_whole_series_are_counted,
    test_whole_tops_are_counted,
)
from tests.store.clickhouse.node_store import NodeStore

SEGMENTS = 7


@pytest.fixture(scope="module")
def readers(clickhouse: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """Visits go on from segment to segment, and each is there in several states."""
    place, size = Place("shipped"), len(LINES) // (SEGMENTS - 1)
    migrate(clickhouse, place)
    with NodeStore(tmp_path_factory.mktemp("node"), clickhouse, place) as node:
        for number in range(1, SEGMENTS + 1):
            node.load(number, LINES[(number - 1) * size : number * size])
    yield Readers(clickhouse, place)
    clickhouse.execute(f"DROP DATABASE {place.database}")


@given(made_filters, spans)
@settings(many, max_examples=60 if LONG else 4)
def test_pages_are_those_of_duckdb(stats: Stats, duckdb_stats: Stats, made: Made, times: tuple[int, int]) -> None:
    check_pages(stats, duckdb_stats, made, times)


def check_pages(stats: Stats, duckdb_stats: Stats, made: Made, times: tuple[int, int]) -> None:
    """The page of a span with filters is the same of both engines."""
    zone = open_zone("Europe/Berlin")
    span = span_of(times[0], times[1] + 1, "day", zone)
    query = StatsQuery(span, zone, "day", Page(100), "", read(made), span_of(FIRST, LAST, "day", zone))

    def count(stats: Stats) -> list[object]:
        page = build_dashboard(stats, query, LAST, WholeSpans(LoadLog(0)), tuple(TOPS))
        return [page, list_neighbours(stats, "pageviews", query.filters, span), list_properties(stats, {}, span)]

    assert count(stats) == count(duckdb_stats)
