"""`HEAD` wherever `GET` is: the same status and headers without the body, on every route of both servers."""

import time
from collections.abc import Iterator

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control
from prisme.web.responses import NOSCRIPT
from prisme.web.routing import NAME, BatchEndpoint, Methods
from tests.server import CHROME, LiveServer, free_port, watch_routes

# What differs from one answer to the next.
OWN = {"date", "x-prisme-request-id", "server-timing", "age"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, dict[str, Methods], str]]:
    """A server with its routes, and the key of an admin's log-in."""
    with (
        watch_routes() as routes,
        LiveServer(tmp_path_factory.mktemp("head"), admin_hostport=f"127.0.0.1:{free_port()}") as server,
    ):
        now = int(time.time())
        accounts = Accounts(Control(server.folder))
        accounts.add(operator("test"), "kim", "admin", (), "correct horse battery", now)
        yield server, routes, accounts.create_login("kim", now)


def told(answer: httpx.Response) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: value for name, value in answer.headers.items() if name not in OWN}


def assert_head_is_get(url: str, cookies: dict[str, str] | None = None) -> None:
    with httpx.Client(timeout=20, headers={"Accept-Encoding": "identity"}, cookies=cookies, verify=False) as http:
        get, head = http.get(url), http.head(url)
    status, headers = told(get)
    assert told(head) == (status, headers), url
    assert head.content == b""
    assert headers.get("content-length", "0") == str(len(get.content))


def test_every_route(served: tuple[LiveServer, dict[str, Methods], str]) -> None:
    server, routes, key = served
    walked = 0
    for pattern, methods in routes.items():
        if isinstance(methods.get("GET"), BatchEndpoint):
            assert pattern.startswith(NOSCRIPT)  # below
            continue
        if "GET" not in methods:
            continue
        for name in ("top-pages", "visitors.csv", "1", "nothing") if pattern.endswith(NAME) else ("",):
            for query in ("", "?from=now-7d", "?a=1&a=2"):
                url = f"{server.url}{pattern.removesuffix(NAME)}{name}{query}"
                assert_head_is_get(url)
                assert_head_is_get(url, {"prisme_login": key})
                walked += 1
    assert walked > 30


def test_what_has_no_get_has_no_head(served: tuple[LiveServer, dict[str, Methods], str]) -> None:
    server, routes, _ = served
    without = [pattern for pattern, methods in routes.items() if "GET" not in methods and not pattern.endswith(NAME)]
    assert "/api/v1/events/pageviews" in without
    for pattern in without:
        answer = server.http.head(pattern)
        assert answer.status_code == 405
        assert "HEAD" not in answer.headers["allow"]


REFERER = {"Referer": "https://example.com/", "User-Agent": CHROME, "Accept-Encoding": "identity"}


@pytest.mark.parametrize(
    "path",
    [
        "pageviews?referrer=https://example.com/",
        "custom/x?referrer=https://example.com/",
        "outbound-links?url=https://example.org/",
        "outbound-links?url=nonsense",
    ],
)
@pytest.mark.parametrize("headers", [REFERER, {**REFERER, "Referer": ""}], ids=["from a site", "from nowhere"])
def test_what_would_be_an_event(
    served: tuple[LiveServer, dict[str, Methods], str], path: str, headers: dict[str, str]
) -> None:
    server, _, _ = served
    get, head = (server.http.request(method, f"{NOSCRIPT}events/{path}", headers=headers) for method in ("GET", "HEAD"))
    (status, fields), expected = told(head), told(get)
    assert status == expected[0]
    assert fields.get("location") == expected[1].get("location")
    assert fields.get("content-type") == expected[1].get("content-type")
    assert head.content == b""


def test_head_counts_no_event(served: tuple[LiveServer, dict[str, Methods], str]) -> None:
    server, _, _ = served
    before = server.rows("SELECT count(*), sum(pageviews + events) FROM sessions")
    for event in ("pageviews", "custom/x", "outbound-links"):
        url = f"{NOSCRIPT}events/{event}?referrer=https://example.com/&url=https://example.org/"
        assert server.http.head(url, headers=REFERER).status_code in (200, 302)
    assert server.rows("SELECT count(*), sum(pageviews + events) FROM sessions") == before


@pytest.mark.parametrize("path", ["/metrics", "/healthcheck", "/nowhere"])
def test_admin_server(served: tuple[LiveServer, dict[str, Methods], str], path: str) -> None:
    hostport = served[0].config.admin_hostport
    assert hostport is not None
    url = f"http://{hostport[0]}:{hostport[1]}{path}"
    get, head = httpx.get(url), httpx.head(url)
    assert (head.status_code, head.headers["content-type"]) == (get.status_code, get.headers["content-type"])
    assert head.content == b""


def test_pages_elsewhere_may_ask_for_heads(served: tuple[LiveServer, dict[str, Methods], str]) -> None:
    """Only what changes something has to come from a page of this server."""
    server, _, key = served
    cookies, headers = {"prisme_login": key}, {"Sec-Fetch-Site": "cross-site"}
    for method in ("GET", "HEAD"):
        assert httpx.request(method, f"{server.url}/api/v1/users", cookies=cookies, headers=headers).status_code == 200
