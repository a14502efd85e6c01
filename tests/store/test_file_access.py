"""What statements can reach beside the database: nothing but the journal, however the file was opened."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from prisme.store.connection import clear, connect
from prisme.store.database import Database
from prisme.store.reader import Reader
from prisme.store.upgrade import upgrade
from prisme.store.write_connection import WriteConnection
from tests.checkout import ROOT
from tests.store.segments import LIMITS

Connection = duckdb.DuckDBPyConnection


def opened(folder: Path) -> Iterator[Connection]:
    yield connect(folder / "prisme.duckdb", LIMITS, folder / "tmp")


def opened_twice(folder: Path) -> Iterator[Connection]:
    first = connect(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    yield connect(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    first.close()


def of_a_database(folder: Path) -> Iterator[Connection]:
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    yield database.cursor()
    database.close()


def in_the_cache(folder: Path) -> Iterator[Connection]:
    for cursor in of_a_database(folder):
        cursor.execute("USE cache")
        yield cursor


def of_the_writer(folder: Path) -> Iterator[Connection]:
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    writer = WriteConnection(database)
    with writer.use() as cursor:
        yield cursor
    writer.close()
    database.close()


def of_a_reader(folder: Path) -> Iterator[Connection]:
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    with Reader(database, 60.0):
        (cursor,) = database.read_cursors
        cursor.rollback()  # an error ends a transaction
        yield cursor
    database.close()


def reopened(folder: Path) -> Iterator[Connection]:
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    database.reopen()
    yield database.cursor()
    database.close()


WAYS = (opened, opened_twice, of_a_database, in_the_cache, of_the_writer, of_a_reader, reopened)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder around the data folders."""
    return tmp_path_factory.mktemp("around")


@pytest.fixture(scope="module", params=[way.__name__ for way in WAYS])
def data(request: pytest.FixtureRequest, around: Path) -> Path:
    folder = around / str(request.param)
    (folder / "journal").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def connection(request: pytest.FixtureRequest, data: Path) -> Iterator[Connection]:
    way = next(way for way in WAYS if way.__name__ == data.name)
    for cursor in way(data):
        yield cursor
        cursor.close()


def refuse(connection: Connection, statement: str) -> None:
    """It fails because it is not allowed, and not for another reason."""
    with pytest.raises(duckdb.Error, match=r"disabled (by|through) configuration|has been locked|while database is ru"):
        connection.execute(statement)


def test_statements_reach_no_other_file(connection: Connection, data: Path, around: Path) -> None:
    outside = [around / "outside.txt", data / "secrets.sqlite", data / "journal" / ".." / "other.txt"]
    for path in outside:
        path.write_text("secret")
        refuse(connection, f"SELECT content FROM read_text('{path}')")
        refuse(connection, f"FROM read_json('{path}')")
        refuse(connection, f"FROM read_csv('{path}')")
        refuse(connection, f"FROM glob('{path.parent}/*')")
        refuse(connection, f"CREATE TABLE t AS FROM '{path}.csv'")
        refuse(connection, f"COPY (SELECT 1) TO '{path}'")
        refuse(connection, f"ATTACH '{path}.duckdb' AS other")
        refuse(connection, f"EXPORT DATABASE '{path}-exported'")
        assert path.read_text() == "secret"
    assert {path.name for path in around.iterdir()} <= {"outside.txt", *(way.__name__ for way in WAYS)}


def test_statements_load_no_code(connection: Connection, around: Path) -> None:
    for statement in ("INSTALL httpfs", "FORCE INSTALL json", "LOAD httpfs", f"LOAD '{around}/x.duckdb_extension'"):
        refuse(connection, statement)
    refuse(connection, "FROM read_text('https://127.0.0.1:9/x')")  # would install and load httpfs


def test_statements_cannot_lift_this(connection: Connection) -> None:
    for setting in (
        "enable_external_access = true",
        "allowed_directories = ['/']",
        "allowed_paths = ['/etc/hostname']",
        "allowed_configs = ['temp_directory']",
        "lock_configuration = false",
        "autoinstall_known_extensions = true",
        "autoload_known_extensions = true",
        "temp_directory = '/tmp'",
    ):
        refuse(connection, f"SET {setting}")


def test_what_is_needed_still_works(connection: Connection, data: Path) -> None:
    """Segments are read, rows are spilled, and the limits change while the file is open."""
    segment = data / "journal" / "1.ndjson"
    segment.write_text('{"a": 1}\n')
    assert connection.execute("FROM read_json($paths)", {"paths": [str(segment)]}).fetchall() == [(1,)]
    connection.execute("SET memory_limit = '32MB'")
    connection.execute("SET threads = 1")
    query = "SELECT count(*) FROM (SELECT repeat('x', 100) || range AS text FROM range(400000) ORDER BY text OFFSET 1)"
    assert connection.execute(query).fetchall() == [(399_999,)]
    left = [data / path.name for path in (data / "tmp").iterdir()]
    assert left
    for path in (*left, data / "other"):
        path.touch()
    clear(data)  # as if of a process that was killed
    assert [path for path in (*left, data / "other") if path.exists()] == [data / "other"]
    connection.execute(f"SET memory_limit = '{LIMITS.memory}B'")
    connection.execute("CHECKPOINT")


def test_a_journal_on_another_disk(tmp_path: Path) -> None:
    """The folder is a symbolic link then, and the data folder may be named in any way."""
    data, elsewhere = tmp_path / "it's [data] *", tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.mkdir()
    (elsewhere / "1.ndjson").write_text('{"a": 1}\n')
    (data / "journal").symlink_to(elsewhere)
    connection = connect(data / "prisme.duckdb", LIMITS, data / "tmp")
    segment = str(data / "journal" / "1.ndjson")
    assert connection.execute("FROM read_json($paths)", {"paths": [segment]}).fetchall() == [(1,)]
    connection.close()


def test_there_is_no_other_way() -> None:
    """An upgrade's copy is opened by the same function, as all is that the package opens."""
    assert upgrade.__globals__["connect"] is connect
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "prisme").rglob("*.py")
        if re.search(r"\bduckdb\.(connect|sql|query|execute|from_\w+|read_\w+)\(", path.read_text())
    }
    # The second is a parser of SQL: a database in memory, with no tables, and access to no file. The third reads what
    # the operator names, in the process of a command.
    assert found == {"prisme/store/connection.py", "prisme/store/sql_guard.py", "prisme/store/foreign.py"}
    importers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "prisme").rglob("*.py")
        if "prisme.store.foreign" in path.read_text() and "imports" not in path.parts
    }
    assert importers == set()
