"""What happens on a page: it belongs to the session that is at the page, and may have to wait for it."""

import asyncio
from collections.abc import Awaitable, Callable

from prisme.base import refusal
from prisme.base.events import Session
from prisme.base.refusal import Refusal
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.journal.record import Line, encode

Outcome = Refusal | None
Recorded = Outcome | Awaitable[Outcome]
# The journal's line for the device and the session that the event belongs to.
Write = Callable[[int, Session], Line]

# A referrer policy may have cut the pageview's URL to its origin: a browser's own requests then know more than it did.
ORIGIN_TOO = ("/",)


def events(services: Services) -> Callable[..., Recorded]:
    """The function that records one event at its page, or at one of `also`, the other paths that will do.

    Where the page is not known beyond its origin, the device's newest session will do.
    """
    identity, sessions, journal, waiters = services.identity, services.sessions, services.journal, services.waiters

    def record(hit: Hit, write: Write, also: tuple[str, ...] = ()) -> Recorded:
        page, now = hit.page, hit.now
        device = identity.device(identity.parts(hit.user_agent, hit.address.text, page.domain))

        def find() -> Session | None:
            for path in (page.path, *also):
                session = sessions.at(device, path, now)
                if session is not None:
                    return session
            return None if hit.page_known else sessions.newest(device, now)

        session = find()
        if session is not None:
            return keep(device, session, write, now)
        return refusal.WAITERS_FULL if waiters.full else keep_later(device, waiters.enter(device), find, write, now)

    def keep(device: int, session: Session, write: Write, now: int) -> Outcome:
        touched = session.touch(now)
        if not journal.append(encode(write(device, touched))):
            return refusal.JOURNAL_UNAVAILABLE
        sessions.replace(device, session, touched)
        return None

    async def keep_later(
        device: int, waker: asyncio.Event, find: Callable[[], Session | None], write: Write, now: int
    ) -> Outcome:
        def find_and_keep() -> tuple[Outcome] | None:
            session = find()
            return None if session is None else (keep(device, session, write, now),)

        kept = await waiters.wait(device, waker, find_and_keep)
        return refusal.SESSION_NOT_FOUND if kept is None else kept[0]

    return record
