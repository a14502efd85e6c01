"""Messages of the Model Context Protocol that its official client would not send, and who may send any."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.grants import ANNOTATE
from prisme.store.control import Control
from tests.e2e.callers import Callers, call, send_visit
from tests.server import LiveServer, wait_until
from tests.sql_texts import ENDLESS_COUNT, replace_sql

MODERN = "2026-07-28"
NEGOTIATED = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
TYPES = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("mcp"), base_path="/stats") as started:
        send_visit(started)
        yield started


@pytest.fixture(scope="module")
def token(server: LiveServer) -> dict[str, str]:
    return server.make_token()


def message(method: str, id_: Any = 1, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def modern(method: str, name: str = "", **more: str) -> dict[str, str]:
    """The headers of a request of the latest revision; others by name, `_` for `-`, empty drops one."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": name}
    headers |= {key.replace("_", "-"): value for key, value in more.items()}
    return {key: value for key, value in headers.items() if value}


def send(server: LiveServer, token: dict[str, str], body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.http.post("/mcp", content=content, headers={**TYPES, **token, **headers})


def find_error(answer: httpx.Response) -> tuple[int, int, Any]:
    """The status, the code of the error, and the id."""
    read = answer.json()
    assert (read["jsonrpc"], "result" in read) == ("2.0", False)
    assert "Traceback" not in answer.text
    assert answer.headers["x-prisme-error"]
    return answer.status_code, read["error"]["code"], read.get("id")


LIST = message("tools/list")


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (b"", {}, (400, -32700, None)),
        (b"{", {}, (400, -32700, None)),
        (b"\xff", {}, (400, -32700, None)),
        (b"[" * 60_000, {}, (400, -32700, None)),
        (b'"tools/list"', {}, (400, -32600, None)),
        ({}, {}, (400, -32600, None)),
        ({"jsonrpc": "2.0", "id": 7}, {}, (400, -32600, 7)),
        ({**LIST, "jsonrpc": "1.0"}, {}, (400, -32600, 1)),
        ({**LIST, "id": None}, {}, (400, -32600, None)),
        ({**LIST, "id": True}, {}, (400, -32600, None)),
        ({**LIST, "id": 1.5}, {}, (400, -32600, None)),
        ({**LIST, "id": "a", "params": [1]}, {}, (400, -32600, "a")),
        ({**LIST, "method": 1}, {}, (400, -32600, 1)),
        (message("tools/lists", "a"), {}, (200, -32601, "a")),
        (message("server/discover"), {}, (200, -32601, 1)),
        (message("initialize"), {}, (200, -32602, 1)),
        (message("tools/call"), {}, (200, -32602, 1)),
        (message("tools/call", name=["list_sites"]), {}, (200, -32602, 1)),
        (message("tools/call", name="list_sites", arguments=[1]), {}, (200, -32602, 1)),
        (LIST, {"MCP-Protocol-Version": "1999-01-01"}, (400, -32022, 1)),
        # The latest revision, without what it demands.
        (LIST, modern("tools/list"), (400, -32602, 1)),
        (message("tools/list", _meta={**META, "io.modelcontextprotocol/protocolVersion": 1}), {}, (400, -32602, 1)),
        (message("tools/list", _meta=META), {}, (400, -32020, 1)),
        (message("tools/list", _meta=META), {"MCP-Protocol-Version": "2025-11-25"}, (400, -32020, 1)),
        (message("tools/list", _meta=META), modern(""), (400, -32020, 1)),
        (message("tools/list", _meta=META), modern("tools/call"), (400, -32020, 1)),
        (message("tools/call", _meta=META, name="list_sites"), modern("tools/call"), (400, -32020, 1)),
        (message("tools/call", _meta=META, name="list_sites"), modern("tools/call", "get_list"), (400, -32020, 1)),
        (message("tools/call", _meta=META, name="list_sites"), modern("tools/call", "=?base64?!?="), (400, -32020, 1)),
        (message("tools/call", _meta=META, name="nothing"), modern("tools/call", "nothing"), (400, -32602, 1)),
        (message("ping", _meta=META), modern("ping"), (404, -32601, 1)),
        (message("subscriptions/listen", _meta=META), modern("subscriptions/listen"), (404, -32601, 1)),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, modern(""), (400, -32602, 1)),
        # Batches, but of the one revision that has them.
        ([LIST], {"MCP-Protocol-Version": "2025-06-18"}, (400, -32600, None)),
        ([LIST], modern("tools/list"), (400, -32600, None)),
        ([], {}, (400, -32600, None)),
        ([LIST] * 17, {}, (400, -32600, None)),
    ],
)
def test_what_is_no_message_is_told(
    server: LiveServer, token: dict[str, str], body: Any, headers: dict[str, str], told: tuple[int, int, Any]
) -> None:
    assert find_error(send(server, token, body, **headers)) == told


