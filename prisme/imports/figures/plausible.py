"""Plausible's export: a zip of CSV files, each with the counts of a dimension, or of some, by day.

Read from its public source: the queries of its export, and the columns that its import takes. Columns are found by
name; older files have fewer. A day is one of the site's time zone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prisme.base.errors import InputError
from prisme.imports import names
from prisme.imports.figures import values
from prisme.imports.figures.records import TWICE, Collector, Columns, Record
from prisme.imports.figures.sums import Counts, Key, Sums
from prisme.imports.figures.tables import Table, decode_head, list_names, open_tables
from prisme.imports.items import Figure
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally
from prisme.stats.channels import find_channel
from prisme.stats.source_names import DIRECT, DIRECT_REFERRER, name_source
from prisme.store.arrivals import Arrival

Pairs = Iterator[tuple[str, str]]

_TABLES: Final = re.compile(
    r"(?:imported_)?(?:visitors|sources|pages|entry_pages|exit_pages|locations|devices|browsers|operating_systems|"
    r"custom_events)_[0-9]{8}_[0-9]{8}\.csv"
)
_ZIP_NAME: Final = re.compile(r"(.+)_[0-9]{8}(?: ?\([0-9]+\))?\.zip", re.IGNORECASE)
# What its script sends to measure how long a page is read: no events that anybody made.
_NO_EVENTS: Final = ("engagement", "pageview")
_LINK_EVENTS: Final = {
    "Outbound Link: Click": "outbound-link",
    "Cloaked Link: Click": "outbound-link",
    "File Download": "file-download",
}
# The click id that a visit came with, where its link had no `utm_medium`.
_CLICK_ID: Final = re.compile(r"\(([a-z]+)\)")
_NO_TABLE: Final = (
    "there is no table of Plausible in it: give the zip of its export, or files such as imported_pages_*.csv"
)
_MOST_HOSTS: Final = 1000
_SHOWN_HOSTS: Final = 3
_COUNTS: Final = {"visits": "sessions", "visit_duration": "seconds"}


class _Kind(NamedTuple):
    """A kind of table, which is known by one of its columns: its values by dimension, and other names of its counts."""

    column: str
    values: Callable[[Record], Pairs]
    counts: Mapping[str, str] = _COUNTS
    needed: tuple[str, ...] = ("date", "visitors")


def _text(record: Record, column: str) -> str:
    """A text; ClickHouse writes a null as a backslash and an N."""
    text = values.clean(record.get(column))
    return "" if text == r"\N" else text


def _simple(dimension: str, column: str, read: Callable[[str], str]) -> Callable[[Record], Pairs]:
    def one(record: Record) -> Pairs:
        yield dimension, read(_text(record, column))

    return one


def _read_places(record: Record) -> Pairs:
    yield "country", values.read_country(_text(record, "country"))
    yield "region", values.read_region(_text(record, "region"))


def _read_sources(record: Record) -> Pairs:
    """How visits came: their source, channel, referrer and campaign."""
    utm_source, medium = _text(record, "utm_source"), _text(record, "utm_medium")
    click = _CLICK_ID.fullmatch(medium)
    if click:
        medium = ""
    source = name_source(utm_source) if utm_source else values.read_source(_text(record, "source") or DIRECT)
    referrer = _text(record, "referrer")
    host = values.read_host(referrer) if referrer and referrer != "Direct / None" else ""
    if not host and (utm_source or source == DIRECT):
        host = DIRECT_REFERRER
    arrival = Arrival(host or source, utm_source, medium, click[1] if click else "")
    yield "source", source
    yield "channel", find_channel(arrival, source)
    yield "referrer", host
    yield "utm-source", utm_source
    yield "utm-medium", medium
    for name in ("campaign", "term", "content"):
        yield f"utm-{name}", _text(record, f"utm_{name}")


def _read_events(record: Record) -> Pairs:
    name, link = _text(record, "name"), values.read_link(_text(record, "link_url"))
    if name in _LINK_EVENTS and link:
        yield _LINK_EVENTS[name], link
    elif name not in _NO_EVENTS:
        yield "event", name


def _read_days(_: Record) -> Pairs:
    yield "", ""


# The first whose column a table has: pages may have any of the later ones.
_KINDS: Final = (
    _Kind("entry_page", _simple("entry-path", "entry_page", values.read_path), {**_COUNTS, "entrances": "sessions"}),
    _Kind("exit_page", _simple("exit-path", "exit_page", values.read_path), {**_COUNTS, "exits": "sessions"}),
    _Kind("page", _simple("path", "page", values.read_path)),
    _Kind("source", _read_sources),
    _Kind("country", _read_places),
    _Kind("operating_system", _simple("os", "operating_system", names.system)),
    _Kind("browser", _simple("browser", "browser", names.browser)),
    _Kind("device", _simple("device-type", "device", names.device_type)),
    _Kind("name", _read_events, needed=("date", "visitors", "events")),
    _Kind("visits", _read_days),
)


def recognise(name: str, head: bytes) -> bool:
    """Whether this is an export of Plausible, or one of its tables."""
    if names_within := list_names(name, head):
        return any(map(_TABLES.search, names_within))
    columns = Columns(decode_head(head).partition("\n")[0].replace('"', "").split(","))
    return _find_kind(columns) is not None and (_TABLES.search(name) is not None or "visit_duration" in columns)


def read(files: Sequence[Path], reading: Reading) -> Iterator[Figure]:
    """The figures of an export. Raises InputError and OSError."""
    site = reading.site or _find_site(files, reading)
    with Sums(reading.temporary) as sums:
        collector = Collector(reading, sums)
        found = 0
        for table in open_tables(files, reading):
            columns = Columns(next(table.rows, (0, []))[1])
            kind = _find_kind(columns)
            if kind is None:
                reading.tally.skip("files that are no tables of Plausible")
                continue
            found += 1
            _read_table(table, columns, kind, site, collector)
        if not found:
            raise InputError(f"{files[0].name}: {_NO_TABLE}")
        yield from sums.figures()


def _read_table(table: Table, columns: Columns, kind: _Kind, site: str, collector: Collector) -> None:
    counted = [(kind.counts.get(name, name), name) for name in columns]
    counted = [(ours, name) for ours, name in counted if ours in Counts._fields]
    for record in collector.records(table, columns, table.rows):
        try:
            day = values.read_day(record.get("date"))
            counts = Counts(**{ours: values.read_count(record.get(name)) for ours, name in counted})
        except ValueError as error:
            collector.refuse(table, record.number, record.cells, str(error))
            continue
        _add(table, kind, record, Key(day, site), counts, collector)
    if "city" in columns:
        collector.tally.skip("columns of cities, which are numbers without names")


def _add(table: Table, kind: _Kind, record: Record, key: Key, counts: Counts, collector: Collector) -> None:
    pairs = list(kind.values(record))
    if not pairs:
        collector.tally.skip("events that Plausible's script makes itself")
        return
    if kind.column == "name":
        collector.add(table, "events of days", key, Counts(events=counts.events))
    pairs = [(dimension, value) for dimension, value in pairs if value or not dimension]
    added = [
        collector.add(table, dimension, key._replace(dimension=dimension, value=value), counts)
        for dimension, value in pairs
    ]
    if not any(added):
        collector.tally.skip(TWICE if pairs else "rows without a value")


def _find_kind(columns: Columns) -> _Kind | None:
    for kind in _KINDS:
        if kind.column in columns:
            return kind if all(name in columns for name in kind.needed) else None
    return None


def _find_site(files: Sequence[Path], reading: Reading) -> str:
    """The site: the host of all pages, or the one that the zip is named after. Raises InputError."""
    hosts: set[str] = set()
    found = 0
    for table in open_tables(files, reading._replace(tally=Tally(), tell=lambda _: None)):
        columns = Columns(next(table.rows, (0, []))[1])
        found += _find_kind(columns) is not None
        if "hostname" in columns and "page" in columns:
            place = columns["hostname"]
            for row in table.rows:
                if len(row.cells) > place and values.is_host(host := values.read_host(row.cells[place])):
                    hosts.add(host)
                    if len(hosts) > _MOST_HOSTS:
                        break
    if not found:
        raise InputError(f"{files[0].name}: {_NO_TABLE}")
    if len(hosts) == 1:
        return hosts.pop()
    stems = {name[1].lower() for path in files if (name := _ZIP_NAME.fullmatch(path.name))}
    named = [host for host in hosts if host.replace(".", "_") in stems]
    if len(named) == 1:
        return named[0]
    shown = ", ".join(sorted(hosts)[:_SHOWN_HOSTS])
    raise InputError(
        "the files do not say which site they are of: add --site example.com"
        + (f" (there are pages of {shown}{' and others' if len(hosts) > _SHOWN_HOSTS else ''})" if hosts else "")
    )


FORMAT: Final = Format("plausible", recognise, read)
