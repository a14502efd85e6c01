"""Custom events, downloads and outbound links through every door of a real server: each rule with answer and row."""

import contextlib
import datetime
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from prisme.assets import GIF
from tests.server import CHROME, PATIENCE, LiveServer, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
CUSTOM = EVENTS + "custom/sign_up"
PROPERTIES = '{"plan":"pro"}'
LINK = "https://files.example.org/a.pdf?v=1"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOUR = 3600
QUICK = {"api_events_timeout": "10ms", "eventstore_max_batch_timeout": "10ms"}

NO_ORIGIN = "origin not registered"
NO_PAGE = "page URL is missing: send X-Prisme-Referrer or Referer"
BAD_PAGE = "page URL is not an absolute http(s) URL with a host, or is over 8192 bytes"
NOT_JSON = "content type of a custom event is application/json"
BAD_PROPERTIES = "properties are not one JSON object"
BAD_PROPERTY = 'a prop- parameter is not a JSON value: write a text as "text"'
NO_LINK = "URL of the link is missing"
BAD_LINK = "URL of the link is not an absolute http(s) URL, or is over 8192 bytes"
NO_SESSION = "session not found"
TOO_LONG = "body is over 65536 bytes"


class Door(NamedTuple):
    """One way for an event: `build` makes the request for a page and a value, which ends in `column` of `table`."""

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
    query = {"referrer": page, "url": value}
    return server.http.build_request("GET", NOSCRIPT + "outbound-links", params=query, headers={"User-Agent": CHROME})


DOORS = {
    "custom": Door(_post(CUSTOM, Content_Type="application/json"), PROPERTIES, "events_custom", "properties"),
    "custom noscript": Door(_get_custom, PROPERTIES, "events_custom", "properties"),
    "download": Door(_post(EVENTS + "file-downloads"), LINK, "file_downloads", "url"),
    "download ping": Door(_ping(EVENTS + "file-downloads"), LINK, "file_downloads", "url"),
    "outbound": Door(_post(EVENTS + "outbound-links"), LINK, "outbound_link_clicks", "link"),
    "outbound ping": Door(_ping(EVENTS + "outbound-links"), LINK, "outbound_link_clicks", "link"),
    "outbound noscript": Door(_get_outbound, LINK, "outbound_link_clicks", "link"),
}
LINK_DOORS = [name for name in DOORS if "custom" not in name]
# The browser itself asks at these, and its referrer policy may have cut the pageview's URL.
BROWSERS_DOORS = ["download ping", "outbound ping", "outbound noscript"]
HEADER_DOORS = ["custom", "download", "outbound"]
PATHS = {
    CUSTOM: "POST",
    EVENTS + "file-downloads": "POST",
    EVENTS + "outbound-links": "POST",
    NOSCRIPT + "custom/sign_up": "GET",
    NOSCRIPT + "outbound-links": "GET",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server where an event does not wait long for its session."""
    with LiveServer(tmp_path_factory.mktemp("events"), **QUICK, trust_proxy="true") as live:
        yield live


def view(server: LiveServer, page: str, referrer: str = "", **headers: str) -> None:
    """A pageview, which is accepted."""
    sent = browser(page, X_Prisme_Document_Referrer=referrer, **headers)
    assert server.http.post(EVENTS + "pageviews", headers=sent).status_code == 200


def send(server: LiveServer, door: str, page: str, value: str | None = None, **headers: str | None) -> httpx.Response:
    """An event; `headers` are set on top (None drops one)."""
    request = DOORS[door].build(server, page, DOORS[door].sample if value is None else value)
    for name, text in headers.items():
        request.headers.pop(name.replace("_", "-"), None)
        if text is not None:
            request.headers[name.replace("_", "-")] = text
    return server.http.send(request)


def rows(server: LiveServer, door: str, site: str, columns: str = "") -> list[tuple[Any, ...]]:
    """The stored events of a site, in order; by default what is theirs alone."""
    table = DOORS[door].table
    query = f'SELECT {columns or DOORS[door].column} FROM {table} WHERE domain = ? ORDER BY "timestamp", rowid'
    return server.rows(query, [site])


def count(server: LiveServer, site: str) -> int:
    """How many events of the site are stored, of all kinds."""
    tables = " UNION ALL ".join(f"SELECT domain FROM {table}" for table in {door.table for door in DOORS.values()})
    ((number,),) = server.rows(f"SELECT count(*) FROM ({tables}) WHERE domain = ?", [site])
    return int(number)


def assert_accepted(answer: httpx.Response, location: str = LINK) -> None:
    """The answer says yes, as its door does."""
    assert "x-prisme-error" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    if answer.request.method == "POST":
        assert (answer.status_code, answer.content) == (200, b"")
    elif "outbound-links" in answer.request.url.path:
        assert (answer.status_code, answer.headers["location"], answer.content) == (302, location, b"")
        assert answer.headers["cache-control"] == "no-store"
    else:
        assert (answer.status_code, answer.content) == (200, GIF)
        assert_gif(answer)


def assert_refused(answer: httpx.Response, reason: str, status: int = 400) -> None:
    """The answer says no, and why, as its door does."""
    assert (answer.status_code, answer.headers["x-prisme-error"]) == (status, reason)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-prisme-request-id"]
    assert "location" not in answer.headers
    if answer.request.method == "POST":
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == f"{reason}\n"
    else:
        assert answer.content == GIF
        assert_gif(answer)


def assert_gif(answer: httpx.Response) -> None:
    assert len(answer.content) == 35
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"


def speak(server: LiveServer, said: bytes, *, end: bool = False) -> bytes:
    """All that the server answers on one connection, byte for byte; `end` says that no more will come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
        # A server that has heard enough may hang up.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall(said)
            if end:
                wire.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            while part := wire.recv(65_536):
                heard += part
        return heard


def write(site: str, *lines: str, path: str = CUSTOM, method: str = "POST", page: str = "/a") -> bytes:
    """A request's head, byte for byte, from a page of the site's."""
    home = f"https://{site}"
    head = (f"{method} {path} HTTP/1.1", "Host: prisme", f"Origin: {home}", f"X-Prisme-Referrer: {home}{page}")
    more = (f"Referer: {home}{page}", f"User-Agent: {CHROME}", "Content-Type: application/json", *lines)
    return "\r\n".join((*head, *more, "", "")).encode()


# ----- what is stored


@pytest.mark.parametrize("door", DOORS)
def test_event_fills_every_column(server: LiveServer, site: str, door: str) -> None:
    page = f"https://{site}/a//b/../%7Eme?utm_source=x#top"
    view(server, page, X_Prisme_Visitor_Id="customer 7")
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert_accepted(send(server, door, page, X_Prisme_Visitor_Id="customer 8"))
    after = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    ((timestamp, *rest),) = rows(server, door, site, "*")
    assert before <= timestamp <= after
    ((uuid, began),) = server.rows("SELECT session_uuid, session_timestamp FROM sessions WHERE domain = ?", [site])
    name = ["sign_up"] if "custom" in door else []
    assert rest == [site, "/a/~me", "customer 7", False, uuid, began, *name, DOORS[door].sample]


@pytest.mark.parametrize("door", DOORS)
def test_event_is_no_pageview(server: LiveServer, site: str, door: str) -> None:
    query = "SELECT * FROM sessions WHERE domain = ?"
    view(server, f"https://{site}/a")
    before = server.rows(query, [site])
    for _ in range(3):
        assert_accepted(send(server, door, f"https://{site}/a"))
    assert len(rows(server, door, site)) == 3
    assert server.rows(query, [site]) == before
    assert server.rows("SELECT path FROM pageviews WHERE domain = ?", [site]) == [("/a",)]


# ----- names


@pytest.mark.parametrize("door", [CUSTOM, NOSCRIPT + "custom/sign_up"], ids=["post", "noscript"])
@pytest.mark.parametrize(
    ("segment", "name"),
    [
        pytest.param("clicks", "clicks", id="plain"),
        pytest.param("sign%20up", "sign up", id="space"),
        pytest.param("a+b", "a+b", id="plus is no space"),
        pytest.param("a%2Fb", "a/b", id="slash"),
        pytest.param("%3Aname", ":name", id="colon"),
        pytest.param("%C3%BC%F0%9F%98%80", "ü😀", id="unicode"),
        pytest.param("%00%0A%22%5C%7F", '\0\n"\\\x7f', id="control characters"),
        pytest.param("%2525", "%25", id="decoded once"),
        pytest.param("100%", "100%", id="percent alone"),
        pytest.param("%zz", "%zz", id="no hex digits"),
        pytest.param("%2e%2E", "..", id="dots"),
        pytest.param("a" * 256, "a" * 256, id="256 bytes"),
        pytest.param("%C3%BC" * 128, "ü" * 128, id="256 bytes of unicode"),
    ],
)
def test_name_is_percent_decoded(server: LiveServer, site: str, door: str, segment: str, name: str) -> None:
    view(server, f"https://{site}/a")
    path = door.replace("sign_up", segment)
    method = "GET" if "noscript" in door else "POST"
    heard = speak(server, write(site, "Content-Length: 0", "Connection: close", path=path, method=method))
    assert heard.startswith(b"HTTP/1.1 200 "), heard
    assert rows(server, "custom", site, "name, properties") == [(name, "{}")]


@pytest.mark.parametrize("door", [CUSTOM, NOSCRIPT + "custom/sign_up"], ids=["post", "noscript"])
@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("", id="empty"),
        pytest.param("a/b", id="two segments"),
        pytest.param("a/", id="slash behind"),
        pytest.param("%FF", id="no UTF-8"),
        pytest.param("%C3", id="half a character"),
        pytest.param("%C0%80", id="overlong"),
        pytest.param("%ED%A0%80", id="surrogate"),
        pytest.param("a" * 257, id="257 bytes"),
        pytest.param("%C3%BC" * 128 + "a", id="257 bytes of unicode"),
    ],
)
def test_other_names_are_not_found(server: LiveServer, site: str, door: str, segment: str) -> None:
    view(server, f"https://{site}/a")
    path = door.replace("sign_up", segment)
    method = "GET" if "noscript" in door else "POST"
    heard = speak(server, write(site, "Content-Length: 0", "Connection: close", path=path, method=method))
    assert heard.startswith(b"HTTP/1.1 404 "), heard
    assert b"\r\naccess-control-allow-origin: *\r\n" in heard
    assert rows(server, "custom", site) == []


