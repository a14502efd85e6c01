"""A database with the generated journal, and readers of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.journal.segment import Segment, segment_path
from prisme.stats.queries import Stats
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.loader import Loader
from prisme.store.reader import Reader
from tests.stats.lines import LAST, LINES


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with the journal's lines, loaded in several segments."""
    database = fill_database(tmp_path_factory.mktemp("stats"), LINES)
    yield database
    database.close()


def fill_database(folder: Path, lines: list[bytes]) -> Database:
    """A database with some lines, loaded in several segments."""
    database = Database(folder / "prisme.duckdb", Limits(256 << 20, 2), folder / "tmp")
    loader = Loader(database, 1_000)
    (folder / "journal").mkdir()
    size = len(lines) // 5
    for number in range(1, 7):
        segment = Segment(number, segment_path(folder / "journal", number))
        segment.path.write_bytes(b"".join(lines[(number - 1) * size : number * size]))
        loader.load(segment, LAST)
    loader.close()
    return database


@pytest.fixture(scope="module")
def reader(database: Database) -> Iterator[Reader]:
    with Reader(database, 3600.0) as reader:
        yield reader


@pytest.fixture(scope="module")
def stats(reader: Reader) -> Stats:
    return Stats(reader, None)
