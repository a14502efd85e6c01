"""Logs that name their fields, and Bunny's; written by hand, as the public documentation describes them."""

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from prisme.base.errors import InputError
from prisme.imports.logs import bunny, pages, w3c
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.parsers import Parse, find_format
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally

AT: Final = 1795887385_000000  # 2026-11-28T17:36:25Z
DAY: Final = 86_400_000_000
AGENT: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0"
FROM: Final = "https://example.org/from?a=1"
NAMED: Final = "www.example.com"

IIS: Final = b"""\
#Software: Microsoft Internet Information Services 10.0\r
#Version: 1.0\r
#Date: 2026-11-28 17:36:25\r
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) \
cs-host sc-status sc-substatus sc-win32-status time-taken\r
2026-11-28 17:36:25 198.51.100.1 GET /caf\xc3\xa9 q=a+b&p=%22 443 - 203.0.113.7 \
Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+Firefox/140.0 https://example.org/from?a=1 www.example.com 200 0 0 15\r
2026-11-28 17:36:25 198.51.100.1 POST / - 443 EXAMPLE\\john 2001:db8::7 - - www.example.com:8443 200 0 0 15\r
2026-11-28 17:36:26 198.51.100.1 GET / - 443 - 2001:db8::7 - - www.example.com:8443 404 0 2 15\r
2026-11-28 17:36:26 198.51.100.1 GET / - 443 - 2001:db8::7 - - www.example.com:8443 304 0 0 15\r
2026-11-28 17:36:26 198.51.100.1 GET / - 443 - 2001:db8::7 - - www.exam\r
#Software: Microsoft Internet Information Services 10.0\r
#Version: 1.0\r
#Date: 2026-11-28 23:59:59\r
#Fields: time c-ip cs-method cs-uri-stem sc-status X-Forwarded-For\r
23:59:59 10.0.0.1 GET /default.aspx 200 203.0.113.5,+203.0.113.6\r
00:00:01 203.0.113.7 GET /logo.png 200 -\r
00:00:01 203.0.113.7 GET /default.aspx 200 -\r
""".replace(b"\r\n", b"\n")
# At 00:00 of the next day.
MIDNIGHT: Final = 1795910400_000000

CLOUDFRONT: Final = b"""\
#Version: 1.0
#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) \
cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken \
x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
sc-range-start sc-range-end
"""


def cloudfront(address: str, stem: str, agent: str, query: str, content_type: str, referrer: str = "-") -> bytes:
    """A line of CloudFront."""
    return "\t".join(
        [
            *["2026-11-28", "17:36:25", "FRA56-P1", "1045", address, "GET", "d111111abcdef8.cloudfront.net", stem],
            *["200", referrer, agent, query, "-", "Hit", "c2FtcGxlLWlk", NAMED, "https", "431", "0.001", "-"],
            *["TLSv1.3", "TLS_AES_128_GCM_SHA256", "Hit", "HTTP/2.0", "-", "-", "47058", "0.001", "Hit"],
            *[content_type, "102", "-", "-"],
        ]
    ).encode()


def parser(head: bytes, zone: str | None = None) -> Parse:
    """The parser for a file that begins so."""
    found = find_format(head)
    assert found is not None
    return found.make(head, Reading(Tally(), Path("/nowhere"), zone=ZoneInfo(zone) if zone else None))


def parse(text: bytes, zone: str | None = None) -> list[LogLine | str | None]:
    """What the lines are that are no comments."""
    results = map(parser(text, zone), text.splitlines())
    return [result for result in results if result != w3c.COMMENT]