# ----- properties


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"plan": "pro", "seats": 3, "trial": false, "coupon": null}', id="flat"),
        pytest.param('{"n":9007199254740993,"m":-9223372036854775809,"o":18446744073709551617}', id="beyond 2^53"),
        pytest.param('{"n":' + "7" * 400 + "}", id="400 digits"),
        pytest.param('{"n":[1.0,1.10,1e2,1E+2,-0,-0.0,0.1000000000000000055511151231257827,1e-400]}', id="numbers"),
        pytest.param('{"a":' * 100 + "1" + "}" * 100, id="100 objects deep"),
        pytest.param('{"a":' + "[" * 100 + "]" * 100 + "}", id="100 arrays deep"),
        pytest.param('{"ключ":"ü😀\u2028\ufeff","":"","\x7f":"\uffff"}', id="unicode"),
        pytest.param(r'{"a":"\u00fc\ud83d\ude00\/\b\f\n\r\t\"\\"}', id="escapes"),
        pytest.param(r'{"\u0000":"a\u0000b"}', id="zero characters"),
        pytest.param('{"a":1,"a":2,"b":{"a":3,"a":4}}', id="duplicate keys"),
        pytest.param(' \t\r\n{ "a" :\n\t[ 1 , 2 ] } \r\n', id="whitespace"),
        pytest.param('{"a":"\'; DROP TABLE events_custom; --","b":"${x}{{y}}%s"}', id="other languages"),
        pytest.param("{}", id="empty object"),
        pytest.param(" {} ", id="empty object in spaces"),
    ],
)
def test_properties_are_kept_exact(server: LiveServer, site: str, body: str) -> None:
    view(server, f"https://{site}/a")
    assert_accepted(send(server, "custom", f"https://{site}/a", body))
    assert rows(server, "custom", site) == [(body,)]


