"""The properties of custom events, in bodies and in queries: kept to the byte, or refused."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from prisme.assets import GIF
from tests.e2e.event_senders import (
    BAD_PROPERTIES,
    BAD_PROPERTY,
    CUSTOM,
    EVENTS,
    NOSCRIPT,
    NOT_JSON,
    PROPERTIES,
    TOO_LONG,
    assert_accepted,
    assert_refused,
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
    # The rest of it is never read: a client that sent its next request here would find the connection closed.
    assert answer.headers["connection"] == "close"


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
    heard = exchange(server, request_head(site, "Connection: close", path=path, method="GET"))
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
    heard = exchange(server, request_head(site, "Connection: close", path=path, method="GET"))
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
    heard = exchange(server, request_head(site, *lines, "Connection: close") + body, end=status == 400)
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
    inner = request_head(site, "Content-Length: 0", path=CUSTOM)
    refused = request_head(**({"site": site} | head)).removesuffix(b"\r\n") + b"Content-Length: %d\r\n\r\n" % len(inner)
    health = b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: prisme\r\nConnection: close\r\n\r\n"
    heard = exchange(server, refused + inner + health)
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard
    assert heard.count(b"HTTP/1.1 ") == 2
    assert heard.endswith(b"\r\n\r\nok\n")
    assert rows(server, "custom", site) == []
