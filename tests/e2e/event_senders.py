"""Sends custom events, downloads and outbound links in every way that exists: shared by the tests of events."""

import contextlib
import json
import socket
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import httpx

from prisme.assets import GIF
from tests.server import CHROME, PATIENCE, LiveServer, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
CUSTOM = EVENTS + "custom/sign_up"
PROPERTIES = '{"plan":"pro"}'
LINK = "https://files.example.org/a.pdf?v=1"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# Options of a server that stores events at once, and trusts `X-Forwarded-For`.
QUICK = {"eventstore_max_batch_timeout": "10ms", "trust_proxy": "true"}
COLUMNS = "entry_path, exit_path, referrer_domain, pageviews, events"

NO_ORIGIN = "origin not registered"
NO_PAGE = "page URL is missing: send X-Prisme-Referrer or Referer"
BAD_PAGE = "page URL is not an absolute http(s) URL with a host, or is over 8192 bytes"
NOT_JSON = "content type of a custom event must be application/json"
BAD_PROPERTIES = "properties are not a JSON object"
BAD_PROPERTY = "a prop- parameter is not a JSON value: put text in double quotes"
NO_LINK = "link URL is missing"
BAD_LINK = "link URL is not an absolute http(s) URL, or is over 8192 bytes"
PAGE_UNKNOWN = "the page's host is not registered"
INTERNAL = "internal link"
IS_BOT = "bot session filtered"
RATE_LIMITED = "rate limit exceeded"
TOO_LONG = "body is over 65536 bytes"


class Sender(NamedTuple):
    """One way to send an event: `build` makes the request for a page and a value, stored in `column` of `table`."""

    build: Callable[[LiveServer, str, str], httpx.Request]
    sample: str
    table: str
    column: str


def _post(path: str, **headers: str) -> Callable[[LiveServer, str, str], httpx.Request]:
    def build(server: LiveServer, page: str, value: str) -> httpx.Request:
        return server.http.build_request("POST", path, headers=browser(page, **headers), content=value)

    return build


def _ping(path: str) -> Callable[[LiveServer, str, str], httpx.Request]:
    def build(server: LiveServer, page: str, value: str) -> httpx.Request:
        headers = browser(page, X_Prisme_Referrer="", Content_Type="text/ping", Ping_From=page, Ping_To=value)
        return server.http.build_request("POST", path, headers=headers, content=b"PING")

    return build


def _get_custom(server: LiveServer, page: str, value: str) -> httpx.Request:
    query = {"referrer": page} | {f"prop-{key}": json.dumps(one) for key, one in json.loads(value).items()}
    return server.http.build_request("GET", NOSCRIPT + "custom/sign_up", params=query, headers={"User-Agent": CHROME})


def _get_outbound(server: LiveServer, page: str, value: str) -> httpx.Request:
    """As browsers follow a link to another site: the Referer has the origin only."""
    query = {"referrer": page, "url": value}
    origin = "/".join(page.split("/")[:3]) + "/"
    headers = {"User-Agent": CHROME, "Referer": origin}
    return server.http.build_request("GET", NOSCRIPT + "outbound-links", params=query, headers=headers)


SENDERS = {
    "custom": Sender(_post(CUSTOM, Content_Type="application/json"), PROPERTIES, "events_custom", "properties"),
    "custom noscript": Sender(_get_custom, PROPERTIES, "events_custom", "properties"),
    "download": Sender(_post(EVENTS + "file-downloads"), LINK, "file_downloads", "url"),
    "download ping": Sender(_ping(EVENTS + "file-downloads"), LINK, "file_downloads", "url"),
    "outbound": Sender(_post(EVENTS + "outbound-links"), LINK, "outbound_link_clicks", "link"),
    "outbound ping": Sender(_ping(EVENTS + "outbound-links"), LINK, "outbound_link_clicks", "link"),
    "outbound noscript": Sender(_get_outbound, LINK, "outbound_link_clicks", "link"),
}
LINK_SENDERS = [name for name in SENDERS if "custom" not in name]
HEADER_SENDERS = ["custom", "download", "outbound"]
# Each path with its methods, except `OPTIONS`.
PATHS = {
    CUSTOM: "POST",
    EVENTS + "file-downloads": "POST",
    EVENTS + "outbound-links": "POST",
    NOSCRIPT + "custom/sign_up": "GET, HEAD",
    NOSCRIPT + "outbound-links": "GET, HEAD",
}


