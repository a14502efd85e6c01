"""The open visits of an earlier run, put back into memory at the start."""

from collections.abc import Iterable

from prisme.base.events import Session
from prisme.visit.sessions import LONGEST, Sessions, Visit, begin

# A device, a visit's state, and the paths of the pages before its current one, the newest first.
Stored = tuple[int, Session, tuple[str, ...]]


def restore(
    sessions: Sessions, stored: Iterable[Stored], later: Iterable[tuple[int, Session]], ttl: int, now: int
) -> None:
    """Put visits that are still open into `sessions`, as they were stored, or in a newer state of `later`.

    `ttl` and `now` in microseconds: a visit is over `ttl` after its last event.
    """
    visits: dict[str, tuple[int, Visit]] = {
        session.uuid: (device_hash, begin(session, earlier)) for device_hash, session, earlier in stored
    }
    for device_hash, session in later:
        _, before = visits.get(session.uuid, (device_hash, None))
        if before is None:
            visits[session.uuid] = device_hash, begin(session)
        elif _count_events(before.session) < _count_events(session):
            visits[session.uuid] = device_hash, before.go_on(session)
    for device_hash, visit in sorted(visits.values(), key=lambda one: one[1].session.exit):
        if visit.session.exit > now - ttl and visit.session.entry > now - LONGEST:
            sessions.put(device_hash, visit, now)


def _count_events(session: Session) -> int:
    """It grows with each state of a visit."""
    return session.pageviews + session.events
