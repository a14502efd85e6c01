"""A question of a user has the same answer in both engines, as far as it is in the SQL that ClickHouse is given."""

import math
import re
from pathlib import Path
from typing import Any, Final

import pytest

from prisme.dashboard.query_examples import EXAMPLES
from prisme.store.clickhouse.sql_calls import listed_names
from prisme.store.clickhouse.sql_runner import ClickHouseSqlRunner
from prisme.store.errors import SqlError
from prisme.store.sql_functions import FUNCTIONS
from prisme.store.sql_runner import Limits, SqlRunner

LIMITS = Limits(60.0, 10_000, 10_000_000)
ROOT: Final = Path(__file__).parents[4]
DOCUMENTED = [
    query
    for name in ("tables", "query", "mcp")
    for query in re.findall(r"^```sql\n(.*?)^```$", (ROOT / f"docs/{name}.md").read_text(), re.DOTALL | re.MULTILINE)
]
# How long a visit lasted is a number of seconds in ClickHouse.
STAY = re.compile(r"avg\(exit_timestamp - entry_timestamp\)")
# Of several values that are there as often, and of rows of one time, any may be the first.
UNSURE = re.compile(r"\b(mode|lead)\(")
QUESTIONS = [
    "FROM sessions ORDER BY ALL",
    "FROM pageviews ORDER BY ALL",
    "FROM file_downloads ORDER BY ALL",
    "FROM outbound_link_clicks ORDER BY ALL",
    "SELECT * EXCLUDE (properties) FROM events_custom ORDER BY ALL",
    "SELECT properties::VARCHAR AS p FROM events_custom ORDER BY ALL",
    "SELECT PATH, P.Path AS X FROM PageViews p WHERE status = 200 ORDER BY x, ALL".replace(", ALL", ""),
    "SELECT sum(pageviews) AS pageviews, domain AS d FROM main.sessions GROUP BY domain ORDER BY pageviews DESC, d",
    "SELECT * EXCLUDE (visitor_id) REPLACE (upper(path) AS path) FROM pageviews ORDER BY ALL",
    "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t WHERE a < 9) SELECT * FROM t LIMIT 3 OFFSET 1",
    "WITH a AS (SELECT DISTINCT path FROM pageviews), B(x) AS (SELECT path FROM A) SELECT * FROM b, a z ORDER BY ALL",
    "WITH pageviews AS (SELECT 7 AS n FROM pageviews LIMIT 1) SELECT n FROM pageviews",
    "SELECT count(*) FROM pageviews WHERE timestamp >= '2026-10-09' AND timestamp < '2026-10-20 12:00:00'",
    "SELECT count(*) FROM pageviews WHERE timestamp BETWEEN '2026-10-09 00:00:00' AND TIMESTAMP '2026-11-03'",
    "SELECT count(*) FROM pageviews WHERE timestamp::DATE IN (DATE '2026-10-09', DATE '2026-10-10')",
    "(SELECT 1 AS a UNION ALL SELECT 2) EXCEPT SELECT 1 ORDER BY a LIMIT 2",
    "SELECT domain FROM sessions UNION SELECT path FROM pageviews ORDER BY 1",
    "SELECT domain FROM sessions INTERSECT SELECT domain FROM pageviews ORDER BY 1",
    "SELECT date_trunc('day', timestamp) AS d, count(*) FROM pageviews GROUP BY ALL ORDER BY d",
    "SELECT date_trunc('week', timestamp) AS d, count(*) FROM pageviews GROUP BY d ORDER BY d",
    "SELECT strftime(timestamp, '%Y-%m-%d %H:%M:%S, %j %a') AS d FROM pageviews ORDER BY 1",
    "SELECT hour(timestamp AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS h, count(*) FROM pageviews GROUP BY ALL "
    "ORDER BY h",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(a, b) WHERE a IN (SELECT 2) "
    "AND NOT EXISTS (SELECT 1 FROM sessions WHERE domain = v.b)",
    "SELECT p.path, s.domain, p.domain FROM pageviews p LEFT JOIN sessions s ON p.session_uuid = s.session_uuid "
    "AND s.domain = 'example.com' ORDER BY ALL",
    "SELECT count(*) FROM sessions RIGHT JOIN events_custom USING (session_uuid)",
    "SELECT count(*) FROM sessions SEMI JOIN events_custom USING (session_uuid)",
    "SELECT count(*) FROM sessions ANTI JOIN events_custom USING (session_uuid)",
    "SELECT domain, path, count(*) FROM pageviews GROUP BY GROUPING SETS ((domain, path), (domain), ()) ORDER BY 1, 2",
    "SELECT domain, path, grouping(path), count(*) FROM pageviews GROUP BY ROLLUP (domain, path) ORDER BY 1, 2, 3",
    "SELECT domain, list(path ORDER BY path, ), string_agg(DISTINCT domain, ','), median(status), "
    "quantile_cont(pageviews, 0.9) FROM pageviews JOIN sessions USING (session_uuid, domain) GROUP BY ALL ORDER BY ALL"
    .replace(", )", ")"),
    "SELECT sum(status), avg(status), min(path), count(DISTINCT path), mode(path), max(status) FILTER (status > 9999), "
    "count(*) FILTER (WHERE status = 200), string_agg(path, ',') FROM pageviews WHERE path = 'nowhere'",
    "SELECT path, sum(status) OVER (PARTITION BY session_uuid ORDER BY timestamp ROWS BETWEEN 1 PRECEDING AND CURRENT "
    "ROW), row_number() OVER (ORDER BY timestamp, path), lag(path, 1, 'none') OVER (ORDER BY timestamp, path), "
    "first_value(path) OVER (PARTITION BY session_uuid ORDER BY timestamp, path) FROM pageviews "
    "ORDER BY timestamp, path",
    "SELECT session_uuid, path FROM pageviews QUALIFY row_number() OVER (PARTITION BY session_uuid ORDER BY timestamp, "
    "path) = 1 ORDER BY session_uuid",
    "SELECT DISTINCT ON (domain) domain, path FROM pageviews ORDER BY domain, path DESC",
    "SELECT DISTINCT domain FROM pageviews ORDER BY domain",
    "SELECT path LIKE '/a%', path LIKE '%!_b' ESCAPE '!', path NOT LIKE '/%\\%', path ILIKE '/A', path SIMILAR TO "
    "'/.*', NOT is_anon, status = 200, path IN ('/', '/a'), path LIKE path FROM pageviews ORDER BY ALL",
    "SELECT m FROM (SELECT (SELECT max(status) FROM pageviews p WHERE p.session_uuid = s.session_uuid) AS m FROM "
    "sessions s) ORDER BY m",
    "SELECT CASE path WHEN '/' THEN 'home' END, CASE WHEN status > 200 THEN 1 ELSE 2 END FROM pageviews ORDER BY ALL",
    "SELECT domain, count(*) AS n FROM pageviews GROUP BY ALL HAVING n > 1 ORDER BY n DESC, domain",
    "SELECT a.range, i FROM range(3) a JOIN generate_series(1, 5, 2) b(i) ON a.range = b.i",
    "FROM range(5, 0, -2)",
    "SELECT 1 AS a, 2 AS a, 3 AS A, 4 AS \"a b\", '\"', 'it''s \\n' AS \"q\"\"q\"",
    "SELECT DATE '2026-01-01' + range::INT AS day FROM range(5)",
    "SELECT country_code FROM sessions WHERE country_code IS DISTINCT FROM 'FR' OR region = '' ORDER BY 1",
    "SELECT count(*) FROM imported_figures",
    "SELECT entry_timestamp - INTERVAL 30 DAYS + INTERVAL '2 hours' FROM sessions ORDER BY 1",
    "SELECT name, properties->>'plan', properties->>'$.plan', properties->>'/seats' FROM events_custom "
    "WHERE json_valid(properties) ORDER BY ALL",
    "SELECT current_date = today(), now() > TIMESTAMP '2026-01-01', 5 // 2, -7 % 3, 7 / 2, 2 ** 3, 2 ^ 3",
]  # fmt: skip
# One call at least of each function of the list: its value is the same.
CALLS = """
1 + 2; 3 - 1; -(5); add(1, 2); subtract(3, 1); 2 * 3; multiply(2, 3); 7 / 2; fdiv(7, 2); 7 // 2; divide(7, 2); 7 % 3
mod(7, 3); fmod(7, 3); 2 ** 3; pow(2, 3); power(2, 3); 6 & 3; 6 | 3; 1 << 4; 16 >> 2; ~5; xor(6, 3); 'a' || 'b'
'abc' ^@ 'a'; starts_with('abc', 'b'); prefix('abc', 'a'); ends_with('abc', 'c'); suffix('abc', 'b')
coalesce(NULL, 'a'); ifnull(NULL, 'a'); nullif('a', 'a'); if(true, 'a', 'b'); greatest(1, 3); least(1, 3)
lower('ÄB'); lcase('AB'); upper('äb'); ucase('ab'); length('äb'); len('äb'); char_length('äb'); character_length('ä')
strlen('äb'); substr('äbc', 2); substring('äbc', 2, 1); substr('abc', 1, 2)
left('äbc', 2); right('äbc', 2); trim('  a '); ltrim(' a '); rtrim(' a '); replace('aba', 'a', 'c'); reverse('äbc')
repeat('ab', 3); lpad('a', 3, '-'); rpad('a', 3, '-'); contains('äbc', 'bc'); strpos('äbc', 'c'); instr('abc', 'd')
position('b' IN 'abc'); string_split('a,b', ','); split('a,b', ','); str_split('a,b', ','); string_to_array('a,b', ',')
string_split_regex('a1b', '[0-9]'); str_split_regex('a1b', '[0-9]'); regexp_split_to_array('a1b', '[0-9]')
regexp_matches('abc', 'b.'); regexp_full_match('abc', 'b.'); regexp_extract('ab12', '[0-9]+')
regexp_extract('ab12', '([a-z]+)([0-9]+)', 2); regexp_replace('abab', 'b', 'c')
regexp_replace('abab', '(b)', '\\1c', 'g')
array_to_string(['a', 'b'], '-'); md5('a'); sha1('a'); sha256('a'); hex('a'); to_hex('a')
url_decode('a%20b'); url_encode('a b')
abs(-2); @(-2); ceil(1.2); ceiling(1.2); floor(1.8); round(1.7); round(1.234, 2); trunc(1.7); sign(-3); sqrt(16.0)
cbrt(27.0); exp(0); ln(1); log(100); log10(100); log2(8); sin(0); cos(0); tan(0); asin(0); acos(1); atan(0)
atan2(0, 1); degrees(pi()); radians(180) = pi(); isnan('nan'::DOUBLE); isinf(1.0); isfinite(1.0)
random() < 1; length(uuid()::VARCHAR); length(gen_random_uuid()::VARCHAR); length(uuidv4()::VARCHAR)
now() > TIMESTAMP '2026-01-01'; get_current_timestamp() > TIMESTAMP '2026-01-01'
transaction_timestamp() > TIMESTAMP '2026-01-01'; current_timestamp > TIMESTAMP '2026-01-01'
localtimestamp > TIMESTAMP '2026-01-01'; today() > DATE '2026-01-01'; current_date > DATE '2026-01-01'
year({t}); quarter({t}); month({t}); day({t}); dayofmonth({t}); hour({t}); minute({t}); second({t}); dayofweek({t})
weekday({t}); isodow({t}); dayofyear({t}); week({t}); weekofyear({t}); isoyear({t}); epoch({t}); epoch_ms({t})
epoch_us({t}); make_timestamp(1795471000000000); make_date(2026, 11, 30); last_day({t}); dayname({t}); monthname({t})
{t} + to_seconds(5); {t} + to_minutes(5); {t} + to_hours(5); {t} + to_days(5); {t} + to_weeks(5); {t} + to_months(5)
{t} + to_quarters(5); {t} - to_years(5); date_trunc('hour', {t}); datetrunc('minute', {t}); date_part('dow', {t})
datepart('year', {t}); extract(doy FROM {t}); date_diff('day', {t}, TIMESTAMP '2027-01-01 00:00:00')
datediff('month', {t}, TIMESTAMP '2027-01-01'); date_sub('day', {t}, TIMESTAMP '2027-01-01')
strftime({t}, '%d %H:%M %%')
datesub('month', {t}, TIMESTAMP '2027-01-01'); strftime({t}, '%B %A %p %I %y')
{t} AT TIME ZONE 'Europe/Berlin' = TIMESTAMP '2026-03-05 05:07:08.123456'
[1, 2]; list_value(1, 2); list_pack(1, 2); array_length([1, 2]); list_contains([1, 2], 2); list_has([1], 2)
array_contains([1], 1); array_has([1], 1); array_length(list_distinct([1, 1])); array_length(array_distinct([1, 1]))
list_unique([1, 1]); array_unique([1, 2])
list_sort([2, 1]); array_sort([2, 1]); list_reverse_sort([1, 2]); array_reverse_sort([1, 2])
list_reverse([1, 2]); array_reverse([1, 2]); list_concat([1], [2]); list_cat([1], [2]); array_concat([1], [2])
array_cat([1], [2]); list_sum([1, 2]); list_avg([1, 2]); list_min([2, 1]); list_max([2, 1])
list_transform([1, 2], lambda x: x + 1); list_apply([1, 2], lambda x: x + 1); array_transform([1, 2], lambda x: x + 1)
array_apply([1, 2], lambda x: x + 1); apply([1, 2], lambda x: x + 1); list_filter([1, 2], lambda x: x > 1)
array_filter([1, 2], lambda x: x > 1); filter([1, 2], lambda x: x > 1); list_extract([1, 2], 2); list_element([1, 2], 3)
array_extract([1, 2], 1); [1, 2][2]; unnest([1]); map(['a'], [1]); MAP {'a': 1}; map_keys(MAP {'a': 1})
map_values(MAP {'a': 1}); json_valid('{'); json_keys('{"a": 1}'); json_array_length('[1, 2]')
'{"a": "b"}'::JSON->>'a'; json_extract_string('{"a": [1, "c"]}', '$.a[1]'); json_extract_path_text('{"a": "b"}', 'a')
'{"a": {"b":1}}'::JSON->'a'; json_extract('{"a": {"b":1}}', '$.a'); json_extract_path('{"a": {"b":1}}', 'a')
concat('a', NULL, 1); split_part('a-b', '-', 2); 'a' LIKE 'A'; 'a' NOT LIKE 'A'; 'a' ILIKE 'A'; 'a' NOT ILIKE 'A'
'a_b' LIKE '%!_b' ESCAPE '!'
"""
AGGREGATES = """
count(*); count(); count(a); count(DISTINCT b); count_star(); count_if(a > 1); countif(a > 1); sum(a); avg(a); mean(a)
min(b); max(b); any_value(1); arbitrary(1); first(1); last(1); arg_max(b, a); argmax(b, a); max_by(b, a); arg_min(b, a)
argmin(b, a); min_by(b, a); median(a); stddev(a); stddev_samp(a); stddev_pop(a); variance(a); var_samp(a); var_pop(a)
corr(a, a); covar_samp(a, a); covar_pop(a, a); bool_and(a > 1); bool_or(a > 1); bit_and(a)
bit_or(a); bit_xor(a); approx_count_distinct(a); mode(b); list(a ORDER BY a); array_agg(a ORDER BY a DESC)
string_agg(b, '-' ORDER BY a); group_concat(b, '-' ORDER BY a DESC); listagg(b, ',' ORDER BY a); quantile_cont(a, 0.25)
quantile_disc(a, 0.5); sum(DISTINCT a) FILTER (a > 1)
row_number() OVER (ORDER BY a); rank() OVER (ORDER BY b); dense_rank() OVER (ORDER BY b); rank_dense() OVER (ORDER BY b)
percent_rank() OVER (ORDER BY a); cume_dist() OVER (ORDER BY a); ntile(2) OVER (ORDER BY a); lag(b) OVER (ORDER BY a)
lag(a, 1) OVER (ORDER BY a); lag(a, 1, 0) OVER (ORDER BY a); lead(b) OVER (ORDER BY a); lead(a, 2) OVER (ORDER BY a)
lead(a, 1, 0) OVER (ORDER BY a); first_value(b) OVER (ORDER BY a); last_value(b) OVER (ORDER BY a)
nth_value(b, 2) OVER (ORDER BY a)
"""
TIME = "TIMESTAMP '2026-03-05 04:07:08.123456'"
ROWS = "(VALUES (1, 'x'), (2, 'y'), (3, 'y'), (5, NULL)) AS given(a, b)"
# Not in the lists above, as the engines compute it differently, or as what they give cannot be compared.
UNEQUAL = {
    "like_escape",
    "hash",
    "octet_length",
    "typeof",
    "quantile",
    "approx_quantile",
    "timezone",
    "current_date",
    "uuid",
}


