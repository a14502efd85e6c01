"""Users' SQL on a real file: results and their types, what is cut, and what stops it."""

import math
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from prisme.journal.record import PageviewLine
from prisme.runtime.cancellation import Cancellation
from prisme.store.errors import BusySqlError, FullError, LateError, SqlError
from prisme.store.sql_runner import Limits, SqlRunner
from tests.store.segments import Store, session

LIMITS = Limits(20.0, 1_000, 1_000_000)
# Twelve orders of magnitude more rows than there is time for.
ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b"
# Ten gigabytes within one call of a function, which DuckDB's memory limit does not see.
GREEDY = (
    "WITH a AS (SELECT repeat('x', 1000) AS s), "
    "b AS (SELECT array_to_string([s for x in range(1000)], '') AS s FROM a), "
    "c AS (SELECT array_to_string([s for x in range(10000)], '') AS s FROM b) SELECT length(s) FROM c"
)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlRunner]:
    folder = tmp_path_factory.mktemp("runner")
    store = Store(folder)
    store.load(1, PageviewLine(1, session(1, "/a")), PageviewLine(2, session(2, "/b")))
    runner = SqlRunner(store.database, folder / "tmp")
    yield runner
    runner.close()
    store.close()


def values(runner: SqlRunner, text: str) -> list[tuple[object, ...]]:
    return list(runner.fetch(text, LIMITS).rows)


def test_a_question_is_answered(runner: SqlRunner) -> None:
    result = runner.fetch("SELECT path, count(*) AS n FROM pageviews GROUP BY ALL ORDER BY path DESC; -- all", LIMITS)
    assert result.rows == [("/b", 1), ("/a", 1)]
    assert [(column.name, column.type) for column in result.columns] == [("path", "VARCHAR"), ("n", "BIGINT")]
    assert not result.is_cut


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("true", "plain", True),
        ("NULL", "text", None),
        ("9223372036854775807", "plain", 2**63 - 1),
        ("1.50", "number", "1.50"),
        ("170141183460469231731687303715884105727::HUGEINT", "number", str(2**127 - 1)),
        ("1e300", "plain", 1e300),
        ("'\N{SNOWMAN}'", "text", "\N{SNOWMAN}"),
        ("TIMESTAMP '2026-01-02 03:04:05.678'", "text", "2026-01-02 03:04:05.678"),
        ("DATE 'infinity'", "text", "infinity"),
        ("TIMESTAMPTZ '2026-01-02 03:04:05+02'", "text", "2026-01-02 01:04:05+00"),
        ("INTERVAL 90 MINUTES", "text", "01:30:00"),
        ("[1, NULL]", "json", "[1,null]"),
        ("{'a': [DATE '2026-01-02']}", "json", '{"a":["2026-01-02"]}'),
        ("MAP {'a': 1}", "json", '{"a":1}'),
        ("'{\"a\": 1}'::JSON", "json", '{"a": 1}'),
        ("'\\x00'::BLOB", "text", "\\x00"),
    ],
)
def test_values_of_all_types(runner: SqlRunner, text: str, kind: str, expected: object) -> None:
    result = runner.fetch(f"SELECT {text} AS a", LIMITS)
    assert [column.kind for column in result.columns] == [kind]
    assert result.rows == [(expected,)]


def test_no_number(runner: SqlRunner) -> None:
    ((value,),) = values(runner, "SELECT 'nan'::DOUBLE")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_columns_may_have_one_name(runner: SqlRunner) -> None:
    result = runner.fetch('SELECT 1 AS a, 2 AS a, 3 AS "a b"', LIMITS)
    assert [column.name for column in result.columns] == ["a", "a", "a b"]
    assert result.rows == [(1, 2, 3)]


def test_the_order_is_kept(runner: SqlRunner) -> None:
    assert values(runner, "FROM range(3000) ORDER BY range DESC")[:2] == [(2999,), (2998,)]


def test_rows_are_cut(runner: SqlRunner) -> None:
    for most, is_cut in ((9, True), (10, False), (11, False)):
        result = runner.fetch("FROM range(10)", Limits(20.0, most, 1_000_000))
        assert (len(result.rows), result.is_cut) == (min(most, 10), is_cut)


