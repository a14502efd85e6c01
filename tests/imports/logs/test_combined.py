"""Relatives of the combined format that no server was run for, and lines that are odd."""

import pytest

from prisme.imports.logs import combined, pages
from prisme.imports.logs.combined_fields import find_layout
from prisme.imports.logs.dialects import Dialect
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.parsers import find_format
from tests.imports.logs.reading import make_reading, parse_line, parse_text
from tests.imports.logs.sent import DATA

_AT = 1_795_887_385_000_000
_TIME = b"[28/Nov/2026:23:06:25 +0530]"
_PLAIN = b'203.0.113.7 - - %b "GET /a?b HTTP/1.1" 200 102 "https://example.org/" "UA"'


def plain(line: bytes) -> bytes:
    """A line with its time."""
    return line % _TIME


def test_a_plain_line() -> None:
    assert parse_line(plain(_PLAIN)) == LogLine(
        _AT, "203.0.113.7", "", "GET", "/a?b", 200, "https://example.org/", "UA"
    )


@pytest.mark.parametrize(
    "line",
    [
        _PLAIN + b" 1234 567",  # %D, %I, %O and the like
        _PLAIN + b' "-"',
        _PLAIN + b' "-" rt=0.001 uct="0.000"',
        _PLAIN + b' 12 "router@docker" "http://203.0.113.8:80" 29ms',
        _PLAIN.replace(b"- -", b'- a "b" [c] d'),
        _PLAIN.replace(b"- -", b"- "),
        b"\0\0\0\0" + _PLAIN,
        b"<190>Nov 28 23:06:25 web1 nginx: " + _PLAIN,
        b"Nov  8 23:06:25 web1 nginx[123]: " + _PLAIN,
        b"<134>1 2026-11-28T23:06:25.147246+05:30 web1 nginx 22726 - - " + _PLAIN,
        b"2026-11-28T17:36:25Z " + _PLAIN,
        b"2026-11-28T17:36:25.123+00:00 web1 nginx: " + _PLAIN,
        b"198.51.100.1, " + _PLAIN,
        _PLAIN.replace(b"203.0.113.7", b"203.0.113.7:51982"),
        _PLAIN.replace(b"203.0.113.7", b"::ffff:203.0.113.7"),
        _PLAIN.replace(b" HTTP/1.1", b" HTTP/2"),
        _PLAIN.replace(b" HTTP/1.1", b""),
    ],
)
def test_variants_say_the_same(line: bytes) -> None:
    assert parse_line(plain(line)) == parse_line(plain(_PLAIN))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.3", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.3", "2001:db8::9", "2001:db8::9"),
        ("10.0.0.3", "-", "10.0.0.3"),
        ("10.0.0.3", "unknown", "10.0.0.3"),
        ("10.0.0.3", "", "10.0.0.3"),
        # Anybody can send the header to a public server.
        ("8.8.8.8", "203.0.113.9", "8.8.8.8"),
        ("-", "203.0.113.9", ""),
        ("host.example", "-", ""),
    ],
)
def test_the_address_that_a_proxy_forwards(peer: str, forwarded: str, address: str) -> None:
    line = f'{peer} - - {_TIME.decode()} "GET / HTTP/1.1" 200 1 "-" "UA" "{forwarded}"'
    assert parse_line(line.encode()).address == address
    escaped = line.replace('"UA"', '"U\\x22A"')
    assert parse_line(escaped.encode()).address == address


def test_the_first_field_may_be_a_list() -> None:
    line = b'203.0.113.1, 203.0.113.2, 203.0.113.3 - - %b "GET / HTTP/1.1" 200 1 "-" "UA"'
    assert parse_line(plain(line)).address == "203.0.113.3"


@pytest.mark.parametrize(
    ("before", "host", "address"),
    [
        (b"www.example.com:80 203.0.113.7 - -", "www.example.com", "203.0.113.7"),
        (b"www.example.com 203.0.113.7 - -", "www.example.com", "203.0.113.7"),
        (b"www.example.com:443 2001:db8::7 - a b", "www.example.com", "2001:db8::7"),
        (b"198.51.100.1:80 203.0.113.7 - -", "198.51.100.1", "203.0.113.7"),
        (b"www.example.com:443 client.example.net - -", "www.example.com", ""),
        (b"2001:db8::7 www.example.com:8443 -", "www.example.com:8443", "2001:db8::7"),
        (b"203.0.113.7 [2001:db8::1]:80 -", "[2001:db8::1]:80", "203.0.113.7"),
        (b"203.0.113.7 www.example.com a b c", "www.example.com", "203.0.113.7"),
        (b"2001:db8::7 - a b", "", "2001:db8::7"),
        (b"client.example.net - - -", "", ""),
    ],
)
def test_hosts_before_the_time(before: bytes, host: str, address: str) -> None:
    found = parse_line(plain(b'%b %%b "GET / HTTP/1.1" 200 1 "-" "UA"' % before))
    assert (found.host, found.address) == (host, address)


