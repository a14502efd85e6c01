"""Visits that are open in the database: how they come back, and when they are forgotten."""

import pytest

from prisme.journal.record import CustomLine, PageviewLine
from prisme.store.loader import Loaded
from prisme.store.open_sessions import OpenSession
from tests.store.segments import MOST_OPEN, NOW, Store, begun, session


def test_open_sessions_come_back_as_they_were(store: Store) -> None:
    one, two, three = session(1), session(2), begun(3)
    turned = one.view("/next", NOW + 9, 404, "w").act(NOW + 10)
    store.load(1, PageviewLine(2**64 - 1, one), PageviewLine(5, two), CustomLine(6, three, "/x", "name", "{}"))
    store.load(2, PageviewLine(2**64 - 1, one.view("/next", NOW + 9, 404, "w")))
    store.load(3, CustomLine(2**64 - 1, turned, "/", "name", "{}"))
    assert store.open() == [(5, two), (6, three), (2**64 - 1, turned)]
    assert store.open(at_most=1) == [(2**64 - 1, turned)]
    assert store.open(active=NOW + 9) == [(2**64 - 1, turned)]
    assert store.open(active=NOW + 10) == []
    assert store.open(entry=NOW + 1) == [(5, two), (6, three)]
    assert store.rows("SELECT count(*) FROM sessions") == [(3,)]


def test_open_sessions_remember_their_latest_pages(store: Store) -> None:
    paths = ["/0", "/1", "/0", *(f"/{number}" for number in range(2, 11)), "/5"]
    states = [session(1, paths[0])]
    for number, path in enumerate(paths[1:], 1):
        states.append(states[-1].view(path, NOW + 1 + number, 200, "v"))
    store.load(1, *(PageviewLine(7, state) for state in states[:4]))
    store.load(2, *(PageviewLine(7, state) for state in states[4:]), PageviewLine(8, session(50)))
    one, other = store.loader.open_sessions(0, 0, 10, 8)
    assert one == OpenSession(7, states[-1], ("/10", "/9", "/8", "/7", "/6", "/4", "/3"))
    assert other == OpenSession(8, session(50), ())


def test_open_sessions_come_back_in_slices_and_share_what_they_have_in_common(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.store.open_sessions._SLICE", 2)
    store.load(1, *(PageviewLine(number, session(number)) for number in range(1, 6)))
    found = list(store.loader.open_sessions(0, 0, 10, 8))
    assert [(one.device_hash, one.session) for one in found] == [(number, session(number)) for number in range(1, 6)]
    for one in found[1:]:
        first, other = found[0].session, one.session
        assert other.client is first.client
        assert other.utm is first.utm
        assert other.domain is first.domain
    assert len(list(store.loader.open_sessions(0, 0, 4, 8))) == 4


def test_a_visit_that_is_not_remembered_is_not_open(store: Store) -> None:
    store.load(1, PageviewLine(1, session(1)), PageviewLine(None, session(2)), PageviewLine(3, session(3)))
    assert store.open() == [(1, session(1)), (3, session(3))]
    assert store.rows("SELECT count(*) FROM sessions") == [(3,)]


def test_devices_are_forgotten_when_their_visits_are_over(store: Store) -> None:
    long = session(2).view("/", NOW + 90, 200, "v")
    store.load(1, PageviewLine(1, session(1)), PageviewLine(2, session(2)), PageviewLine(3, session(3)))
    store.load(2, PageviewLine(2, long))
    store.loader.expire(NOW + 1, 0)
    assert store.open() == [(3, session(3)), (2, long)]
    store.loader.expire(NOW + 3, 0)
    assert store.open() == [(2, long)]
    store.loader.expire(NOW + 3, NOW + 2)  # it has lasted as long as a visit may
    assert store.rows("SELECT count(*) FROM state.open_sessions") == [(0,)]


def test_a_device_that_is_hashed_anew_at_midnight(store: Store) -> None:
    one = session(1)
    turned = one.view("/next", NOW + 9, 200, "v")
    late = store.segment(2, PageviewLine(5, one))
    store.load(3, PageviewLine(6, turned))
    store.loader.load(late, NOW)
    assert store.open() == [(6, turned)]
    store.load(4, PageviewLine(7, turned.view("/", NOW + 10, 200, "v")))
    assert [device for device, _ in store.open()] == [7]


def test_as_many_sessions_stay_open_as_memory_has_room_for(store: Store) -> None:
    sessions = [session(number) for number in range(1, MOST_OPEN + 6)]
    room = MOST_OPEN + MOST_OPEN // 8
    store.load(1, *(PageviewLine(number, one) for number, one in enumerate(sessions[:room], 1)))
    assert store.rows("SELECT count(*) FROM state.open_sessions") == [(room,)]
    again = sessions[0].view("/next", NOW + 90, 200, "v")
    store.load(2, PageviewLine(room + 1, sessions[room]), PageviewLine(1, again))
    ((kept,),) = store.rows("SELECT count(*) FROM state.open_sessions")
    assert kept in (MOST_OPEN, MOST_OPEN + 1)
    taken_back = store.open(at_most=MOST_OPEN)
    assert taken_back == [*((number + 1, sessions[number]) for number in range(6, room + 1)), (1, again)]
    assert store.rows("SELECT count(*) FROM sessions") == [(room + 1,)]

    # One that was forgotten here, and not in memory: its row goes on, and it is open again.
    turned = sessions[1].view("/next", NOW + 91, 200, "v")
    store.load(3, PageviewLine(2, turned))
    assert store.open(at_most=MOST_OPEN)[-1] == (2, turned)
    assert store.rows("SELECT count(*), sum(pageviews) FROM sessions") == [(room + 1, room + 3)]


@pytest.mark.parametrize("how", ["over", "too many"])
def test_devices_of_sessions_that_ended_leave_the_log(store: Store, how: str) -> None:
    """Also if nothing more ends before the log is emptied."""
    log = store.folder.parent / "prisme.duckdb.wal"
    store.loader.tidy()
    store.load(1, *(PageviewLine(number, session(number)) for number in range(1, MOST_OPEN)))
    store.loader.tidy()
    assert log.stat().st_size > 0  # no session ended
    if how == "over":
        store.loader.expire(NOW + 1, 0)
    else:
        store.load(2, *(PageviewLine(number, session(number)) for number in range(MOST_OPEN, 2 * MOST_OPEN)))
    store.loader.expire(0, 0)
    store.loader.tidy()
    assert not log.exists() or not log.stat().st_size


def test_late_segment_does_not_turn_back_a_session(store: Store) -> None:
    first = session(1)
    second = first.view("/b", NOW + 5, 200, "v")
    third = second.view("/c", NOW + 6, 404, "v")
    late = store.segment(1, PageviewLine(1, first), PageviewLine(1, second))
    store.load(2, PageviewLine(1, third))
    assert store.loader.load(late, NOW) == Loaded({"pageview": 2})
    assert store.rows("SELECT pageviews, exit_path, exit_status FROM sessions") == [(3, "/c", 404)]
    assert store.rows("SELECT path FROM pageviews ORDER BY path") == [("/",), ("/b",), ("/c",)]
    assert store.open() == [(1, third)]
