"""GoatCounter's CSV export, in all versions of its header: the version and the first name are one cell, `2Path`.

A session is the visitor. The export does not name the site, nor the pages of events.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports import names
from prisme.imports.items import CUSTOM, PAGEVIEW, Item, Request
from prisme.imports.peers.csv_rows import Row, find_columns, read_header, read_rows, require, size_of
from prisme.imports.peers.in_time import sort_requests
from prisme.imports.peers.times import read_time
from prisme.imports.reading import Format, Reading

_FIRST: Final = re.compile(r"\ufeff?(\d+),?path", re.IGNORECASE)
_NEEDED: Final = ("session", "referrer", "date")
_TRUE: Final = frozenset({"1", "true", "t", "yes"})

# The names that it gives to several hosts: the host that most of them mean.
_HOSTS: Final = {
    "baidu": "www.baidu.com",
    "google": "www.google.com",
    "hacker news": "news.ycombinator.com",
    "slack chat": "slack.com",
    "telegram messenger": "telegram.org",
    "yahoo": "search.yahoo.com",
    "yandex": "yandex.ru",
}
_HOST: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?", re.ASCII)
# The name of an Android app, without its scheme: a domain in reverse, which begins with what ends one.
_APP: Final = re.compile(r"(?:com|org|net|io|app|dev|me|co|[a-z]{2})(?:\.[A-Za-z]\w*){2,}(?:/.*)?", re.ASCII)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def recognise(_name: str, head: bytes) -> bool:
    """Whether a file begins with its header."""
    columns = find_columns(head)
    return bool(columns) and _find_version(columns) != "" and "session" in columns


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """Requests in the order of time, none of bots. Raises InputError without a site, and for other headers."""
    if not reading.site:
        raise InputError("GoatCounter's export does not say which site it is of: name it with --site example.com")
    return sort_requests(_read_files(files, reading), reading.temporary)


FORMAT: Final = Format("goatcounter", recognise, read)


def _read_files(files: Sequence[Path], reading: Reading) -> Iterator[Request]:
    before = 0
    for path in files:
        columns = read_header(path)
        if columns:  # an empty file has nothing
            version = _find_version(columns)
            if not version:
                raise InputError(f"{path} is not GoatCounter's CSV export: its header does not begin with `2Path`")
            # As its manual writes it, the version is a column of its own.
            columns = ["path", *columns[2 if columns[0].isdecimal() else 1 :]]
            require(path, columns, _NEEDED)
            for row in read_rows(path, reading, before, columns):
                if request := _read_row(row, version, path.name, reading):
                    yield request
        before += size_of(path)
        reading.tell(before)


def _find_version(columns: list[str]) -> str:
    """The version of the export; empty where it is none."""
    match = _FIRST.fullmatch(",".join(columns[:2]) if columns[0].isdecimal() else columns[0])
    return match[1] if match else ""


def _read_row(row: Row, version: str, file: str, reading: Reading) -> Request | None:
    at = read_time(row.get("date"))
    if at is None or at < 0:
        reading.tally.refuse(file, row.number, "no date, or not one of RFC 3339", str(row))
        return None
    if row.get("bot") not in ("", "0"):
        reading.tally.skip("bots, by GoatCounter")
        return None
    is_event = row.get("event").lower() in _TRUE
    referrer, source = _read_referrer(row.get("referrer"), row.get("referrer scheme"))
    location = row.get("location")
    # In version 1, Browser is the whole User-Agent; in later ones it has a column that is empty unless it is kept.
    user_agent = row.get("browser") if version == "1" else row.get("useragent") or row.get("user-agent")
    properties = msgspec.json.encode({"title": row.get("title")}).decode() if is_event and row.get("title") else "{}"
    return Request(
        at=at,
        url=_make_url(reading.site, "" if is_event else row.get("path"), source, version),
        referrer=referrer,
        user_agent=user_agent,
        visitor=row.get("session"),
        client=None if user_agent else _read_client(row),
        country=names.country(location),
        region=names.region(location),
        kind=CUSTOM if is_event else PAGEVIEW,
        name=row.get("path") if is_event else "",
        properties=properties,
    )


def _read_client(row: Row) -> Client:
    width, _, rest = row.get("screen size").partition(",")
    sides = [
        int(side) for side in (width, rest.partition(",")[0]) if side.isdecimal() and len(side) < 6 and side != "0"
    ]
    return names.client(row.get("browser"), row.get("system"), "", min(sides, default=0))


def _read_referrer(text: str, scheme: str) -> tuple[str, str]:
    """A referrer's URL, and a campaign's source: one of them is empty, or both.

    The scheme `h` is for the web, without `https://`; `g` for a name that GoatCounter gave, `c` for a campaign, and `o`
    for the rest. What was sent to its API, or read from a log, is a whole URL with the scheme `o`.
    """
    if not text or _URL.match(text):
        return text, ""
    if scheme == "h":
        return f"https://{text}", ""
    if scheme == "g":
        host = _HOSTS.get(text.lower(), text)
        return (f"https://{host}/", "") if _HOST.fullmatch(host) else ("", text)
    if scheme != "c" and _APP.fullmatch(text):
        return f"android-app://{text}", ""
    return "", text


def _make_url(site: str, path: str, source: str, version: str) -> str:
    """The URL of a page, with a campaign where it has one; of an event's page only the origin is known."""
    url = f"https://{site}{path if path.startswith('/') or not path else f'/{path}'}"
    if not source:
        return url
    # Version 1 has the first of several parameters there, utm_campaign before the others.
    name = "utm_campaign" if version == "1" else "utm_source"
    return f"{url}{'&' if '?' in url else '?'}{name}={quote(source, safe='')}"
