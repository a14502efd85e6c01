"""Makes visits of Umami's rows: those of one visit and one host, in the order of time."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import quote

import msgspec

from prisme.base import uri
from prisme.base.events import DIRECT, NO_UTM, Place, Session, Utm
from prisme.imports.ids import visit_id, visitor_id
from prisme.imports.items import CUSTOM, PAGEVIEW, Item, Request, Visit
from prisme.imports.items import Row as VisitRow
from prisme.imports.peers.sorting import Sorter, number_key
from prisme.imports.peers.umami_joins import TOO_LONG, Joined
from prisme.imports.peers.umami_rows import Event
from prisme.imports.reading import Reading
from prisme.ingest.pageview import DEFAULT_STATUS, begin_visit
from prisme.visit.click_ids import find_click_id
from prisme.visit.sessions import LONGEST
from prisme.visit.sites import Page
from prisme.visit.utm import parse_utm

# A visit with more goes on as another one, so that no id takes more than a bounded part of the memory.
_MOST_ROWS: Final = 10_000
# Of their paths and properties.
_MOST_CHARACTERS: Final = 1 << 20
# Of hosts that one visit was on at once.
_MOST_HOSTS: Final = 10
NO_HOST: Final = "rows without a host name: name it with --site"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Visit).decode


def make_items(events: Iterable[Joined], reading: Reading) -> Iterator[Item]:
    """Items of events that are sorted by visit and time: requests of those without a visit, then visits."""
    with Sorter(reading.temporary) as by_entry:
        for item in _make_unsorted(events, reading):
            if isinstance(item, Visit):
                session = item.session
                if not by_entry.add((number_key(session.entry), session.uuid.encode()), _encode(item)):
                    reading.tally.skip(TOO_LONG, len(item.rows))
            else:
                yield item
        for row in by_entry.take(2):
            yield _decode(row[2])


def _make_unsorted(events: Iterable[Joined], reading: Reading) -> Iterator[Request | Visit]:
    current = ""
    making: dict[str, _Making] = {}
    ids: set[str] = set()
    for one in events:
        domain = _find_domain(reading.site or one.seen.host or one.event.website)
        if not domain:
            reading.tally.skip(NO_HOST)
            continue
        if not one.visit:
            yield _make_request(one, domain)
            continue
        if one.visit != current:
            yield from (made.finish() for made in making.values())
            making.clear()
            ids.clear()
            current = one.visit
        if one.id in ids:
            reading.tally.skip("rows that are there twice")
            continue
        if one.id and len(ids) < _MOST_ROWS:
            ids.add(one.id)
        held = making.get(domain)
        if held and held.fits(one):
            held.add(one)
            continue
        if held or len(making) >= _MOST_HOSTS:
            yield making.pop(domain if held else next(iter(making))).finish()
        making[domain] = _Making(domain, one, held.part + 1 if held else 0)
    yield from (made.finish() for made in making.values())


def _make_request(one: Joined, domain: str) -> Request:
    """A request, whose visitor is the session."""
    event, seen = one.event, one.seen
    location = seen.find_location()
    place = location.place or Place()
    query = f"?{event.query}" if event.query else ""
    return Request(
        at=one.at,
        url=f"https://{domain}{uri.normalise_path(event.path)}{query}{_add_campaign(event)}",
        referrer=f"https://{event.referrer}/" if event.referrer else "",
        visitor=seen.distinct or one.session,
        client=seen.find_client(),
        country=location.country,
        region=place.region,
        city=place.city,
        kind=event.kind,
        name=event.name if event.kind == CUSTOM else "",
        properties=_write_properties(one.data),
    )


class _Making:
    """A visit in the making: its state by our own rules, and its rows. `part` counts where one is cut."""

    def __init__(self, domain: str, first: Joined, part: int) -> None:
        self.part = part
        self._domain = domain
        self._host = uri.parse(f"https://{domain}".encode()).host  # type: ignore[union-attr]
        self._anonymous = visitor_id("umami", first.session)
        event = first.event
        page = self._read_page(event)
        uuid = visit_id(first.at, "umami", domain, first.visit, *([str(part)] if part else []))
        visitor = first.seen.distinct or self._anonymous
        source = self._find_source(event) if event.kind == PAGEVIEW else DIRECT
        self._session: Session = begin_visit(
            page, uuid, first.at, visitor, first.seen.find_client(), first.seen.find_location(), DEFAULT_STATUS,
            source, 1 if event.kind == PAGEVIEW else 0,
        )  # fmt: skip
        self._characters = 0
        self._rows = [self._make_row(first, page)]

    def fits(self, one: Joined) -> bool:
        """Whether the visit can go on with an event."""
        return (
            len(self._rows) < _MOST_ROWS
            and self._characters < _MOST_CHARACTERS
            and one.at < self._session.entry + LONGEST
        )

    def add(self, one: Joined) -> None:
        """Go on with the next event."""
        event, session = one.event, self._session
        page = self._read_page(event)
        visitor = one.seen.distinct or session.visitor
        if event.kind == CUSTOM:
            self._session = session.act(one.at)
        elif session.pageviews:
            self._session = session.view(page.path, one.at, DEFAULT_STATUS, visitor)
        else:
            source = self._find_source(event)
            self._session = session.arrive(
                page.path, one.at, DEFAULT_STATUS, visitor, source, page.utm, page.click_id
            )  # fmt: skip
        self._rows.append(self._make_row(one, page))

    def finish(self) -> Visit:
        """The visit."""
        visitor = self._session.visitor
        rows = [msgspec.structs.replace(row, visitor="") if row.visitor == visitor else row for row in self._rows]
        return Visit(self._session, rows)

    def _make_row(self, one: Joined, page: Page) -> VisitRow:
        visitor = self._session.visitor
        self._characters += len(page.path) + sum(map(len, one.data.values()))
        if one.event.kind == PAGEVIEW:
            return VisitRow(PAGEVIEW, one.at, page.path, DEFAULT_STATUS, visitor=visitor)
        return VisitRow(CUSTOM, one.at, page.path, 0, one.event.name, _write_properties(one.data), visitor=visitor)

    def _read_page(self, event: Event) -> Page:
        query = event.query.encode().decode("latin-1")
        utm = event.utm if event.utm != NO_UTM else parse_utm(query)
        path = uri.normalise_path(event.path)
        return Page(self._host, self._domain, path, utm, find_click_id(query) or event.click_id)

    def _find_source(self, event: Event) -> str:
        """The host that the visitor came from, or `direct`. Umami leaves out `www.`."""
        host = uri.normalise_host(event.referrer) if event.referrer else None
        own = host is None or host.removeprefix("www.") == self._host.removeprefix("www.")
        return DIRECT if host is None or own else host


def _write_properties(data: dict[str, str]) -> str:
    return msgspec.json.encode({name: msgspec.Raw(data[name].encode()) for name in sorted(data)}).decode()


@lru_cache(1024)
def _find_domain(host: str) -> str:
    """A host in normal form, with its port where it has one; empty for none."""
    page = uri.parse(f"https://{host}".encode("utf-8", "replace")) if host else None
    return page.domain if page else ""


def _add_campaign(event: Event) -> str:
    """The campaign's columns, as a query that follows another, unless that has them."""
    utm: Utm = event.utm
    if utm == NO_UTM or parse_utm(event.query.encode().decode("latin-1")) != NO_UTM:
        return ""
    parts = [f"utm_{name}={quote(value, safe='')}" for name, value in msgspec.structs.asdict(utm).items() if value]
    return f"{'&' if event.query else '?'}{'&'.join(parts)}"
