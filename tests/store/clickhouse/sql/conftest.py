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
_FIGURES = """
INSERT INTO imported_figures VALUES
    ('ga4-1', 'example.com', DATE '1969-12-31', '', '', 1, NULL, 3, 0, NULL, NULL),
    ('ga4-1', 'example.com', DATE '2026-10-31', 'path', '/\\ ''"é', 0, 2, 18446744073709551615, NULL, 1, 60),
    ('ga4-1', 'example.com', DATE '2026-10-31', 'path', '/', 0, 2, NULL, NULL, 1, 60)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("questions")


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Database]:
    database = fill_database(folder, list(make_lines(3, 60)))
    with database.cursor() as cursor:
        cursor.execute(_FIGURES)
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