def test_unsupported_revisions_name_the_others(server: LiveServer, token: dict[str, str]) -> None:
    error = send(server, token, LIST, **{"MCP-Protocol-Version": "2031-01-01"}).json()["error"]
    assert error["data"] == {"supported": [MODERN, *reversed(NEGOTIATED)], "requested": "2031-01-01"}


def test_revisions_are_negotiated(server: LiveServer, token: dict[str, str]) -> None:
    for asked in (*NEGOTIATED, MODERN, "2031-01-01"):
        hello = message("initialize", protocolVersion=asked, capabilities={}, clientInfo={"name": "t", "version": "1"})
        result = send(server, token, hello).json()["result"]
        agreed = asked if asked in NEGOTIATED else NEGOTIATED[-1]
        assert (result["protocolVersion"], result["serverInfo"]["name"]) == (agreed, "prisme")
        assert "resultType" not in result
        followed = send(server, token, message("ping"), **{"MCP-Protocol-Version": agreed})
        assert (followed.status_code, followed.json()["result"]) == (200, {})


def test_a_request_of_the_latest_revision_says_all_by_itself(server: LiveServer, token: dict[str, str]) -> None:
    found = send(server, token, message("server/discover", _meta=META), **modern("server/discover")).json()["result"]
    assert (found["supportedVersions"][0], found["resultType"], found["cacheScope"]) == (MODERN, "complete", "private")
    # The name may be encoded.
    asked = message("tools/call", _meta=META, name="list_sites", arguments={"limit": 1})
    answer = send(server, token, asked, **modern("tools/call", "=?base64?bGlzdF9zaXRlcw==?="))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.json()["result"]["structuredContent"]["total"] == 1
    assert answer.json()["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "prisme"


def test_notifications_have_no_answer(server: LiveServer, token: dict[str, str]) -> None:
    told: Json = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    responses = [{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}]
    for body in (told, {"jsonrpc": "2.0", "method": "tools/list"}, *responses, [told, told]):
        answer = send(server, token, body)
        assert (answer.status_code, answer.content) == (202, b"")
    assert send(server, token, told, **{"MCP-Protocol-Version": MODERN}).status_code == 202
    unknown = send(server, token, told, **{"MCP-Protocol-Version": "1999-01-01"})
    assert find_error(unknown) == (400, -32022, None)


def test_a_batch_is_answered_together(server: LiveServer, token: dict[str, str]) -> None:
    batch = [
        message("ping", "a"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        message("tools/call", 2, name="get_list", arguments={"list": "top-pages"}),
        message("initialize", 3, protocolVersion="2025-03-26"),
        message("nothing", 4),
        {"id": 5},
        message("tools/list", 6, _meta=META),
    ]
    for headers in ({}, {"MCP-Protocol-Version": "2025-03-26"}):
        answers = send(server, token, batch, **headers).json()
        assert [answer["id"] for answer in answers] == ["a", 2, 3, 4, 5, 6]
        assert answers[0]["result"] == {}
        assert answers[1]["result"]["structuredContent"]["rows"] == [{"key": "/unseen", "value": 1}]
        assert [answer["error"]["code"] for answer in answers[2:]] == [-32600, -32601, -32600, -32020]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "text/event-stream"}, 406),
        ({"Accept": "text/html"}, 406),
        ({"Accept": "application/json"}, 200),
        ({"Accept": "*/*"}, 200),
        ({"Accept": "text/event-stream, application/*;q=0.5"}, 200),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        # What a page says whose name leads to this machine suddenly.
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Mcp-Session-Id": "x", "Last-Event-ID": "1"}, 200),
    ],
)
def test_headers_are_checked(server: LiveServer, token: dict[str, str], headers: dict[str, str], status: int) -> None:
    answer = send(server, token, LIST, **headers)
    assert answer.status_code == status, answer.text
    assert "mcp-session-id" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_named_origins_may_ask(tmp_path: Path) -> None:
    origin = {"Origin": "https://a.example"}
    with LiveServer(tmp_path, api_stats_allow_origins="https://a.example", api_stats_rate_limit="4") as server:
        asked = server.http.options("/mcp", headers=origin)
        assert "mcp-protocol-version" in asked.headers["access-control-allow-headers"]
        token = server.make_token()
        answers = [send(server, token, LIST, **origin), send(server, {}, LIST, **origin)]
        assert [answer.status_code for answer in answers] == [200, 401]
        # One request, and one with wrong credentials, which counts as five: the limit is that of the stats API.
        answers.append(send(server, {}, LIST, **origin))
        assert answers[-1].status_code == 429
        for answer in (asked, *answers):
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert "access-control-allow-headers" not in server.http.options("/mcp", headers={"Origin": "null"}).headers


