"""Logs of JSON: lines of real servers, and those that they write in other settings."""

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from prisme.base.errors import InputError
from prisme.imports.logs import caddy, json_lines, pages
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.parsers import Parse, find_format
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.checkout import ROOT

DATA: Final = Path(__file__).parent.parent / "data" / "logs"
FROM: Final = "https://example.org/from?a=1"
HTML: Final = "text/html; charset=utf-8"
AT: Final = 1795887385_000000  # 2026-11-28T17:36:25Z
# What was sent, in this order: a page, one with every kind of quote, two that are not found, a text by its whole URL,
# HEAD, POST, and what is no HTTP.
REST: Final = [pages.STATUS, pages.STATUS, pages.TYPE, pages.METHOD, pages.METHOD]


def parser(module: ModuleType, head: bytes, zone: str | None = None) -> Parse:
    """The parser for a file that begins so."""
    reading = Reading(Tally(), Path("/nowhere"), zone=ZoneInfo(zone) if zone else None)
    parse: Parse = module.make(head, reading)
    return parse


def parse(module: ModuleType, line: dict[str, object], zone: str | None = None) -> LogLine | str | None:
    """The only line of a file."""
    text = json.dumps(line).encode()
    return parser(module, text, zone)(text)


def expect(at: list[int], host: str, quoted: str, content_type: str, address: str) -> list[LogLine]:
    """The two pages of what was sent."""
    agent, referrer = 'He said "hi" \\ back\tTab café', 'https://example.org/?q="x" [y] \\z'
    return [
        LogLine(at[0], address, host, "GET", "/", 200, FROM, "UA", content_type),
        LogLine(at[1], address, quoted, "GET", '/?q="a\\b"&p=%22%5C', 200, referrer, agent, content_type),
    ]


NAMED: Final = "www.example.com"
TYPED: Final = "Blog.Example.com:8443"


@pytest.mark.parametrize(
    ("file", "module", "lines"),
    [
        ("caddy-2.6", caddy, [*expect([1795993596958156, 1795993596960532], NAMED, TYPED, HTML, "203.0.113.7"), *REST]),
        (
            "caddy-2.11",
            caddy,
            [
                *expect([1795993597259780, 1795993597260464], NAMED, TYPED, HTML, "2001:db8::7"),
                *REST,
                caddy.NO_ACCESS,
            ],
        ),
        (
            "nginx-json",
            json_lines,
            [
                *expect([1795993597643000] * 2, NAMED, "blog.example.com", "text/html", "203.0.113.7"),
                *REST,
                pages.NO_REQUEST,
            ],
        ),
        (
            "nginx-json-unescaped",
            json_lines,
            [
                *expect([1795993597000000] * 2, NAMED, TYPED, "", "203.0.113.7"),
                *[pages.ASSET if why == pages.TYPE else why for why in REST],
                pages.NO_REQUEST,
            ],
        ),
        (
            "apache-json",
            json_lines,
            [
                *expect([1795994269000000] * 2, NAMED, TYPED, "text/html", "203.0.113.7"),
                *REST,
                pages.NO_REQUEST,
            ],
        ),
        (
            "haproxy-json",  # it refuses bytes that are not of ASCII, and whole URLs of another host
            json_lines,
            [
                *expect([1795994269000000] * 2, NAMED, TYPED, "", "203.0.113.7"),
                *[pages.NO_REQUEST] * 3,
                pages.METHOD,
                pages.METHOD,
                pages.NO_REQUEST,
            ],
        ),
    ],
)
def test_servers(file: str, module: ModuleType, lines: list[LogLine | str]) -> None:
    """What real servers wrote, one after the other asked for the same."""
    head = (DATA / f"{file}.log").read_bytes()
    assert list(map(parser(module, head), head.splitlines())) == lines
    assert module.has_agents(head)
    found = find_format(head)
    assert found is not None
    assert found.make is module.make


CADDY: Final[dict[str, object]] = {
    "ts": AT / 1e6,
    "logger": "http.log.access.log0",
    "request": {"remote_ip": "203.0.113.7", "method": "GET", "host": NAMED, "uri": "/", "headers": {}},
    "status": 200,
}
CADDY_PAGE: Final = LogLine(AT, "203.0.113.7", NAMED, "GET", "/", 200)


