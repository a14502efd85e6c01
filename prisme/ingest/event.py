"""What happens on a page: it belongs to the session that is at the page, and may have to wait for it.

Like pageviews, events that come together are recorded together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from prisme.base import refusal
from prisme.base.events import Session
from prisme.base.refusal import Refusal
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.ingest.together import in_waves, settle
from prisme.journal.record import Line, encode

Outcome = Refusal | None
# An exception is of this event alone, and nothing of it was recorded.
Recorded = Outcome | Exception | Awaitable[Outcome]

# A referrer policy may have cut the pageview's URL to its origin: a browser's own requests then know more than it did.
ORIGIN_TOO = ("/",)


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event at its page, or at one of `also`, the other paths that will do.

    `write` gives the journal's line for the device and the session that it belongs to.
    """

    hit: Hit
    write: Callable[[int, Session], Line]
    also: tuple[str, ...] = ()


Record = Callable[[Sequence[Event]], list[Recorded]]


class _Placed(msgspec.Struct, frozen=True, gc=False):
    """An event at `place` among those that came together."""

    place: int
    event: Event
    device: int


# The events' sessions, as they are and as they become, then the journal's lines, and how many.
_Prepared = tuple[list[Session | None], list[Session | None], bytes, int]


def events(services: Services) -> Record:
    """The function that records events, or says why not of each, in their order. It never raises.

    Where the page is not known beyond its origin, the device's newest session will do.
    """
    parts_of, device_of = services.identity.parts, services.identity.device
    sessions = _Sessions(services)

    def record(happened: Sequence[Event]) -> list[Recorded]:
        outcomes: list[Recorded] = [None] * len(happened)

        def commit(wave: list[_Placed], prepared: _Prepared) -> None:
            for one, outcome in zip(wave, sessions.keep(wave, prepared), strict=True):
                outcomes[one.place] = outcome

        def fail(one: _Placed, error: Exception) -> None:
            outcomes[one.place] = error

        hits = [event.hit for event in happened]
        parts = [parts_of(hit.user_agent, hit.address.text, hit.page.domain) for hit in hits]
        devices = [device_of(one) for one in parts]
        placed = [_Placed(place, event, devices[place]) for place, event in enumerate(happened)]
        for wave in in_waves(placed):
            settle(sessions.prepare, commit, wave, fail)
        return outcomes

    return record


class _Sessions:
    """Events at the sessions that they belong to."""

    def __init__(self, services: Services) -> None:
        self._sessions = services.sessions
        self._journal = services.journal
        self._waiters = services.waiters

    def prepare(self, wave: list[_Placed]) -> _Prepared:
        """The sessions of events of different devices, None where there is none yet; and their lines."""
        sessions = [self._find(one) for one in wave]
        touched = [session and session.touch(one.event.hit.now) for one, session in zip(wave, sessions, strict=True)]
        lines = [one.event.write(one.device, new) for one, new in zip(wave, touched, strict=True) if new is not None]
        return sessions, touched, encode(*lines), len(lines)

    def keep(self, wave: list[_Placed], prepared: _Prepared) -> list[Recorded]:
        """What becomes of each: those without a session begin to wait."""
        sessions, touched, lines, count = prepared
        kept = not count or self._journal.append(lines, count)
        outcomes: list[Recorded] = []
        for one, old, new in zip(wave, sessions, touched, strict=True):
            if old is None or new is None:
                outcomes.append(self._begin_to_wait(one))
            elif kept:
                self._sessions.replace(one.device, old, new)
                outcomes.append(None)
            else:
                outcomes.append(refusal.JOURNAL_UNAVAILABLE)
        return outcomes

    def _find(self, one: _Placed) -> Session | None:
        at, device, hit = self._sessions.at, one.device, one.event.hit
        for path in (hit.page.path, *one.event.also):
            session = at(device, path, hit.now)
            if session is not None:
                return session
        return None if hit.page_known else self._sessions.newest(device, hit.now)

    def _begin_to_wait(self, one: _Placed) -> Recorded:
        return refusal.WAITERS_FULL if self._waiters.full else self._wait(one, self._waiters.enter(one.device))

    async def _wait(self, one: _Placed, waker: asyncio.Event) -> Outcome:
        def find_and_keep() -> tuple[Outcome] | None:
            prepared = self.prepare([one])
            if prepared[0] == [None]:
                return None
            (outcome,) = self.keep([one], prepared)
            return (outcome if isinstance(outcome, Refusal) else None,)

        kept = await self._waiters.wait(one.device, waker, find_and_keep)
        return refusal.SESSION_NOT_FOUND if kept is None else kept[0]
