"""Liwan's database of events, a DuckDB file: `visitor_group_id` is the visitor."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.imports import names
from prisme.imports.items import CUSTOM, PAGEVIEW, Item, Request
from prisme.imports.peers.csv_rows import size_of
from prisme.imports.peers.duckdb_files import attach, find_columns, is_duckdb, read_table, require
from prisme.imports.peers.in_time import sort_requests
from prisme.imports.reading import Format, Reading

NO_HOST: Final = "rows without a host name: name it with --site"
_PAGEVIEW: Final = "pageview"
_TABLET_WIDTH: Final = 600
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_NEEDED: Final = frozenset({"entity_id", "event", "created_at", "fqdn", "path"})
# By our name of a value: how it is read. Columns that a version lacks are None.
_COLUMNS: Final = {
    "created_at": "epoch_us(created_at)",
    "visitor_group_id": "visitor_group_id",
    "visitor_id": "visitor_id",
    "screen_width": "CAST(screen_width AS INTEGER)",
    **{
        name: name
        for name in (
            "event", "fqdn", "path", "referrer", "platform", "browser", "mobile", "country", "city", "properties",
            *_UTM,
        )
    },
}  # fmt: skip


def recognise(name: str, head: bytes) -> bool:
    """Whether a file is a database of DuckDB, and its path or its first bytes say that it is Liwan's."""
    return is_duckdb(head) and ("liwan" in name.lower() or b"visitor_group_id" in head)


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """Requests in the order of time. Raises InputError for files that are no databases of Liwan, or in use."""
    return sort_requests(_read_files(files, reading), reading.temporary)


FORMAT: Final = Format("liwan", recognise, read)


def _read_files(files: Sequence[Path], reading: Reading) -> Iterator[Request]:
    before = 0
    for path in files:
        size = size_of(path)
        with attach(path, reading, "Liwan") as database:
            columns = find_columns(database, "events")
            require(path, "Liwan", "its table of events", columns, _NEEDED)
            for row in read_table(database, "events", _COLUMNS, columns, before, size, reading):
                if not (row["fqdn"] or reading.site):
                    reading.tally.skip(NO_HOST)
                elif (row["created_at"] or -1) >= 0:
                    yield _read_row(row, reading.site)
        before += size
        reading.tell(before)


def _read_row(row: dict[str, Any], site: str) -> Request:
    width = row["screen_width"] or 0
    device = "mobile" if row["mobile"] and width < _TABLET_WIDTH else ""
    is_page = row["event"] == _PAGEVIEW
    campaign = urlencode({name: row[name] for name in _UTM if row[name]})
    path = row["path"] or ""
    url = f"https://{site or row['fqdn']}{path if path.startswith('/') or not path else f'/{path}'}"
    return Request(
        at=row["created_at"],
        url=f"{url}?{campaign}" if campaign and is_page else url,
        referrer=f"https://{row['referrer']}" if row["referrer"] and is_page else "",
        visitor=row["visitor_group_id"] or row["visitor_id"] or "",
        client=names.client(row["browser"] or "", row["platform"] or "", device, width),
        country=names.country(row["country"] or ""),
        city=row["city"] or "",
        kind=PAGEVIEW if is_page else CUSTOM,
        name="" if is_page else row["event"],
        properties=msgspec.json.encode(row["properties"] or {}, order="sorted").decode(),
    )
