"""What a pageview means: which session it continues, copies or begins."""

from collections.abc import Callable

from prisme.base import refusal
from prisme.base.events import DIRECT, NO_UTM, Session
from prisme.base.refusal import Refusal
from prisme.base.uri import parse
from prisme.base.uuids import uuid7
from prisme.ingest.campaign import read_utm
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.journal.record import CopyLine, ForgetLine, Line, PageviewLine, SessionName, encode

Record = Callable[[Hit], Refusal | None]
DEFAULT_STATUS = 200
_VISITOR_BYTES = 256


def pageviews(services: Services) -> Record:
    """The function that records one pageview, or says why not."""
    # Bound once: each look-up of a method would cost every request 50 ns.
    parts_of, device_of = services.identity.parts, services.identity.device
    at, replace = services.sessions.at, services.sessions.replace
    append, waiting, wake = services.journal.append, services.waiters.waiting, services.waiters.wake
    begin, copy = _beginner(services), _copier(services)

    def record(hit: Hit) -> Refusal | None:
        status = read_status(hit.status) if hit.status else DEFAULT_STATUS
        visitor = read_visitor(hit.visitor_id) if hit.visitor_id else ""
        referrer = parse(hit.document_referrer) if hit.document_referrer else None
        if isinstance(status, Refusal):
            return status
        if isinstance(visitor, Refusal):
            return visitor
        if referrer is None and hit.document_referrer:
            return refusal.REFERRER_INVALID

        page, now = hit.page, hit.now
        parts = parts_of(hit.user_agent, hit.address.text, page.domain)
        device = device_of(parts)
        internal = referrer is not None and referrer.domain == page.domain
        session = at(device, referrer.path, now) if referrer is not None and internal else None
        if session is not None:
            turned = session.turn(page.path, now, status, visitor or session.visitor)
            if not append(encode(PageviewLine(device, turned))):
                return refusal.JOURNAL_UNAVAILABLE
            replace(device, session, turned)
            if waiting:
                wake(device)
            return None
        session = at(device, page.path, now)
        if session is not None:
            return copy(device, session, page.path, now, 0 if internal else session.pageviews)
        return begin(hit, parts, device, DIRECT if referrer is None else referrer.domain, visitor, status)

    return record


def _beginner(services: Services) -> Callable[[Hit, bytes, int, str, str, int], Refusal | None]:
    """Begins sessions: the costly part, a new User-Agent and the country are looked up here alone."""
    read, country_of, visitor_of = services.user_agents.read, services.geo.country, services.identity.visitor
    bots, countries, noise = services.tallies.bots, services.tallies.countries, services.noise
    has_room, append, remember = services.sessions.has_room, services.journal.append, _rememberer(services)

    def begin(hit: Hit, parts: bytes, device: int, referrer: str, visitor: str, status: int) -> Refusal | None:
        reading = read(hit.user_agent, hit.platform, hit.model)
        bots[reading.is_bot] += 1
        if reading.is_bot:
            return refusal.BOT
        page, now, address = hit.page, hit.now, hit.address
        country = country_of(address)
        countries[country, address.version] += 1
        session = Session(
            uuid7(now, noise()),
            page.domain,
            now,
            page.path,
            now,
            page.path,
            status,
            visitor or visitor_of(parts, device, now),
            reading.client,
            country,
            referrer,
            read_utm(page.query) if page.query else NO_UTM,
            1,
            now,
        )
        if has_room(device, now):
            return remember(device, session, PageviewLine(device, session))
        return None if append(encode(PageviewLine(None, session))) else refusal.JOURNAL_UNAVAILABLE

    return begin


def _copier(services: Services) -> Callable[[int, Session, str, int, int], Refusal | None]:
    """Remembers copies: a reload or a second tab. Nothing is stored until its next pageview."""
    sessions, remember = services.sessions, _rememberer(services)

    def copy(device: int, session: Session, path: str, now: int, pageviews: int) -> Refusal | None:
        if not sessions.has_room(device, now):
            return None
        fork = session.fork(uuid7(now, services.noise()), path, now, pageviews)
        return remember(device, fork, CopyLine(device, fork))

    return copy


def _rememberer(services: Services) -> Callable[[int, Session, Line], Refusal | None]:
    """Remembers a session that is new, in the journal and then in memory."""
    put, append = services.sessions.put, services.journal.append
    waiting, wake = services.waiters.waiting, services.waiters.wake

    def remember(device: int, session: Session, line: Line) -> Refusal | None:
        if not append(encode(line)):
            return refusal.JOURNAL_UNAVAILABLE
        for old in put(device, session):
            append(encode(ForgetLine(SessionName(old.uuid))))
        if waiting:
            wake(device)
        return None

    return remember


def read_status(raw: bytes) -> int | Refusal:
    """The page's HTTP status, 100 to 599."""
    if len(raw) == 3 and raw.isdigit() and b"100" <= raw <= b"599":
        return int(raw)
    return refusal.STATUS_INVALID


def read_visitor(raw: bytes) -> str | Refusal:
    """The given visitor id as it is."""
    if len(raw) > _VISITOR_BYTES:
        return refusal.VISITOR_INVALID
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return refusal.VISITOR_INVALID