def split(calls: str) -> list[str]:
    return [call.strip() for line in calls.strip().splitlines() for call in re.split(r";(?= |$)", line) if call.strip()]


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Numbers as floats, as the engines have other types for them; JSON without its spaces."""
    return [tuple(simple(value) for value in row) for row in rows]


def simple(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?\d+\.?\d*", value):
        value = float(value)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return value.replace(" ", "")
    if isinstance(value, str):
        return value.removesuffix(" 00:00:00")
    return round(float(value), 6) if isinstance(value, int | float) and math.isfinite(value) else value


def check(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, query: str) -> None:
    expected, found = duckdb_runner.fetch(query, LIMITS), runner.fetch(query, LIMITS)
    assert [column.name for column in found.columns] == [column.name for column in expected.columns]
    assert plain(found.rows) == plain(expected.rows)


@pytest.mark.parametrize("query", QUESTIONS)
def test_questions(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, query: str) -> None:
    check(runner, duckdb_runner, query)


@pytest.mark.parametrize("query", [*DOCUMENTED, *(sql for _, sql in EXAMPLES)])
def test_examples(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, query: str) -> None:
    """Those of the documentation, and of the page."""
    seconds = STAY.sub("avg(epoch(exit_timestamp) - epoch(entry_timestamp))", query)
    expected = duckdb_runner.fetch(seconds, LIMITS)
    found = runner.fetch(query, LIMITS)
    names = [column.name for column in expected.columns]
    assert [column.name for column in found.columns] == names
    assert len(found.rows) == len(expected.rows) or UNSURE.search(query)
    # Their order is not wholly given.
    assert UNSURE.search(query) or sorted(map(repr, plain(found.rows))) == sorted(map(repr, plain(expected.rows)))
    assert "example.com" in query or len(found.rows) > 0


@pytest.mark.parametrize("call", split(CALLS))
def test_functions(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, call: str) -> None:
    check(runner, duckdb_runner, f"SELECT {call.replace('{t}', TIME)} AS value")


@pytest.mark.parametrize("call", split(AGGREGATES))
def test_aggregates(runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, call: str) -> None:
    query = f"SELECT {call} AS value FROM {ROWS}"
    check(runner, duckdb_runner, f"{query} ORDER BY a" if " OVER " in call else query)


def test_all_functions_of_the_list_are_called() -> None:
    """Those with a name; the names are DuckDB's."""
    assert listed_names() <= FUNCTIONS
    called = set(re.findall(r"\w+", (CALLS + AGGREGATES).lower()))
    missing = {name for name in listed_names() if re.fullmatch(r"\w+", name)} - called - UNEQUAL
    assert missing == set()