def test_properties_can_be_asked(server: LiveServer, site: str) -> None:
    view(server, f"https://{site}/a")
    assert_accepted(send(server, "custom", f"https://{site}/a", r'{"plan":"pr\u00f6","seats":9007199254740993}'))
    columns = "properties->>'plan', (properties->>'seats')::BIGINT, properties->>'none'"
    assert rows(server, "custom", site, columns) == [("prö", 9007199254740993, None)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[1]", id="array"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b"1", id="number"),
        pytest.param(b"null", id="null"),
        pytest.param(b" ", id="spaces alone"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":1e400}', id="beyond float64"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="5,000 digits"),
        pytest.param(rb'{"a":"\ud800"}', id="lone high surrogate"),
        pytest.param(rb'{"a":"\udc00\ud800"}', id="surrogates the wrong way round"),
        pytest.param(rb'{"\ud800":1}', id="lone surrogate in a key"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(b'{"a":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"a":"\xc0\x80"}', id="overlong UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":"\x00"}', id="raw zero"),
        pytest.param(b'{"a":"\n"}', id="raw line feed"),
        pytest.param(b'{"a":1,}', id="trailing comma"),
        pytest.param(b'{"a":1/**/}', id="comment"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"{a:1}", id="bare key"),
        pytest.param(b"{1:1}", id="number for a key"),
        pytest.param(b'{"a":01}', id="leading zero"),
        pytest.param(b'{"a":+1}', id="plus"),
        pytest.param(b'{"a":.5}', id="no digit before the point"),
        pytest.param(b'{"a":1}{"b":2}', id="two objects"),
        pytest.param(b'{"a":1}\x00', id="zero behind"),
        pytest.param(b'{"a":1', id="cut"),
        pytest.param(b'{"a":' * 10_000, id="10,000 objects opened"),
        pytest.param(b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", id="30,000 arrays deep"),
        pytest.param(b"PING", id="ping"),
    ],
)
def test_other_properties_are_refused(server: LiveServer, site: str, body: bytes) -> None:
    page = f"https://{site}/a"
    view(server, page)
    headers = browser(page, Content_Type="application/json", Ping_From=page)
    assert_refused(server.http.post(CUSTOM, headers=headers, content=body), BAD_PROPERTIES)
    # Nor did it do any harm to what comes after.
    assert_accepted(send(server, "custom", page))
    assert rows(server, "custom", site) == [(PROPERTIES,)]


def test_nesting_of_100_000_levels_is_too_long_to_be_read(server: LiveServer, site: str) -> None:
    view(server, f"https://{site}/a")
    answer = send(server, "custom", f"https://{site}/a", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert_refused(answer, TOO_LONG, 413)


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        pytest.param("application/json", None, id="JSON"),
        pytest.param("application/json; charset=utf-8", None, id="parameter"),
        pytest.param("application/json;charset=utf-8;x=y", None, id="parameters"),
        pytest.param("Application/JSON", None, id="case"),
        pytest.param("application/json ;charset=utf-8", None, id="space"),
        pytest.param(None, NOT_JSON, id="none"),
        pytest.param("", NOT_JSON, id="empty"),
        pytest.param("text/plain", NOT_JSON, id="text"),
        pytest.param("text/json", NOT_JSON, id="text/json"),
        pytest.param("application/jsonp", NOT_JSON, id="longer"),
        pytest.param("application/ld+json", NOT_JSON, id="other JSON"),
        pytest.param("application/x-www-form-urlencoded", NOT_JSON, id="form"),
        pytest.param("text/plain; application/json", NOT_JSON, id="as a parameter"),
    ],
)
def test_content_type(server: LiveServer, site: str, content_type: str | None, reason: str | None) -> None:
    page = f"https://{site}/a"
    view(server, page)
    answer = send(server, "custom", page, Content_Type=content_type)
    if reason:
        assert_refused(answer, reason)
    else:
        assert_accepted(answer)
    assert rows(server, "custom", site) == ([] if reason else [(PROPERTIES,)])


@pytest.mark.parametrize("content_type", [None, "text/plain"], ids=["no content type", "any content type"])
def test_no_body_is_an_empty_object(server: LiveServer, site: str, content_type: str | None) -> None:
    page = f"https://{site}/a"
    view(server, page)
    assert_accepted(send(server, "custom", page, "", Content_Type=content_type))
    assert rows(server, "custom", site) == [("{}",)]


# ----- properties in a query


@pytest.mark.parametrize(
    ("query", "stored"),
    [
        pytest.param("prop-name=%22John%22", '{"name":"John"}', id="text"),
        pytest.param("prop-a=1&prop-b=true&prop-c=null&prop-d=1.50", '{"a":1,"b":true,"c":null,"d":1.50}', id="flat"),
        pytest.param("prop-a=%5B1%2C+%7B%22b%22:2%7D%5D", '{"a":[1, {"b":2}]}', id="nested"),
        pytest.param("prop-a=9007199254740993", '{"a":9007199254740993}', id="beyond 2^53"),
        pytest.param("prop-a=%22a+b%2Bc%22", '{"a":"a b+c"}', id="plus is a space"),
        pytest.param("prop-%C3%BC%20%22+x=%22%C3%BC%22", '{"ü \\" x":"ü"}', id="unicode and quotes in a key"),
        pytest.param("prop-%00%0A=1", r'{"\u0000\n":1}', id="control characters in a key"),
        pytest.param("prop-a=%22%5Cu0000%22", r'{"a":"\u0000"}', id="zero character"),
        pytest.param("prop-a=1&prop-b=2&prop-a=3", '{"a":3,"b":2}', id="the last of a repeated key"),
        pytest.param("prop-a%20b=1&prop-a+b=2", '{"a b":2}', id="one key, written in two ways"),
        pytest.param("prop-=1", '{"":1}', id="empty key"),
        pytest.param("prop-prop-a=1", '{"prop-a":1}', id="prefix in the key"),
        pytest.param("prop-a=1&prop=2&Prop-b=3&a=4&&=&x", '{"a":1}', id="other parameters"),
        pytest.param("", "{}", id="none"),
    ],
)
def test_query_properties(server: LiveServer, site: str, query: str, stored: str) -> None:
    view(server, f"https://{site}/a")
    path = f"{NOSCRIPT}custom/sign_up?{query}"
    heard = speak(server, write(site, "Connection: close", path=path, method="GET"))
    assert heard.startswith(b"HTTP/1.1 200 "), heard
    assert heard.endswith(GIF)
    assert rows(server, "custom", site) == [(stored,)]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("prop-name=John", id="text without quotes"),
        pytest.param("prop-name=", id="empty"),
        pytest.param("prop-name", id="no value"),
        pytest.param("prop-a=NaN", id="NaN"),
        pytest.param("prop-a=1,%22b%22:2", id="two members"),
        pytest.param("prop-a=1%7D", id="the object's end"),
        pytest.param("prop-a=%22%FF%22", id="no UTF-8 in a value"),
        pytest.param("prop-%FF=1", id="no UTF-8 in a key"),
        pytest.param("prop-a=%22%5Cud800%22", id="lone surrogate"),
        pytest.param("prop-a=%22%0A%22", id="raw line feed"),
        pytest.param("prop-a=" + "%5B" * 5000, id="5,000 arrays opened"),
        pytest.param("prop-a=" + "9" * 5000, id="5,000 digits"),
        pytest.param("prop-a=1&prop-b=x", id="the second one"),
        pytest.param("prop-a=x&prop-a=1", id="one that another replaces"),
    ],
)
def test_other_query_properties_are_refused(server: LiveServer, site: str, query: str) -> None:
    view(server, f"https://{site}/a")
    page = quote(f"https://{site}/a", safe="")
    answer = server.http.get(f"{NOSCRIPT}custom/x?referrer={page}&{query}", headers={"User-Agent": CHROME})
    assert_refused(answer, BAD_PROPERTY)
    assert rows(server, "custom", site) == []


