"""What memory keeps of sessions, and what it lets go."""

from prisme.base.events import NO_UTM, Client, Session
from prisme.visit.sessions import SHARDS, Sessions

CLIENT = Client("Linux", "Firefox", "Other")
TTL = 1000


def session(uuid: str, path: str = "/", active: int = 0) -> Session:
    return Session(uuid, "a.example", active, path, active, path, 200, "v", CLIENT, "XX", "direct", NO_UTM, 1, active)


def test_finds_the_least_recently_active_of_those_at_the_path() -> None:
    sessions = Sessions(TTL, 64)
    for one in (session("new", active=5), session("old", active=3), session("other", "/x", active=1)):
        sessions.put(7, one)
    found = sessions.at(7, "/", 10)
    assert found is not None
    assert found.uuid == "old"
    assert sessions.at(7, "/nowhere", 10) is None
    assert sessions.at(8, "/", 10) is None


def test_replaces_one_state_by_another() -> None:
    sessions = Sessions(TTL, 64)
    first, second = session("a"), session("b", "/b")
    sessions.put(1, first)
    sessions.put(1, second)
    turned = first.turn("/c", 9, 404, "w")
    sessions.replace(1, first, turned)
    assert sessions.at(1, "/", 9) is None
    assert sessions.at(1, "/c", 9) is turned
    assert sessions.at(1, "/b", 9) is second
    assert len(sessions) == 2
    assert (turned.pageviews, turned.exit, turned.status, turned.visitor, turned.entry_path) == (2, 9, 404, "w", "/")


def test_expired_sessions_are_not_found_and_make_room() -> None:
    sessions = Sessions(TTL, 1)
    sessions.put(1, session("a", active=0))
    assert sessions.at(1, "/", TTL - 1) is not None
    assert not sessions.has_room(1, TTL - 1)
    assert sessions.at(1, "/", TTL) is None
    assert sessions.has_room(1, TTL)
    assert sessions.put(1, session("b", active=TTL)) == ()
    assert len(sessions) == 1


def test_sweep_drops_what_has_expired() -> None:
    sessions = Sessions(TTL, 64)
    for device in range(1000):
        sessions.put(device, session(str(device), active=device % 2 * TTL))
    for _ in range(SHARDS):
        sessions.sweep(TTL)
    assert len(sessions) == 500
    assert sessions.at(1, "/", TTL) is not None


def test_capacity_forgets_the_oldest_and_says_which() -> None:
    sessions = Sessions(TTL, 64, capacity=2 * SHARDS)
    kept = [session(str(number), active=number) for number in range(3)]
    assert [sessions.put(number * SHARDS, one) for number, one in enumerate(kept)] == [(), (), (kept[0],)]
    for device in range(100_000):
        sessions.put(device * 7919, session(str(device)))
    assert len(sessions) <= 2 * SHARDS
