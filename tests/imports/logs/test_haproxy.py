"""HAProxy's own format: its prefixes, which may have the zone, and captured headers, in any order."""

from zoneinfo import ZoneInfo

import pytest

from prisme.imports.logs import haproxy, pages
from prisme.imports.logs.line import LogLine
from tests.imports.logs.reading import make_reading, parse_line, parse_text

_KOLKATA = ZoneInfo("Asia/Kolkata")
_AT = 1_795_887_385_283_000
_LINE = (
    "203.0.113.7:43870 [28/Nov/2026:23:06:25.283] web~ app/s1 0/0/0/1/{total} {status} 172 - - ---- 1/1/0/0/0 0/0 "
    '{captures}"{request}"'
)
_AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


def make_line(captures: str = "", request: str = "GET /a?b HTTP/1.1", status: int = 200, total: str = "5") -> str:
    """A line without a prefix."""
    return _LINE.format(captures=captures, request=request, status=status, total=total)


def test_a_plain_line() -> None:
    found = parse_line(make_line().encode(), _KOLKATA)
    assert found == LogLine(_AT, "203.0.113.7", "", "GET", "/a?b", 200)


@pytest.mark.parametrize(
    ("prefix", "total"),
    [
        ("<134>1 2026-11-28T23:06:25.288+05:30 - haproxy 22726 - - ", "5"),
        ("2026-11-28T23:06:25.288253+05:30 ", "5"),
        ("2026-11-28T23:06:26+05:30 lb haproxy[22726]: ", "5"),
        # Of a daemon in UTC, or in yet another zone.
        ("2026-11-28T17:36:25.288253Z lb haproxy[22726]: ", "5"),
        ("2026-11-28T12:36:25.288253-05:00 lb haproxy[22726]: ", "5"),
        # Logged when the request was over, after two hours; one that failed, and one that was logged early.
        ("2026-11-28T19:36:25.288253Z ", "7200000"),
        ("2026-11-28T17:36:25.288253Z ", "-1"),
        ("2026-11-28T17:36:25.288253Z ", "+5"),
    ],
)
def test_prefixes_with_a_zone(prefix: str, total: str) -> None:
    assert parse_line((prefix + make_line(total=total)).encode()).at == _AT


@pytest.mark.parametrize("prefix", ["", "Nov 28 22:46:45 lb haproxy[22726]: ", "<134>Nov  8 23:06:25 haproxy[1]: "])
def test_prefixes_without_a_zone(prefix: str) -> None:
    assert parse_line((prefix + make_line()).encode(), _KOLKATA).at == _AT


@pytest.mark.parametrize(
    ("captures", "host", "referrer", "agent"),
    [
        (f"{{www.example.com|{_AGENT}|https://example.org/a}} ", "www.example.com", "https://example.org/a", _AGENT),
        (f"{{{_AGENT}|www.example.com:8443}} ", "www.example.com:8443", "", _AGENT),
        (f"{{https://www.example.com/a|{_AGENT}}} {{nginx}} ", "", "https://www.example.com/a", _AGENT),
        (f"{{{_AGENT}}} {{text/html; charset=utf-8}} ", "", "", _AGENT),
        ("{localhost} ", "localhost", "", ""),
        ("{||} ", "", "", ""),
        ("{} ", "", "", ""),
    ],
)
def test_captures_are_told_by_their_values(captures: str, host: str, referrer: str, agent: str) -> None:
    text = make_line(captures).encode()
    found = parse_line(text, _KOLKATA)
    assert (found.host, found.referrer, found.user_agent) == (host, referrer, agent)
    assert haproxy.has_agents(text) is bool(agent)


def test_a_captured_content_type_decides() -> None:
    lines = [
        make_line(f"{{{_AGENT}}} {{{kind}}} ", request).encode()
        for kind, request in (("text/html", "GET /app.js HTTP/1.1"), ("application/json", "GET / HTTP/1.1"))
    ]
    first, second = parse_text(b"\n".join(lines), _KOLKATA)
    assert isinstance(first, LogLine)
    assert second == pages.TYPE


def test_a_captured_address_is_that_of_the_client() -> None:
    text = make_line("{203.0.113.9, 2001:db8::9} ").replace("203.0.113.7:", "127.0.0.1:")
    assert parse_line(text.encode(), _KOLKATA).address == "2001:db8::9"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (make_line(request="<BADREQ>", status=400, total="-1"), pages.NO_REQUEST),
        (make_line(request="", status=400), pages.NO_REQUEST),
        (make_line(status=-1), pages.STATUS),
        (make_line(request="POST / HTTP/1.1"), pages.METHOD),
        (make_line(request="GET /a.js HTTP/1.1"), pages.ASSET),
        (make_line().replace("app/s1", "web/<NOSRV>").replace("0/0/0/1/5", "-1/-1/-1/-1/0"), None),
        # Cut at 1,023 bytes: a path may lack its end, a query may as well.
        (make_line(request="GET /path/that/goes/on")[:-1], "bad"),
        (make_line(request="GET /path?query=that&goes")[:-1], None),
        (make_line()[:80], "bad"),
        ("Nov 28 22:46:45 lb haproxy[22726]: Proxy web started.", "bad"),
        ("203.0.113.7:43870 [28/Nov/2026:23:06:25.283] web/1: SSL handshake failure", "bad"),
        ("", "bad"),
    ],
)
def test_lines_that_are_odd(line: str, why: str | None) -> None:
    parsed = parse_text(f"{make_line()}\n{make_line()}\n{line or ' '}".encode(), _KOLKATA)[2]
    if why is None:
        assert isinstance(parsed, LogLine)
    else:
        assert parsed == (None if why == "bad" else why)


def test_http2_has_whole_urls() -> None:
    assert parse_line(make_line(request="GET https://www.example.com/a HTTP/2.0").encode(), _KOLKATA).target == (
        "https://www.example.com/a"
    )


@pytest.mark.parametrize("part", ["a:", " ", "{a|", "|", "a:a, ", "/0", " [28/Nov/2026:23:06:25.283] "])
def test_long_lines(part: str) -> None:
    body = part * (500_000 // len(part))
    text = make_line("{www.example.com} ").encode()
    parse = haproxy.make(text, make_reading(zone=_KOLKATA))
    for line in (
        body,
        make_line() + body,
        make_line(f"{{{body.replace('{', '')}}} "),
        make_line(request=f"GET /{body} HTTP/1.1"),
    ):
        parse(line.encode())
        haproxy.recognise(line.encode()[:65_536])
        haproxy.has_agents(line.encode()[:65_536])