@pytest.mark.parametrize(("length", "status"), [(32_768, 200), (32_769, 400)])
def test_longest_query(server: LiveServer, site: str, length: int, status: int) -> None:
    view(server, f"https://{site}/a")
    query = f"prop-a=%22{'x' * (length - 13)}%22"
    path = f"{NOSCRIPT}custom/sign_up?{query}"
    heard = speak(server, write(site, "Connection: close", path=path, method="GET"))
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard
    assert heard.endswith(GIF)
    if status == 400:
        assert b"\r\nx-prisme-error: query string is over 32768 bytes\r\n" in heard
    assert [len(row[0]) for row in rows(server, "custom", site)] == [length - 5] * (status == 200)


# ----- the body's length


def chunked(body: bytes, size: int = 5000) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def filled(length: int) -> bytes:
    return b'{"a":"' + b"x" * (length - 8) + b'"}'


FULL, OVER, SMALL = filled(65_536), filled(65_537), b'{"a":1}'
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("lines", "body", "status", "stored"),
    [
        pytest.param(["Content-Length: 65536"], FULL, 200, [65_536], id="64 KiB"),
        pytest.param([CHUNKED], chunked(FULL), 200, [65_536], id="64 KiB in chunks"),
        pytest.param([CHUNKED], chunked(SMALL, 1), 200, [7], id="chunks of a byte"),
        pytest.param([CHUNKED], b"0\r\n\r\n", 200, [2], id="no chunk"),
        pytest.param([], b"", 200, [2], id="no body"),
        pytest.param(["Content-Length: 65537"], OVER, 413, [], id="one byte more"),
        pytest.param([CHUNKED], chunked(OVER), 413, [], id="one byte more in chunks"),
        pytest.param([CHUNKED], chunked(OVER, 1 << 20), 413, [], id="one byte more in one chunk"),
        pytest.param([CHUNKED], chunked(FULL * 64)[:-5], 413, [], id="chunks without end"),
        pytest.param(["Content-Length: 65537"], b"", 413, [], id="only said to be too long"),
        pytest.param(["Content-Length: 9999999999"], SMALL, 413, [], id="said to be far too long"),
        pytest.param(["Content-Length: 6"], SMALL, 400, [], id="said to be shorter"),
        pytest.param(["Content-Length: 70000"], FULL, 413, [], id="said to be longer"),
        pytest.param(["Content-Length: 100"], SMALL, 400, [], id="cut"),
        pytest.param([CHUNKED], chunked(SMALL)[:-5], 400, [], id="cut in chunks"),
        pytest.param(["Content-Length: 2", CHUNKED], chunked(OVER), 413, [], id="said in two ways, too long"),
        pytest.param(["Content-Length: -1"], SMALL, 400, [], id="negative length"),
        pytest.param(["Content-Length: x"], SMALL, 400, [], id="no length"),
    ],
)
def test_body_of_64_kib(
    server: LiveServer, site: str, lines: list[str], body: bytes, status: int, stored: list[int]
) -> None:
    view(server, f"https://{site}/a")
    # Half a hang-up is a whole one to the server: it is for the bodies that are cut alone.
    heard = speak(server, write(site, *lines, "Connection: close") + body, end=status == 400)
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard
    if status == 413:
        assert f"\r\nx-prisme-error: {TOO_LONG}\r\n".encode() in heard
        assert b"\r\naccess-control-allow-origin: *\r\n" in heard
    assert [len(row[0]) for row in rows(server, "custom", site)] == stored


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param({"path": EVENTS + "nothing"}, 404, id="no such endpoint"),
        pytest.param({"method": "PUT"}, 405, id="method"),
        pytest.param({"site": "unknown.example"}, 400, id="origin"),
        pytest.param({"page": "/" + "a" * 8192}, 400, id="page"),
    ],
)
def test_a_body_that_nobody_read_is_no_request(
    server: LiveServer, site: str, head: dict[str, str], status: int
) -> None:
    """What follows a refused request on its connection is answered by itself."""
    view(server, f"https://{site}/a")
    inner = write(site, "Content-Length: 0", path=CUSTOM)
    refused = write(**({"site": site} | head)).removesuffix(b"\r\n") + b"Content-Length: %d\r\n\r\n" % len(inner)
    health = b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: prisme\r\nConnection: close\r\n\r\n"
    heard = speak(server, refused + inner + health)
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard
    assert heard.count(b"HTTP/1.1 ") == 2
    assert heard.endswith(b"\r\n\r\nok\n")
    assert rows(server, "custom", site) == []


