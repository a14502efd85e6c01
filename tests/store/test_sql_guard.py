"""What SQL of users may do, and all that it may not."""

from collections.abc import Iterator

import duckdb
import pytest

from prisme.store.errors import RefusedSqlError, SqlError
from prisme.store.sql_functions import FUNCTIONS, TABLE_FUNCTIONS
from prisme.store.sql_guard import MOST_CHARACTERS, SqlGuard

# What DuckDB's pages name as ways to files, addresses, code, settings and other data: "Securing DuckDB", "Statements",
# "Data import", "Secrets manager", "Working with extensions".
WAYS_OUT = """
SELECT * FROM read_csv('/etc/passwd', sep = ':')
SELECT * FROM read_csv_auto('/etc/passwd')
SELECT content FROM read_text('/etc/passwd')
SELECT content FROM read_blob('/etc/passwd')
FROM read_json('/etc/passwd')
FROM read_json_auto('x')
FROM read_json_objects('x')
FROM read_ndjson('x')
FROM read_ndjson_objects('x')
FROM read_parquet('x.parquet')
FROM parquet_scan('x.parquet')
FROM parquet_metadata('x.parquet')
FROM parquet_schema('x.parquet')
FROM parquet_kv_metadata('x.parquet')
FROM parquet_file_metadata('x.parquet')
FROM read_duckdb('other.duckdb')
FROM sniff_csv('/etc/passwd')
FROM glob('/etc/*')
FROM '/etc/passwd'
FROM "/etc/passwd"
FROM 'https://example.com/x.parquet'
FROM 's3://bucket/x.csv'
FROM 'https://example.com/x.csv' AS t(a)
SELECT * FROM sessions, 'x.csv'
SELECT * FROM sessions JOIN 'x.csv' ON true
SELECT (FROM 'x.csv')
SELECT 1 WHERE EXISTS (FROM 'x.csv')
WITH a AS (FROM 'x.csv') FROM a
WITH a AS MATERIALIZED (FROM read_text('x')) SELECT 1
FROM sessions SELECT domain UNION ALL FROM 'x.csv'
DESCRIBE 'x.csv'
DESCRIBE FROM read_csv('x.csv')
SUMMARIZE 'x.csv'
SUMMARIZE FROM 'x.csv'
TABLE 'x.csv'
COPY sessions TO 'x.csv'
COPY (SELECT 1) TO 'x.csv'
COPY sessions FROM 'x.csv'
COPY FROM DATABASE prisme TO other
EXPORT DATABASE 'x'
IMPORT DATABASE 'x'
ATTACH 'other.duckdb'
ATTACH ':memory:' AS other
DETACH prisme
USE cache
INSTALL httpfs
FORCE INSTALL httpfs
INSTALL spatial FROM community
LOAD httpfs
LOAD '/tmp/x.duckdb_extension'
UPDATE EXTENSIONS
SET enable_external_access = true
SET GLOBAL memory_limit = '1TB'
SET VARIABLE a = 1
RESET threads
RESET VARIABLE a
PRAGMA database_list
PRAGMA enable_profiling
PRAGMA threads = 100
CALL pragma_version()
CALL duckdb_logs()
CALL enable_logging()
CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE http)
DROP SECRET s
FROM duckdb_secrets()
FROM which_secret('s3://x', 's3')
SELECT getenv('HOME')
SELECT current_setting('memory_limit')
SELECT getvariable('a')
SELECT current_schemas(true)
SELECT current_query()
SELECT nextval('s')
SELECT currval('s')
SELECT setseed(0.5)
SELECT sleep_ms(1000)
SELECT pg_sleep(10)
SELECT write_log('x')
SELECT txid_current()
SELECT in_search_path('prisme', 'main')
SELECT json_serialize_plan('FROM sessions')
SELECT json_execute_serialized_sql('x')
FROM json_execute_serialized_sql(json_serialize_sql('FROM state.segments'))
FROM query('FROM state.segments')
FROM query_table('state.segments')
FROM query_table(['sessions', 'pageviews'])
FROM seq_scan('x')
FROM arrow_scan(1, 2, 3)
FROM pandas_scan(1)
FROM python_map_function(1)
FROM duckdb_settings()
FROM duckdb_databases()
FROM duckdb_tables()
FROM duckdb_columns()
FROM duckdb_functions()
FROM duckdb_extensions()
FROM duckdb_temporary_files()
FROM duckdb_external_file_cache()
FROM duckdb_prepared_statements()
FROM duckdb_variables()
FROM duckdb_logs
FROM pragma_storage_info('sessions')
FROM pragma_database_size()
FROM checkpoint()
FROM force_checkpoint()
FROM histogram_values(sessions, domain)
FROM test_all_types()
FROM state.segments
FROM state.open_sessions
FROM state.imports
FROM prisme.state.segments
FROM schema_version
FROM main.schema_version
FROM cache.main.arrivals
FROM information_schema.tables
FROM pg_catalog.pg_class
FROM pg_class
FROM pg_settings
FROM sqlite_master
FROM duckdb_tables
FROM duckdb_settings
FROM system.main.duckdb_settings
FROM temp.sessions
FROM "state"."segments"
FROM /* a */ state /* b */ . -- c
SELECT * FROM sessions, LATERAL (FROM state.segments)
SELECT a FROM (FROM state.segments) t(a)
SELECT count(*) FILTER (EXISTS (FROM state.segments)) FROM sessions
SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM state.segments)) FROM sessions
SELECT CASE WHEN true THEN (SELECT 1 FROM state.segments) END
SELECT list_transform([1], lambda x: (SELECT 1 FROM state.segments))
SELECT 1 ORDER BY (SELECT 1 FROM state.segments)
SELECT 1 LIMIT (SELECT count(*) FROM state.segments)
SELECT 1 IN (FROM state.segments)
SELECT * REPLACE ((SELECT 1 FROM state.segments) AS domain) FROM sessions
SELECT domain FROM sessions GROUP BY (SELECT 1 FROM state.segments)
SELECT domain FROM sessions QUALIFY (SELECT true FROM state.segments)
FROM sessions PIVOT (count(*) FOR device_type IN (SELECT x FROM state.segments))
FROM range((SELECT count(*) FROM state.segments))
VALUES ((SELECT 1 FROM state.segments))
SELECT 1 UNION (SELECT 1 FROM state.segments)
CREATE TABLE t (a INTEGER)
CREATE TABLE t AS FROM sessions
CREATE TEMP TABLE t (a INTEGER)
CREATE VIEW v AS FROM sessions
CREATE MACRO m() AS 1
CREATE SCHEMA s
CREATE SEQUENCE s
CREATE TYPE t AS ENUM ('a')
CREATE INDEX i ON sessions (domain)
CREATE FUNCTION f() AS 1
INSERT INTO sessions DEFAULT VALUES
WITH a AS (INSERT INTO sessions VALUES (1) RETURNING *) FROM a
WITH a AS (DELETE FROM sessions RETURNING *) FROM a
WITH a AS (UPDATE sessions SET domain = 'x' RETURNING *) FROM a
UPDATE sessions SET domain = 'x'
DELETE FROM sessions
MERGE INTO sessions USING pageviews ON true WHEN MATCHED THEN DELETE
TRUNCATE sessions
DROP TABLE sessions
ALTER TABLE sessions ADD COLUMN a INTEGER
COMMENT ON TABLE sessions IS 'x'
ANALYZE
VACUUM
CHECKPOINT
FORCE CHECKPOINT
BEGIN
COMMIT
ROLLBACK
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
EXPLAIN SELECT 1
EXPLAIN ANALYZE SELECT 1
SHOW TABLES
SHOW ALL TABLES
SHOW DATABASES
DESCRIBE
DESCRIBE state.segments
SUMMARIZE schema_version
SELECT 1; SELECT 2
SELECT 1; DROP TABLE sessions
SELECT 1;;COPY sessions TO 'x'
SELECT 1 -- \\n ; DROP TABLE sessions
SELECT ?
SELECT $1
SELECT $a
SELECT 'x'::state.thing
SELECT 1::regclass
SELECT sum(1) EXPORT_STATE
SELECT __internal_cast(1)
SELECT __internal_compress_string_ubigint('a')
SELECT 'HOME'.getenv()
SELECT system.main.getenv('HOME')
SELECT GetEnv('HOME')
SELECT "getenv"('HOME')
SELECT list_aggregate([1], 'getenv')
SELECT "="(1, 'a')
SELECT "<"(['a'], -1)
SELECT main.">="(1, 1.5)
SELECT [getenv(x) for x in ['HOME']]
SELECT list_transform(['HOME'], lambda x: getenv(x))
""".strip().splitlines()
# Larger than DuckDB's memory limit sees, or longer than it can interrupt.
TOO_LARGE = """
SELECT repeat('x', 1000000000)
SELECT 'x'.repeat(1000000000)
SELECT repeat('x', 1000 * 1000000)
SELECT repeat('x', range) FROM range(1000000000, 1000000001)
SELECT repeat("string" := 'x', count := 1000000000)
SELECT lpad('x', 1000000000, 'y')
SELECT rpad('x', 1000000000, 'y')
SELECT printf('%1000000000d', 1)
SELECT printf('%*d', 1000000000, 1)
SELECT printf('%' || 1000000000 || 'd', 1)
SELECT format('{:1000000000}', 1)
SELECT format('{:{}}', 1, 1000000000)
SELECT range(1000000000)
SELECT range(length(domain)) FROM sessions
SELECT generate_series(1, 1_000_000_000)
SELECT list_resize([1], 1000000000)
SELECT bitstring('1', 1000000000)
SELECT levenshtein(domain, entry_path) FROM sessions
SELECT jaccard(domain, entry_path) FROM sessions
SELECT list_transform([1], lambda x: list_transform([1], lambda y: x + y))
""".strip().splitlines()
ALLOWED = """
SELECT 1
SELECT count(*) FROM sessions;
select COUNT(*) from SESSIONS s where s.domain = 'example.com' -- yes
FROM main.pageviews SELECT path LIMIT 10
TABLE file_downloads
VALUES (1, 2), (3, 4)
DESCRIBE sessions
DESCRIBE SELECT 1
SUMMARIZE outbound_link_clicks
DESCRIBE imported_figures
SELECT "day", sum(visitors) FROM main.imported_figures JOIN sessions USING (domain) GROUP BY ALL
WITH a AS (SELECT 1 AS x), b AS (FROM a) FROM b, a
WITH sessions AS (SELECT 1 AS a) FROM sessions
WITH "/etc/passwd" AS (SELECT 1 AS a) FROM "/etc/passwd"
WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 5) FROM r
WITH a AS (SELECT 1) SELECT (SELECT count(*) FROM a), 2 IN (FROM a)
SELECT 'FROM state.segments; DROP TABLE sessions' AS text, 'it''s; /* no comment */ -- none'
SELECT $$ ; $$
SELECT /* ; */ 1 /* FROM 'x.csv' */;
SELECT timestamp::DATE AS day, count(DISTINCT visitor_id) FROM pageviews GROUP BY ALL ORDER BY day
SELECT properties->>'plan', try_cast(properties->>'seats' AS INTEGER) FROM events_custom
SELECT path, row_number() OVER (PARTITION BY domain ORDER BY timestamp) AS n FROM pageviews QUALIFY n = 1
FROM sessions s SEMI JOIN pageviews USING (session_uuid) ANTI JOIN file_downloads USING (session_uuid)
FROM pageviews ASOF JOIN events_custom e ON pageviews.timestamp >= e.timestamp
FROM sessions PIVOT (count(*) FOR device_type IN ('desktop', 'mobile') GROUP BY domain)
UNPIVOT (SELECT pageviews, events FROM sessions) ON pageviews, events
FROM sessions USING SAMPLE 10 ROWS
SELECT COLUMNS(c -> c LIKE 'utm%') FROM sessions
SELECT * EXCLUDE (visitor_id) REPLACE (upper(domain) AS domain) FROM sessions
FROM range(1000000000) LIMIT 3
FROM generate_series(DATE '2026-01-01', DATE '2026-02-01', INTERVAL 1 DAY) AS days(day)
SELECT unnest(generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL 1 HOUR))
SELECT repeat('x', 10), lpad('x', 10, ' '), format('{:>10} {:.2f}', 'a', 1.5), printf('%05d', 3)
SELECT now() AT TIME ZONE 'Europe/Paris', current_date, date_trunc('week', now()), time_bucket(INTERVAL 1 HOUR, now())
SELECT list(path ORDER BY timestamp), list_aggregate([1, 2], 'sum'), {'a': 1}, MAP {'b': 2}, [x + 1 for x in [1, 2]]
SELECT quantile_cont(pageviews, 0.9), percentile_cont(0.5) WITHIN GROUP (ORDER BY pageviews) FROM sessions
SELECT 1 = 1.5, 1 <> 2, 1 != 2, 1 < 2, 1 >= 2, 1 IS DISTINCT FROM 2, (1, 2) < (3, 4), 1 = ANY (SELECT 2)
SELECT extract('dow' FROM timestamp), strftime(timestamp, '%A') FROM pageviews
SELECT domain FROM sessions UNION ALL BY NAME SELECT path AS domain FROM pageviews EXCEPT SELECT 'x' INTERSECT SELECT 1
SELECT a COLLATE NOCASE, a[1:2], a.b FROM (SELECT ['a'] AS a, {'b': 1} AS c)
SELECT CAST(1 AS DECIMAL(10, 2)), 1::HUGEINT, '[1]'::INTEGER[], NULL::STRUCT(a INTEGER, b VARCHAR[]), 'a'::ENUM ('a')
""".strip().splitlines()


