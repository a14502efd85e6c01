"""Operations on the same rows in DuckDB and in ClickHouse."""

import contextlib
import logging
import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from prisme.operations.context import Context
from prisme.operations.delete import Deleted
from prisme.operations.job import Job
from prisme.operations.registry import Operations
from prisme.runtime.config import Config
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.event_store import ClickHouseStore
from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.wiring.operating import offline_context
from tests.server import config_for
from tests.store.clickhouse.node_store import NodeStore, read_clickhouse, read_duckdb

_TABLES: Final = (
    "sessions", "pageviews", "events_custom", "file_downloads", "outbound_link_clicks", "imported_figures", "imports",
)  # fmt: skip
_FIGURES: Final = 'SELECT imported, domain, CAST("day" AS {}), dimension, "value", visitors, sessions FROM {}'
Rows = dict[str, list[tuple[Any, ...]]]


class Copied(NamedTuple):
    """A data folder, and a database in ClickHouse with the same rows."""

    folder: Path
    place: Place


class Both:
    """A data folder, and a node whose events are in ClickHouse. They share accounts, rules and clock."""

    def __init__(self, copied: Copied, client: Client, place: Place, folder: Path) -> None:
        self._closing = contextlib.ExitStack()
        self.client, self.place = client, place
        self._source = copied.place
        self.refill()
        shutil.copytree(copied.folder, folder / "duckdb")
        (folder / "duckdb").chmod(0o700)
        config = config_for(folder / "duckdb", 1)
        self.duckdb = self._closing.enter_context(offline_context(config, logging.getLogger("prisme")))
        self.node = self._closing.enter_context(NodeStore(folder / "node", client, place))
        self.clickhouse = self.through(client)

    def refill(self) -> None:
        """Have all rows in ClickHouse again."""
        fill(self.client, self._source, self.place)

    def through(self, client: Client) -> Context:
        """The context of the node with another client."""
        files = ParquetFiles(self.node.database, self.duckdb.folder / "tmp")
        store = ClickHouseStore(Readers(client, self.place), self.node.loader, files)
        return self.duckdb._replace(database=self.node.database, loader=self.node.loader, store=store)

    def configure(self, clock: int, **options: str) -> None:
        """Set the options and the clock (microseconds)."""
        config = config_for(self.duckdb.folder, 1, **options)
        self.duckdb, self.clickhouse = (
            context._replace(config=config, clock=lambda: clock) for context in (self.duckdb, self.clickhouse)
        )

    @property
    def config(self) -> Config:
        return self.duckdb.config

    def rows(self) -> tuple[Rows, Rows]:
        """The rows of DuckDB, and those of ClickHouse."""
        return self.rows_of_duckdb(), self.rows_of_clickhouse()

    def rows_of_duckdb(self) -> Rows:
        with self.duckdb.database.cursor() as cursor:

            def ask(query: str) -> list[tuple[Any, ...]]:
                return cursor.execute(query).fetchall()

            figures = sorted(ask(_FIGURES.format("VARCHAR", "imported_figures")))
            imports = ask("SELECT name FROM state.imports ORDER BY ALL")
            return read_duckdb(_Asked(ask)) | {"imported_figures": figures, "imports": imports}

    def rows_of_clickhouse(self) -> Rows:
        ask = self.client.query
        figures = ask(_FIGURES.format("String", self.place.table("imported_figures")))
        imports = ask(f"SELECT name FROM {self.place.table('imports')} FINAL ORDER BY name")
        return read_clickhouse(self.client, self.place) | {"imported_figures": sorted(figures), "imports": imports}

    def states(self) -> int:
        """The states of visits that are stored, whether they are over or not."""
        ((count,),) = self.client.query(f"SELECT count() FROM {self.place.table('sessions')}")
        return int(count)

    def notes(self) -> int:
        """The rows of deletions under way."""
        ((count,),) = self.client.query(f"SELECT count() FROM {self.place.table('deletions')}")
        return int(count)

    def perform(self, name: str, /, **arguments: Any) -> tuple[Deleted, Deleted]:
        """Perform an operation on both."""
        return perform(self.duckdb, name, **arguments), perform(self.clickhouse, name, **arguments)

    def check(self, name: str, /, **arguments: Any) -> Deleted:
        """Perform it, without and with `dry_run`: both say the same, and have the same rows afterwards."""
        before = self.rows_of_clickhouse()
        told, found = self.perform(name, **arguments, dry_run=True)
        assert found == told
        assert self.rows_of_clickhouse() == before
        expected, done = self.perform(name, **arguments)
        assert strip(done) == strip(expected)
        assert (done.rows, done.changed) == (found.rows, found.changed)
        duckdb, clickhouse = self.rows()
        assert clickhouse == duckdb
        assert self.notes() == 0
        return done

    def close(self) -> None:
        self._closing.close()


class _Asked:
    def __init__(self, rows: Any) -> None:
        self.rows = rows


def fill(client: Client, source: Place, target: Place) -> None:
    """Have tables with the rows of others, and no others."""
    client.execute(f"TRUNCATE TABLE {target.table('deletions')}")
    for table in _TABLES:
        client.execute(f"TRUNCATE TABLE {target.table(table)}")
        statement = f"INSERT INTO {target.table(table)} SELECT * FROM {source.table(table)}"
        client.execute(statement, settings={"optimize_on_insert": 0})  # with all states of visits


def perform(context: Context, name: str, /, **arguments: Any) -> Deleted:
    result = Operations(context).perform(name, arguments, Job())
    assert isinstance(result, Deleted)
    return result


def strip(deleted: Deleted) -> Deleted:
    """Without what is only about the file."""
    return msgspec.structs.replace(deleted, compaction=None, fault="")
