"""Recording pageviews and events: which visit each belongs to or begins, then the journal's lines, then memory.

They are recorded together, one stage after the other and not one event after the other: a processor that does the
same thing many times takes half as long for it (`bench/README.md`).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from prisme.base import refusal
from prisme.base.events import Client, Session
from prisme.base.refusal import Refusal
from prisme.base.uuids import uuid7
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.ingest.together import settle, split_by_device
from prisme.journal.record import Line, encode
from prisme.visit.sessions import Visit, begin

# An exception is of this event alone, and nothing of it was recorded.
Outcome = Refusal | Exception | None


class Event(Protocol):
    """A pageview, or anything else that happens on a page; `now` in microseconds."""

    @property
    def hit(self) -> Hit:
        """Its page and client."""

    @property
    def visitor(self) -> str:
        """The visitor id that was given; empty where none was."""

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """Which of a device's open visits it belongs to, the latest being the last; None where it begins one."""

    def continue_(self, session: Session, now: int) -> Session:
        """The visit after it."""

    def begin(self, uuid: str, now: int, visitor: str, client: Client, country: str) -> Session:
        """A visit that begins with it."""

    def line(self, device: int | None, session: Session) -> Line:
        """What the journal gets; `session` is the visit after it."""


# Events of one moment (microseconds).
Record = Callable[[Sequence[Event], int], list[Outcome]]


# What becomes of a device's visit. No device: it is not remembered; no old state: it begins.
_Step = tuple[int | None, Visit | None, Visit]


class _Batch:
    """Events that came together, by their place: `parts` is what their devices' hashes are made of."""

    def __init__(self, services: Services, events: Sequence[Event], now: int) -> None:
        services.identity.expire(now)
        parts_of, device_of = services.identity.parts, services.identity.device
        self.events = events
        self.now = now
        self.parts = [parts_of((hit := event.hit).user_agent, hit.address.text, hit.page.domain) for event in events]
        self.devices = [device_of(one) for one in self.parts]
        self.outcomes: list[Outcome] = [None] * len(events)


_Prepared = tuple[list[_Step], bytes, int]


def recorder(services: Services) -> Record:
    """The function that records events, or says why not of each, in their order. It never raises."""
    room, prepare_all, carry_out = services.room, _preparer(services), _carrier(services)

    def record(events: Sequence[Event], now: int) -> list[Outcome]:
        if room.is_short:
            return [refusal.NO_ROOM] * len(events)
        batch = _Batch(services, events, now)
        outcomes = batch.outcomes

        def prepare(places: Sequence[int]) -> _Prepared:
            return prepare_all(batch, places)

        def commit(places: Sequence[int], prepared: _Prepared) -> None:
            if not carry_out(prepared, now):
                for place in places:
                    outcomes[place] = outcomes[place] or refusal.JOURNAL_UNAVAILABLE

        def fail(place: int, error: Exception) -> None:
            outcomes[place] = error

        for places in split_by_device(batch.devices):
            settle(prepare, commit, places, fail)
        return outcomes

    return record


def _preparer(services: Services) -> Callable[[_Batch, Sequence[int]], _Prepared]:
    """Says what becomes of which visit, all devices being different; refusals go to their place among the outcomes.

    It changes nothing but counts of what was looked up, and devices' hashes at midnight.
    """
    sessions, identity = services.sessions, services.identity
    find, per_device = sessions.find, sessions.per_device
    begin_all = _beginner(services)

    def prepare(batch: _Batch, places: Sequence[int]) -> _Prepared:
        steps: list[_Step] = []
        lines: list[Line] = []
        fresh: list[tuple[int, int | None]] = []
        events, devices, now = batch.events, batch.devices, batch.now
        for place in places:
            event, device = events[place], devices[place]
            visits = find(device, now)
            if identity.has_previous:
                # Visits go on over midnight. After a restart, a device may have some by either key.
                previous = identity.previous_device(batch.parts[place])
                if previous is not None:
                    visits = sessions.rekey(previous, device, now) or visits
            old = event.choose(visits) if visits else None
            if old is None:
                fresh.append((place, device if len(visits) < per_device else None))
                continue
            session = event.continue_(old.session, now)
            steps.append((device, old, old.go_on(session)))
            lines.append(event.line(device, session))
        if fresh:
            begin_all(batch, fresh, steps, lines)
        return steps, encode(*lines), len(lines)

    return prepare


def _beginner(
    services: Services,
) -> Callable[[_Batch, list[tuple[int, int | None]], list[_Step], list[Line]], None]:
    """Begins visits: the costly part, a new User-Agent and the country are looked up here alone."""
    read, country_of, visitor_of = services.user_agents.read, services.geo.country, services.identity.visitor
    bots, countries, noise = services.tallies.bots, services.tallies.countries, services.noise
    came_from = services.concentration.add

    def begin_all(batch: _Batch, fresh: list[tuple[int, int | None]], steps: list[_Step], lines: list[Line]) -> None:
        now = batch.now
        for place, device in fresh:
            event = batch.events[place]
            hit = event.hit
            reading = read(hit.user_agent, *hit.hints)
            bots[reading.is_bot] += 1
            if reading.is_bot:
                batch.outcomes[place] = refusal.BOT
                continue
            country = country_of(hit.address)
            countries[country, hit.address.version] += 1
            came_from(hit.address.key)
            visitor = event.visitor or visitor_of(batch.parts[place], batch.devices[place])
            session = event.begin(uuid7(now, noise()), now, visitor, reading.client, country)
            steps.append((device, None, begin(session)))
            lines.append(event.line(device, session))

    return begin_all


def _carrier(services: Services) -> Callable[[_Prepared, int], bool]:
    """Writes the lines to the journal, then remembers the visits as they are in them; False: nothing of it."""
    append, put, replace = services.journal.append, services.sessions.put, services.sessions.replace

    def carry_out(prepared: _Prepared, now: int) -> bool:
        steps, lines, count = prepared
        if count and not append(lines, count):
            return False
        for device, old, new in steps:
            if old is not None and device is not None:
                replace(device, old, new)
            elif device is not None:
                put(device, new, now)
        return True

    return carry_out