# ----- links


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param("https://other.example", "https://other.example/", id="host alone"),
        pytest.param("HTTP://Other.Example:8080/a", "http://other.example:8080/a", id="http, port, case"),
        pytest.param("https://other.example//a/./b/../%7ec", "https://other.example/a/~c", id="normal form"),
        pytest.param("https://other.example/a?b=c&d=%20#e", "https://other.example/a?b=c&d=%20", id="fragment"),
        pytest.param("https://me:secret@other.example/", "https://other.example/", id="user info"),
        pytest.param("https://other.example/a b", "https://other.example/a%20b", id="space"),
        pytest.param("  https://other.example/a  ", "https://other.example/a", id="spaces around"),
        pytest.param("https://other.example/%0d%0aX:%00", "https://other.example/%0D%0AX:%00", id="escaped controls"),
        pytest.param("https://[2001:db8::1]/a", "https://[2001:db8::1]/a", id="IPv6"),
        pytest.param("https://m.{site}/a", "https://m.{site}/a", id="host below"),
        pytest.param("https://{site}.other.example/a", "https://{site}.other.example/a", id="host that begins alike"),
        pytest.param("https://{site}:444/a", "https://{site}:444/a", id="another port"),
        pytest.param("https://{site}@other.example/a", "https://other.example/a", id="own host for user info"),
        pytest.param("https://x.example/" + "a" * 8174, "https://x.example/" + "a" * 8174, id="8,192 bytes"),
    ],
)
def test_links_are_stored_in_normal_form(
    server: LiveServer, site: str, subtests: pytest.Subtests, sent: str, stored: str
) -> None:
    view(server, f"https://{site}/a")
    sent, stored = sent.replace("{site}", site), stored.replace("{site}", site)
    for door in LINK_DOORS:
        with subtests.test(door):
            link = sent.strip(" ") if "ping" in door else sent  # a header has no spaces around it
            assert_accepted(send(server, door, f"https://{site}/a", link), location=sent.strip(" "))
    assert rows(server, "download", site) == [(stored,)] * 2
    assert rows(server, "outbound", site) == [(stored,)] * 3


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param("", NO_LINK, id="none"),
        pytest.param("/a.pdf", BAD_LINK, id="path"),
        pytest.param("a.pdf", BAD_LINK, id="name"),
        pytest.param("//other.example/a", BAD_LINK, id="no scheme"),
        pytest.param("other.example/a", BAD_LINK, id="host and path"),
        pytest.param("https:other.example/a", BAD_LINK, id="no slashes"),
        pytest.param("https:///a", BAD_LINK, id="no host"),
        pytest.param("https://other.example:99999/", BAD_LINK, id="no port"),
        pytest.param("https://other.example\\@x.example/", BAD_LINK, id="backslash"),
        pytest.param("javascript:alert(1)", BAD_LINK, id="javascript"),
        pytest.param("JavaScript://other.example/%0aalert(1)", BAD_LINK, id="javascript with a host"),
        pytest.param("data:text/html,<script>alert(1)</script>", BAD_LINK, id="data"),
        pytest.param("blob:https://other.example/1", BAD_LINK, id="blob"),
        pytest.param("ftp://other.example/a", BAD_LINK, id="ftp"),
        pytest.param("mailto:me@other.example", BAD_LINK, id="mail"),
        pytest.param("https://x.example/" + "a" * 8175, BAD_LINK, id="8,193 bytes"),
    ],
)
def test_other_links_are_refused(
    server: LiveServer, site: str, subtests: pytest.Subtests, sent: str, reason: str
) -> None:
    view(server, f"https://{site}/a")
    for door in LINK_DOORS:
        with subtests.test(door):
            assert_refused(send(server, door, f"https://{site}/a", sent), reason)
    assert count(server, site) == 0


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("https://{site}/a.pdf", id="same origin"),
        pytest.param("http://{site}/a.pdf", id="another scheme"),
        pytest.param("https://{SITE}./a.pdf", id="another spelling"),
        pytest.param("https://other.example@{site}/a.pdf", id="another host for user info"),
    ],
)
def test_links_to_the_own_host_are_downloads_only(
    server: LiveServer, site: str, subtests: pytest.Subtests, link: str
) -> None:
    view(server, f"https://{site}/a")
    sent = link.format(site=site, SITE=site.upper())
    for door in LINK_DOORS:
        with subtests.test(door):
            answer = send(server, door, f"https://{site}/a", sent)
            if "outbound" in door:
                assert_refused(answer, "internal link")
            else:
                assert_accepted(answer)
    assert rows(server, "download", site) == [(f"{sent.partition(':')[0]}://{site}/a.pdf",)] * 2
    assert count(server, site) == 2


@pytest.mark.parametrize("door", LINK_DOORS)
def test_own_host_is_the_one_with_the_pages_port(server: LiveServer, site: str, door: str) -> None:
    page = f"http://{site}:8080/a"
    view(server, page)
    answer = send(server, door, page, f"https://{site}:8080/b")
    if "outbound" in door:
        assert_refused(answer, "internal link")
    else:
        assert_accepted(answer)
    assert_accepted(send(server, door, page, f"http://{site}/b"), location=f"http://{site}/b")
    assert rows(server, door, f"{site}:8080")[-1] == (f"http://{site}/b",)


@pytest.mark.parametrize("door", ["download", "outbound"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"https://other.example/a\r\n", None, id="line end behind"),
        pytest.param(b"https://other.example/a\nhttps://other.example/b", BAD_LINK, id="two lines"),
        pytest.param(b"https://other.example/\x00", BAD_LINK, id="zero"),
        pytest.param(b"\xff\xfe", BAD_LINK, id="no text"),
        pytest.param(b'"https://other.example/a"', BAD_LINK, id="JSON"),
        pytest.param(b"ping", BAD_LINK, id="ping in small letters"),
        pytest.param(b"PING ", BAD_LINK, id="ping and a space"),
        pytest.param(b" \n", NO_LINK, id="spaces alone"),
        pytest.param(b"https://other.example/" + b"a" * 65_516, TOO_LONG, id="65,538 bytes"),
    ],
)
def test_body_is_the_link(server: LiveServer, site: str, door: str, body: bytes, reason: str | None) -> None:
    page = f"https://{site}/a"
    view(server, page)
    request = DOORS[door].build(server, page, "")
    answer = server.http.post(request.url, headers=browser(page, Ping_From=page, Ping_To=LINK), content=body)
    if reason:
        assert_refused(answer, reason, 413 if reason == TOO_LONG else 400)
    else:
        assert_accepted(answer)
    assert rows(server, door, site) == ([] if reason else [("https://other.example/a",)])


