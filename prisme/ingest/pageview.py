"""Pageviews: each belongs to a visit, or begins one, depending on where the visitor came from."""

from typing import ClassVar

import msgspec

from prisme.base import refusal
from prisme.base.events import DIRECT, NO_UTM, Client, Location, Session
from prisme.base.refusal import Refusal
from prisme.ingest.hit import Hit
from prisme.journal.record import PageviewLine
from prisme.visit.sessions import Visit
from prisme.visit.sites import Page, Referrer

DEFAULT_STATUS = 200
_VISITOR_BYTES = 256


class Pageview(msgspec.Struct, frozen=True, gc=False):
    """A pageview; `referrer` is None where the browser sent none, `visitor` is empty where the page sent no id."""

    hit: Hit
    referrer: Referrer | None
    status: int
    visitor: str

    line: ClassVar = PageviewLine

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """The visit that it belongs to, None for a new one; the first rule that applies decides."""
        latest = visits[-1]
        for visit in reversed(visits):
            if not visit.session.pageviews:
                return visit  # an action began it, and this is its first pageview
        page, referrer = self.hit.page, self.referrer
        if referrer is not None and referrer.host == page.host:
            return latest if len(visits) == 1 else find_at(visits, referrer.path) or latest
        if page.utm is not NO_UTM:
            return next((one for one in reversed(visits) if one.session.utm == page.utm), None)
        if referrer is None or referrer.ignored:
            return latest
        return next((one for one in reversed(visits) if one.session.referrer == referrer.host), None)

    def continue_(self, session: Session, now: int) -> Session:
        """The visit after this pageview, which is its first one where an action began the visit."""
        page, visitor = self.hit.page, self.visitor or session.visitor
        if session.pageviews:
            return session.view(page.path, now, self.status, visitor)
        return session.arrive(page.path, now, self.status, visitor, self._source, page.utm, page.click_id)

    def begin(self, uuid: str, now: int, visitor: str, client: Client, location: Location) -> Session:
        """A visit with this page alone."""
        return begin_visit(self.hit.page, uuid, now, visitor, client, location, self.status, self._source, 1)

    @property
    def _source(self) -> str:
        """The host that the visitor came from, or `direct`; never the site itself."""
        referrer = self.referrer
        if referrer is None or referrer.ignored or referrer.host == self.hit.page.host:
            return DIRECT
        return referrer.host


def begin_visit(
    page: Page,
    uuid: str,
    now: int,
    visitor: str,
    client: Client,
    location: Location,
    status: int,
    source: str,
    pageviews: int,
) -> Session:
    """A visit that begins on `page` at `now` (microseconds), with one pageview, or with one event and no pageview."""
    path, events = page.path, 1 - pageviews
    return Session(
        uuid, page.domain, now, path, now, path, status, visitor, client, location.country, source, page.utm, pageviews,
        events, page.click_id, location.place,
    )  # fmt: skip


def find_at(visits: tuple[Visit, ...], path: str) -> Visit | None:
    """The latest visit that is on a page, else the latest that was there before."""
    for visit in reversed(visits):
        if visit.session.exit_path == path:
            return visit
    return next((visit for visit in reversed(visits) if path in visit.earlier), None)


def read_status(raw: bytes) -> int | Refusal:
    """Parse a page's HTTP status, from 100 to 599."""
    if len(raw) == 3 and raw.isdigit() and b"100" <= raw <= b"599":
        return int(raw)
    return refusal.STATUS_INVALID


def read_visitor(raw: bytes) -> str | Refusal:
    """Decode a visitor id, which is kept as it is."""
    if len(raw) > _VISITOR_BYTES:
        return refusal.VISITOR_INVALID
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return refusal.VISITOR_INVALID