@pytest.fixture(scope="module")
def guard() -> Iterator[SqlGuard]:
    guard = SqlGuard()
    yield guard
    guard.close()


@pytest.mark.parametrize("text", WAYS_OUT + TOO_LARGE)
def test_a_way_out_is_refused(guard: SqlGuard, text: str) -> None:
    with pytest.raises(SqlError) as caught:
        guard.check(text.replace("\\n", "\n"))
    assert isinstance(caught.value, RefusedSqlError) or "syntax error" in str(caught.value)


@pytest.mark.parametrize("text", ALLOWED)
def test_a_question_is_allowed(guard: SqlGuard, text: str) -> None:
    statement = guard.check(text)
    assert text.startswith(statement)
    assert not statement.endswith(";")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "(" * 101,
        "FROM " + "(FROM " * 90 + "sessions" + ")" * 90,
        "SELECT 1" + " + 1" * 5_000,
        "SELECT " + "not " * 4_000 + "true",
        "SELECT " + "- " * 4_000 + "1",
        "SELECT 1" + "::INT" * 3_000,
        "SELECT 1" + " UNION SELECT 1" * 1_300,
        "SELECT NULL::INT" + "[]" * 5_000,
        "FROM sessions" + ", pageviews" * 60,
        "FROM sessions" + " NATURAL JOIN pageviews" * 60,
        "SELECT [" + "1, " * 6_000 + "1]",
        "SELECT a" + ".b" * 9_000 + " FROM sessions",
        "SELECT a" + ".b" * 9_000 + ".lower() FROM sessions",
        "SELECT '" + "x" * MOST_CHARACTERS + "'",
        "SELECT 1 /* unterminated",
        "SELECT 'unterminated",
        "SELECT $$ unterminated",
        'SELECT "unterminated',
        "SELECT 1) TO 'x.csv' --",
        "SELECT 1\0",
        "",
        " ;; ",
        "-- nothing",
        "\ud800",
    ],
)
def test_what_no_parser_should_take_is_refused(guard: SqlGuard, text: str) -> None:
    with pytest.raises(SqlError) as caught:
        guard.check(text)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("FROM session", "did you mean sessions?"),
        ("SELECT cout(*) FROM sessions", "did you mean count?"),
        ("SELECT 1::INTEGERS", "did you mean integer?"),
        ("FROM read_csv('x')", "table function read_csv is not among those allowed"),
        ("FROM 'x.csv'", "no files"),
        ("DROP TABLE sessions", "nothing can be changed"),
        ("SELECT 1; SELECT 2", "one statement, and here are 2"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT repeat('x', 10000)", "at most 1000"),
        ("SELECT range('20'::BIGINT)", "use it in FROM"),
        ("SELECT range(2 * 2)", "use it in FROM"),
        ("SELECT generate_series(DATE '2026-01-01', DATE '2026-01-02', INTERVAL 1 SECOND)", "an hour or more"),
        ("SELECT json_contains('[1]', '1')", "json_contains is not among those allowed"),
        ("SELECT from_json('1', '[[[[[[[[[[[\"INTEGER\"]]]]]]]]]]]')", "10 objects and lists"),
        ("SELECT json_transform('1', lower('\"INTEGER\"'))", "a literal text as its structure"),
        ("WITH a AS NOT MATERIALIZED (SELECT 1) FROM a", "leave it out"),
        ("SHOW TABLES", "the tables are sessions, pageviews"),
        ("SELECT ?", "write values"),
        ("", "SELECT count(*) FROM pageviews"),
    ],
)
def test_a_refusal_says_why(guard: SqlGuard, text: str, part: str) -> None:
    with pytest.raises(SqlError) as caught:
        guard.check(text)
    assert part in str(caught.value)


def _names(condition: str) -> set[str]:
    query = f"SELECT DISTINCT lower(function_name) FROM duckdb_functions() {condition}"
    return {name for (name,) in duckdb.connect().execute(query).fetchall()}


def test_the_list_of_functions_is_duckdbs() -> None:
    """Each name in the file is one of DuckDB's, or what its parser makes of an operator."""
    names = _names("")
    assert (FUNCTIONS | TABLE_FUNCTIONS) - names == {
        "!", "->", "coalesce", "current_timestamp", "ifnull",
    }  # fmt: skip


def test_functions_with_effects_are_not_in_the_list() -> None:
    """DuckDB marks those whose calls it may not merge: of these, only chance, and errors, are harmless."""
    names = _names("WHERE has_side_effects")
    chance = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}
    assert names & FUNCTIONS == {*chance, "error"}
