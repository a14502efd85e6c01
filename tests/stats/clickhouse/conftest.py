"""The rows of the fixture `database` in ClickHouse, so that tests that ask for `reader` or `stats` count them there."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.stats.cache.whole_spans import WholeSpans
from prisme.stats.queries import Stats
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.reader import Reader
from tests.clickhouse.engine import Engine
from tests.stats.clickhouse.copying import copy

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("clickhouse") / "data") as engine:
        yield engine


@pytest.fixture(scope="session")
def clickhouse(engine: Engine) -> Iterator[Client]:
    client = engine.client(3600.0)
    yield client
    client.close()


@pytest.fixture(scope="module")
def readers(database: Database, clickhouse: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """Readers of a database of ClickHouse's with the rows of `database`."""
    place = Place(f"figures_{next(_NUMBERS)}")
    copy(database, clickhouse, place, database_folder(database))
    yield Readers(clickhouse, place)
    clickhouse.execute(f"DROP DATABASE {place.database}")


def database_folder(database: Database) -> Path:
    """Where DuckDB may write."""
    return database._temporary


@pytest.fixture(scope="module")
def reader(readers: Readers) -> Iterator[ClickHouseReader]:
    with ClickHouseReader(readers, 3600.0) as reader:
        yield reader


@pytest.fixture(scope="module", autouse=True)
def no_tables_in_memory(readers: Readers) -> Iterator[None]:
    """Have tests that make a cache of DuckDB's get one that ClickHouse can have."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("test_queries", "test_breakdown", "test_imported"):
            patch.setattr(f"tests.stats.{module}.IncrementalCache", lambda _: WholeSpans(readers.load_log))
        yield


@pytest.fixture(scope="module")
def duckdb_stats(database: Database) -> Iterator[Stats]:
    """Figures of DuckDB, with which those of ClickHouse are compared."""
    with Reader(database, 3600.0) as reader:
        yield Stats(reader, None)