def view(server: LiveServer, page: str, referrer: str = "", **headers: str) -> None:
    """Send a pageview, which has to be accepted."""
    sent = browser(page, X_Prisme_Document_Referrer=referrer, **headers)
    assert server.http.post(EVENTS + "pageviews", headers=sent).status_code == 200


def send(server: LiveServer, sender: str, page: str, value: str | None = None, **headers: str | None) -> httpx.Response:
    """Send an event; `headers` replace those of a browser, None removes one."""
    request = SENDERS[sender].build(server, page, SENDERS[sender].sample if value is None else value)
    for name, text in headers.items():
        request.headers.pop(name.replace("_", "-"), None)
        if text is not None:
            request.headers[name.replace("_", "-")] = text
    return server.http.send(request)


def rows(server: LiveServer, sender: str, site: str, columns: str = "") -> list[tuple[Any, ...]]:
    """The stored events of a site, in order; by default the sender's own column."""
    table = SENDERS[sender].table
    query = f'SELECT {columns or SENDERS[sender].column} FROM {table} WHERE domain = ? ORDER BY "timestamp", rowid'
    return server.rows(query, [site])


def count(server: LiveServer, site: str) -> int:
    """The number of stored events of a site, of all kinds."""
    tables = " UNION ALL ".join(
        f"SELECT domain FROM {table}" for table in {sender.table for sender in SENDERS.values()}
    )
    ((number,),) = server.rows(f"SELECT count(*) FROM ({tables}) WHERE domain = ?", [site])
    return int(number)


def assert_accepted(answer: httpx.Response, location: str = LINK) -> None:
    """The event was accepted, and the response is that of its endpoint."""
    assert "x-prisme-error" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    if answer.request.method == "POST":
        assert (answer.status_code, answer.content) == (200, b"")
    elif "outbound-links" in answer.request.url.path:
        assert_leads_on(answer, location)
    else:
        assert (answer.status_code, answer.content) == (200, GIF)
        assert_gif(answer)


def assert_refused(answer: httpx.Response, reason: str, status: int = 400, location: str = LINK) -> None:
    """The event was refused for `reason`, in the way of its endpoint; a link still redirects, unless it is invalid."""
    assert answer.headers["x-prisme-error"] == reason
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-prisme-request-id"]
    if "noscript/events/outbound-links" in answer.request.url.path and reason not in (NO_LINK, BAD_LINK, INTERNAL):
        assert_leads_on(answer, location)
        return
    assert answer.status_code == status
    assert "location" not in answer.headers
    if answer.request.method == "POST":
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == f"{reason}\n"
    else:
        assert answer.content == GIF
        assert_gif(answer)


def assert_leads_on(answer: httpx.Response, location: str = LINK) -> None:
    """A redirect that no cache may store."""
    assert (answer.status_code, answer.headers["location"], answer.content) == (302, location, b"")
    assert answer.headers["cache-control"] == "no-store"


def assert_interstitial(answer: httpx.Response, link: str) -> None:
    """A page that shows the link's target, and does nothing by itself."""
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert "refresh" not in answer.headers
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["access-control-allow-origin"] == "*"
    page = _Page()
    page.feed(answer.text)
    assert page.links == [link]
    host = link.split("/")[2].rpartition("@")[2]
    assert page.text.count(host) == 3  # the title, the text and the link
    assert page.tags <= {"html", "head", "meta", "title", "body", "p", "b", "a"}
    assert "http-equiv" not in page.attributes


class _Page(HTMLParser):
    """A page's links, text, elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str | None] = []
        self.text = ""
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs).keys()
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_gif(answer: httpx.Response) -> None:
    assert len(answer.content) == 35
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"


def visits(server: LiveServer, site: str, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    """The visits of a site, in the order in which they began."""
    return server.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY session_uuid", [site])


def exchange(server: LiveServer, said: bytes, *, end: bool = False) -> bytes:
    """Send bytes on a connection and return all that the server sends; `end` closes the sending side first."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
        # The server may close the connection before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall(said)
            if end:
                wire.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            while part := wire.recv(65_536):
                heard += part
        return heard


def request_head(site: str, *lines: str, path: str = CUSTOM, method: str = "POST", page: str = "/a") -> bytes:
    """The head of a request from a page of the site, byte for byte."""
    home = f"https://{site}"
    head = (f"{method} {path} HTTP/1.1", "Host: prisme", f"Origin: {home}", f"X-Prisme-Referrer: {home}{page}")
    more = (f"Referer: {home}{page}", f"User-Agent: {CHROME}", "Content-Type: application/json", *lines)
    return "\r\n".join((*head, *more, "", "")).encode()
