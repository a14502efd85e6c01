"""What the proxies of docs/proxy.md pass on: every kind of request and answer, as it is."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from prisme.assets import GIF
from tests.e2e.proxies import EVENTS, HOST, OUTER, Chain, ask, chain
from tests.server import CHROME, browser

NOSCRIPT = "/api/v1/noscript/events/"
LINK = "https://files.example.org/a%20b.pdf?v=1&w=%2F#page=2"


@pytest.fixture(scope="module", params=OUTER)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with chain(tmp_path_factory.mktemp("passing"), request.param) as started:
        yield started


class Case(NamedTuple):
    """A request, and what comes back of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    expected: bytes | None = b""  # None for what is not looked at


def _get(path: str, query: dict[str, str], status: int, expected: bytes = GIF, **headers: str) -> Case:
    headers["User-Agent"] = CHROME
    return Case("GET", f"{NOSCRIPT}{path}?{httpx.QueryParams(query)}", headers, b"", status, expected)


SITE = {"referrer": "https://example.com/"}
SENT = dict(browser("https://example.com/"))
JSON = SENT | {"Content-Type": "application/json"}
PROPERTIES = b'{"text":"%s"}'
ASKED = {"Origin": "https://example.com", "Access-Control-Request-Headers": "x-prisme-referrer,content-type"}
PASSED = {
    "pageview": Case("POST", EVENTS + "pageviews", SENT, b"", 200),
    "noscript pageview": _get("pageviews", SITE, 200),
    "custom event": Case("POST", EVENTS + "custom/sign_up", JSON, b'{"plan":"pro"}', 200),
    "name with a slash": Case("POST", EVENTS + "custom/a%2Fb%3F%25%20%C3%BC", JSON, b"", 200),
    "name with two slashes": Case("POST", EVENTS + "custom//x", JSON, b"", 404, b"no such endpoint\n"),
    "longest body": Case("POST", EVENTS + "custom/long", JSON, PROPERTIES % (b"x" * (65_536 - 11)), 200),
    "body too long": Case("POST", EVENTS + "custom/long", JSON, PROPERTIES % (b"x" * 65_536), 413, None),
    "noscript custom event": _get("custom/x", SITE | {"prop-plan": '"pro"'}, 200),
    "long query": _get("custom/x", SITE | {"prop-text": '"' + "x" * 30_000 + '"'}, 200),
    "download": Case("POST", EVENTS + "file-downloads", SENT, LINK.encode(), 200),
    "ping": Case(
        "POST",
        EVENTS + "outbound-links",
        {"Origin": "https://example.com", "User-Agent": CHROME, "Content-Type": "text/ping"}
        | {"Ping-From": "https://example.com/", "Ping-To": LINK},
        b"PING",
        200,
    ),
    "redirect": _get("outbound-links", SITE | {"url": LINK}, 302, b"", Referer="https://example.com/"),
    "preflight": Case("OPTIONS", EVENTS + "pageviews", ASKED, b"", 204),
    "refusal": Case("POST", EVENTS + "pageviews", {"Origin": "null"}, b"", 400, b"origin not registered\n"),
    "noscript refusal": _get("pageviews", {}, 400),
    "wrong method": Case("GET", EVENTS + "pageviews", {}, b"", 405, b"method not allowed\n"),
    "script": Case("GET", "/static/wa.js", {"Accept-Encoding": "identity"}, b"", 200, None),
    "packed script": Case("GET", "/static/wa.js", {"Accept-Encoding": "br"}, b"", 200, None),
    "head": Case("HEAD", "/static/wa.js", {"Accept-Encoding": "gzip"}, b"", 200),
    "health": Case("GET", "/api/v1/healthcheck", {}, b"", 200, b"ok\n"),
}
# What is the connection's, or another one for each request.
OWN_HEADERS = {"date", "connection", "keep-alive", "transfer-encoding", "server", "alt-svc", "x-proxy-id"}
OWN_HEADERS |= {"x-prisme-request-id", "content-length", "via"}


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that are Prisme's own."""
    return {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}


@pytest.mark.parametrize("case", PASSED.values(), ids=PASSED)
def test_all_is_passed_as_it_is(one: Chain, case: Case) -> None:
    with one.front.visitor() as (visitor, address):
        # Straight to the server, as the same visitor: what a proxy is to change nothing of.
        same = {"X-Forwarded-For": address}
        assert one.server.http.post(EVENTS + "pageviews", headers=SENT | same).status_code == 200
        direct = one.server.http.request(case.method, case.path, headers=case.headers | same, content=case.body)
        passed = ask(visitor, case.method, case.path, headers=case.headers, content=case.body)
        if (passed.status_code, case.status) == (502, 413):  # a proxy that was still sending when it was refused
            passed = ask(visitor, case.method, case.path, headers=case.headers, content=case.body)
    assert (direct.status_code, passed.status_code) == (case.status, case.status)
    assert told(passed) == told(direct)
    assert passed.content == direct.content
    assert case.expected is None or passed.content == case.expected
    if case.status == 302:
        assert passed.headers["location"] == LINK


def test_names_of_events_keep_their_slashes(one: Chain, site: str) -> None:
    with one.front.visitor() as (visitor, _):
        sent = dict(browser(f"https://{site}/"))
        assert ask(visitor, "POST", EVENTS + "pageviews", headers=sent).status_code == 200
        sent["Content-Type"] = "application/json"
        assert ask(visitor, "POST", EVENTS + "custom/a%2Fb%3F%25", headers=sent).status_code == 200
    assert one.server.rows("SELECT name FROM events_custom WHERE domain = ?", [site]) == [("a/b?%",)]


def test_script_does_not_come_twice(one: Chain) -> None:
    with one.front.visitor() as (visitor, _):
        first = ask(visitor, "GET", "/static/wa.js")
        again = ask(visitor, "GET", "/static/wa.js", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_http_leads_to_https(one: Chain) -> None:
    answer = httpx.get(f"http://127.0.0.1:{one.front.plain_port}/static/wa.js?x=1", headers={"Host": HOST})
    assert answer.status_code in {301, 308}
    assert re.fullmatch(rf"https://{HOST}(:\d+)?/static/wa\.js\?x=1", answer.headers["location"])