def with_request(**request: object) -> dict[str, object]:
    """A line of Caddy whose request differs."""
    whole = CADDY["request"]
    assert isinstance(whole, dict)
    return {**CADDY, "request": {**whole, **request}}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (CADDY, CADDY_PAGE),
        ({**CADDY, "ts": 1795887385}, CADDY_PAGE),
        ({**CADDY, "ts": "2026-11-28T23:06:25.000+0530"}, CADDY_PAGE),
        ({**CADDY, "ts": "2026-11-28T17:36:25.000000000Z"}, CADDY_PAGE),
        ({**CADDY, "ts": "28/Nov/2026:23:06:25 +0530"}, CADDY_PAGE),
        ({**CADDY, "ts": AT / 1e3}, CADDY_PAGE),
        ({**CADDY, "ts": AT * 1000}, CADDY_PAGE),
        ({**CADDY, "ts": "yesterday"}, None),
        ({**CADDY, "ts": "0001-01-01T00:00:00Z"}, None),
        ({**CADDY, "ts": -1}, None),
        ({**CADDY, "logger": "http.log.error"}, caddy.NO_ACCESS),
        ({**CADDY, "status": 0}, pages.STATUS),
        ({**CADDY, "resp_headers": {"Content-Type": ["image/png"]}}, pages.TYPE),
        (with_request(remote_ip="", remote_addr="[2001:db8::7]:47058"), "2001:db8::7"),
        (with_request(remote_ip="", remote_addr="203.0.113.9:47058"), "203.0.113.9"),
        (with_request(client_ip="203.0.113.8"), "203.0.113.8"),
        (with_request(remote_ip="10.0.0.1", headers={"X-Forwarded-For": ["203.0.113.5, 203.0.113.6"]}), "203.0.113.6"),
        (with_request(headers={"User-Agent": "replaced"}), "203.0.113.7"),
        (with_request(headers={"User-Agent": []}), "203.0.113.7"),
        (with_request(headers=7), None),
        ({"request": {}}, None),
        ({"ts": 1, "msg": "hello"}, caddy.NO_ACCESS),
    ],
)
def test_caddy(line: dict[str, object], expected: LogLine | str | None) -> None:
    """Filters, forms of the time, and versions; where a text is expected of a page, it is the address."""
    head = json.dumps(CADDY).encode()
    found = parser(caddy, head)(json.dumps(line).encode())
    assert (found.address if isinstance(found, LogLine) and isinstance(expected, str) else found) == expected


def test_prefix() -> None:
    """The journal's, and that of containers."""
    for prefix in (b"Nov 28 23:06:25 host caddy[7]: ", b"2026-11-28T23:06:25.123456789+05:30 stderr F "):
        text = prefix + json.dumps(CADDY).encode()
        assert caddy.recognise(text)
        assert parser(caddy, text)(text) == CADDY_PAGE


def test_caddy_wall() -> None:
    """Its `wall` has no zone: it is asked for."""
    line = {**CADDY, "ts": "2026/11/28 23:06:25"}
    assert parse(caddy, line, "Asia/Kolkata") == CADDY_PAGE
    with pytest.raises(InputError, match="--time-zone"):
        parse(caddy, line)


