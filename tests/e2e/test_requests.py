"""Requests for events: whose they are, from which page, and the order of refusals."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from prisme.assets import GIF
from tests.e2e.event_senders import (
    BAD_LINK,
    BAD_PAGE,
    BAD_PROPERTIES,
    BAD_PROPERTY,
    BOT,
    CUSTOM,
    EVENTS,
    HEADER_SENDERS,
    INTERNAL,
    IS_BOT,
    LINK,
    NO_LINK,
    NO_ORIGIN,
    NO_PAGE,
    NOSCRIPT,
    NOT_JSON,
    PAGE_UNKNOWN,
    PATHS,
    RATE_LIMITED,
    SENDERS,
    TOO_LONG,
    assert_accepted,
    assert_interstitial,
    assert_refused,
    count,
    exchange,
    request_head,
    rows,
    send,
    view,
)
from tests.server import CHROME, LiveServer, browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that is quick to store, and trusts `X-Forwarded-For`."""
    options = {"eventstore_max_batch_timeout": "10ms", "trust_proxy": "true"}
    with LiveServer(tmp_path_factory.mktemp("events"), **options) as live:
        yield live


# ----- who asks, and from which page


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({"Origin": None}, NO_ORIGIN, id="no origin"),
        pytest.param({"Origin": None, "Referer": "https://{site}/a"}, NO_ORIGIN, id="no origin but a referer"),
        pytest.param({"Origin": "null"}, NO_ORIGIN, id="null origin"),
        pytest.param({"Origin": "https://{site}.other.example"}, NO_ORIGIN, id="other origin"),
        pytest.param({"Origin": "http://{site}:81"}, "/a", id="scheme and port of the origin"),
        pytest.param({"X_Prisme_Referrer": None}, NO_PAGE, id="no page"),
        pytest.param({"X_Prisme_Referrer": None, "Referer": "https://{site}/b"}, "/b", id="referer"),
        pytest.param({"X_Prisme_Referrer": "", "Referer": "https://{site}/b"}, "/b", id="empty header and referer"),
        pytest.param({"Referer": "https://{site}/b"}, "/a", id="own header before referer"),
        pytest.param({"X_Prisme_Referrer": "/a"}, BAD_PAGE, id="relative page"),
        pytest.param({"X_Prisme_Referrer": "nowhere", "Referer": "https://{site}/b"}, BAD_PAGE, id="bad page"),
        pytest.param({"X_Prisme_Referrer": "ftp://{site}/a"}, BAD_PAGE, id="page of another scheme"),
        pytest.param({"X_Prisme_Referrer": "https://{site}/" + "a" * 8192}, BAD_PAGE, id="long page"),
        pytest.param({"X_Prisme_Referrer": "https://other.example/a"}, PAGE_UNKNOWN, id="page of another site"),
        pytest.param({"X_Prisme_Referrer": "https://www.google.com/"}, PAGE_UNKNOWN, id="forged page"),
        pytest.param(
            {"X_Prisme_Referrer": None, "Referer": "https://other.example/a"},
            PAGE_UNKNOWN,
            id="referer of another site",
        ),
        pytest.param({"X_Prisme_Referrer": "https://{site}.other.example/"}, PAGE_UNKNOWN, id="page that begins alike"),
        pytest.param({"Origin": "https://m.{site}"}, "/a", id="two sites that are registered"),
        pytest.param({"Ping_From": "https://{site}/b", "Ping_To": "https://x.example/"}, "/a", id="ping in headers"),
    ],
)
def test_origin_and_page_in_headers(
    server: LiveServer, site: str, subtests: pytest.Subtests, headers: dict[str, str | None], outcome: str
) -> None:
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    sent = {name: text and text.replace("{site}", site) for name, text in headers.items()}
    for sender in HEADER_SENDERS:
        with subtests.test(sender):
            answer = send(server, sender, f"https://{site}/a", **sent)
            if not outcome.startswith("/"):
                assert_refused(answer, outcome)
            else:
                assert_accepted(answer)
                assert rows(server, sender, site, "path") == [(outcome,)]
    assert count(server, site) == (len(HEADER_SENDERS) if outcome.startswith("/") else 0)