def test_ping_is_known_by_its_body_alone(server: LiveServer, site: str) -> None:
    """The page of a ping is in `Ping-From`; whatever `Referer` says, no browser sends it."""
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    more = {"X_Prisme_Referrer": f"https://{site}/b", "Referer": f"https://{site}/b", "Content_Type": None}
    assert_accepted(send(server, "outbound ping", f"https://{site}/a", **more))
    assert rows(server, "outbound ping", site, "path") == [("/a",)]


# ----- the way on


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(b"https://Other.Example//a/../b?c=d&e=%2f#f", id="not in normal form"),
        pytest.param(b"http://me:secret@other.example:80", id="user info"),
        pytest.param("https://müller.example/straße".encode(), id="unicode"),
        pytest.param(b"https://other.example/%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>", id="escaped line ends"),
        pytest.param(b"https://other.example/?url=https://third.example/", id="a link in the link"),
    ],
)
def test_location_is_exactly_the_link(server: LiveServer, site: str, url: bytes) -> None:
    view(server, f"https://{site}/a")
    path = f"{NOSCRIPT}outbound-links?url={quote(url, safe='')}"
    heard = speak(server, write(site, "Connection: close", path=path, method="GET"))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 302 ")
    assert [line for line in head.split(b"\r\n") if line.startswith(b"location")] == [b"location: " + url]
    assert body == b""
    assert len(rows(server, "outbound noscript", site)) == 1


@pytest.mark.parametrize("scheme", ["https://other.example/", "javascript:", ""], ids=["https", "javascript", "none"])
@pytest.mark.parametrize(
    "injected",
    [
        pytest.param(b"\r\nSet-Cookie: a=b", id="line end"),
        pytest.param(b"\nSet-Cookie: a=b", id="line feed"),
        pytest.param(b"\rSet-Cookie: a=b", id="carriage return"),
        pytest.param(b"\r\n\r\n<script>alert(1)</script>", id="body"),
        pytest.param(b"\r\n", id="line end behind"),
        pytest.param(b"\x00", id="zero"),
        pytest.param(b"\t", id="tab"),
        pytest.param(b"\x7f", id="delete"),
    ],
)
def test_no_header_can_be_split(server: LiveServer, site: str, scheme: str, injected: bytes) -> None:
    view(server, f"https://{site}/a")
    path = f"{NOSCRIPT}outbound-links?url={quote(scheme.encode() + injected, safe='')}"
    heard = speak(server, write(site, "Connection: close", path=path, method="GET"))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert not [line for line in head.split(b"\r\n") if line.lower().startswith((b"location", b"set-cookie"))]
    assert body == GIF
    assert rows(server, "outbound noscript", site) == []


@pytest.mark.parametrize("url", ["url={link}&url=https://last.example/", "url=https://last.example/&x=1"])
def test_last_link_counts(server: LiveServer, site: str, url: str) -> None:
    view(server, f"https://{site}/a")
    query = f"referrer=https://{site}/a&" + url.format(link=quote(LINK, safe=""))
    answer = server.http.get(f"{NOSCRIPT}outbound-links?{query}", headers={"User-Agent": CHROME})
    assert_accepted(answer, location="https://last.example/")
    assert rows(server, "outbound", site) == [("https://last.example/",)]


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
        pytest.param({"Ping_From": "https://{site}/b", "Ping_To": "https://x.example/"}, "/a", id="ping in headers"),
    ],
)
def test_origin_and_page_in_headers(
    server: LiveServer, site: str, subtests: pytest.Subtests, headers: dict[str, str | None], outcome: str
) -> None:
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    sent = {name: text and text.replace("{site}", site) for name, text in headers.items()}
    for door in HEADER_DOORS:
        with subtests.test(door):
            answer = send(server, door, f"https://{site}/a", **sent)
            if not outcome.startswith("/"):
                assert_refused(answer, outcome)
            else:
                assert_accepted(answer)
                assert rows(server, door, site, "path") == [(outcome,)]
    assert count(server, site) == (len(HEADER_DOORS) if outcome.startswith("/") else 0)


@pytest.mark.parametrize("door", ["download ping", "outbound ping"])
def test_pings_of_https_pages_tell_the_origin_alone(server: LiveServer, site: str, door: str) -> None:
    sent: dict[str, str | None] = {"Ping_From": None, "Origin": f"https://{site}"}
    assert_refused(send(server, door, f"https://{site}/a", **sent), NO_SESSION)
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    assert_accepted(send(server, door, f"https://{site}/a", **sent))
    assert rows(server, door, site, "path") == [("/b",)]  # the device's newest session
    view(server, f"https://{site}/")
    view(server, f"https://{site}/c")
    assert_accepted(send(server, door, f"https://{site}/a", **sent))
    assert rows(server, door, site, "path") == [("/b",), ("/",)]  # the one that is at the origin's own page


@pytest.mark.parametrize("door", ["download ping", "outbound ping"])
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param({"Origin": None}, NO_ORIGIN, id="no origin"),
        pytest.param({"Origin": "null"}, NO_ORIGIN, id="null origin"),
        pytest.param({"Ping_From": "about:blank"}, BAD_PAGE, id="from nowhere"),
        pytest.param({"Ping_From": "/a"}, BAD_PAGE, id="from a path"),
        pytest.param({"Ping_To": None}, NO_LINK, id="to nothing"),
        pytest.param({"Ping_To": "/a.pdf"}, BAD_LINK, id="to a path"),
    ],
)
def test_origin_and_page_of_pings(
    server: LiveServer, site: str, door: str, headers: dict[str, str | None], reason: str
) -> None:
    view(server, f"https://{site}/a")
    assert_refused(send(server, door, f"https://{site}/a", **headers), reason)
    assert rows(server, door, site) == []


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
    ],
)
def test_origin_and_page_without_script(
    server: LiveServer, site: str, path: str, query: str, headers: dict[str, str], outcome: str
) -> None:
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    sent = {name: text.format(site=site) for name, text in headers.items()} | {"User-Agent": CHROME}
    answer = server.http.get(NOSCRIPT + path + query.format(site=site), headers=sent)
    door = "custom noscript" if "custom" in path else "outbound noscript"
    if outcome.startswith("/"):
        assert_accepted(answer)
        assert rows(server, door, site, "path") == [(outcome,)]
    else:
        assert_refused(answer, outcome)
        assert rows(server, door, site) == []


