"""Recording events in batches: which visit each belongs to or begins, then the journal's lines, then memory.

A batch is recorded one stage after the other and not one event after the other: a processor that does the same thing
many times takes half as long for it (`bench/README.md`). The result is as if one event came after the other.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from prisme.base import refusal
from prisme.base.events import Client, Location, Session
from prisme.base.refusal import Refusal
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.journal.record import Line, encode
from prisme.visit.sessions import Visit, begin, new_id

# As many events are written to the journal at once: with 64 KiB of properties each, those of one moment may be hundreds
# of megabytes, and a segment is loaded in one piece.
MAX_EVENTS = 64

# Why an event was not recorded, if it was not. An exception is a defect that concerns this event alone.
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
        """The one of a device's open visits that it belongs to, the latest being the last; None: it begins a visit."""

    def continue_(self, session: Session, now: int) -> Session:
        """The visit after it."""

    def begin(self, uuid: str, now: int, visitor: str, client: Client, location: Location) -> Session:
        """A visit that begins with it."""

    def line(self, device_hash: int | None, session: Session) -> Line:
        """Its line in the journal; `session` is the visit after it."""


# Records events of one moment (microseconds).
Record = Callable[[Sequence[Event], int], list[Outcome]]


# A visit that begins, with its device; without one, it is not remembered.
_Begun = tuple[int | None, Session]
# A visit that goes on, with its device: its states before and after.
_Continued = tuple[int, Visit, Visit]
# What is to be stored: so many lines of the journal, and visits.
_Prepared = tuple[bytes, int, list[_Continued], list[_Begun]]


class Recorder:
    """Records batches of events."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def record(self, events: Sequence[Event], now: int) -> list[Outcome]:
        """Record events of one moment, in microseconds. Returns their outcomes in order, and never raises."""
        if self._services.disk.is_short:
            return [refusal.NO_ROOM] * len(events)
        batch = _Batch(self._services, events, now)
        for places in split_by_device(batch.device_hashes):
            commit_batch(batch.prepare, batch.commit, places, batch.fail)
        return batch.outcomes


class _Batch:
    """Events with what is known of them, by their place."""

    def __init__(self, services: Services, events: Sequence[Event], now: int) -> None:
        self._services = services
        self._events = events
        self._now = now
        self._clients = [((hit := event.hit).user_agent, hit.address.text, hit.page.domain) for event in events]
        identity = services.identity
        identity.expire(now)
        self.device_hashes = identity.device_hashes(self._clients)
        self.outcomes: list[Outcome] = [None] * len(events)

    def prepare(self, places: Sequence[int]) -> _Prepared:
        """What becomes of which visit, the devices at these places being different. Refusals become outcomes.

        Nothing changes yet but statistics, and devices' hashes at midnight.
        """
        events, device_hashes, now = self._events, self.device_hashes, self._now
        sessions, identity = self._services.sessions, self._services.identity
        find, has_previous = sessions.find, identity.has_previous
        continued: list[_Continued] = []
        begun: list[_Begun] = []
        lines: list[Line] = []
        new: list[tuple[int, int | None]] = []
        for place in places:
            event, device_hash = events[place], device_hashes[place]
            visits = find(device_hash, now)
            if has_previous:
                # Visits go on over midnight. After a restart, a device may have some by either key.
                previous = identity.previous_device_hash(self._clients[place])
                if previous is not None:
                    visits = sessions.rekey(previous, device_hash, now) or visits
            old = event.choose(visits) if visits else None
            if old is None:
                new.append((place, device_hash if len(visits) < sessions.per_device else None))
                continue
            session = event.continue_(old.session, now)
            continued.append((device_hash, old, old.go_on(session)))
            lines.append(event.line(device_hash, session))
        if new:
            self._begin(new, begun, lines)
        return encode(lines), len(lines), continued, begun

    def _begin(self, new: list[tuple[int, int | None]], begun: list[_Begun], lines: list[Line]) -> None:
        """Begin visits. Only here a User-Agent is parsed and a country looked up: both are slow."""
        services, now = self._services, self._now
        bots, countries = services.lookups.bots, services.lookups.countries
        for place, device_hash in new:
            event = self._events[place]
            hit = event.hit
            reading = services.user_agents.read(hit.user_agent, *hit.hints)
            refused = reading.refusal
            bots[refused is not None] += 1
            if refused is not None:
                self.outcomes[place] = refused
                continue
            location = services.geo.locate(hit.address)
            countries[location.country, hit.address.version] += 1
            services.concentration.add(hit.address.key)
            visitor = event.visitor or services.identity.visitor(self._clients[place], self.device_hashes[place])
            session = event.begin(new_id(now, services.noise()), now, visitor, reading.client, location)
            begun.append((device_hash, session))
            lines.append(event.line(device_hash, session))

    def commit(self, places: Sequence[int], prepared: _Prepared) -> None:
        """Write the lines to the journal, then remember the visits as they are in them; or nothing of both."""
        lines, count, continued, begun = prepared
        journal = self._services.journal
        if count and not journal.append(lines, count):
            for place in places:
                self.outcomes[place] = self.outcomes[place] or refusal.JOURNAL_UNAVAILABLE
            return
        sessions = self._services.sessions
        for device_hash, old, visit in continued:
            sessions.replace(device_hash, old, visit)
        for key, session in begun:
            if key is not None:
                sessions.put(key, begin(session), self._now)
        if journal.withdraws:
            journal.when_withdrawn(partial(self._forget, continued, begun))

    def _forget(self, continued: Sequence[_Continued], begun: Sequence[_Begun]) -> None:
        """Undo what `commit` remembered, as the journal has withdrawn the lines."""
        sessions = self._services.sessions
        for key, session in begun:
            if key is not None:
                sessions.take_back(key, session, None)
        for device_hash, old, visit in continued:
            sessions.take_back(device_hash, visit.session, old)

    def fail(self, place: int, error: Exception) -> None:
        """The outcome of an event that a defect of ours kept from being recorded."""
        self.outcomes[place] = error


Prepared = TypeVar("Prepared")


def split_by_device(device_hashes: Sequence[int]) -> list[Sequence[int]]:
    """The places of all events, in groups of at most `MAX_EVENTS` in which no device comes twice.

    So a device's second event sees the visit as its first one left it.
    """
    groups: list[Sequence[int]] = []
    rest: Sequence[int] = range(len(device_hashes))
    while rest:
        firsts: dict[int, int] = {}
        for place in rest:
            firsts.setdefault(device_hashes[place], place)
        group = rest if len(firsts) == len(rest) else list(firsts.values())
        groups += [group[start : start + MAX_EVENTS] for start in range(0, len(group), MAX_EVENTS)]
        rest = [place for place in rest if firsts[device_hashes[place]] != place]
    return groups


def commit_batch(
    prepare: Callable[[Sequence[int]], Prepared],
    commit: Callable[[Sequence[int], Prepared], None],
    places: Sequence[int],
    fail: Callable[[int, Exception], None],
) -> None:
    """Prepare the events at some places, which changes nothing yet, then commit them. It never raises.

    Where that fails before the commit, each is tried alone, so that one bad event costs no other.
    """
    try:
        prepared = prepare(places)
    except Exception as error:
        if len(places) == 1:
            fail(places[0], error)
            return
        for place in places:
            commit_batch(prepare, commit, [place], fail)
        return
    try:
        commit(places, prepared)
    except Exception as error:  # a defect: some may be recorded, so that none is tried again
        for place in places:
            fail(place, error)
