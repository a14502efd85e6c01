"""Recording pageviews and events: which visit each belongs to or begins, then the journal's lines, then memory.

They are recorded together, one stage after the other and not one event after the other: a processor that does the
same thing many times takes half as long for it (`bench/README.md`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from prisme.base import refusal
from prisme.base.events import Client, Session
from prisme.base.refusal import Refusal
from prisme.base.uuids import uuid7
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.ingest.together import in_waves, settle
from prisme.journal.record import Line, encode
from prisme.visit.sessions import Visit, begin

# An exception is of this event alone, and nothing of it was recorded.
Outcome = Refusal | Exception | None


class Event(Protocol):
    """A pageview, or anything else that happens on a page."""

    @property
    def hit(self) -> Hit:
        """Its page and client."""

    @property
    def visitor(self) -> str:
        """The visitor id that was given; empty where none was."""

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """Which of a device's open visits it belongs to, the latest being the last; None where it begins one."""

    def continue_(self, session: Session) -> Session:
        """The visit after it."""

    def begin(self, uuid: str, visitor: str, client: Client, country: str) -> Session:
        """A visit that begins with it."""

    def line(self, device: int | None, session: Session) -> Line:
        """What the journal gets; `session` is the visit after it."""


Record = Callable[[Sequence[Event]], list[Outcome]]


class _Placed(msgspec.Struct, frozen=True, gc=False):
    """An event at `place` among those that came together."""

    place: int
    event: Event
    parts: bytes
    device: int


class _Step(NamedTuple):
    """What becomes of a device's visit: `old` is None where a new one begins, `device` where it is not remembered."""

    device: int | None
    old: Visit | None
    new: Visit


_Prepared = tuple[list[_Step], bytes, int]


def recorder(services: Services) -> Record:
    """The function that records events, or says why not of each, in their order. It never raises."""
    parts_of, device_of, room = services.identity.parts, services.identity.device, services.room
    prepare_wave, carry_out = _preparer(services), _carrier(services)

    def record(events: Sequence[Event]) -> list[Outcome]:
        if room.is_short:
            return [refusal.NO_ROOM] * len(events)
        outcomes: list[Outcome] = [None] * len(events)

        def prepare(wave: list[_Placed]) -> _Prepared:
            return prepare_wave(wave, outcomes)

        def commit(wave: list[_Placed], prepared: _Prepared) -> None:
            if not carry_out(prepared, wave[0].event.hit.now):
                for one in wave:
                    outcomes[one.place] = outcomes[one.place] or refusal.JOURNAL_UNAVAILABLE

        def fail(one: _Placed, error: Exception) -> None:
            outcomes[one.place] = error

        hits = [event.hit for event in events]
        parts = [parts_of(hit.user_agent, hit.address.text, hit.page.domain) for hit in hits]
        devices = [device_of(one, hit.now) for one, hit in zip(parts, hits, strict=True)]
        placed = [_Placed(place, *one) for place, one in enumerate(zip(events, parts, devices, strict=True))]
        for wave in in_waves(placed):
            settle(prepare, commit, wave, fail)
        return outcomes

    return record


def _preparer(services: Services) -> Callable[[list[_Placed], list[Outcome]], _Prepared]:
    """Says what becomes of which visit, all devices being different; refusals go to their place among the outcomes.

    It changes nothing but counts of what was looked up, and devices' hashes at midnight.
    """
    find, per_device = services.sessions.find, services.sessions.per_device
    previous_device, rekey = services.identity.previous_device, services.sessions.rekey
    begin_all = _beginner(services)

    def prepare(wave: list[_Placed], outcomes: list[Outcome]) -> _Prepared:
        steps: list[_Step] = []
        lines: list[Line] = []
        fresh: list[tuple[_Placed, int | None]] = []
        for one in wave:
            event, device = one.event, one.device
            now = event.hit.now
            visits = find(device, now)
            if not visits:
                # It may go on over midnight.
                previous = previous_device(one.parts, now)
                if previous is not None:
                    visits = rekey(previous, device, now)
            old = event.choose(visits) if visits else None
            if old is None:
                fresh.append((one, device if len(visits) < per_device else None))
                continue
            session = event.continue_(old.session)
            steps.append(_Step(device, old, old.go_on(session)))
            lines.append(event.line(device, session))
        if fresh:
            for one, remembered, session in begin_all(fresh, outcomes):
                steps.append(_Step(remembered, None, begin(session)))
                lines.append(one.event.line(remembered, session))
        return steps, encode(*lines), len(lines)

    return prepare


def _beginner(
    services: Services,
) -> Callable[[list[tuple[_Placed, int | None]], list[Outcome]], list[tuple[_Placed, int | None, Session]]]:
    """Begins visits: the costly part, a new User-Agent and the country are looked up here alone."""
    read, country_of, visitor_of = services.user_agents.read, services.geo.country, services.identity.visitor
    bots, countries, noise = services.tallies.bots, services.tallies.countries, services.noise

    def begin_all(
        fresh: list[tuple[_Placed, int | None]], outcomes: list[Outcome]
    ) -> list[tuple[_Placed, int | None, Session]]:
        begun: list[tuple[_Placed, int | None, Session]] = []
        for one, remembered in fresh:
            event = one.event
            hit = event.hit
            reading = read(hit.user_agent, hit.platform, hit.model, hit.mobile)
            bots[reading.is_bot] += 1
            if reading.is_bot:
                outcomes[one.place] = refusal.BOT
                continue
            country = country_of(hit.address)
            countries[country, hit.address.version] += 1
            visitor = event.visitor or visitor_of(one.parts, one.device)
            session = event.begin(uuid7(hit.now, noise()), visitor, reading.client, country)
            begun.append((one, remembered, session))
        return begun

    return begin_all


def _carrier(services: Services) -> Callable[[_Prepared, int], bool]:
    """Writes the lines to the journal, then remembers the visits as they are in them; False: nothing of it."""
    append, put, replace = services.journal.append, services.sessions.put, services.sessions.replace

    def carry_out(prepared: _Prepared, now: int) -> bool:
        steps, lines, count = prepared
        if count and not append(lines, count):
            return False
        for device, old, new in steps:
            if device is None:
                continue
            if old is not None:
                replace(device, old, new)
            else:
                put(device, new, now)
        return True

    return carry_out