# ----- sessions


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"User_Agent": FIREFOX}, id="another browser"),
        pytest.param({"X_Forwarded_For": "203.0.113.9"}, id="another address"),
    ],
)
def test_sessions_of_others_do_not_count(
    server: LiveServer, site: str, subtests: pytest.Subtests, headers: dict[str, str]
) -> None:
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/")
    for door in DOORS:
        with subtests.test(door):
            assert_refused(send(server, door, f"https://{site}/a", **headers), NO_SESSION)
    assert count(server, site) == 0


@pytest.mark.parametrize(
    ("seen", "page", "path"),
    [
        pytest.param([], "https://{site}/a", None, id="nothing was seen"),
        pytest.param(["https://{site}/b"], "https://{site}/a", None, id="another page"),
        pytest.param(["https://{site}/a", "https://{site}/b"], "https://{site}/a", None, id="a page before the last"),
        pytest.param(["https://m.{site}/a"], "https://{site}/a", None, id="another host"),
        pytest.param(["https://{site}:81/a"], "https://{site}/a", None, id="another port"),
        pytest.param(["https://{site}/a?x=1"], "https://{site}/a?y=2#z", "/a", id="another query"),
        pytest.param(["http://{site}/a"], "https://{site}/a", "/a", id="another scheme"),
        pytest.param(["https://{site}/"], "https://{site}/", "/", id="at the origin"),
    ],
)
def test_session_is_the_one_at_the_page(
    server: LiveServer, site: str, subtests: pytest.Subtests, seen: list[str], page: str, path: str | None
) -> None:
    referrer = ""
    for one in seen:
        view(server, one.format(site=site), referrer)
        referrer = one.format(site=site)
    for door in DOORS:
        with subtests.test(door):
            answer = send(server, door, page.format(site=site))
            if path:
                assert_accepted(answer)
                assert rows(server, door, site, "path")[-1] == (path,)
            else:
                assert_refused(answer, NO_SESSION)
    assert count(server, site) == (len(DOORS) if path else 0)


@pytest.mark.parametrize(
    ("seen", "at_browsers_doors", "at_scripts_doors"),
    [
        pytest.param(["https://{site}/"], "/", None, id="cut to the origin"),
        pytest.param(["https://{site}/", "https://{site}/a"], "/a", "/a", id="at both"),
        pytest.param(["https://{site}/b"], None, None, id="at neither"),
        pytest.param(["https://m.{site}/"], None, None, id="cut, of another host"),
    ],
)
def test_browsers_own_events_may_use_the_session_at_the_origin(
    server: LiveServer,
    site: str,
    subtests: pytest.Subtests,
    seen: list[str],
    at_browsers_doors: str | None,
    at_scripts_doors: str | None,
) -> None:
    for one in seen:
        view(server, one.format(site=site))
    for door in DOORS:
        with subtests.test(door):
            path = at_browsers_doors if door in BROWSERS_DOORS else at_scripts_doors
            before = rows(server, door, site, "path")
            answer = send(server, door, f"https://{site}/a")
            if path:
                assert_accepted(answer)
            else:
                assert_refused(answer, NO_SESSION)
            assert rows(server, door, site, "path") == before + ([(path,)] if path else [])


@pytest.mark.parametrize("door", DOORS)
def test_least_recently_active_session_gets_the_event(server: LiveServer, site: str, door: str) -> None:
    home = f"https://{site}"
    for _ in range(2):  # two tabs, which go on to the same page
        view(server, f"{home}/a")
    for _ in range(2):
        view(server, f"{home}/b", f"{home}/a")
    query = "SELECT session_uuid FROM sessions WHERE domain = ? ORDER BY entry_timestamp"
    first, second = server.rows(query, [site])
    for _ in range(3):
        assert_accepted(send(server, door, f"{home}/b"))
    assert rows(server, door, site, "session_uuid") == [first, second, first]


@pytest.mark.parametrize("door", DOORS)
def test_event_has_the_visitor_of_its_session(server: LiveServer, site: str, door: str) -> None:
    home = f"https://{site}"
    view(server, f"{home}/a")
    assert_accepted(send(server, door, f"{home}/a"))
    view(server, f"{home}/b", f"{home}/a", X_Prisme_Visitor_Id="me")
    assert_accepted(send(server, door, f"{home}/b"))
    (first, anonymous), second = rows(server, door, site, "visitor_id, is_anon")
    assert server.rows("SELECT visitor_id FROM pageviews WHERE domain = ? AND path = '/a'", [site]) == [(first,)]
    assert (anonymous, second) == (True, ("me", False))


def test_events_prolong_sessions(start: Callable[..., LiveServer]) -> None:
    server = start(**QUICK, origins="*.example.com")
    sites = {door: f"https://{door.replace(' ', '-')}.example.com" for door in DOORS}
    quiet = "https://quiet.example.com"
    for home in (*sites.values(), quiet):
        view(server, f"{home}/a")
    server.time.move(23 * HOUR)
    for door, home in sites.items():
        assert_accepted(send(server, door, f"{home}/a"))
    server.time.move(23 * HOUR)
    for home in (*sites.values(), quiet):
        view(server, f"{home}/b", f"{home}/a")
    found = dict(server.rows("SELECT domain, list(pageviews ORDER BY entry_timestamp) FROM sessions GROUP BY domain"))
    assert found == {
        home.removeprefix("https://"): [1, 1] if home == quiet else [2] for home in (*sites.values(), quiet)
    }
    server.time.move(24 * HOUR)
    for door, home in sites.items():
        assert_refused(send(server, door, f"{home}/b"), NO_SESSION)


def test_event_prolongs_its_session_over_a_restart(start: Callable[..., LiveServer]) -> None:
    server = start()
    home = "https://example.com"
    view(server, f"{home}/a")
    server.time.move(23 * HOUR)
    assert_accepted(send(server, "download", f"{home}/a"))
    server.stop()
    server = start()
    server.time.move(46 * HOUR)
    view(server, f"{home}/b", f"{home}/a")
    assert server.rows("SELECT pageviews FROM sessions") == [(2,)]


