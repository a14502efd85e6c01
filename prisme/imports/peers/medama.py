"""Medama's database of views and events, a DuckDB file.

It has no id of visitors: a view says whether it is the first one of its visitor on a day (`is_unique_user`). Each such
view begins a visitor. The others count for the visitor who came latest before them with the same host, browser, system,
type of device, country and language. So there are as many visitors as Medama counts; which of two visitors with the
same traits saw a page may be wrong, and so the lengths of their visits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from prisme.imports import names
from prisme.imports.items import CUSTOM, Item, Request
from prisme.imports.peers.csv_rows import size_of
from prisme.imports.peers.duckdb_files import attach, find_columns, is_duckdb, read_table, require
from prisme.imports.peers.sorting import Sorter, number_key, text_key
from prisme.imports.reading import Format, Reading

_UTM: Final = ("utm_source", "utm_medium", "utm_campaign")
_NEEDED: Final = frozenset({"hostname", "pathname", "is_unique_user", "date_created"})
_VIEWS: Final = {
    "date_created": "epoch_us(date_created)",
    **{
        name: name
        for name in (
            "bid", "hostname", "pathname", "is_unique_user", "referrer_host", "country", "language_base",
            "language_dialect", "ua_browser", "ua_os", "ua_device_type", *_UTM,
        )
    },
}  # fmt: skip
_EVENTS: Final = {
    "date_created": "epoch_us(date_created)",
    **{name: name for name in ("bid", "batch_id", "group_name", "name", "value")},
}
# Of an event: more are no properties of one.
_MOST_PROPERTIES: Final = 1000
# Kinds of visitors, by what is known of them: more than any site has.
_MOST_TRAITS: Final = 131_072
_VIEW, _EVENT = b"0", b"1"


class _View(msgspec.Struct, frozen=True, array_like=True):
    """A view, or an event on it, whose `name` is not empty; then `properties` is JSON."""

    at: int
    url: str
    referrer: str
    is_unique: bool
    traits: tuple[str, str, str, str, str, str, str]
    name: str = ""
    properties: str = "{}"


class _EventRow(msgspec.Struct, frozen=True, array_like=True):
    """A property of an event; those of one event have one `batch`."""

    at: int
    batch: str
    host: str
    name: str
    value: str


_encode: Final = msgspec.json.Encoder().encode
_decode_view: Final = msgspec.json.Decoder(_View).decode
_decode_event: Final = msgspec.json.Decoder(_EventRow).decode


def recognise(name: str, head: bytes) -> bool:
    """Whether a file is a database of DuckDB, and its path or its first bytes say that it is Medama's."""
    is_named = "medama" in name.lower() or Path(name).name == "analytics.db"
    return is_duckdb(head) and (is_named or b"is_unique_user" in head)


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """Requests in the order of time. Raises InputError for files that are no databases of Medama, or in use."""
    visitors: dict[tuple[str, ...], int] = {}
    with Sorter(reading.temporary) as by_time:
        with Sorter(reading.temporary) as by_view:
            before = 0
            for path in files:
                _read_file(path, by_view, before, reading)
                before += size_of(path)
                reading.tell(before)
            for number, view in enumerate(_join(by_view)):
                by_time.add((number_key(max(view.at, 0)), number_key(number)), _encode(view))
        for row in by_time.take(2):
            yield _make_request(_decode_view(row[2]), visitors)


FORMAT: Final = Format("medama", recognise, read)


def _read_file(path: Path, by_view: Sorter, before: int, reading: Reading) -> None:
    with attach(path, reading, "Medama") as database:
        columns = find_columns(database, "views")
        require(path, "Medama", "its table of views", columns, _NEEDED)
        for row in read_table(database, "views", _VIEWS, columns, before, size_of(path), reading):
            by_view.add((text_key(row["bid"] or ""), _VIEW, b""), _encode(_read_view(row, reading.site)))
        columns = find_columns(database, "events")
        if not columns.issuperset(_EVENTS):
            return
        for row in read_table(database, "events", _EVENTS, columns, before, 0, reading):
            batch, host = row["batch_id"] or "", reading.site or row["group_name"] or ""
            event = _EventRow(row["date_created"] or 0, batch, host, row["name"] or "", row["value"] or "")
            by_view.add((text_key(row["bid"] or ""), _EVENT, text_key(batch)), _encode(event))


def _read_view(row: dict[str, Any], site: str) -> _View:
    campaign = urlencode({name: row[name] for name in _UTM if row[name]})
    # Paths are decoded there.
    path = quote(row["pathname"] or "/", safe="/!$&'()*+,;=:@")
    url = f"https://{site or row['hostname']}{path if path.startswith('/') else f'/{path}'}"
    referrer = f"https://{row['referrer_host']}/" if row["referrer_host"] else ""
    traits = (
        row["hostname"], row["ua_browser"] or "", row["ua_os"] or "", row["ua_device_type"] or "",
        row["country"] or "", row["language_base"] or "", row["language_dialect"] or "",
    )  # fmt: skip
    return _View(
        row["date_created"] or 0,
        f"{url}?{campaign}" if campaign else url,
        referrer,
        bool(row["is_unique_user"]),
        traits,
    )


def _join(by_view: Sorter) -> Iterator[_View]:
    """Views, and the events on them with all of their properties."""
    view: _View | None = None
    of, of_batch = b"", b""
    event: _EventRow | None = None
    data: dict[str, str] = {}
    for bid, kind, batch, payload in by_view.take(3):
        if event and (kind == _VIEW or (bid, batch) != (of, of_batch)):
            yield _make_event(event, view, data)
            event, data = None, {}
        if bid != of or not bid:
            view = None
        of, of_batch = bid, batch
        if kind == _VIEW:
            view = _decode_view(payload)
            yield view
            continue
        row = _decode_event(payload)
        if not batch and event:  # without a batch, each row is an event
            yield _make_event(event, view, data)
            data = {}
        event = row
        if len(data) < _MOST_PROPERTIES:
            data[row.name] = row.value
    if event:
        yield _make_event(event, view, data)


def _make_event(event: _EventRow, view: _View | None, data: dict[str, str]) -> _View:
    """An event on its view's page; of one without a view, only the site is known."""
    name, properties = ", ".join(sorted(data)), _encode({name: data[name] for name in sorted(data)}).decode()
    if view:
        url = view.url.partition("?")[0]
        return _View(max(event.at, view.at), url, "", False, view.traits, name, properties)
    return _View(event.at, f"https://{event.host}", "", False, (event.host, "", "", "", "", "", ""), name, properties)


def _make_request(view: _View, visitors: dict[tuple[str, ...], int]) -> Request:
    traits = view.traits
    number = visitors.pop(traits, 0) + view.is_unique
    if len(visitors) >= _MOST_TRAITS:
        del visitors[next(iter(visitors))]
    visitors[traits] = number
    _, browser, system, device, country, *_ = traits
    return Request(
        at=view.at,
        url=view.url,
        referrer=view.referrer,
        visitor="\t".join((*traits, str(number))),
        client=names.client(browser, system, device),
        country=names.country(country),
        kind=CUSTOM if view.name else "pageview",
        name=view.name,
        properties=view.properties,
    )