@pytest.mark.parametrize(
    ("request_line", "status", "why"),
    [
        (b"", b"400", pages.NO_REQUEST),
        (b"  ", b"400", pages.NO_REQUEST),
        (b"-", b"408", pages.NO_REQUEST),
        (rb"\x16\x03\x01\x00d", b"400", pages.NO_REQUEST),
        (rb"\x16\x03\x01", b"200", pages.NO_REQUEST),
        (rb"hello \x22world\x22", b"400", pages.NO_REQUEST),
        (b"<BADREQ>", b"400", pages.NO_REQUEST),
        (b"- http://localhost HTTP/1.0", b"400", pages.NO_REQUEST),
        (b"- error:invalid-request HTTP/1.1", b"400", pages.NO_REQUEST),
        (b"OPTIONS * HTTP/1.1", b"200", pages.METHOD),
        (b"PRI * HTTP/2.0", b"100", pages.METHOD),
        (b"POST / HTTP/1.1", b"404", pages.METHOD),
        (b"HEAD / HTTP/1.1", b"200", pages.METHOD),
        (b"GET / HTTP/1.1", b"101", pages.STATUS),
        (b"GET / HTTP/1.1", b"499", pages.STATUS),
        (b"GET / HTTP/1.1", b"000", pages.STATUS),
        (b"GET / HTTP/1.1", b"-", pages.STATUS),
        (b"GET /a.js HTTP/1.1", b"404", pages.STATUS),
        (b"GET /a.js HTTP/1.1", b"200", pages.ASSET),
        (rb"GET /\xC3.js HTTP/1.1", b"200", pages.ASSET),
    ],
)
def test_lines_that_are_no_pageviews(request_line: bytes, status: bytes, why: str) -> None:
    line = plain(b'203.0.113.7 - - %%b "%b" %b 0 "-" "-"' % (request_line, status))
    assert parse_text(plain(_PLAIN) + b"\n" + line)[1] == why


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"text",
        b"\xff\xfe\x00",
        b'{"a": 1}',
        _PLAIN[:60],
        _PLAIN[:-1],
        _PLAIN.replace(b" 200 102", b""),
        _PLAIN.replace(b" 200 102", b" 20x 102"),
        _PLAIN.replace(b"%b", b"[28/Nov/2026]"),
        _PLAIN.replace(b"%b", b"[31/Nov/2026:00:00:00 +0000]"),
        _PLAIN.replace(b"%b", b"28/Nov/2026:23:06:25 +0530"),
        b'"' * 7,
        b'203.0.113.7 - - ] "GET / HTTP/1.1" 200 102 "-" "UA"',
    ],
)
def test_lines_that_cannot_be_read(line: bytes) -> None:
    bad = line % _TIME if b"%b" in line else line
    reading = make_reading()
    assert combined.make(plain(_PLAIN) + b"\n", reading)(bad) is None


def test_a_name_that_looks_like_a_line() -> None:
    """A user chose as the name `x [01/Jan/2020:00:00:00 +0000]`; where quotes are escaped, none follows it."""
    line = _PLAIN.replace(b"- -", rb"- x [01/Jan/2020:00:00:00 +0000] \"GET")
    assert parse_line(plain(line)) == parse_line(plain(_PLAIN))


def test_a_client_cannot_write_fields() -> None:
    agent = rb"x\" 200 5 \"-\" \"y"
    assert parse_line(plain(_PLAIN.replace(b"UA", agent))).user_agent == 'x" 200 5 "-" "y'
    agent = rb"x\x22 200 5 \x22-\x22 \x22y"
    assert parse_line(plain(_PLAIN.replace(b"UA", agent))).user_agent == 'x" 200 5 "-" "y'


@pytest.mark.parametrize(
    ("log", "dialect", "vhost", "zoned", "agents"),
    [
        ("nginx-combined", Dialect.HEX, False, True, True),
        ("nginx-vhost", Dialect.HEX, True, True, True),
        ("apache-common", Dialect.FULL, False, True, False),
        ("apache-vhost", Dialect.FULL, True, True, True),
        ("lighttpd", Dialect.FULL, False, True, True),
        ("varnish", Dialect.FULL, False, True, True),
        ("h2o", Dialect.HEX, False, True, True),
        ("gunicorn", Dialect.QUOTE, False, True, True),
        ("morgan", Dialect.FULL, False, True, True),
        ("haproxy-clf", Dialect.HASH, False, True, False),
        ("squid-combined", Dialect.RAW, False, True, True),
        ("daphne", Dialect.RAW, False, False, False),
    ],
)
def test_layouts(log: str, dialect: Dialect, vhost: bool, zoned: bool, agents: bool) -> None:
    assert find_layout((DATA / f"{log}.log").read_bytes()) == (dialect, vhost, zoned, agents)


@pytest.mark.parametrize("length", [10_000, 1_000_000])
@pytest.mark.parametrize("part", [b'" "', b'\\"', b"\\", b'" 200 1 "', b": [", b"a:", b"- ", b'] "', b"{a|", b" 1 "])
def test_long_lines_of_what_separates_fields(part: bytes, length: int) -> None:
    """A pattern that tries all ways to cut such a line would take hours."""
    body = part * (length // len(part))
    for line in (body, plain(_PLAIN) + body, plain(_PLAIN.replace(b"UA", body)), plain(_PLAIN.replace(b"/a?b", body))):
        found = find_format(line[:65_536] + b"\n") or find_format(plain(_PLAIN))
        assert found is not None
        found.make(line[:65_536] + b"\n", make_reading())(line)
