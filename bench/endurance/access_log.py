"""Writes an access log as a web server of a small site does: visits with their pages and assets, bots, and errors."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from bench.server import SITE

# Of 100 requests: some 30 are pages that browsers asked for.
_ASSETS: Final = ("/static/site.css", "/static/site.js", "/img/logo.svg", "/favicon.ico")
_CHROME: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
_PHONE: Final = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36"
)
_FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_BROWSERS: Final = [one.format(version) for one in (_CHROME, _PHONE, _FIREFOX) for version in range(120, 150)]
_BOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "curl/8.5.0",
)
_SOURCES: Final = ("-", "-", "https://www.google.com/", "https://duckduckgo.com/", "https://news.ycombinator.com/item")
_DAYS: Final = 60
_START: Final = 1_788_220_800  # 2026-09-01, UTC
_PAGES: Final = 5000
_BATCH: Final = 10_000


class Written(NamedTuple):
    """Lines, and how many of them are pageviews that count."""

    lines: int
    pageviews: int


class _Going(NamedTuple):
    """A visit: where it came from last, and the pages that are left of it."""

    address: str
    browser: str
    referrer: str
    left: int


def write(path: Path, lines: int) -> Written:
    """Write so many lines of nginx's combined format, in the order of time; always the same ones."""
    made = random.Random(1)  # not for secrets
    choice, number = made.choice, made.randrange
    seconds = _DAYS * 86_400 / lines
    texts: list[str] = []
    pageviews = written = 0
    clock, stamp = -1, ""
    going: list[_Going] = []  # visits, at the same time
    with path.open("w", encoding="ascii") as file:
        while written < lines:
            moment = _START + int(written * seconds)
            if moment != clock:
                clock = moment
                stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(moment))
            kind = number(100)
            if kind < 10:
                target, status = (f"/p/{number(_PAGES)}", 200) if kind < 7 else ("/wp-login.php", 404)
                text = f'203.{number(256)}.0.1 - - [{stamp}] "GET {target} HTTP/1.1" {status} 512 "-" "{choice(_BOTS)}"'
            elif kind < 70:
                address, browser = _visitor(number)
                text = (
                    f'{address} - - [{stamp}] "GET {choice(_ASSETS)} HTTP/1.1" 200 {number(90_000)} '
                    f'"https://{SITE}/p/{number(_PAGES)}" "{browser}"'
                )
            else:
                if len(going) < 50 or number(3) == 0:
                    going.append(_Going(*_visitor(number), choice(_SOURCES), 1 + number(6)))
                place = number(len(going))
                one, page = going[place], f"/p/{number(_PAGES)}"
                head = f'{one.address} - - [{stamp}] "GET {page} HTTP/1.1" 200 {number(90_000)}'
                text = f'{head} "{one.referrer}" "{one.browser}"'
                if one.left > 1:
                    going[place] = one._replace(referrer=f"https://{SITE}{page}", left=one.left - 1)
                else:
                    going[place] = going[-1]
                    going.pop()
                pageviews += 1
            texts.append(text)
            written += 1
            if len(texts) == _BATCH:
                file.write("\n".join(texts) + "\n")
                texts.clear()
        file.write("".join(f"{text}\n" for text in texts))
    return Written(written, pageviews)


def _visitor(number: Callable[[int], int]) -> tuple[str, str]:
    visitor = number(1 << 22)
    address = f"{100 + (visitor >> 16)}.{visitor >> 8 & 255}.{visitor & 255}.{1 + visitor % 250}"
    return address, _BROWSERS[visitor % len(_BROWSERS)]