def test_iis() -> None:
    """Its fields change where it was started anew: here to some without a date, and over midnight."""
    assert parse(IIS) == [
        LogLine(AT, "203.0.113.7", NAMED, "GET", "/café?q=a+b&p=%22", 200, FROM, AGENT),
        pages.METHOD,
        pages.STATUS,
        LogLine(AT + 1_000_000, "2001:db8::7", "www.example.com:8443", "GET", "/", 304),
        None,
        LogLine(MIDNIGHT - 1_000_000, "203.0.113.6", "", "GET", "/default.aspx", 200),
        pages.ASSET,
        LogLine(MIDNIGHT + 1_000_000, "203.0.113.7", "", "GET", "/default.aspx", 200),
    ]
    assert w3c.has_agents(IIS)


def test_follow() -> None:
    """Lines from the middle of a file are read by what its head says."""
    assert parser(IIS)(b"00:00:01 203.0.113.7 GET / 500 -") == pages.STATUS


ENCODED: Final = "Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20Firefox/140.0"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            cloudfront("203.0.113.7", "/", ENCODED, "-", "text/html;%20charset=utf-8", FROM),
            LogLine(AT, "203.0.113.7", NAMED, "GET", "/", 200, FROM, AGENT, "text/html; charset=utf-8"),
        ),
        (
            cloudfront("2001:db8::7", "/a%2520b", ENCODED.replace("%", "%25"), "q=1%2526", "text/html"),
            LogLine(AT, "2001:db8::7", NAMED, "GET", "/a%20b?q=1%26", 200, "", AGENT, "text/html"),
        ),
        (cloudfront("203.0.113.7", "/x", "-", "-", "-"), LogLine(AT, "203.0.113.7", NAMED, "GET", "/x", 200)),
        (cloudfront("203.0.113.7", "/", "-", "-", "image/png"), pages.TYPE),
        (cloudfront("203.0.113.7", "/", "-", "-", "-")[:90], None),
        (cloudfront("203.0.113.7", "/", "-", "-", "-").replace(b"17:36", b"25:36"), None),
        (cloudfront("203.0.113.7", "/", "-", "-", "-").replace(b"2026-", b"0001-"), None),
        (b"", None),
    ],
)
def test_cloudfront(line: bytes, expected: LogLine | str | None) -> None:
    assert parse(CLOUDFRONT + line + b"\n" if line else CLOUDFRONT + b"\n") == [expected]


QUOTED: Final = b"""\
#Fields: date-local time-local c-ip cs-method cs-uri-stem cs(User-Agent) sc-status
2026-11-28 23:06:25.123 203.0.113.7 GET / "He said ""hi"" once" 200
"""


def test_local_times() -> None:
    """Of IIS Advanced Logging, which also quotes texts."""
    assert parse(QUOTED, "Asia/Kolkata") == [
        LogLine(AT + 123_000, "203.0.113.7", "", "GET", "/", 200, "", 'He said "hi" once')
    ]
    with pytest.raises(InputError, match="--time-zone"):
        parse(QUOTED)


@pytest.mark.parametrize("head", [b"", b"#Fields: a b", b"#Fields:", b"GET / 200", b"#Version: 1.0\n", b"a|b|c"])
def test_others(head: bytes) -> None:
    assert not w3c.recognise(head)
    assert not bunny.recognise(head)


BUNNY: Final = (
    f"HIT|200|1795887385321|128|1234567|203.0.113.0|{FROM}|https://www.example.com/p?q=a|b|DE|{AGENT}|9f8e|DE"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (BUNNY, LogLine(AT + 321_000, "203.0.113.0", "", "GET", "https://www.example.com/p?q=a|b", 200, FROM, AGENT)),
        (
            BUNNY.replace(FROM, "-").replace(AGENT, "-"),
            LogLine(AT + 321_000, "203.0.113.0", "", "GET", "https://www.example.com/p?q=a|b", 200),
        ),
        (BUNNY.replace("|200|", "|404|"), pages.STATUS),
        (BUNNY.replace("/p?q=a|b", "/app.js"), pages.ASSET),
        (BUNNY[:60], None),
    ],
)
def test_bunny(line: str, expected: LogLine | str | None) -> None:
    assert parser(BUNNY.encode())(line.encode()) == expected
