"""Visits for the tests of what memory holds."""

from typing import Any

import msgspec

from prisme.base.events import NO_UTM, Client, Session
from prisme.visit.sessions import Sessions, Visit, begin

CLIENT = Client("Linux", "Firefox", "Other", "desktop")
TTL = 1000


def session(uuid: str = "a", path: str = "/", now: int = 0, **more: Any) -> Session:
    one = Session(uuid, "a.example", now, path, now, path, 200, "v", CLIENT, "XX", "direct", NO_UTM, 1, 0)
    return msgspec.structs.replace(one, **more)


def visit(uuid: str = "a", path: str = "/", now: int = 0, **more: Any) -> Visit:
    return begin(session(uuid, path, now, **more))


def names(visits: tuple[Visit, ...]) -> list[str]:
    return [one.session.uuid for one in visits]


def go(sessions: Sessions, device: int, old: Visit, path: str, now: int) -> Visit:
    """One more pageview of a visit, as the rules have it."""
    new = old.go_on(old.session.view(path, now, 200, old.session.visitor))
    sessions.replace(device, old, new)
    return new
