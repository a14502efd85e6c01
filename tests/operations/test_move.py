"""`prisme move` without a server: into ClickHouse and back, with the rows of all tables as they were."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.journal.segment import segment_path
from prisme.operations.context import Context
from prisme.runtime.config import Config
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.move_state import FILE, MoveState
from prisme.store.node_database import KEPT
from tests.clickhouse.engine import Engine
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.stats.lines import LINES
from tests.store.clickhouse.moving import Tables, configure, move, read_clickhouse, read_file

FIGURES = [("example.com", f"2023-{month:02}-03", "path", value) for month in (1, 5) for value in ("/", "é\t'\\")]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("clickhouse") / "data") as engine:
        yield engine


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    client = engine.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visits of 40 days, and two imports of other years."""
    folder = tmp_path_factory.mktemp("stored") / "data"
    with open_folder(folder) as context:
        segment_path(context.folder / "journal", 7).write_bytes(b"".join(LINES))
        context.settle()
        add_import(context, "matomo-1", 100, FIGURES, "a.example")
        add_import(context, "umami-3", 0, FIGURES[:2], ended=False)
    return folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    shutil.copytree(stored, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def config(folder: Path, engine: Engine, request: pytest.FixtureRequest) -> Config:
    return configure(folder, engine, f"db_{abs(hash(request.node.name))}")


def place_of(config: Config) -> Place:
    return Place(config.clickhouse_database)


def count(tables: Tables) -> int:
    return sum(len(rows) for name, rows in tables.items() if name != "imports")


def change(config: Config, *statements: str) -> None:
    """Change the file as nobody else does: what was counted ahead is not."""
    with open_folder(config.data_dir) as context, context.loader.hold() as held:
        for statement in statements:
            held.cursor.execute(statement)


def test_all_is_there_and_back_again(config: Config, engine: Engine, client: Client) -> None:
    before = read_file(config)
    first = move(config, "clickhouse")
    assert first.is_equal
    assert (first.copied, first.deleted, first.changed, first.is_finished) == (count(before), 0, [], False)
    assert read_clickhouse(client, place_of(config)) == before
    second = move(config, "clickhouse", finish=True)
    assert (second.copied, second.deleted, second.is_finished) == (0, 0, True)
    assert second.months == first.months
    assert sum(month.duckdb.rows for month in second.months) == sum(map(len, before.values()))
    assert second.kept_bytes == (config.data_dir / KEPT).stat().st_size
    assert {name for name, rows in read_file(config).items() if rows} == set()
    there = configure(config.data_dir, engine, config.clickhouse_database, "clickhouse")
    back = move(there, "duckdb")
    assert (back.copied, back.is_equal, back.is_finished) == (count(before), True, False)
    back = move(there, "duckdb", finish=True)
    assert (back.copied, back.is_equal, back.is_finished) == (0, True, True)
    assert read_file(config) == before
    assert not (config.data_dir / "node").exists()
    assert not (config.data_dir / FILE).exists()