@pytest.mark.parametrize("sender", ["download ping", "outbound ping"])
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({"Origin": None}, NO_ORIGIN, id="no origin"),
        pytest.param({"Origin": "null"}, NO_ORIGIN, id="null origin"),
        pytest.param({"Ping_From": "about:blank"}, BAD_PAGE, id="from nowhere"),
        pytest.param({"Ping_From": "/a"}, BAD_PAGE, id="from a path"),
        pytest.param({"Ping_From": "https://other.example/a"}, PAGE_UNKNOWN, id="from another site"),
        pytest.param({"Ping_To": None}, NO_LINK, id="to nothing"),
        pytest.param({"Ping_To": "/a.pdf"}, BAD_LINK, id="to a path"),
    ],
)
def test_origin_and_page_of_pings(
    server: LiveServer, site: str, sender: str, headers: dict[str, str | None], reason: str
) -> None:
    view(server, f"https://{site}/a")
    assert_refused(send(server, sender, f"https://{site}/a", **headers), reason)
    assert rows(server, sender, site) == []


@pytest.mark.parametrize("path", ["custom/sign_up?", f"outbound-links?url={LINK}&"], ids=["custom", "outbound"])
@pytest.mark.parametrize(
    ("query", "headers", "outcome"),
    [
        pytest.param("referrer=https://{site}/a", {}, "/a", id="parameter alone"),
        pytest.param("", {"Referer": "https://{site}/a"}, "/a", id="referer alone"),
        pytest.param("referrer=https://{site}/a", {"Referer": "https://{site}/b"}, "/a", id="parameter before referer"),
        pytest.param("referrer=", {"Referer": "https://{site}/a"}, "/a", id="empty parameter and referer"),
        pytest.param("referrer=https://{site}/b&referrer=https://{site}/a", {}, "/a", id="last parameter"),
        pytest.param("", {"Origin": "https://{site}", "Referer": "https://{site}/a"}, "/a", id="origin"),
        pytest.param("", {"Origin": "null", "Referer": "https://{site}/a"}, NO_ORIGIN, id="null origin"),
        pytest.param(
            "referrer=https://{site}/a", {"Referer": "https://other.example/"}, NO_ORIGIN, id="referer of another site"
        ),
        pytest.param("", {}, NO_ORIGIN, id="nothing"),
        pytest.param("", {"Origin": "https://{site}"}, NO_PAGE, id="no page"),
        pytest.param("referrer=/a", {"Origin": "https://{site}"}, BAD_PAGE, id="relative page"),
        pytest.param(
            "referrer=https://other.example/", {"Origin": "https://{site}"}, PAGE_UNKNOWN, id="page of another site"
        ),
        pytest.param(
            "referrer=https://other.example/",
            {"Referer": "https://{site}/"},
            PAGE_UNKNOWN,
            id="with a referer",
        ),
        pytest.param("referrer=https://other.example/", {}, NO_ORIGIN, id="page of another site alone"),
    ],
)
def test_origin_and_page_without_script(
    server: LiveServer, site: str, path: str, query: str, headers: dict[str, str], outcome: str
) -> None:
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    sent = {name: text.format(site=site) for name, text in headers.items()} | {"User-Agent": CHROME}
    answer = server.http.get(NOSCRIPT + path + query.format(site=site), headers=sent)
    accepted = outcome.startswith("/")
    sender = "custom noscript" if "custom" in path else "outbound noscript"
    if "outbound" in path and not any(site in text for text in sent.values()):
        # Whoever asks may be anybody: no redirect for strangers.
        assert_interstitial(answer, LINK)
        assert answer.headers.get("x-prisme-error") == (None if accepted else outcome)
    elif accepted:
        assert_accepted(answer)
    else:
        assert_refused(answer, outcome)
    assert rows(server, sender, site, "path") == ([(outcome,)] if accepted else [])


