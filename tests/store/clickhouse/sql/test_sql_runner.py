"""Users' SQL in ClickHouse: what is sent of it, results and their types, what is cut, and what stops it."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.parquet_files import ParquetFiles
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.sql_runner import ClickHouseSqlRunner
from prisme.store.comments import COMMENTS
from prisme.store.database import Database
from prisme.store.errors import (
    BusySqlError,
    FullError,
    LateError,
    LostError,
    RefusedSqlError,
    SqlError,
    StoppedError,
)
from prisme.store.schema import ALL_TABLES
from prisme.store.sql_runner import Limits, SqlRunner
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.faults.load import LONG
from tests.server import wait_until
from tests.store.clickhouse.sql.conftest import PLACE

LIMITS = Limits(60.0, 1_000, 1_000_000)
# Takes minutes.
ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000) b"


def values(runner: ClickHouseSqlRunner, text: str) -> list[tuple[object, ...]]:
    return list(runner.fetch(text, LIMITS).rows)


@pytest.fixture
def watched(engine: Engine, database: Database, folder: Path, readers: Readers) -> Iterator[tuple[SqlRunner, Proxy]]:
    """A runner, and the proxy that sees what it sends."""
    with Proxy(engine.endpoint) as proxy:
        client = proxy.client()
        runner = ClickHouseSqlRunner(Readers(client, PLACE), ParquetFiles(database, folder / "tmp"))
        yield runner, proxy  # type: ignore[misc]
        runner.close()
        client.close()


@pytest.mark.parametrize(
    ("text", "type_", "kind", "expected"),
    [
        ("true", "Bool", "plain", True),
        ("1 = 2", "Bool", "plain", False),
        ("NULL", "Nullable(Nothing)", "text", None),
        ("9223372036854775807::BIGINT", "Int64", "plain", 2**63 - 1),
        ("18446744073709551615", "UInt64", "plain", 2**64 - 1),
        ("1.50::DECIMAL(10, 2)", "Decimal(10, 2)", "number", "1.50"),
        ("170141183460469231731687303715884105727::HUGEINT", "Int128", "number", str(2**127 - 1)),
        ("1e300", "Float64", "plain", 1e300),
        ("3.0", "Float64", "plain", 3.0),
        ("'\N{SNOWMAN} / \\ \"'", "String", "text", '\N{SNOWMAN} / \\ "'),
        ("TIMESTAMP '2026-01-02 03:04:05.678'", "DateTime64(6, 'UTC')", "text", "2026-01-02 03:04:05.678"),
        ("DATE '2026-01-02'", "Date32", "text", "2026-01-02"),
        ("INTERVAL 90 MINUTES", "IntervalMinute", "text", "90"),
        ("[1, NULL]", "Array(Nullable(UInt8))", "json", "[1,null]"),
        ("['a', 'é\"']", "Array(String)", "json", '["a","é\\""]'),
        ("MAP {'a': 1}", "Map(String, UInt8)", "json", '{"a":1}'),
        (
            "'01890000-0000-7000-8000-000000000000'::UUID", "UUID", "text", "01890000-0000-7000-8000-000000000000",
        ),
    ],
)  # fmt: skip
def test_values_of_all_types(runner: ClickHouseSqlRunner, text: str, type_: str, kind: str, expected: object) -> None:
    result = runner.fetch(f"SELECT {text} AS a", LIMITS)
    assert [(column.type, column.kind) for column in result.columns] == [(type_, kind)]
    assert result.rows == [(expected,)]
    assert type(result.rows[0][0]) is type(expected)


def test_no_number(runner: ClickHouseSqlRunner) -> None:
    ((value, large),) = values(runner, "SELECT 'nan'::DOUBLE, 1 / 0")
    assert isinstance(value, float)
    assert math.isnan(value)
    assert large == math.inf


def test_columns_may_have_one_name(runner: ClickHouseSqlRunner) -> None:
    result = runner.fetch('SELECT 1 AS a, 2 AS a, 3 AS "a b", 4 AS A$, 5 AS "A.b$"', LIMITS)
    assert [column.name for column in result.columns] == ["a", "a", "a b", "A$", "A.b$"]
    assert result.rows == [(1, 2, 3, 4, 5)]
    joined = runner.fetch("SELECT * FROM range(1) a, range(1) b", LIMITS)
    assert [column.name for column in joined.columns] == ["range", "range"]


def test_columns_are_those_of_duckdb(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner) -> None:
    """In their order, with their comments; not what only ClickHouse has."""
    found, expected = runner.columns(), duckdb_runner.columns()
    assert [(one.table, one.name, COMMENTS[one.table][one.name]) for one in expected] == [
        (one.table, one.name, one.comment) for one in found
    ]
    assert {one.type for one in found if one.name == "entry_timestamp"} == {"DateTime64(6, 'UTC')"}
    for table in ALL_TABLES:
        described = values(runner, f"DESCRIBE {table}")
        assert described == [(one.name, one.type) for one in found if one.table == table]
    for name in ("node", "segment", "version", "source"):
        with pytest.raises(SqlError, match=name):
            runner.fetch(f"SELECT {name} FROM sessions", LIMITS)


def test_rows_are_cut(runner: ClickHouseSqlRunner) -> None:
    for most, is_cut in ((9, True), (10, False), (11, False)):
        for query in (
            "FROM range(10)",
            "FROM range(20) LIMIT 10",
            "SELECT 1 FROM range(5) UNION ALL SELECT 1 FROM range(5)",
        ):
            result = runner.fetch(query, Limits(60.0, most, 1_000_000))
            assert (len(result.rows), result.is_cut) == (min(most, 10), is_cut)


def test_bytes_are_cut(runner: ClickHouseSqlRunner) -> None:
    for query in ("SELECT repeat('x', 1000) FROM range(100000)", "SELECT NULL, '', [] FROM range(100000)"):
        result = runner.fetch(query, Limits(60.0, 100_000, 50_500))
        assert 40 < len(result.rows) < 2_000
        assert result.is_cut


def test_each_call_of_chance_has_a_value_of_its_own(runner: ClickHouseSqlRunner) -> None:
    found = values(runner, "SELECT uuid(), uuid(), random()::VARCHAR, random()::VARCHAR FROM range(9)")
    assert len({value for row in found for value in row}) == 36


def test_an_endless_result_is_cut_early(runner: ClickHouseSqlRunner) -> None:
    assert len(runner.fetch("FROM range(1000000000000)", LIMITS).rows) == 1_000


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("SELECT nope FROM sessions", "Unknown expression identifier `nope`"),
        ("SELECT 'x'::INTEGER", "Cannot parse string 'x' as Int32"),
        ("SELECT sum(domain) FROM sessions", "Illegal type"),
        ("SELECT domain FROM sessions GROUP BY path", "path"),
        ("SELECT strftime(entry_timestamp, '%-d') FROM sessions", "strftime with %- is not supported"),
        ("SELECT * FROM sessions USING SAMPLE 5", "SAMPLE is not supported where events are in ClickHouse"),
        ("SUMMARIZE sessions", "SUMMARIZE, or DESCRIBE within a query is not supported"),
        ("SELECT COLUMNS('a.*') FROM sessions", "COLUMNS"),
        ("SELECT * FROM unnest([1])", "table function unnest"),
    ],
)
def test_a_mistake_is_explained_in_one_line(runner: ClickHouseSqlRunner, text: str, part: str) -> None:
    with pytest.raises(SqlError) as caught:
        runner.fetch(text, LIMITS)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "SELECT" not in str(caught.value)
    assert "$" not in str(caught.value)
    assert values(runner, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM system.tables",
        "SELECT * FROM questions.segments",
        "SELECT * FROM segments",
        "SELECT * FROM numbers(1)",
        "SELECT * FROM 'a.csv'",
        "SELECT 1; SELECT 2",
        "SELECT 1 SETTINGS final = 0",
        "SELECT 1 FORMAT CSV",
        "SELECT currentUser()",
        "SELECT getSetting('final')",
        "SELECT $1",
        "DROP TABLE sessions",
        "INSERT INTO sessions VALUES (1)",
        "SELECT levenshtein('a', 'b')",
        "SELECT time_bucket(INTERVAL 1 HOUR, entry_timestamp) FROM sessions",
        "SELECT a FROM (SELECT 1 AS a) PIVOT (sum(a) FOR a IN (1))",
    ],
)
def test_what_is_refused_is_not_sent(watched: tuple[ClickHouseSqlRunner, Proxy], text: str) -> None:
    runner, proxy = watched
    with pytest.raises(SqlError):
        runner.fetch(text, LIMITS)
    with pytest.raises(SqlError), runner.parquet(text, LIMITS):
        pass
    assert proxy.seen == []


@pytest.mark.parametrize("name", ["user", "current_user", "currentDatabase", "database", "now", "curdate", "_table"])
def test_a_name_is_never_one_of_clickhouse_itself(runner: ClickHouseSqlRunner, name: str) -> None:
    for query in (f'SELECT "{name}"', f'SELECT "{name}" FROM sessions', f'SELECT sessions."{name}" FROM sessions'):
        with pytest.raises(SqlError, match=name.lower()):
            runner.fetch(query, LIMITS)
    assert values(runner, f'SELECT "{name}" FROM (SELECT 1 AS "{name}")') == [(1,)]


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text(
        "a\\'\"`\t\n\r{}:;$%-/*", max_size=9
    )


@given(texts(), texts().filter(bool), texts())
@example("\\", "\\", "\\'")
@example("' --", '" --', "/* {a:String}")
@example("%s %(a)s", "{a:String}", "$$")
@settings(max_examples=500 if LONG else 60, deadline=None)
def test_texts_and_names_mean_what_they_mean_to_duckdb(
    runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, text: str, name: str, other: str
) -> None:
    quoted, named = ("'" + one.replace("'", "''") + "'" for one in (text, other))
    column = '"' + name.replace('"', '""') + '"'
    query = (
        f"SELECT {column}, {quoted} AS {column}, {column} LIKE {quoted}, {quoted} LIKE {named} FROM "
        f"(SELECT {named} AS {column}) AS {column} WHERE {column} = {named} AND {column}.{column} IN ({named}, '')"
    )
    expected, found = duckdb_runner.fetch(query, LIMITS), runner.fetch(query, LIMITS)
    assert found.rows == expected.rows
    assert [one.name for one in found.columns][:2] == [one.name for one in expected.columns][:2]


def test_a_chain_of_ctes_that_would_be_endless_is_refused(runner: ClickHouseSqlRunner) -> None:
    """ClickHouse puts each in the place of its name."""
    chain = ", ".join(f"a{number} AS (SELECT x.a FROM a{number - 1} x, a{number - 1} y)" for number in range(1, 12))
    with pytest.raises(RefusedSqlError, match="names some of its CTEs too often"):
        runner.fetch(f"WITH a0 AS (SELECT 1 AS a), {chain} SELECT count(*) FROM a11", LIMITS)


def test_the_deadline_ends_a_query_on_the_server(runner: ClickHouseSqlRunner, readers: Readers) -> None:
    began = time.monotonic()
    with pytest.raises(LateError):
        runner.fetch(ENDLESS, Limits(0.5, 10, 1_000))
    assert time.monotonic() - began < 20
    wait_until(lambda: not is_running(readers.client), "the query to end")


def test_a_query_that_nobody_waits_for_ends(runner: ClickHouseSqlRunner, readers: Readers) -> None:
    cancellation = Cancellation()
    failed: list[Exception] = []

    def run() -> None:
        try:
            runner.fetch(ENDLESS, Limits(600.0, 10, 1_000), cancellation)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: is_running(readers.client), "the query to run")
    with pytest.raises(BusySqlError):
        runner.fetch("SELECT 1", Limits(0.1, 10, 1_000))
    cancellation.cancel()
    thread.join()
    assert isinstance(failed[0], LateError)
    wait_until(lambda: not is_running(readers.client), "the query to end")
    assert values(runner, "SELECT 1") == [(1,)]


def is_running(client: Client) -> bool:
    ((count,),) = client.query("SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000)%'")
    return bool(count > 1)  # this one has it, too


def test_a_server_that_stops(engine: Engine, database: Database, folder: Path, readers: Readers) -> None:
    client = engine.client()
    own = Readers(client, PLACE)
    runner = ClickHouseSqlRunner(own, ParquetFiles(database, folder / "tmp"))
    own.stopping.cancel()
    with pytest.raises(StoppedError):
        runner.fetch("SELECT 1", LIMITS)
    runner.close()
    client.close()


def test_what_does_not_fit_in_memory_is_refused(runner: ClickHouseSqlRunner) -> None:
    with pytest.raises(FullError, match=r"(?i)memory"):
        runner.fetch("SELECT len(string_agg(repeat('x', 1000) || range, '')) FROM range(100000000)", LIMITS)


def test_a_server_that_fails_is_no_mistake_of_the_query(watched: tuple[ClickHouseSqlRunner, Proxy]) -> None:
    runner, proxy = watched
    proxy.plan = lambda statement: Fault("cut") if "4321" in statement else None
    with pytest.raises(LostError):
        runner.fetch("SELECT 4321", LIMITS)
    proxy.plan = lambda statement: Fault("full") if "4321" in statement else None
    with pytest.raises(Exception, match="not enough space"):
        runner.fetch("SELECT 4321", LIMITS)
    proxy.plan = lambda _: None
    assert values(runner, "SELECT 4321") == [(4321,)]


def test_a_file_is_written_and_removed(runner: ClickHouseSqlRunner) -> None:
    query = (
        "SELECT 1 AS a, 2 AS A, entry_timestamp AS t, session_uuid AS u, domain AS d, is_bounce AS b, [1] AS l, "
        '\'x\' AS "q""q" FROM sessions, range(9) LIMIT 10'
    )
    with runner.parquet(query, LIMITS) as (path, outcome):
        assert outcome == (10, False)
        kinds = {row[0]: row[1] for row in duckdb.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()}
        assert kinds == {
            "a": "UTINYINT", "A_1": "UTINYINT", "t": "TIMESTAMP", "u": "UUID", "d": "VARCHAR", "b": "BOOLEAN",
            "l": "UTINYINT[]", 'q"q': "VARCHAR",
        }  # fmt: skip
        assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall() == [(10,)]
    assert not path.exists()
    with runner.parquet("FROM range(10)", Limits(60.0, 9, 1_000_000)) as (path, outcome):
        assert outcome == (9, True)
        assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall() == [(9,)]
    for sql, most, part in (
        ("FROM range(1000)", 10, "larger than"),
        ("SELECT 1::HUGEINT AS h", 1_000, "cannot have Int128: cast h"),
        ("SELECT nope", 1_000, "nope"),
    ):
        with pytest.raises(SqlError, match=part), runner.parquet(sql, Limits(60.0, 1_000, most)):
            pass
    with pytest.raises(LateError), runner.parquet(ENDLESS, Limits(0.5, 9, 1_000_000)):
        pass
    assert not list(path.parent.glob("staged-*"))