@pytest.mark.parametrize("stop", [True, False], ids=["before and after a restart", "without one"])
def test_events_of_a_copy_have_its_id(start: Callable[..., LiveServer], stop: bool) -> None:
    """A page was reloaded: the copy of its session has events before it has a row of its own."""
    server = start()
    home, site = "https://example.com", "example.com"
    view(server, f"{home}/a", X_Prisme_Visitor_Id="me")
    view(server, f"{home}/a")
    view(server, f"{home}/b", f"{home}/a")  # the older of the two: the copy stays at /a
    for door in ("custom", "download ping"):
        assert_accepted(send(server, door, f"{home}/a"))
    ((origin,),) = server.rows("SELECT session_uuid FROM sessions")
    if stop:
        server.stop()
        server = start()
    assert_accepted(send(server, "outbound noscript", f"{home}/a"))
    ids = {rows(server, door, site, "session_uuid, visitor_id, path")[0] for door in ("custom", "download", "outbound")}
    ((copy, visitor, path),) = ids
    assert (visitor, path) == ("me", "/a")
    assert copy != origin
    assert server.rows("SELECT session_uuid FROM sessions") == [(origin,)]
    # Its next pageview makes it real; it began with the count of the session that it was copied from.
    view(server, f"{home}/c", f"{home}/a")
    columns = "session_uuid, entry_path, exit_path, pageviews, visitor_id"
    assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp") == [
        (origin, "/a", "/b", 2, "me"),
        (copy, "/a", "/c", 2, "me"),
    ]


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
                ({"X-Prisme-Referrer": "https://{site}/none"}, NOT_JSON),
                ({"Content-Type": "application/json"}, BAD_PROPERTIES),
                ({"body": b"{}"}, NO_SESSION),
            ],
            id="custom",
        ),
        pytest.param(
            EVENTS + "outbound-links",
            [
                ({}, NO_ORIGIN),
                ({"Origin": "https://{site}"}, TOO_LONG),
                ({"body": b"PING"}, NO_LINK),
                ({"Ping-From": "https://{site}/none"}, NO_LINK),
                ({"Ping-To": "https://{site}/"}, "internal link"),
                ({"Ping-To": LINK}, NO_SESSION),
            ],
            id="ping",
        ),
        pytest.param(
            EVENTS + "file-downloads",
            [
                ({}, NO_ORIGIN),
                ({"Origin": "https://{site}"}, TOO_LONG),
                ({"body": b"file.pdf"}, NO_PAGE),
                ({"Referer": "https://{site}/none"}, BAD_LINK),
                ({"body": LINK.encode()}, NO_SESSION),
            ],
            id="download",
        ),
    ],
)
def test_refusals_come_in_order(
    server: LiveServer, site: str, path: str, steps: list[tuple[dict[str, Any], str]]
) -> None:
    """Origin, body, page, fields, session: each request is wrong in all that comes after."""
    sent: dict[str, Any] = {"Origin": "null", "User-Agent": CHROME, "body": b"[" * 65_537}
    for change, reason in steps:
        sent |= {name: text.format(site=site) if isinstance(text, str) else text for name, text in change.items()}
        headers = {name: text for name, text in sent.items() if name != "body"}
        answer = server.http.post(path, headers=headers, content=sent["body"])
        assert_refused(answer, reason, 413 if reason == TOO_LONG else 400)


@pytest.mark.parametrize(("path", "field"), [("custom/x", BAD_PROPERTY), ("outbound-links", BAD_LINK)])
def test_refusals_without_script_come_in_order(server: LiveServer, site: str, path: str, field: str) -> None:
    wrong = f"prop-a=x&url=x&referrer={{referrer}}&filler={'x' * 32_768}"
    for origin, referrer, filler, reason in (
        ("null", "nowhere", True, NO_ORIGIN),
        (f"https://{site}", "nowhere", True, "query string is over 32768 bytes"),
        (f"https://{site}", "nowhere", False, BAD_PAGE),
        (f"https://{site}", f"https://{site}/none", False, field),
    ):
        query = wrong.format(referrer=referrer)
        query = query if filler else query.partition("&filler")[0]
        answer = server.http.get(f"{NOSCRIPT}{path}?{query}", headers={"Origin": origin, "User-Agent": CHROME})
        assert_refused(answer, reason)


def test_all_endpoints_count_together(start: Callable[..., LiveServer]) -> None:
    server = start(api_events_rate_limit=str(2 + len(DOORS)))
    home, site = "https://example.com", "example.com"
    view(server, f"{home}/a")
    pixel = server.http.get(f"{NOSCRIPT}pageviews?referrer={home}/b", headers={"User-Agent": CHROME})
    assert pixel.status_code == 200
    for number, door in enumerate(DOORS):
        # Refused ones count, whatever they were refused for.
        wrong = {"Origin": "null"} if number % 2 else {}
        assert send(server, door, f"{home}/a", **wrong).status_code == (400 if number % 2 else (200, 302)[number == 6])
    stored = [len(rows(server, door, site)) for door in ("custom", "download", "outbound")]
    assert stored == [1, 1, 2]
    for door in DOORS:
        answer = send(server, door, f"{home}/a", Origin="null")  # the limit comes before all but the route
        assert_refused(answer, "rate limit exceeded", 429)
        assert 0 < int(answer.headers["retry-after"]) <= 60
    assert server.http.post(EVENTS + "pageviews", headers=browser(f"{home}/c")).status_code == 429
    assert server.http.post(EVENTS + "custom/").status_code == 404
    assert server.http.get(CUSTOM).status_code == 405
    assert server.http.options(CUSTOM).status_code == 204
    assert [len(rows(server, door, site)) for door in ("custom", "download", "outbound")] == stored
    server.time.move(60)
    assert_accepted(send(server, "custom", f"{home}/a"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"])
def test_other_methods_are_refused(server: LiveServer, path: str, method: str) -> None:
    if method == PATHS[path]:
        method = method.lower()  # methods are case-sensitive: RFC 9110, section 9.1
    answer = server.http.request(method, path) if method.isupper() else _lower(server, method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == f"{PATHS[path]}, OPTIONS"
    assert answer.headers["x-prisme-error"] == "method not allowed"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (answer.content == GIF) == (NOSCRIPT in path and method != "HEAD")


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
    heard = speak(server, write(site, "Content-Length: 0", "Connection: close", path=path, method=method))
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