def test_other_methods_are_refused(server: LiveServer, token: dict[str, str]) -> None:
    for path in ("/mcp", "/stats/mcp"):
        for method in ("GET", "DELETE", "PUT", "HEAD"):
            answer = server.http.request(method, path, headers=token | {"Accept": "text/event-stream"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert server.http.post("/stats/mcp", json=LIST, headers=token).status_code == 200


def test_only_bearers_may_ask(server: LiveServer, callers: Callers) -> None:
    bearers = ("token", "token of the domain", "share link as token")
    for name, who in {**callers.allowed, **callers.unauthenticated}.items():
        answer = call(server, "POST", "/mcp", who, json=LIST)
        assert answer.status_code == (200 if name in bearers else 401), name
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == 'Bearer realm="prisme"'
    assert send(server, server.make_token(scopes=[ANNOTATE]), LIST).status_code == 403


@pytest.fixture(scope="module")
def callers(server: LiveServer) -> Callers:
    return Callers(Control(server.folder))


def test_large_bodies_are_refused(server: LiveServer, token: dict[str, str]) -> None:
    padded = json.dumps(LIST).encode()
    assert send(server, token, padded.ljust(65_536)).status_code == 200
    assert send(server, token, padded.ljust(65_537)).status_code == 413


def test_refused_questions_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model reads is an answer; metrics and the log count it as what it is."""
    replace_sql(monkeypatch, "row_count", ENDLESS_COUNT)
    log = tmp_path / "access.log"
    with LiveServer(tmp_path / "data", api_stats_timeout="200ms", access_log=str(log)) as server:
        asked = message("tools/call", name="get_timeseries", arguments={"figure": "pageviews"})
        answer = send(server, server.make_token(), asked)
        (text,) = answer.json()["result"]["content"]
        assert (answer.status_code, answer.json()["result"]["isError"]) == (200, True)
        assert text["text"] == (
            "the answer took over 0.2 s: ask for less time, try again, or raise api_stats_timeout; "
            "try again in 10 seconds"
        )
        wait_until(lambda: "the answer took over 0.2 s" in log.read_text(), "the log")


def test_a_client_that_leaves_ends_its_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_sql(monkeypatch, "row_count", ENDLESS_COUNT)
    log = tmp_path / "access.log"
    with LiveServer(tmp_path / "data", api_stats_timeout="10m", access_log=str(log)) as server:
        body = json.dumps(message("tools/call", name="get_timeseries", arguments={"figure": "pageviews"})).encode()
        head = {**TYPES, **server.make_token(), "Host": "127.0.0.1", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body)
            time.sleep(0.5)
        wait_until(lambda: "the client closed the connection" in log.read_text(), "the query to end")