def test_bytes_are_cut(runner: SqlRunner) -> None:
    result = runner.fetch("SELECT repeat('x', 1000) FROM range(100000)", Limits(20.0, 100_000, 50_500))
    assert (len(result.rows), result.is_cut) == (50, True)


def test_an_endless_result_is_cut_early(runner: SqlRunner) -> None:
    """Rows are fetched as they are made."""
    assert len(runner.fetch("FROM range(1000000000000)", LIMITS).rows) == 1_000


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("SELECT nope FROM sessions", 'column "nope" not found'),
        ("SELECT 'x'::INTEGER", "Could not convert string 'x'"),
        ("SELECT error('my own')", "my own"),
        ("SELECT sum(domain) FROM sessions", "sum"),
    ],
)
def test_a_mistake_is_explained_in_one_line(runner: SqlRunner, text: str, part: str) -> None:
    with pytest.raises(SqlError) as caught:
        runner.fetch(text, LIMITS)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert values(runner, "SELECT 1") == [(1,)]


def test_the_deadline_ends_a_query(runner: SqlRunner) -> None:
    began = time.monotonic()
    with pytest.raises(LateError):
        runner.fetch(ENDLESS, Limits(0.2, 10, 1_000))
    assert time.monotonic() - began < 3


def test_a_query_that_nobody_waits_for_ends(runner: SqlRunner) -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.cancel)
    timer.start()
    with pytest.raises(LateError):
        runner.fetch(ENDLESS, Limits(60.0, 10, 1_000), cancellation)
    timer.join()


def test_one_query_at_a_time(runner: SqlRunner) -> None:
    cancellation = Cancellation()

    def run() -> None:
        with pytest.raises(LateError):
            runner.fetch(ENDLESS, Limits(60.0, 10, 1_000), cancellation)

    other = threading.Thread(target=run)
    other.start()
    time.sleep(0.1)
    with pytest.raises(BusySqlError):
        runner.fetch("SELECT 1", Limits(0.1, 10, 1_000))
    cancellation.cancel()
    other.join()
    assert values(runner, "SELECT 1") == [(1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_is_limited_within_functions(runner: SqlRunner) -> None:
    """The query fails, and neither this process nor another thread of it; the limit ends with the query."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(FullError):
        runner.fetch(GREEDY, LIMITS)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert values(runner, "SELECT 1") == [(1,)]


def test_what_does_not_fit_in_memory_is_refused(runner: SqlRunner) -> None:
    with pytest.raises(FullError):
        runner.fetch("SELECT length(string_agg(repeat('x', 1000))) FROM range(1000000)", LIMITS)


def test_names_are_no_variables(runner: SqlRunner) -> None:
    """DuckDB's module for Python would read a data frame of this name."""
    with pytest.raises(SqlError, match='no table "runner"'):
        runner.fetch("FROM runner", LIMITS)


def test_a_file_is_written_and_removed(runner: SqlRunner) -> None:
    with runner.parquet("SELECT 1 AS a, 2 AS A, now() AS t FROM range(10)", LIMITS) as (path, outcome):
        assert path.read_bytes()[:4] == b"PAR1"
        assert outcome == (10, False)
    assert not path.exists()
    with runner.parquet("SELECT sum(range), sum(range)::BIGINT FROM range(10)", LIMITS) as (path, _):
        kinds = [row[1] for row in duckdb.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()]
        assert kinds == ["DOUBLE", "BIGINT"]  # as docs/query.md says
    with runner.parquet("FROM range(10)", Limits(20.0, 9, 1_000_000)) as (path, outcome):
        assert outcome == (9, True)
    with pytest.raises(SqlError, match="larger than"), runner.parquet("FROM range(1000)", Limits(20.0, 1_000, 10)):
        pass
    with pytest.raises(LateError), runner.parquet(ENDLESS, Limits(0.2, 9, 1_000_000)):
        pass
    assert not list(path.parent.glob("staged-*"))


def test_a_folder_with_a_quote_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    store = Store(folder)
    runner = SqlRunner(store.database, folder / "tmp")
    with runner.parquet('SELECT 1 AS "a ""b"', LIMITS) as (path, _):
        assert path.stat().st_size > 0
    runner.close()
    store.close()
