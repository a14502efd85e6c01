"""What pageviews mean: which session each continues, copies or begins.

They are recorded together, one stage after the other and not one pageview after the other: a processor that does the
same thing many times takes half as long for it (`bench/README.md`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from prisme.base import refusal
from prisme.base.events import DIRECT, NO_UTM, Client, Session
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri, parse_all
from prisme.base.uuids import uuid7
from prisme.ingest.campaign import read_utm
from prisme.ingest.hit import Hit
from prisme.ingest.services import Services
from prisme.ingest.together import in_waves, settle
from prisme.journal.record import CopyLine, ForgetLine, PageviewLine, SessionName, encode

# An exception is of this pageview alone, and nothing of it was recorded.
Outcome = Refusal | Exception | None
Record = Callable[[Sequence[Hit]], list[Outcome]]
DEFAULT_STATUS = 200
_VISITOR_BYTES = 256


class _View(msgspec.Struct, frozen=True, gc=False):
    """A pageview that can be recorded, at `place` among those that came together."""

    place: int
    hit: Hit
    status: int
    visitor: str
    referrer: Uri | None
    parts: bytes
    device: int


class Plan(NamedTuple):
    """What is to be written, and for each line the session that it goes on with; None where its session is new."""

    lines: list[PageviewLine | CopyLine]
    olds: list[Session | None]


def pageviews(services: Services) -> Record:
    """The function that records pageviews, or says why not of each, in their order. It never raises."""
    read, plan, carry_out = _reader(services), _planner(services), _carrier(services)

    def record(hits: Sequence[Hit]) -> list[Outcome]:
        outcomes: list[Outcome] = [None] * len(hits)

        def prepare(views: list[_View]) -> tuple[Plan, bytes]:
            planned = plan(views, outcomes)
            return planned, encode(*planned.lines)

        def commit(views: list[_View], prepared: tuple[Plan, bytes]) -> None:
            planned, lines = prepared
            if planned.lines and not carry_out(planned, lines):
                for view in views:
                    outcomes[view.place] = outcomes[view.place] or refusal.JOURNAL_UNAVAILABLE

        def fail(view: _View, error: Exception) -> None:
            outcomes[view.place] = error

        for wave in in_waves(read(hits, outcomes)):
            settle(prepare, commit, wave, fail)
        return outcomes

    return record


def _reader(services: Services) -> Callable[[Sequence[Hit], list[Outcome]], list[_View]]:
    """Reads the fields, and who it is; refusals go to their place among the outcomes."""
    parts_of, device_of = services.identity.parts, services.identity.device

    def read_fields(hit: Hit, referrer: Uri | None) -> tuple[int, str] | Refusal:
        status = read_status(hit.status) if hit.status else DEFAULT_STATUS
        visitor = read_visitor(hit.visitor_id) if hit.visitor_id else ""
        if isinstance(status, Refusal):
            return status
        if isinstance(visitor, Refusal):
            return visitor
        return refusal.REFERRER_INVALID if referrer is None and hit.document_referrer else (status, visitor)

    def read(hits: Sequence[Hit], outcomes: list[Outcome]) -> list[_View]:
        referrers = parse_all([hit.document_referrer for hit in hits])
        parts = [parts_of(hit.user_agent, hit.address.text, hit.page.domain) for hit in hits]
        devices = [device_of(one) for one in parts]
        views: list[_View] = []
        for place, (hit, referrer, part, device) in enumerate(zip(hits, referrers, parts, devices, strict=True)):
            fields = read_fields(hit, referrer)
            if isinstance(fields, Refusal):
                outcomes[place] = fields
            else:
                views.append(_View(place, hit, *fields, referrer, part, device))
        return views

    return read


def _planner(services: Services) -> Callable[[list[_View], list[Outcome]], Plan]:
    """Says what becomes of which session; changes nothing but counts of what was looked up."""
    at, has_room, noise = services.sessions.at, services.sessions.has_room, services.noise
    begin = _beginner(services)

    def plan(views: list[_View], outcomes: list[Outcome]) -> Plan:
        lines: list[PageviewLine | CopyLine] = []
        olds: list[Session | None] = []
        fresh: list[_View] = []
        for view in views:
            device, referrer, page, now = view.device, view.referrer, view.hit.page, view.hit.now
            internal = referrer is not None and referrer.domain == page.domain
            session = at(device, referrer.path, now) if referrer is not None and internal else None
            if session is not None:
                turned = session.turn(page.path, now, view.status, view.visitor or session.visitor)
                lines.append(PageviewLine(device, turned))
                olds.append(session)
                continue
            session = at(device, page.path, now)
            if session is None:
                fresh.append(view)
            elif has_room(device, now):
                # A reload or a second tab. Nothing is stored until its next pageview.
                fork = session.fork(uuid7(now, noise()), page.path, now, 0 if internal else session.pageviews)
                lines.append(CopyLine(device, fork))
                olds.append(None)
        if fresh:
            lines += begin(fresh, outcomes)
            olds += [None] * (len(lines) - len(olds))
        return Plan(lines, olds)

    return plan


def _beginner(services: Services) -> Callable[[list[_View], list[Outcome]], list[PageviewLine]]:
    """Begins sessions: the costly part, a new User-Agent and the country are looked up here alone."""
    read, country_of, visitor_of = services.user_agents.read, services.geo.country, services.identity.visitor
    bots, countries, noise = services.tallies.bots, services.tallies.countries, services.noise
    has_room = services.sessions.has_room

    def admit(views: list[_View], outcomes: list[Outcome]) -> list[tuple[_View, Client]]:
        admitted: list[tuple[_View, Client]] = []
        for view in views:
            reading = read(view.hit.user_agent, view.hit.platform, view.hit.model)
            bots[reading.is_bot] += 1
            if reading.is_bot:
                outcomes[view.place] = refusal.BOT
            else:
                admitted.append((view, reading.client))
        return admitted

    def begin(views: list[_View], outcomes: list[Outcome]) -> list[PageviewLine]:
        admitted = admit(views, outcomes)
        places = [country_of(view.hit.address) for view, _ in admitted]
        visitors = [view.visitor or visitor_of(view.parts, view.device, view.hit.now) for view, _ in admitted]
        ids = [uuid7(view.hit.now, noise()) for view, _ in admitted]
        lines: list[PageviewLine] = []
        for (view, client), country, visitor, uuid in zip(admitted, places, visitors, ids, strict=True):
            countries[country, view.hit.address.version] += 1
            page, now = view.hit.page, view.hit.now
            session = Session(
                uuid,
                page.domain,
                now,
                page.path,
                now,
                page.path,
                view.status,
                visitor,
                client,
                country,
                DIRECT if view.referrer is None else view.referrer.domain,
                read_utm(page.query) if page.query else NO_UTM,
                1,
                now,
            )
            lines.append(PageviewLine(view.device if has_room(view.device, now) else None, session))
        return lines

    return begin


def _carrier(services: Services) -> Callable[[Plan, bytes], bool]:
    """Writes the lines to the journal, then remembers the sessions as they are in them; False: nothing of it."""
    append, put, replace = services.journal.append, services.sessions.put, services.sessions.replace
    waiting, wake = services.waiters.waiting, services.waiters.wake

    def carry_out(plan: Plan, lines: bytes) -> bool:
        if not append(lines, len(plan.lines)):
            return False
        forgotten: tuple[Session, ...] = ()
        for line, old in zip(plan.lines, plan.olds, strict=True):
            if line.device is None:
                continue
            if old is not None:
                replace(line.device, old, line.session)
            else:
                forgotten += put(line.device, line.session)
        if waiting:
            for line in plan.lines:
                if line.device is not None:
                    wake(line.device)
        if forgotten:
            append(encode(*(ForgetLine(SessionName(old.uuid)) for old in forgotten)), len(forgotten))
        return True

    return carry_out


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
