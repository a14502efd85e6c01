"""What a pageview means: which session it continues, copies or begins. The journal takes it before memory does."""

from collections.abc import Callable

from prisme.base import refusal, uri
from prisme.base.events import DIRECT, Session
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri
from prisme.base.uuids import uuid7
from prisme.ingest.campaign import read_utm
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.journal.record import CopyLine, ForgetLine, PageviewLine, SessionName, encode

Record = Callable[[Hit], Refusal | None]
DEFAULT_STATUS = 200
_VISITOR_BYTES = 256


def pageviews(services: Services) -> Record:
    """The function that records one pageview, or says why not."""
    identity, sessions, journal, waiters = services.identity, services.sessions, services.journal, services.waiters
    open_session = _opener(services)
    remember = _rememberer(services)

    def record(hit: Hit) -> Refusal | None:
        status = read_status(hit.status)
        if isinstance(status, Refusal):
            return status
        visitor = read_visitor(hit.visitor_id)
        if isinstance(visitor, Refusal):
            return visitor
        referrer = read_referrer(hit.document_referrer)
        if isinstance(referrer, Refusal):
            return referrer

        page, now = hit.page, hit.now
        device = identity.device(hit.user_agent, hit.address.text, page.domain)
        internal = referrer is not None and referrer.domain == page.domain
        if referrer is not None and internal:
            session = sessions.at(device, referrer.path, now)
            if session is not None:
                turned = session.turn(page.path, now, status, visitor or session.visitor)
                if not journal.append(encode(PageviewLine(device, turned))):
                    return refusal.JOURNAL_UNAVAILABLE
                sessions.replace(device, session, turned)
                waiters.wake(device)
                return None
        session = sessions.at(device, page.path, now)
        if session is not None:
            copy = session.fork(uuid7(now, services.noise()), page.path, now, 0 if internal else session.pageviews)
            return remember(device, copy, stored=False)
        opened = open_session(hit, device, referrer, visitor, status)
        return opened if isinstance(opened, Refusal) else remember(device, opened, stored=True)

    return record


def _opener(services: Services) -> Callable[[Hit, int, Uri | None, str, int], Session | Refusal]:
    """Begins sessions: the costly part, a new User-Agent and the country are looked up here alone."""

    def open_session(hit: Hit, device: int, referrer: Uri | None, visitor: str, status: int) -> Session | Refusal:
        reading = services.user_agents.read(hit.user_agent, hit.platform or None, hit.model or None)
        services.tallies.bots[reading.is_bot] += 1
        if reading.is_bot:
            return refusal.BOT
        page, now, address = hit.page, hit.now, hit.address
        country = services.geo.country(address.ip)
        services.tallies.countries[country, str(address.ip.version) if address.ip else ""] += 1
        return Session(
            uuid7(now, services.noise()),
            page.domain,
            now,
            page.path,
            now,
            page.path,
            status,
            visitor or services.identity.visitor(hit.user_agent, address.text, page.domain, device, now),
            reading.client,
            country,
            DIRECT if referrer is None else referrer.domain,
            read_utm(page.query),
            1,
            now,
        )

    return open_session


def _rememberer(services: Services) -> Callable[..., Refusal | None]:
    """Journals a session that is new to memory, then remembers it where the device has room for it."""
    sessions, journal = services.sessions, services.journal

    def remember(device: int, session: Session, *, stored: bool) -> Refusal | None:
        room = sessions.has_room(device, session.active)
        line = PageviewLine(device if room else None, session) if stored else CopyLine(device, session)
        if (room or stored) and not journal.append(encode(line)):
            return refusal.JOURNAL_UNAVAILABLE
        if room:
            for forgotten in sessions.put(device, session):
                journal.append(encode(ForgetLine(SessionName(forgotten.uuid))))
            services.waiters.wake(device)
        return None

    return remember


def read_status(raw: bytes) -> int | Refusal:
    """The page's HTTP status, 100 to 599; 200 where none is given."""
    if not raw:
        return DEFAULT_STATUS
    if len(raw) == 3 and raw.isdigit() and b"100" <= raw <= b"599":
        return int(raw)
    return refusal.STATUS_INVALID


def read_visitor(raw: bytes) -> str | Refusal:
    """The given visitor id as it is; empty where none is given."""
    if not raw:
        return ""
    if len(raw) > _VISITOR_BYTES:
        return refusal.VISITOR_INVALID
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return refusal.VISITOR_INVALID


def read_referrer(raw: bytes) -> Uri | Refusal | None:
    """Where the visitor comes from; None for nowhere, which is `direct`."""
    if not raw:
        return None
    parsed = uri.parse(raw)
    return refusal.REFERRER_INVALID if parsed is None else parsed
