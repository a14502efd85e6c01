"""SQL of users and exports of a server whose events are in ClickHouse: over HTTP, on the page, and as commands."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import QUERY, STATS
from prisme.cli.main import main
from prisme.dashboard.query_examples import EXAMPLES
from prisme.store.control import Control
from prisme.store.schema import ALL_TABLES
from tests.clickhouse.engine import Engine
from tests.e2e.callers import BY, PASSWORD, call
from tests.server import CHROME, LiveServer

PATHS = ("/", "/", "/pricing")
BY_PATH = "SELECT path, count(*) AS n FROM pageviews GROUP BY ALL ORDER BY n DESC, path"
HEADERS = {"Origin": "http://example.com", "User-Agent": CHROME}
MONTH = 31 * 86_400
LARGE = "SELECT uuid(), uuid(), uuid(), uuid(), uuid(), uuid() FROM range(100000)"
# As `tests/e2e/test_query_api.py` has them.
REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({"sql": "FROM '/etc/passwd'"}, 400, "no files"),
    ({"sql": "DROP TABLE sessions"}, 400, "nothing can be changed"),
    ({"sql": "SELECT nope FROM sessions"}, 400, "nope"),
    ({"sql": "SELECT 1 FROM system.one"}, 400, "no files, addresses or other schemas"),
    ({"sql": ""}, 400, "is empty"),
    ({"sql": "SELECT time_bucket(INTERVAL 1 HOUR, now())"}, 400, "not supported where events are in ClickHouse"),
    ({"sql": LARGE, "format": "parquet", "max_rows": 100_000}, 400, "larger than 8388608 bytes"),
    ({"sql": "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(100000) b"}, 503, "over 10 s"),
    ({"sql": "SELECT length(string_agg(uuid()::VARCHAR)) FROM range(1000000000)"}, 503, ""),
]


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(
        tmp_path_factory.mktemp("questions") / "data",
        eventstore="clickhouse",
        clickhouse_url=f"http://{engine.endpoint}",
        clickhouse_database="asked",
        api_stats_timeout="10s",
    ) as server:
        for _ in range(2):
            for path in PATHS:
                send(server, "pageviews", path)
            send(server, "custom/sign_up", "/pricing", b'{"plan": "pro", "n": 1.50}')
            server.settle()
            server.time.move(MONTH)
        yield server


def send(server: LiveServer, event: str, path: str, body: bytes | None = None) -> None:
    headers = {**HEADERS, "X-Prisme-Referrer": f"http://example.com{path}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    sent = server.http.post(f"/api/v1/events/{event}", headers=headers, content=body)
    assert sent.status_code == 200, sent.text


def ask(server: LiveServer, **body: Any) -> httpx.Response:
    return server.http.post("/api/v1/query", headers=server.make_token(scopes=(QUERY,)), json=body)


def test_formats_of_the_api(server: LiveServer, tmp_path: Path) -> None:
    found = ask(server, sql=BY_PATH)
    assert found.status_code == 200, found.text
    assert found.json() == {
        "columns": [{"name": "path", "type": "LowCardinality(String)"}, {"name": "n", "type": "UInt64"}],
        "rows": [["/", 4], ["/pricing", 2]],
        "truncated": False,
    }
    sql = "SELECT 1 AS a, 'x' AS b, [1, 2] AS c, 1.50::DECIMAL(3, 2) AS d, 'nan'::DOUBLE AS e, true AS f, NULL AS g"
    assert ask(server, sql=sql).json()["rows"] == [[1, "x", [1, 2], 1.5, None, True, None]]
    assert ask(server, sql=sql, format="csv").text == 'a,b,c,d,e,f,g\r\n1,x,"[1,2]",1.50,nan,true,\r\n'
    (tmp_path / "a.parquet").write_bytes(ask(server, sql="SELECT * FROM pageviews", format="parquet").content)
    types = duckdb.execute(f"DESCRIBE FROM read_parquet('{tmp_path}/a.parquet')").fetchall()
    assert [row[1] for row in types] == [
        "TIMESTAMP", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN", "UUID", "TIMESTAMP", "USMALLINT",
    ]  # fmt: skip
    assert not [*(server.folder / "tmp").glob("staged-*")]


def test_a_result_that_is_cut_says_so(server: LiveServer) -> None:
    for name in ("json", "csv", "parquet"):
        answer = ask(server, sql="FROM range(10)", max_rows=9, format=name)
        assert answer.headers["x-prisme-truncated"] == "true"
        assert "x-prisme-truncated" not in ask(server, sql="FROM range(10)", max_rows=10, format=name).headers


@pytest.mark.parametrize(("body", "status", "part"), REFUSALS)
def test_refusals(server: LiveServer, body: dict[str, Any], status: int, part: str) -> None:
    answer = ask(server, **body)
    assert (answer.status_code, part in answer.text) == (status, True), answer.text
    assert answer.text.count("\n") == 1


def test_the_page(server: LiveServer) -> None:
    accounts, now = Accounts(Control(server.folder)), int(server.now())
    accounts.add(BY, "ada", "admin", (), PASSWORD, now)
    ada = {"cookies": {"prisme_login": accounts.create_login("ada", now)}}
    page = call(server, "GET", "/sql", ada).text
    for name in (*ALL_TABLES, "utm_campaign"):
        assert f"<code>{name}</code>" in page
    for _, sql in EXAMPLES:
        answer = call(server, "POST", "/sql", ada, data={"sql": sql, "as": "page"})
        assert (answer.status_code, '<h2 id="result">Result</h2>' in answer.text) == (200, True)
    shown = call(server, "POST", "/sql", ada, data={"sql": EXAMPLES[0][1], "as": "page"}).text
    assert shown.count("<figure") == 1  # a chart of visitors by day
    table = call(server, "POST", "/sql", ada, data={"sql": "SELECT true AS t, 5 AS n", "as": "page"}).text
    assert '<td><bdi>true</bdi></td><td class="n"><bdi>5</bdi></td>' in table
    file = call(server, "POST", "/sql", ada, data={"sql": BY_PATH, "as": "csv"})
    assert [*csv.reader(io.StringIO(file.content.decode("utf-8-sig")))] == [
        ["path", "n"],
        ["/", "4"],
        ["/pricing", "2"],
    ]
    fault = call(server, "POST", "/sql", ada, data={"sql": "SELECT nope FROM sessions", "as": "page"})
    assert fault.status_code == 400
    assert "nope" in re.findall(r'<p class="fault" role="alert">(.*?)</p>', fault.text)[0]


def test_the_tool_of_mcp(server: LiveServer) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "query", "arguments": {"sql": BY_PATH}},
    }
    headers = {**server.make_token(scopes=(QUERY, STATS)), "Accept": "application/json, text/event-stream"}
    answer = server.http.post("/mcp", headers=headers, json=message)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["structuredContent"]["rows"] == [["/", 4], ["/pricing", 2]]


def test_the_command(server: LiveServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["query", "--data-dir", str(server.folder)]
    assert main([*words, BY_PATH]) == 0
    assert capsys.readouterr().out == "path     | n\n---------+--\n/        | 4\n/pricing | 2\n(2 rows)\n"
    assert main([*words, "--json", "DESCRIBE sessions"]) == 0
    assert ["is_bounce", "Bool"] in json.loads(capsys.readouterr().out)["rows"]
    assert main([*words, "--format", "parquet", "--output", str(tmp_path / "a.parquet"), "FROM sessions"]) == 0
    assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path}/a.parquet'").fetchall() == [(2,)]
    assert main([*words, "SELECT histogram(path) FROM pageviews"]) == 1
    assert "the function histogram is not supported where events are in ClickHouse" in capsys.readouterr().err


def test_an_export_is_imported_with_the_same_figures(
    server: LiveServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["export", str(out), "--data-dir", str(server.folder), "--json"]
    assert main(words) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    assert [file["name"].split("/")[0] for file in written] == ["sessions"] * 2 + ["pageviews"] * 2 + [
        "events_custom"
    ] * 2
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"written": [], "removed": []}
    send(server, "pageviews", "/later")
    assert main(words) == 0  # what was accepted is in it
    assert {file["name"].split("/")[0] for file in json.loads(capsys.readouterr().out)["written"]} == {
        "sessions",
        "pageviews",
    }
    assert not [*(server.folder / "tmp").iterdir()]
    with LiveServer(tmp_path / "data") as other:
        other.time.move(2 * MONTH)  # what is later than now is not imported
        assert main(["import", "--data-dir", str(other.folder), "--yes", "prisme", str(out)]) == 0
        for figure, value in (("top-pages", "/pricing"), ("top-browsers", "Chrome"), ("top-custom-events", "sign_up")):
            asked = f"/api/v1/stats/{figure}?from=2026-01-01&to=2030-01-01"
            here, there = (one.http.get(asked, headers=one.make_token()) for one in (server, other))
            assert (here.status_code, here.json()) == (200, there.json()), here.text
            assert value in here.text