@pytest.mark.parametrize(
    "name", sorted({"levenshtein", "time_bucket", "histogram", "age", "json_structure", "format"} & FUNCTIONS)
)
def test_what_only_duckdb_has_is_said(runner: ClickHouseSqlRunner, name: str) -> None:
    with pytest.raises(SqlError, match=rf"^the function {name}.* is not supported where events are in ClickHouse"):
        runner.fetch(f"SELECT {name}('a', 1)", LIMITS)


FIRST_UUID, LATER_UUID = "01880000-0000-7000-9000-000000000000", "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("text", "here", "in_duckdb"),
    [
        ("TIMESTAMP '2026-01-01 00:01:00.5' - TIMESTAMP '2026-01-01'", "60.500000", "00:01:00.5"),
        ("18446744073709551615 + 1", 0, "18446744073709551616"),
        ("1.7::INTEGER", 1, 2),
        ("round(2.5)", 2.0, "3"),
        ("1.5", 1.5, "1.5"),
        ("1.5::DECIMAL(10, 2)", "1.50", "1.50"),
        ("""'{"a": 1.0}'::JSON->>'a'""", "1", "1.0"),
        (f"max(u) FROM (VALUES ('{FIRST_UUID}'::UUID), ('{LATER_UUID}'::UUID)) v(u)", FIRST_UUID, LATER_UUID),
        (f"max(u::VARCHAR) FROM (VALUES ('{FIRST_UUID}'::UUID), ('{LATER_UUID}'::UUID)) v(u)", LATER_UUID, LATER_UUID),
    ],
)
def test_what_the_documentation_says_to_differ(
    runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, text: str, here: object, in_duckdb: object
) -> None:
    assert runner.fetch(f"SELECT {text}", LIMITS).rows == [(here,)]
    assert duckdb_runner.fetch(f"SELECT {text}", LIMITS).rows == [(in_duckdb,)]