TRAEFIK: Final[dict[str, object]] = {
    "ClientAddr": "203.0.113.7:47058",
    "ClientHost": "203.0.113.7",
    "DownstreamContentSize": 102,
    "DownstreamStatus": 200,
    "Duration": 1234567,
    "OriginStatus": 200,
    "RequestAddr": "www.example.com",
    "RequestHost": "www.example.com",
    "RequestMethod": "GET",
    "RequestPath": "/p?x=1",
    "RequestProtocol": "HTTP/2.0",
    "StartLocal": "2026-11-28T23:06:25.123456789+05:30",
    "StartUTC": "2026-11-28T17:36:25.123456789Z",
    "downstream_Content-Type": HTML,
    "level": "info",
    "msg": "",
    "request_Referer": FROM,
    "request_User-Agent": "UA",
    "time": "2026-11-28T23:06:26+05:30",
}
APACHE: Final = (
    rb'{"time":"28/Nov/2026:23:06:25 +0530","remoteIP":"203.0.113.7","user":"""","host":"www.example.com",'
    rb'"request":"GET /?q=\"a\\b\"&c=\xc3\xa9\t\v HTTP/1.1","status":"200","bytes":-,'
    rb'"userAgent":"caf\xc3\xa9 \\x22","referer":"-"}'
)
HAPROXY: Final = (
    rb'{"time":"28/Nov/2026:23:06:25.026","ms":026,"client_ip":"203.0.113.7","status_code":200,"bytes":,'
    rb'"http_method":"GET","http_request":"GET \/?q=007&t=1.05 HTTP\/1.1","ratio":1.05,"user_agent":"UA","t":[00, 01]}'
)
NGINX: Final[dict[str, object]] = {
    "time": "2026-11-28T23:06:25+05:30",
    "remote_addr": "203.0.113.7",
    "uri": "/page",
    "args": "x=1",
    "request_method": "GET",
    "status": "200",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            json.dumps(TRAEFIK).encode(),
            LogLine(AT + 123456, "203.0.113.7", NAMED, "GET", "/p?x=1", 200, FROM, "UA", HTML),
        ),
        (
            APACHE,
            LogLine(AT, "203.0.113.7", NAMED, "GET", '/?q="a\\b"&c=é\t\v', 200, "", "café \\x22"),
        ),
        (HAPROXY, LogLine(AT + 26000, "203.0.113.7", "", "GET", "/?q=007&t=1.05", 200, "", "UA")),
        (json.dumps(NGINX).encode(), LogLine(AT, "203.0.113.7", "", "GET", "/page?x=1", 200)),
    ],
    ids=["traefik", "apache", "haproxy", "nginx"],
)
def test_keys(text: bytes, expected: LogLine) -> None:
    """Keys that administrators choose, and texts that are no JSON before they are repaired."""
    assert json_lines.recognise(text)
    assert parser(json_lines, text, "Asia/Kolkata")(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b'"text"', None),
        (b"{}", json_lines.NO_REQUEST_LINE),
        (b'{"level":"info","msg":"started"}', json_lines.NO_REQUEST_LINE),
        (b'{"status":"x","time":1}', None),
        (b'{"status":NaN,"time":1}', None),
        (b'{"status":"-","time":1,"uri":"/"}', pages.METHOD),
        (b'{"status":200,"time":1,"request_method":"GET"}', pages.NO_REQUEST),
        (b'{"status":200,"time":"never","request_method":"GET","uri":"/"}', None),
        (b'{"status":200,"time":1e400,"request_method":"GET","uri":"/"}', None),
        (b'{"status":200,"time":1,"request_method":"GET","uri":"/\\ud800"}', "/?"),
        (b'{"status":200,"time":1,"request_method":"GET","uri":"/\xff"}', "/\ufffd"),
        (b'{"status":200,"time":1,"request_method":"GET","uri":"/a\tb"}', "/a\tb"),
        (b"[" * 100_000, None),
        (b'{"time":' * 100_000, None),
        (b'{"status":200,"time":1,"request_method":"GET","uri":["/list"]}', "/list"),
    ],
)
def test_bad_lines(line: bytes, expected: str | None) -> None:
    """Where a text is expected of a page, it is the target."""
    found = parser(json_lines, json.dumps(NGINX).encode())(line)
    assert (found.target if isinstance(found, LogLine) else found) == expected


def test_docs() -> None:
    """The page of imports has all keys, in their order."""
    documents = [ROOT / "docs" / "import-logs.md"]
    text = "".join(page.read_text() for page in documents if page.exists())
    table = text.partition("| field | keys;")[2].partition("\n\n")[0]
    rows = [re.findall("`([^`]*)`", row) for row in table.splitlines()[2:]]
    found = [[key.lower().replace("-", "_") for key in row] for row in rows]
    assert found == [names.split() for names in json_lines.KEYS.values()]


def test_no_zone() -> None:
    with pytest.raises(InputError, match="--time-zone"):
        parser(json_lines, HAPROXY)


@pytest.mark.parametrize(
    "head", [b"", b"{}", b'{"name":"x","time":1}', b"\xff\xfe", b"203.0.113.7 - -", b'{"request":{}}']
)
def test_others(head: bytes) -> None:
    assert not json_lines.recognise(head)
    assert not caddy.recognise(head)
