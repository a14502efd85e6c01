"""The export of ClickHouse's tables: the files are those of DuckDB's export of the same rows."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.event_store import ClickHouseStore
from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.database import Database
from prisme.store.errors import LateError, LostError
from prisme.store.loader import Loader
from prisme.store.parquet import DuckDBExport, Export, Part
from prisme.store.reader import Reader
from prisme.store.schema import ALL_TABLES
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.stats.clickhouse.copying import copy
from tests.store.clickhouse.sql.conftest import PLACE

FIRST = "0001-01"


def make_store(readers: Readers, database: Database, folder: Path) -> ClickHouseStore:
    return ClickHouseStore(readers, Loader(database, 1), ParquetFiles(database, folder / "tmp"))


@pytest.fixture
def store(readers: Readers, database: Database, folder: Path) -> Iterator[ClickHouseStore]:
    store = make_store(readers, database, folder)
    yield store
    store.queries.close()


@pytest.fixture
def out(folder: Path) -> Iterator[Path]:
    """A file in the folder that DuckDB may write to; nothing else may be left there."""
    path = folder / "tmp" / "staged-part"
    yield path
    path.unlink(missing_ok=True)
    assert [*folder.glob("tmp/staged-*")] == []


def export(store: ClickHouseStore, cancellation: Cancellation | None = None) -> AbstractContextManager[Export]:
    return store.export(3600.0, cancellation or Cancellation())


def read(export: Export, part: Part, path: Path) -> tuple[list[Any], list[Any]]:
    """The schema of a part's file, and its rows."""
    export.write_part(part, path)
    schema = duckdb.execute(
        f"SELECT * EXCLUDE (file_name, column_id, num_children) FROM parquet_schema('{path}')"
    ).fetchall()
    rows = duckdb.execute(f"FROM read_parquet('{path}')").fetchall()
    path.unlink()
    return schema, sorted(rows, key=repr)


def test_files_are_equal_to_those_of_duckdb(store: ClickHouseStore, database: Database, out: Path) -> None:
    with export(store) as found, Reader(database, 3600.0) as reader:
        expected = DuckDBExport(reader)
        parts, wanted = list(found.find_parts(FIRST)), list(expected.find_parts(FIRST))
        assert [(part.name, part.rows) for part in parts] == [(part.name, part.rows) for part in wanted]
        assert {part.table for part in parts} == {*ALL_TABLES}
        for part, other in zip(parts, wanted, strict=True):
            assert read(found, part, out) == read(expected, other, out)


def test_since_a_month(store: ClickHouseStore) -> None:
    with export(store) as found:
        months = {part.month for part in found.find_parts(FIRST)}
        assert {"1969-12", "2026-10", "2026-11"} <= months
        assert {part.month for part in found.find_parts("2026-11")} == {"2026-11"}


def test_a_check_changes_with_the_content_alone(
    engine: Engine, database: Database, folder: Path, clickhouse: Client
) -> None:
    place = Place("checked")
    copy(database, clickhouse, place, folder / "tmp")
    own = make_store(Readers(clickhouse, place), database, folder)

    def check() -> dict[str, str]:
        with export(own) as found:
            return {part.name: part.check for part in found.find_parts(FIRST)}

    before = check()
    clickhouse.execute("OPTIMIZE TABLE checked.sessions FINAL")  # states of visits are merged
    assert check() == before
    double = "INSERT INTO checked.pageviews SELECT * EXCEPT (number), number FROM checked.pageviews LIMIT 1"
    clickhouse.execute(double, settings={"insert_deduplicate": 0, "deduplicate_insert": "disable"})
    once = check()
    changed = [name for name in before if once[name] != before[name]]
    assert [name.split("/")[0] for name in changed] == ["pageviews"]
    clickhouse.execute(
        "ALTER TABLE checked.sessions UPDATE region = 'elsewhere' WHERE entry_timestamp >= '2026-11-01'",
        settings={"mutations_sync": 2},
    )
    later = check()
    assert [name for name in once if later[name] != once[name]] == ["sessions/2026-11.parquet"]
    own.queries.close()


@pytest.fixture
def clickhouse(engine: Engine) -> Iterator[Client]:
    client = engine.client()
    yield client
    client.execute("DROP DATABASE IF EXISTS checked")
    client.close()


def test_a_server_that_fails(
    engine: Engine, database: Database, folder: Path, store: ClickHouseStore, out: Path
) -> None:
    with export(store) as found:
        part = next(found.find_parts(FIRST))
    with Proxy(engine.endpoint, lambda text: Fault("lost") if 'AS "entry_timestamp"' in text else None) as proxy:
        client = proxy.client()
        own = make_store(Readers(client, PLACE), database, folder)
        with export(own) as found, pytest.raises(LostError):
            found.write_part(part, out)
        own.queries.close()
        client.close()


def test_an_answer_that_is_cut_off_is_no_file(
    store: ClickHouseStore, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prisme.store.clickhouse import export as module

    def save(stream: Any, file: FileIO) -> None:
        file.write(stream.read(1 << 20)[:-30])

    with export(store) as found:
        part = next(found.find_parts(FIRST))
        monkeypatch.setattr(module, "save", save)
        with pytest.raises(LostError, match="cannot be read"):
            found.write_part(part, out)


def test_it_is_cancelled(store: ClickHouseStore, out: Path) -> None:
    cancellation = Cancellation()
    with export(store, cancellation) as found:
        part = next(found.find_parts(FIRST))
        threading.Timer(0.0, cancellation.cancel).start()
        with pytest.raises(LateError):
            write_for_ever(found, part, out)


def write_for_ever(export: Export, part: Part, path: Path) -> None:
    while True:
        export.write_part(part, path)
        path.unlink()