# ----- the order of refusals, and the rest of the frame


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        pytest.param(
            CUSTOM,
            [
                ({}, NO_ORIGIN),
                ({"Origin": "https://{site}"}, TOO_LONG),
                ({"body": b"[1]"}, NO_PAGE),
                ({"X-Prisme-Referrer": "https:"}, BAD_PAGE),
                ({"X-Prisme-Referrer": "https://other.example/"}, PAGE_UNKNOWN),
                ({"X-Prisme-Referrer": "https://{site}/none"}, NOT_JSON),
                ({"Content-Type": "application/json"}, BAD_PROPERTIES),
                ({"body": b"{}"}, IS_BOT),
            ],
            id="custom",
        ),
        pytest.param(
            EVENTS + "outbound-links",
            [
                ({}, NO_ORIGIN),
                ({"Origin": "https://{site}"}, TOO_LONG),
                ({"body": b"PING"}, NO_LINK),
                ({"Ping-From": "https://other.example/"}, PAGE_UNKNOWN),
                ({"Ping-From": "https://{site}/none"}, NO_LINK),
                ({"Ping-To": "https://{site}/"}, INTERNAL),
                ({"Ping-To": LINK}, IS_BOT),
            ],
            id="ping",
        ),
        pytest.param(
            EVENTS + "file-downloads",
            [
                ({}, NO_ORIGIN),
                ({"Origin": "https://{site}"}, TOO_LONG),
                ({"body": b"file.pdf"}, NO_PAGE),
                ({"Referer": "https://other.example/"}, PAGE_UNKNOWN),
                ({"Referer": "https://{site}/none"}, BAD_LINK),
                ({"body": LINK.encode()}, IS_BOT),
            ],
            id="download",
        ),
    ],
)
def test_refusals_come_in_order(
    server: LiveServer, site: str, path: str, steps: list[tuple[dict[str, Any], str]]
) -> None:
    """Origin, body, page, its host, fields, bots: each request is wrong in all that comes after."""
    # A body that is too long is not read, so its connection ends with the answer.
    sent: dict[str, Any] = {"Origin": "null", "User-Agent": BOT, "Connection": "close", "body": b"[" * 65_537}
    for change, reason in steps:
        sent |= {name: text.format(site=site) if isinstance(text, str) else text for name, text in change.items()}
        headers = {name: text for name, text in sent.items() if name != "body"}
        answer = server.http.post(path, headers=headers, content=sent["body"])
        assert_refused(answer, reason, 413 if reason == TOO_LONG else 400)
    assert count(server, site) == 0
    sent["User-Agent"] = CHROME
    headers = {name: text for name, text in sent.items() if name != "body"}
    assert_accepted(server.http.post(path, headers=headers, content=sent["body"]))


@pytest.mark.parametrize(("path", "field"), [("custom/x", BAD_PROPERTY), ("outbound-links", BAD_LINK)])
def test_refusals_without_script_come_in_order(server: LiveServer, site: str, path: str, field: str) -> None:
    wrong = f"prop-a=x&url=x&referrer={{referrer}}&filler={'x' * 32_768}"
    for origin, referrer, filler, reason in (
        ("null", "nowhere", True, NO_ORIGIN),
        (f"https://{site}", "nowhere", True, "query string is over 32768 bytes"),
        (f"https://{site}", "nowhere", False, BAD_PAGE),
        (f"https://{site}", "https://other.example/", False, PAGE_UNKNOWN),
        (f"https://{site}", f"https://{site}/none", False, field),
    ):
        query = wrong.format(referrer=referrer)
        query = query if filler else query.partition("&filler")[0]
        answer = server.http.get(f"{NOSCRIPT}{path}?{query}", headers={"Origin": origin, "User-Agent": CHROME})
        # A link that cannot be followed leads nowhere, whatever else is wrong.
        assert (answer.status_code, answer.headers["x-prisme-error"], answer.content) == (400, reason, GIF)
        assert "location" not in answer.headers


