"""`POST /api/v1/query`: SQL over HTTP, for whom, in which formats, and with which limits."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import ADMIN, ANNOTATE, QUERY, SCOPES, SITES, STATS, AccessError
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.e2e.callers import BY, SECRET, Callers, call, send_visit
from tests.server import CHROME, LiveServer, wait_until

PATH = "/api/v1/query"
COUNT = {"sql": "SELECT domain, count(*) AS n FROM pageviews GROUP BY ALL"}
LARGE = {
    "sql": "SELECT uuid(), uuid(), uuid(), uuid(), uuid(), uuid() FROM range(100000)",
    "format": "parquet",
    "max_rows": 100_000,
}
ENDLESS = {"sql": "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("query-api")
    with LiveServer(folder, api_stats_timeout="2s", access_log=str(folder / "access.log")) as started:
        send_visit(started)
        started.settle()
        yield started


@pytest.fixture(scope="module")
def callers(server: LiveServer) -> Callers:
    return Callers(Control(server.folder))


@pytest.fixture(scope="module")
def token(server: LiveServer) -> dict[str, str]:
    return server.make_token(scopes=(QUERY,))


def ask(server: LiveServer, headers: dict[str, str], **body: Any) -> httpx.Response:
    return server.http.post(PATH, headers=headers, json=body)


def test_the_access_log_does_not_quote_the_query_or_what_is_stored(server: LiveServer, token: dict[str, str]) -> None:
    answer = ask(server, token, sql="SELECT domain::INTEGER AS member17 FROM pageviews")
    assert (answer.status_code, SECRET in answer.text) == (400, True)
    assert not answer.text.startswith("Conversion Error")
    log = server.config.access_log
    assert log is not None
    wait_until(lambda: '"error":"the SQL cannot be answered"' in log.read_text(), "the line of the request")
    assert SECRET not in log.read_text()


def test_admins_and_tokens_for_all_sites_may_ask(server: LiveServer, token: dict[str, str], callers: Callers) -> None:
    for who in ({"headers": token}, callers.admin, {"headers": server.make_token(scopes=SCOPES)}):
        answer = call(server, "POST", PATH, who, json=COUNT)
        assert answer.status_code == 200, answer.text
        assert answer.json()["columns"] == [{"name": "domain", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}]
        assert SECRET in {domain for domain, _ in answer.json()["rows"]}
        assert answer.headers["cache-control"] == "private, no-store"
        assert "x-prisme-truncated" not in answer.headers


def test_nobody_else_may(server: LiveServer, callers: Callers) -> None:
    scoped = [{"headers": server.make_token(scopes=(scope,))} for scope in (STATS, ANNOTATE, SITES, ADMIN)]
    viewers = {name: who for name, who in callers.allowed.items() if name != "admin"}
    for who in (*callers.other_domain.values(), *viewers.values(), *scoped):
        answer = call(server, "POST", PATH, who, json=COUNT)
        assert answer.status_code == 403, answer.text
        assert SECRET not in answer.text
        assert answer.text == "SQL is for admins, and for tokens with the scope query, which see all sites\n"
    for who in callers.unauthenticated.values():
        assert call(server, "POST", PATH, who, json=COUNT).status_code == 401


def test_tokens_for_some_sites_cannot_have_the_scope(server: LiveServer) -> None:
    control, now = Control(server.folder), int(time.time())
    with pytest.raises(AccessError, match="the scope query includes all domains"):
        Tokens(control).add(BY, "t", now, scopes=(QUERY,), domains=(SECRET,))
    accounts = Accounts(control)
    accounts.add(BY, "vic", "viewer", (SECRET,), "correct horse battery", now)
    viewer = accounts.find_login(accounts.create_login("vic", now), now)
    assert viewer
    with pytest.raises(AccessError, match="leave out the scope query"):
        Tokens(control).add(viewer.grant, "t", now, scopes=(QUERY,))


def test_another_sites_page_cannot_ask(server: LiveServer, callers: Callers) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert call(server, "POST", PATH, {**callers.admin, "headers": headers}, json=COUNT).status_code == 403


def test_formats(server: LiveServer, token: dict[str, str], tmp_path: Path) -> None:
    sql = "SELECT 1 AS a, 'x' AS b, [1, 2] AS c, 1.50 AS d"
    types = {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
    for name, type_ in types.items():
        for answer in (ask(server, token, sql=sql, format=name), ask(server, token | {"Accept": type_}, sql=sql)):
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].partition(";")[0] == type_
            if name == "json":
                assert answer.json()["rows"] == [[1, "x", [1, 2], 1.5]]
            elif name == "csv":
                assert answer.text == 'a,b,c,d\r\n1,x,"[1,2]",1.50\r\n'
            else:
                (tmp_path / "a.parquet").write_bytes(answer.content)
                found = duckdb.connect().execute("FROM read_parquet($path)", {"path": str(tmp_path / "a.parquet")})
                assert [str(column[1]) for column in found.description] == [
                    "INTEGER", "VARCHAR", "INTEGER[]", "DECIMAL(3,2)",
                ]  # fmt: skip
    assert not list((server.folder / "tmp").glob("staged-*"))


def test_a_result_that_is_cut_says_so(server: LiveServer, token: dict[str, str]) -> None:
    for name in ("json", "csv", "parquet"):
        answer = ask(server, token, sql="FROM range(10)", max_rows=9, format=name)
        assert answer.headers["x-prisme-truncated"] == "true"
    assert ask(server, token, sql="FROM range(10)", max_rows=9).json()["truncated"] is True
    large = ask(server, token, sql="SELECT repeat('\\n', 1000) FROM range(100000)", max_rows=100_000)
    assert large.status_code == 200, large.text
    assert large.headers["x-prisme-truncated"] == "true"
    assert 4_000_000 < len(json.dumps(large.json()["rows"])) < 9_000_000


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({"sql": "FROM '/etc/passwd'"}, 400, "no files"),
        ({"sql": "DROP TABLE sessions"}, 400, "nothing can be changed"),
        ({"sql": "SELECT nope FROM sessions"}, 400, 'column "nope"'),
        ({"sql": "SELECT '\N{SNOWMAN}' FROM nope"}, 400, 'no table "nope"'),
        ({"sql": ""}, 400, "is empty"),
        ({"sql": "x" * 20_001}, 400, "at most 20000"),
        ({}, 400, "missing required field `sql`"),
        ({"sql": "SELECT 1", "limit": 1}, 400, "unknown field `limit`"),
        ({"sql": "SELECT 1", "format": "xml"}, 400, "xml"),
        ({"sql": "SELECT 1", "max_rows": 0}, 400, "max_rows"),
        ({"sql": "SELECT 1", "max_rows": 100_001}, 400, "max_rows"),
        (LARGE, 400, "larger than 8388608 bytes"),
        (ENDLESS, 503, "over"),
        ({"sql": "SELECT length(string_agg(repeat('x', 1000))) FROM range(10000000)"}, 503, "memory"),
    ],
)  # fmt: skip
def test_refusals(server: LiveServer, token: dict[str, str], body: dict[str, Any], status: int, part: str) -> None:
    answer = server.http.post(PATH, headers=token, json=body)
    assert (answer.status_code, part in answer.text) == (status, True), answer.text
    assert answer.text.count("\n") == 1


def test_what_is_no_json_is_refused(server: LiveServer, token: dict[str, str]) -> None:
    for content, type_ in ((b"SELECT 1", "text/plain"), (b"{", "application/json"), (b"\xff", "application/json")):
        answer = server.http.post(PATH, headers=token | {"Content-Type": type_}, content=content)
        assert answer.status_code == 400


def test_too_many_at_once_are_refused_and_events_are_not(server: LiveServer, token: dict[str, str]) -> None:
    """Two queries of a token wait or run; all events are answered meanwhile, and stored once."""
    statuses: list[int] = []

    def run() -> None:
        statuses.append(httpx.post(server.url + PATH, headers=token, json=ENDLESS, timeout=30).status_code)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    answered = 0
    headers = {"Origin": "http://example.com", "X-Prisme-Referrer": "http://example.com/busy", "User-Agent": CHROME}
    while any(thread.is_alive() for thread in threads):
        answered += server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    for thread in threads:
        thread.join()
    assert statuses == [503] * 4
    server.settle()
    counted = ask(server, token, sql="SELECT count(*) FROM pageviews WHERE path = '/busy'").json()["rows"]
    assert counted == [[answered]]
    assert answered > 20
