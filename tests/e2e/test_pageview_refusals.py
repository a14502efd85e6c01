"""Pageviews and other requests that a real server refuses: each reason, their order, routes and rate limits."""

import re
from typing import Any

import pytest

from tests.e2e.pageviews import GIF, GOOGLEBOT, NOSCRIPT, PAGEVIEWS, sessions, view, views
from tests.server import CHROME, LiveServer, browser


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({"Origin": ""}, "origin not registered", id="no origin"),
        pytest.param({"Origin": "null"}, "origin not registered", id="null origin"),
        pytest.param({"Origin": "https://example.org"}, "origin not registered", id="other origin"),
        pytest.param({"Origin": "https://example.com.evil.example"}, "origin not registered", id="suffix of origin"),
        pytest.param({"X_Prisme_Referrer": ""}, "page URL is missing", id="no page"),
        pytest.param({"X_Prisme_Referrer": "/just/a/path"}, "page URL is not", id="relative page"),
        pytest.param({"X_Prisme_Referrer": "ftp://example.com/"}, "page URL is not", id="page of another scheme"),
        pytest.param({"X_Prisme_Referrer": "https:///path"}, "page URL is not", id="page without host"),
        pytest.param({"X_Prisme_Referrer": "https://example.com/" + "a" * 8192}, "page URL is not", id="long page"),
        pytest.param(
            {"X_Prisme_Referrer": "https://example.org/"}, "the page's host is not", id="page of another site"
        ),
        pytest.param({"X_Prisme_Referrer": "https://www.google.com/"}, "the page's host is not", id="forged page"),
        pytest.param({"X_Prisme_Document_Referrer": "not a url"}, "document referrer", id="bad document referrer"),
        pytest.param({"X_Prisme_Document_Referrer": "/a"}, "document referrer", id="relative document referrer"),
        pytest.param({"X_Prisme_Visitor_Id": "v" * 257}, "visitor id", id="long visitor id"),
        pytest.param({"X_Prisme_Status": "99"}, "status", id="low status"),
        pytest.param({"X_Prisme_Status": "600"}, "status", id="high status"),
        pytest.param({"X_Prisme_Status": "2e2"}, "status", id="no number for a status"),
        pytest.param({"user_agent": GOOGLEBOT}, "bot session filtered", id="bot"),
        pytest.param({"user_agent": "curl/8.0"}, "bot session filtered", id="tool"),
    ],
)
def test_refusals_say_why_and_store_nothing(live: LiveServer, site: str, headers: dict[str, str], reason: str) -> None:
    answer = live.http.post(PAGEVIEWS, headers=browser(f"https://{site}/", **headers))
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert reason in answer.headers["x-prisme-error"]
    assert answer.text.strip() == answer.headers["x-prisme-error"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-prisme-request-id"])
    assert views(live, site) == []
    assert sessions(live, site, "*") == []


def test_noscript_refusals_come_with_the_gif(live: LiveServer) -> None:
    answer = live.http.get(NOSCRIPT, params={"referrer": "https://example.org/"}, headers={"User-Agent": CHROME})
    assert (answer.status_code, answer.content) == (400, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["x-prisme-error"] == "origin not registered"


def test_refusals_come_in_order(start: Any) -> None:
    """Route, rate limit, origin, page, its host, fields: each request is wrong in all that comes after."""
    server = start(api_events_rate_limit="8")
    wrong = {"Origin": "null", "X-Prisme-Referrer": "nothing", "User-Agent": GOOGLEBOT, "X-Prisme-Status": "1"}
    wrong |= {"X-Prisme-Visitor-Id": "v" * 257, "X-Prisme-Document-Referrer": "nothing"}
    reasons = [server.http.post(PAGEVIEWS, headers=wrong).headers["x-prisme-error"]]
    for name, text in (
        ("Origin", "https://example.com"),
        ("X-Prisme-Referrer", "https://example.org/"),
        ("X-Prisme-Referrer", "https://example.com/"),
        ("X-Prisme-Status", "200"),
        ("X-Prisme-Visitor-Id", "me"),
        ("X-Prisme-Document-Referrer", ""),
    ):
        wrong[name] = text
        reasons.append(server.http.post(PAGEVIEWS, headers=wrong).headers["x-prisme-error"])
    assert [reason.split()[0] for reason in reasons] == [
        "origin",
        "page",
        "the",
        "status",
        "visitor",
        "document",
        "bot",
    ]
    server.http.post(PAGEVIEWS, headers=wrong)
    assert server.http.post(PAGEVIEWS, headers={}).status_code == 429
    assert server.http.post("/api/v1/events/nothing").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("HEAD", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("PUT", PAGEVIEWS, 405, "POST, OPTIONS"),
        ("POST", NOSCRIPT, 405, "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/healthcheck", 405, "GET, HEAD"),
        ("POST", PAGEVIEWS + "/", 404, None),
        ("POST", "/api/v1/events/Pageviews", 404, None),
        ("POST", "/api/v1/events/%70ageviews", 404, None),
        ("GET", "/nowhere", 404, None),
    ],
)
def test_routes_are_exact(live: LiveServer, method: str, path: str, status: int, allow: str | None) -> None:
    answer = live.http.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["x-prisme-error"]


@pytest.mark.parametrize("path", [PAGEVIEWS, NOSCRIPT])
def test_preflight_is_always_allowed(start: Any, path: str) -> None:
    server = start(api_events_rate_limit="1")
    asked = {
        "Origin": "https://unknown.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-prisme-referrer, x-other",
    }
    for _ in range(3):
        answer = server.http.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert ("POST" if path == PAGEVIEWS else "GET") in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "x-prisme-referrer, x-other"
        assert answer.headers["access-control-max-age"] == "86400"
    assert view(server, "https://example.com/") == 200


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param("203.0.113.1", "203.0.113.1", True, id="same address"),
        pytest.param("203.0.113.1", "203.0.113.2", False, id="two addresses"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True, id="same /64"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:2::1", False, id="two /64"),
        pytest.param("::ffff:203.0.113.1", "203.0.113.1", True, id="mapped address"),
        pytest.param("unknown", "unknown", True, id="no address, by its text"),
        pytest.param("unknown", "_hidden", False, id="two texts"),
    ],
)
def test_rate_limit_counts_clients(start: Any, first: str, second: str, together: bool) -> None:
    server = start(api_events_rate_limit="2", trust_proxy="true")
    statuses = [
        view(server, f"https://example.com/{step}", X_Forwarded_For=address)
        for step, address in enumerate((first, first, first, second))
    ]
    assert statuses == [200, 200, 429, 429 if together else 200]


def test_rate_limit_ends_with_its_window(start: Any) -> None:
    server = start()  # the limiter is off
    assert {view(server, f"https://example.com/{step}") for step in range(100)} == {200}
    server.stop()
    server = start(api_events_rate_limit="60")
    statuses = [server.http.post(PAGEVIEWS, headers={"Origin": "null"}).status_code for _ in range(30)]
    server.time.move(30)
    statuses += [
        server.http.get(NOSCRIPT, headers={"Referer": "https://example.com/"}).status_code for _ in range(30)
    ]  # refused ones count, and all endpoints count together
    assert statuses == [400] * 60
    answer = server.http.post(PAGEVIEWS, headers=browser("https://example.com/"))
    assert answer.status_code == 429
    assert 25 <= int(answer.headers["retry-after"]) <= 30
    server.time.move(int(answer.headers["retry-after"]))
    assert view(server, "https://example.com/") == 200


def test_health(live: LiveServer) -> None:
    answer = live.http.get("/api/v1/healthcheck")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert live.http.head("/api/v1/healthcheck").status_code == 200
