"""Figures of what was moved into ClickHouse, against those of the DuckDB file that it came from."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from prisme.runtime.cancellation import Cancellation
from prisme.stats.queries import Stats
from prisme.stats.sources import describe
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.move_in import MoveIn, Parts
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.move_state import MoveState
from tests.faults.load import LONG
from tests.stats.clickhouse.conftest import database_folder
from tests.stats.clickhouse.test_shipped import check_pages
from tests.stats.oracle import Made
from tests.stats.strategies import made_filters, many, spans


@pytest.fixture(scope="module")
def readers(database: Database, clickhouse: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """All is moved at once."""
    place = Place("moved")
    parts = Parts(
        database,
        clickhouse,
        place,
        describe,
        database_folder(database),
        lambda: time.time_ns() // 1000,
        Cancellation(),
        lambda *_: None,
    )
    move = MoveIn(parts, MoveState(tmp_path_factory.mktemp("state")))
    assert move.run().sent
    assert move.compare().is_equal
    yield Readers(clickhouse, place)
    clickhouse.execute(f"DROP DATABASE {place.database}")


@given(made_filters, spans)
@settings(many, max_examples=60 if LONG else 4)
def test_pages_are_those_of_duckdb(stats: Stats, duckdb_stats: Stats, made: Made, times: tuple[int, int]) -> None:
    check_pages(stats, duckdb_stats, made, times)