@pytest.mark.parametrize(
    "query",
    [
        "SUMMARIZE sessions",
        "SELECT * FROM (DESCRIBE sessions) LIMIT 1",
        "FROM sessions USING SAMPLE 5",
        "SELECT COLUMNS('a.*') FROM sessions",
        "FROM (SELECT 1 AS a) PIVOT (sum(a) FOR a IN (1))",
        "FROM (SELECT 1 AS a) UNPIVOT (b FOR c IN (a))",
        "SELECT {'a': 1}",
        "SELECT 1 AS a UNION BY NAME SELECT 2 AS a",
        "FROM sessions NATURAL JOIN pageviews",
        "FROM sessions POSITIONAL JOIN pageviews",
        "FROM sessions s ASOF JOIN pageviews p ON s.domain = p.domain AND s.entry_timestamp >= p.timestamp",
        "FROM unnest([1])",
        "SELECT i FROM sessions, range(pageviews::BIGINT) r(i)",
        "SELECT properties->>name FROM events_custom",
        "SELECT date_trunc(name, timestamp) FROM events_custom",
        "SELECT strftime(timestamp, name) FROM events_custom",
        "SELECT timezone(name, timestamp) FROM events_custom",
    ],
)
def test_what_the_documentation_says_to_be_refused(
    runner: ClickHouseSqlRunner, duckdb_runner: SqlRunner, query: str
) -> None:
    with pytest.raises(SqlError, match="not supported where events are in ClickHouse"):
        runner.fetch(query, LIMITS)
    try:
        duckdb_runner.fetch(query, LIMITS)
    except SqlError as error:  # these texts are no parts of times, formats or zones
        assert re.search("(?i)specifier|zone|format", str(error))  # noqa: PT017