def test_all_endpoints_count_together(start: Callable[..., LiveServer]) -> None:
    server = start(api_events_rate_limit=str(2 + len(SENDERS)))
    home, site = "https://example.com", "example.com"
    view(server, f"{home}/a")
    pixel = server.http.get(f"{NOSCRIPT}pageviews?referrer={home}/b", headers={"User-Agent": CHROME})
    assert pixel.status_code == 200
    for number, sender in enumerate(SENDERS):
        # Refused ones count, whatever they were refused for.
        wrong = {"Origin": "null"} if number % 2 else {}
        assert send(server, sender, f"{home}/a", **wrong).status_code == (
            400 if number % 2 else (200, 302)[number == 6]
        )
    stored = [len(rows(server, sender, site)) for sender in ("custom", "download", "outbound")]
    assert stored == [1, 1, 2]
    for sender in SENDERS:
        answer = send(server, sender, f"{home}/a", Origin="null")  # the limit comes before all but the route
        assert_refused(answer, RATE_LIMITED, 429)
        assert 0 < int(answer.headers["retry-after"]) <= 60
    assert server.http.post(EVENTS + "pageviews", headers=browser(f"{home}/c")).status_code == 429
    assert server.http.post(EVENTS + "custom/").status_code == 404
    assert server.http.get(CUSTOM).status_code == 405
    assert server.http.options(CUSTOM).status_code == 204
    assert [len(rows(server, sender, site)) for sender in ("custom", "download", "outbound")] == stored
    server.time.move(60)
    assert_accepted(send(server, "custom", f"{home}/a"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"])
def test_other_methods_are_refused(server: LiveServer, path: str, method: str) -> None:
    allowed = PATHS[path].split(", ")
    if method in allowed:
        method = method.lower()  # methods are case-sensitive: RFC 9110, section 9.1
    answer = server.http.request(method, path) if method.isupper() else _lower(server, method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == f"{PATHS[path]}, OPTIONS"
    assert answer.headers["x-prisme-error"] == "method not allowed"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (answer.content == GIF) == (NOSCRIPT in path and method != "HEAD")


@pytest.mark.parametrize("path", [path for path in PATHS if NOSCRIPT in path])
def test_head_of_an_event_stores_nothing(server: LiveServer, site: str, path: str) -> None:
    query = {"referrer": f"https://{site}/a", "url": LINK}
    headers = {"User-Agent": CHROME, "Referer": f"https://{site}/"}
    answer = server.http.head(path, params=query, headers=headers)
    assert (answer.status_code, answer.content) == (302 if "outbound" in path else 200, b"")
    assert answer.headers.get("location") == (LINK if "outbound" in path else None)
    assert count(server, site) == 0


def _lower(server: LiveServer, method: str, path: str) -> httpx.Response:
    request = server.http.build_request(method, path)
    request.method = method
    return server.http.send(request)


@pytest.mark.parametrize(
    "path",
    [
        *(f"{path}/" for path in PATHS),
        *(path.replace("/api/", "/API/") for path in PATHS),
        *(path.replace("/events/", "//events/") for path in PATHS),
        *(path.replace("/events/", "/./events/") for path in PATHS),
        EVENTS + "custom",
        EVENTS + "custom/",
        EVENTS + "custom%2Fsign_up",
        NOSCRIPT + "custom",
        NOSCRIPT + "custom/",
        NOSCRIPT + "file-downloads",
        EVENTS,
        NOSCRIPT,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_other_paths_are_not_found(server: LiveServer, site: str, path: str, method: str) -> None:
    heard = exchange(server, request_head(site, "Content-Length: 0", "Connection: close", path=path, method=method))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 "), heard
    assert b"\r\naccess-control-allow-origin: *\r\n" in head
    assert b"\r\nx-prisme-error: no such endpoint\r\n" in head
    assert body == (GIF if path.startswith("/api/v1/noscript/") else b"no such endpoint\n")


def test_preflight_is_always_allowed(start: Callable[..., LiveServer]) -> None:
    server = start(api_events_rate_limit="1")
    asked = {
        "Origin": "https://unknown.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-prisme-referrer",
    }
    for path, method in PATHS.items():
        for more in ({}, asked):
            answer = server.http.options(path, headers=more)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-allow-methods"] == f"{method}, OPTIONS"
            assert answer.headers.get("access-control-allow-headers") == more.get("Access-Control-Request-Headers")
            assert answer.headers["access-control-max-age"] == "86400"
    view(server, "https://example.com/")  # none of them was counted
