"""The page *SQL*: a result as a table, a chart and files, with and without JavaScript, for admins only."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from prisme.dashboard.query_examples import EXAMPLES
from prisme.store.control import Control
from prisme.store.schema import ALL_TABLES
from tests.e2e.callers import SECRET, Callers, call, send_visit
from tests.server import LiveServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("query-page"), api_stats_timeout="2s") as started:
        send_visit(started)
        started.settle()
        yield started


@pytest.fixture(scope="module")
def callers(server: LiveServer) -> Callers:
    return Callers(Control(server.folder))


@pytest.fixture
def ada(callers: Callers) -> dict[str, Any]:
    return callers.admin


def run(server: LiveServer, who: dict[str, Any], sql: str, as_: str = "page") -> httpx.Response:
    return call(server, "POST", "/sql", who, data={"sql": sql, "as": as_})


def test_the_page_has_tables_and_examples(server: LiveServer, ada: dict[str, Any]) -> None:
    page = call(server, "GET", "/sql", ada).text
    for name in (*ALL_TABLES, "utm_campaign"):
        assert f"<code>{name}</code>" in page
    assert len(re.findall(r'href="/sql\?sql=', page)) == len(EXAMPLES)
    prefilled = call(server, "GET", "/sql", ada, params={"sql": "SELECT '</textarea><b>'"}).text
    assert "SELECT &#39;&lt;/textarea&gt;&lt;b&gt;&#39;</textarea>" in prefilled
    assert '<a href="/sql">SQL</a>' in call(server, "GET", "/dashboard", ada).text


@pytest.mark.parametrize("sql", [sql for _, sql in EXAMPLES])
def test_examples_have_results(server: LiveServer, ada: dict[str, Any], sql: str) -> None:
    page = run(server, ada, sql)
    assert page.status_code == 200
    assert '<h2 id="result">Result</h2>' in page.text


def test_a_result_is_a_table(server: LiveServer, ada: dict[str, Any]) -> None:
    page = run(server, ada, "SELECT '<b>' AS \"a<b\", NULL AS n, 1.50 AS d, true AS t\r\n").text
    assert 'title="VARCHAR">a&lt;b</th>' in page
    assert "<td><bdi>&lt;b&gt;</bdi></td>" in page
    assert '<td><span class="quiet">NULL</span></td>' in page
    assert '<td class="n"><bdi>1.50</bdi></td><td><bdi>true</bdi></td>' in page
    assert ">1 row</p>" in page
    assert "<figure" not in page


def test_a_time_and_a_number_are_a_chart(server: LiveServer, ada: dict[str, Any]) -> None:
    page = run(server, ada, "SELECT DATE '2026-01-01' + range::INT AS day, range * 2 AS n FROM range(5)").text
    assert page.count("<figure") == 1
    assert "n by day; the table below has the same values." in page
    assert ">2026-01-05</text>" in page


def test_a_long_result_is_cut(server: LiveServer, ada: dict[str, Any]) -> None:
    page = run(server, ada, "FROM range(5000)").text
    assert page.count("<tr>") == 1_001
    assert "The first 1,000 rows; a download has up to 100,000." in page


def test_files(server: LiveServer, ada: dict[str, Any]) -> None:
    sql = "SELECT '=1+1' AS a, 2 AS b, true AS c"
    found = run(server, ada, sql, "csv")
    assert found.headers["content-disposition"] == 'attachment; filename="query.csv"'
    assert list(csv.reader(io.StringIO(found.content.decode("utf-8-sig")))) == [["a", "b", "c"], ["'=1+1", "2", "true"]]
    assert run(server, ada, sql, "json").json()["rows"] == [["=1+1", 2, True]]
    parquet = run(server, ada, sql, "parquet")
    assert parquet.content[:4] == b"PAR1"
    assert parquet.headers["content-type"] == "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    ("sql", "status", "part"),
    [
        ("DROP TABLE sessions", 400, "nothing can be changed"),
        ("FROM 'x.csv'", 400, "no files"),
        ("SELECT '</textarea>' FROM nope", 400, "there is no table"),
        ("", 400, "is empty"),
        ("SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b", 503, "over 2 s"),
    ],
)
def test_a_mistake_is_on_the_page(server: LiveServer, ada: dict[str, Any], sql: str, status: int, part: str) -> None:
    for as_ in ("page", "csv"):
        page = run(server, ada, sql, as_)
        (fault,) = re.findall(r'<p class="fault" role="alert">(.*?)</p>', page.text)
        assert part in fault.replace("&#34;", '"'), fault
        assert page.status_code == status
        assert page.text.count("</textarea>") == 1
        assert "</textarea>" not in sql or "&lt;/textarea&gt;" in page.text


def test_nobody_else_sees_it(server: LiveServer, callers: Callers) -> None:
    others = [who for name, who in callers.allowed.items() if name != "admin"]
    for who in (*others, *callers.other_domain.values()):
        for method in ("GET", "POST"):
            answer = call(
                server, method, "/sql", who, data={"sql": "SELECT domain FROM sessions"} if method == "POST" else None
            )
            assert answer.status_code == 403, answer.text
            assert SECRET not in answer.text
    assert 'href="/sql"' not in call(server, "GET", "/dashboard", callers.allowed["viewer"]).text


def test_a_log_in_leads_back(server: LiveServer) -> None:
    answer = server.http.get("/sql", params={"sql": "SELECT 1"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fsql%3Fsql%3DSELECT%2B1"


def test_another_sites_form_cannot_ask(server: LiveServer, callers: Callers) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = call(server, "POST", "/sql", {**callers.admin, "headers": headers}, data={"sql": "SELECT 1"})
    assert answer.status_code == 403


@pytest.mark.parametrize("with_script", [True, False])
def test_in_a_browser(server: LiveServer, ada: dict[str, Any], chromium: Browser, with_script: bool) -> None:
    context = chromium.new_context(java_script_enabled=with_script, viewport={"width": 390, "height": 800})
    (key,) = ada["cookies"].values()
    context.add_cookies([{"name": "prisme_login", "value": key, "url": server.url}])
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/sql")
    page.get_by_role("link", name="Pages that are read most").click()
    page.get_by_label("One SELECT").fill(
        "SELECT entry_timestamp::DATE - range::INT AS day, range AS n FROM sessions, range(9)"
    )
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.get_by_role("img", name="n by day")).to_be_visible()
    expect(page.get_by_role("cell")).to_have_count(18)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "query.csv"
    width = page.locator("html").bounding_box()
    assert width
    assert width["width"] <= 390
    columns = ", ".join(f"'docs.example.com' AS c{number}" for number in range(20))
    page.get_by_label("One SELECT").fill(f"SELECT {columns}, repeat('a', 1000) AS long")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("columnheader", name="c19")).to_be_attached()
    texts = page.locator("td bdi")
    short, long = texts.nth(0).bounding_box(), texts.nth(20).bounding_box()
    assert short
    assert long
    assert short["height"] < 30, "a short text is in one line, however many columns there are"
    assert long["width"] < 500, "a long one is not"
    scroller = page.get_by_role("group", name="Result").bounding_box()
    assert scroller
    assert scroller["width"] <= 390
    assert faults == []
    context.close()
