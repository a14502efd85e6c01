"""The same rows in a file of DuckDB's and in ClickHouse, and what answers SQL of users about each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sql_runner import ClickHouseSqlRunner
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.sql_runner import SqlRunner
from tests.clickhouse.engine import Engine
from tests.stats.clickhouse.copying import copy
from tests.stats.conftest import fill_database
from tests.stats.lines import make_lines

PLACE = Place("questions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("questions")


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Database]:
    database = fill_database(folder, list(make_lines(3, 60)))
    yield database
    database.close()


@pytest.fixture(scope="module")
def readers(engine: Engine, database: Database, folder: Path) -> Iterator[Readers]:
    client = engine.client(3600.0)
    copy(database, client, PLACE, folder / "tmp")
    yield Readers(client, PLACE)
    client.close()


@pytest.fixture(scope="module")
def runner(readers: Readers, database: Database, folder: Path) -> Iterator[ClickHouseSqlRunner]:
    runner = ClickHouseSqlRunner(readers, ParquetFiles(database, folder / "tmp"))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def duckdb_runner(database: Database, folder: Path) -> Iterator[SqlRunner]:
    runner = SqlRunner(database, folder / "tmp")
    yield runner
    runner.close()
