"""What a browser may be shown keeps to itself: every route, for everybody who may ask, and every kind of answer."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.access.login_attempts import PER_ADDRESS
from prisme.access.shares import Shares
from prisme.store.control import Control
from tests.faults.load import LONG
from tests.server import LiveServer, browser, find_logged, free_port, watch_routes
from tests.sql_texts import replace_sql

PASSWORD = "correct horse battery"
BY = operator("test")
NAMES = ("sign_up", "visitors", "visitors.csv", "dashboard", "pageviews", "nothing", "1", "ada")
QUERIES = ("", "?name=top-pages", "?referrer=https%3A%2F%2Fexample.com%2F&url=https%3A%2F%2Fexample.org%2F", "?a=1&a=2")
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")
PAGES = ("/login", "/dashboard", "/dashboard/list")
SETTINGS = tuple(f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "audit"))
Seen = tuple[str, int, str]
# Where a browser goes through, and sees nothing.
NOTHING = {204, 302, 303, 304}


class Inline(HTMLParser):
    """What a page has in it that could run: styles, scripts and handlers, and where forms lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.styles: list[str] = []
        self.faults: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").lower().startswith("javascript:"):
                self.faults.append(f"{tag} {name}")
            if name in {"src", "action"} and not re.match(r"/(?!/)|\?|#|$", value or ""):
                self.faults.append(f"{tag} {name} {value}")

    def handle_data(self, data: str) -> None:
        if self._tag == "style":
            self.styles.append(data)
        elif self._tag == "script" and data.strip():
            self.faults.append(f"script {data[:50]}")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""


def check(answer: httpx.Response) -> str:
    """Whether an answer has all that it needs; gives the media type, empty for none."""
    what = (answer.request.method, str(answer.request.url), answer.status_code)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not kind:
        assert answer.content == b"", what
        assert answer.status_code in NOTHING or answer.request.method == "POST", what
        return ""
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert "unsafe" not in answer.headers["content-security-policy"], what
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'", what
    assert answer.headers["x-content-type-options"] == "nosniff", what
    assert answer.headers["referrer-policy"] == ("same-origin" if kind == "text/html" else "no-referrer"), what
    assert not {"strict-transport-security", "x-powered-by"} & set(answer.headers), what
    if kind == "text/html":
        check_page(answer, policy)
    else:
        assert set(policy) == {"default-src", "frame-ancestors"}, what
    return str(kind)


def check_page(answer: httpx.Response, policy: dict[str, str]) -> None:
    assert answer.headers["cache-control"] == "private, no-store"
    assert {policy[name] for name in ("script-src", "connect-src", "form-action")} == {"'self'"}
    assert policy["base-uri"] == "'none'"
    if answer.request.method == "HEAD":
        return
    inline = Inline(answer.text)
    assert inline.faults == []
    digests = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in inline.styles]
    assert policy["style-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert digests


def walk(
    server: LiveServer, routes: dict[str, Any], who: dict[str, Any], methods: Sequence[str] = METHODS
) -> set[Seen]:
    """Ask everything, and check each answer; gives what was seen."""
    seen: set[Seen] = set()
    paths = [pattern.replace(":name", name) for pattern in routes for name in NAMES[: None if ":" in pattern else 1]]
    headers = {**browser("https://example.com/"), "Origin": server.url, **who.get("headers", {})}
    with httpx.Client(base_url=server.url, timeout=20, headers=headers, verify=False) as http:
        for path in [*paths, "/nowhere", "/%00"]:
            for method in methods:
                for query in QUERIES if method == "GET" else QUERIES[:1]:
                    http.cookies = httpx.Cookies(who.get("cookies"))
                    share = who.get("share", "")
                    url = f"{path}{query}{'&' if query else '?'}share={share}" if share else f"{path}{query}"
                    answer = http.request(method, url)
                    seen.add((check(answer), answer.status_code, path))
    return seen


@pytest.fixture
def routes() -> Iterator[dict[str, Any]]:
    with watch_routes() as routes:
        yield routes


def test_every_answer_keeps_to_itself(
    tmp_path: Path, routes: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "prisme")
    options = {"origins": "example.com,127.0.0.1", "bot_filter": "off"}
    admin = f"127.0.0.1:{free_port()}"
    with LiveServer(tmp_path, admin_hostport=admin, **options) as server:
        assert len(routes) > 25
        link = find_logged(r"http://127\.0\.0\.1:\d+(/setup\?key=\S+)", caplog)
        wrong = {"key": link.partition("=")[2], "name": "ada", "password": "short", "again": "short"}
        for answer in (server.http.get("/login"), server.http.get(link), server.http.post("/setup", data=wrong)):
            assert check(answer) == "text/html"
        right = wrong | {"password": PASSWORD, "again": PASSWORD}
        assert server.http.post("/setup", data=right).status_code == 303
        waiting = server.http.get("/dashboard")
        assert "Waiting for the first session" in waiting.text
        assert check(waiting) == "text/html"
        server.http.cookies.clear()
        seen = walk(server, routes, {})
        server.settle()

        control, now = Control(server.folder), int(time.time())
        accounts, shares = Accounts(control), Shares(control)
        accounts.add(BY, "kim", "admin", (), PASSWORD, now)
        accounts.add(BY, "bob", "viewer", ("example.com",), PASSWORD, now)
        for who in (
            {"cookies": {"prisme_login": accounts.create_login("bob", now)}},
            {"headers": server.make_token()},
            {"share": shares.add(BY, "example.com", now)[1]},
            {"share": shares.add(BY, "example.com", now, password=PASSWORD)[1]},
        ):
            seen |= walk(server, routes, who, METHODS if LONG else ("GET",))
        seen |= walk(server, routes, {"cookies": {"prisme_login": accounts.create_login("kim", now)}})
        for _ in range(PER_ADDRESS + 1):
            answer = server.http.post("/login", data={"name": "kim", "password": "wrong"})
            seen.add((check(answer), answer.status_code, "/login"))
        # What nobody thought of.
        replace_sql(monkeypatch, "row_count", "SELECT nothing FROM nowhere")
        # A question of its own: others may have been answered within the last second.
        answer = server.http.get("/api/v1/stats/events?path=/500", headers=server.make_token())
        seen.add((check(answer), answer.status_code, "pageviews"))
        for method, path in (("GET", "/metrics"), ("GET", "/healthcheck"), ("GET", "/"), ("POST", "/metrics")):
            assert check(httpx.request(method, f"http://{admin}{path}")) == "text/plain"

    kinds = {
        "text/html",
        "text/plain",
        "text/javascript",
        "text/csv",
        "application/json",
        "image/gif",
        "image/svg+xml",
        "image/x-icon",
        "",
    }
    assert {kind for kind, *_ in seen} == kinds
    assert {path for kind, status, path in seen if (kind, status) == ("text/html", 200)} >= {
        *PAGES,
        *SETTINGS,
        "/share",
    }
    assert {status for kind, status, _ in seen if kind == "text/html"} == {200, 400, 401, 403, 404, 429}
    assert {status for _, status, _ in seen} >= {204, 302, 303, 405, 500}
