"""Which visits memory holds, in which order, for how long, and what it lets go of."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.events import NO_UTM, Client, Session, Utm
from prisme.visit.sessions import LONGEST, PAGES, SHARDS, Sessions, Visit, begin

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


# ----- what a session becomes


def test_a_pageview_moves_the_exit() -> None:
    before = session(path="/a", now=5, events=2)
    after = before.view("/b", 9, 404, "w")
    assert after == msgspec.structs.replace(before, exit=9, exit_path="/b", status=404, visitor="w", pageviews=2)


def test_an_event_moves_the_exits_time_alone() -> None:
    before = session(path="/a", now=5, status=404)
    assert before.act(9) == msgspec.structs.replace(before, exit=9, events=1)


def test_the_first_pageview_of_a_visit_says_how_it_began() -> None:
    begun = session(path="/a", now=5, pageviews=0, events=2)
    utm = Utm("s", "m")
    arrived = begun.arrive("/b", 9, 404, "w", "search.example", utm)
    assert arrived == msgspec.structs.replace(
        begun,
        entry_path="/b",
        exit=9,
        exit_path="/b",
        status=404,
        visitor="w",
        referrer="search.example",
        utm=utm,
        pageviews=1,
    )
    assert arrived.entry == 5


@given(st.lists(st.sampled_from(["view", "act"]), max_size=20))
def test_each_state_has_a_number_of_its_own(steps: list[str]) -> None:
    one = session()
    for number, step in enumerate(steps, 1):
        one = one.view("/x", number, 200, "v") if step == "view" else one.act(number)
        assert one.pageviews + one.events == 1 + number


# ----- which pages a visit was on


def test_pages_are_remembered_newest_first() -> None:
    one = visit(path="/a")
    for path, earlier in (
        ("/b", ("/a",)),
        ("/b", ("/a",)),  # a reload
        ("/c", ("/b", "/a")),
        ("/a", ("/c", "/b")),  # each once
        ("/d", ("/a", "/c", "/b")),
        ("/d", ("/a", "/c", "/b")),
    ):
        one = one.go_on(one.session.view(path, 1, 200, "v"))
        assert (one.session.exit_path, one.earlier) == (path, earlier)


def test_eight_pages_are_remembered() -> None:
    one = visit(path="/0")
    for number in range(1, 12):
        one = one.go_on(one.session.view(f"/{number}", number, 200, "v"))
    pages = (one.session.exit_path, *one.earlier)
    assert pages == tuple(f"/{number}" for number in range(11, 3, -1))
    assert len(pages) == PAGES == 8


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_pages_are_the_latest_distinct_ones(visited: list[int]) -> None:
    one = visit(path=f"/{visited[0]}")
    for number in visited[1:]:
        one = one.go_on(one.session.view(f"/{number}", 1, 200, "v"))
    latest = list(dict.fromkeys(reversed(visited)))[:PAGES]
    assert (one.session.exit_path, *one.earlier) == tuple(f"/{number}" for number in latest)


def test_an_events_page_was_not_visited() -> None:
    """A visit that an event began comes to its first page with the pageview."""
    begun = visit(path="/a", pageviews=0, events=1)
    arrived = begun.go_on(begun.session.arrive("/b", 1, 200, "v", "direct", NO_UTM))
    assert (arrived.session.exit_path, arrived.earlier) == ("/b", ())


def test_events_change_no_page() -> None:
    one = visit(path="/a")
    one = one.go_on(one.session.view("/b", 1, 200, "v"))
    acted = one.go_on(one.session.act(2))
    assert (acted.session.exit_path, acted.earlier, acted.session.exit) == ("/b", ("/a",), 2)


# ----- a device's visits, in the order of their latest activity


def test_visits_are_found_by_their_device() -> None:
    sessions = Sessions(TTL, 64)
    for device in (7, 7 + SHARDS, 8, 2**64 - 1):
        sessions.put(device, visit(str(device)), 0)
    assert [names(sessions.find(device, 1)) for device in (7, 7 + SHARDS, 8, 2**64 - 1, 9, 2**64 - 1 - SHARDS)] == [
        ["7"],
        [str(7 + SHARDS)],
        ["8"],
        [str(2**64 - 1)],
        [],
        [],
    ]
    assert len(sessions) == 4


def test_the_latest_is_the_last() -> None:
    sessions = Sessions(TTL, 64)
    for number, uuid in enumerate("abc"):
        sessions.put(1, visit(uuid, now=number), number)
    assert names(sessions.find(1, 3)) == ["a", "b", "c"]
    a, b, c = sessions.find(1, 3)
    b = go(sessions, 1, b, "/x", 4)
    assert names(sessions.find(1, 4)) == ["a", "c", "b"]
    sessions.put(1, visit("d", now=5), 5)
    a = go(sessions, 1, a, "/y", 6)
    assert names(sessions.find(1, 6)) == ["c", "b", "d", "a"]
    assert sessions.find(1, 6)[1:2] == (b,)
    c = go(sessions, 1, c, "/z", 7)
    acted = c.go_on(c.session.act(8))
    sessions.replace(1, c, acted)
    assert sessions.find(1, 8)[-1] is acted
    assert len(sessions) == 4


@given(st.lists(st.integers(0, 5), max_size=30))
def test_order_is_that_of_activity(active: list[int]) -> None:
    sessions = Sessions(TTL, 64)
    expected: list[str] = []
    for now, number in enumerate(active):
        uuid = str(number)
        found = {one.session.uuid: one for one in sessions.find(1, now)}
        if uuid in found:
            go(sessions, 1, found[uuid], f"/{now}", now)
            expected.remove(uuid)
        else:
            sessions.put(1, visit(uuid, now=now), now)
        expected.append(uuid)
        assert names(sessions.find(1, now)) == expected
        assert len(sessions) == len(expected)


def test_what_is_not_there_is_not_replaced() -> None:
    sessions = Sessions(TTL, 64)
    there, gone = visit("a"), visit("b")
    sessions.put(1, there, 0)
    sessions.replace(1, gone, visit("c"))
    sessions.replace(2, gone, visit("c"))
    assert sessions.find(1, 0) == (there,)
    sessions.put(1, gone, 0)
    sessions.replace(1, visit("a"), visit("c"))  # equal, but not the same
    assert sessions.find(1, 0) == (there, gone)
    assert len(sessions) == 2


# ----- how long


@pytest.mark.parametrize("others", [0, 2])
def test_a_visit_is_open_until_it_was_quiet_for_the_ttl(others: int) -> None:
    sessions = Sessions(TTL, 64)
    for number in range(others):
        sessions.put(1, visit(f"other-{number}", now=10 * TTL), 0)
    one = visit("a", now=0)
    sessions.put(1, one, 0)
    assert "a" in names(sessions.find(1, TTL - 1))
    assert "a" not in names(sessions.find(1, TTL))
    one = go(sessions, 1, one, "/b", TTL - 1)
    assert "a" in names(sessions.find(1, 2 * TTL - 2))
    assert "a" not in names(sessions.find(1, 2 * TTL - 1))
    acted = one.go_on(one.session.act(2 * TTL - 2))
    sessions.replace(1, one, acted)
    assert "a" in names(sessions.find(1, 3 * TTL - 3))
    assert "a" not in names(sessions.find(1, 3 * TTL - 2))
    assert len(sessions.find(1, 3 * TTL - 2)) == others


@pytest.mark.parametrize("others", [0, 1])
def test_a_visit_is_open_for_24_hours_at_most(others: int) -> None:
    assert LONGEST == 24 * 3600 * 1_000_000
    sessions = Sessions(LONGEST, 64)
    for number in range(others):
        sessions.put(1, visit(f"other-{number}", now=LONGEST), 0)
    one = visit("a", now=0)
    sessions.put(1, one, 0)
    go(sessions, 1, one, "/b", LONGEST - 1)
    assert names(sessions.find(1, LONGEST - 1))[-1] == "a"
    assert "a" not in names(sessions.find(1, LONGEST))
    assert len(sessions.find(1, LONGEST)) == others


def test_a_clock_set_back_ends_no_visit() -> None:
    sessions = Sessions(TTL, 64)
    sessions.put(1, visit("a", now=5 * TTL), 5 * TTL)
    assert names(sessions.find(1, TTL)) == ["a"]


def test_visits_that_are_over_make_room_for_the_next() -> None:
    sessions = Sessions(TTL, 64)
    sessions.put(1, visit("a", now=0), 0)
    sessions.put(1, visit("b", now=TTL), TTL)
    assert names(sessions.find(1, TTL)) == ["b"]
    assert len(sessions) == 1
    assert (sessions.counts.inserted, sessions.counts.expired) == (2, 1)
    assert (sessions.counts.devices_inserted, sessions.counts.devices_deleted) == (1, 0)


def test_sweep_drops_what_is_over() -> None:
    sessions = Sessions(TTL, 64)
    for device in range(1000):
        sessions.put(device, visit(str(device), now=device % 2 * TTL), 0)
        sessions.put(device, visit(f"{device}+", now=device % 4 * TTL, pageviews=3), 0)
    for _ in range(SHARDS):
        sessions.sweep(TTL)
    counts = sessions.counts
    assert [names(sessions.find(device, TTL)) for device in range(4)] == [[], ["1", "1+"], ["2+"], ["3", "3+"]]
    assert (len(sessions), counts.inserted, counts.expired) == (1250, 2000, 750)
    assert (counts.devices_inserted, counts.devices_deleted, counts.cycles) == (1000, 250, SHARDS)
    assert (sum(counts.pageviews.counts), counts.pageviews.sum) == (750, 500 * 1 + 250 * 3)


# ----- how many


def test_the_most_of_a_device_is_for_its_callers() -> None:
    assert Sessions(TTL, 3).per_device == 3


def test_capacity_forgets_the_oldest_devices() -> None:
    sessions = Sessions(TTL, 64, capacity=2 * SHARDS)
    for number in range(3):
        sessions.put(number * SHARDS, visit(str(number)), 0)
    assert [names(sessions.find(number * SHARDS, 1)) for number in range(3)] == [[], ["1"], ["2"]]
    assert sessions.counts.expired == sessions.counts.devices_deleted == 1
    for device in range(100_000):
        sessions.put(device * 7919, visit(str(device)), 0)
    assert len(sessions) <= 2 * SHARDS


def test_a_device_is_forgotten_as_a_whole() -> None:
    sessions = Sessions(TTL, 64, capacity=3 * SHARDS)
    for uuid in "abc":
        sessions.put(0, visit(uuid), 0)
    sessions.put(SHARDS, visit("d"), 0)
    assert (sessions.find(0, 1), names(sessions.find(SHARDS, 1))) == ((), ["d"])
    assert (len(sessions), sessions.counts.expired) == (1, 3)


LONG = "/" + "x" * 10_000


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"entry_path": LONG}, id="entry path"),
        pytest.param({"exit_path": LONG}, id="exit path"),
        pytest.param({"referrer": LONG}, id="referrer"),
        pytest.param({"domain": LONG}, id="domain"),
        pytest.param({"visitor": LONG}, id="visitor"),
        pytest.param({"client": Client("Linux", "Firefox", LONG, "desktop")}, id="device"),
        *(pytest.param({"utm": Utm(**{name: LONG})}, id=name) for name in Utm.__struct_fields__),
    ],
)
def test_long_texts_weigh_as_much_as_the_memory_they_take(more: dict[str, Any]) -> None:
    assert visit().weight == 1
    assert 70 <= visit(**more).weight <= 90  # 128 bytes each
    sessions = Sessions(TTL, 64, capacity=100 * SHARDS)
    for number in range(10):
        sessions.put(number * SHARDS, visit(str(number), **more), 0)
    assert len(sessions) == 1


def test_a_visit_that_grows_takes_the_place_of_others() -> None:
    sessions = Sessions(TTL, 64, capacity=100 * SHARDS)
    for number in range(90):
        sessions.put(number * SHARDS, visit(str(number)), 0)
    one = sessions.find(89 * SHARDS, 0)[0]
    one = go(sessions, 89 * SHARDS, one, LONG, 1)
    assert one.weight > 70
    assert sessions.find(89 * SHARDS, 1) == (one,)
    assert not sessions.find(0, 1)
    assert 100 - one.weight <= len(sessions) <= 101 - one.weight
    # It stays as heavy while the page is remembered.
    for number in range(PAGES - 1):
        one = go(sessions, 89 * SHARDS, one, f"/{number}", 1)
        assert one.weight > 70, number
    one = go(sessions, 89 * SHARDS, one, "/last", 1)
    assert one.weight == 1


def test_a_visit_that_is_too_heavy_is_alone() -> None:
    sessions = Sessions(TTL, 64, capacity=2 * SHARDS)
    sessions.put(0, visit("a"), 0)
    sessions.put(SHARDS, visit("b", exit_path=LONG), 0)
    assert (names(sessions.find(0, 1)), names(sessions.find(SHARDS, 1))) == ([], ["b"])
    sessions.put(0, visit("c"), 0)
    assert (names(sessions.find(0, 1)), names(sessions.find(SHARDS, 1))) == (["c"], [])
    assert len(sessions) == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["put", "go", "act", "rekey", "sweep", "wait"]),
            st.sampled_from(["/", "/a", LONG[:200], LONG[:2000]]),
        ),
        max_size=60,
    )
)
def test_what_is_counted_is_what_is_there(steps: list[tuple[int, str, str]]) -> None:
    sessions, now = Sessions(TTL, 64, capacity=12 * SHARDS), 0
    for number, (device, step, path) in enumerate(steps):
        key = device * SHARDS
        visits = sessions.find(key, now)
        if step == "put":
            sessions.put(key, visit(str(number), path, now), now)
        elif step == "go" and visits:
            go(sessions, key, visits[number % len(visits)], path, now)
        elif step == "act" and visits:
            one = visits[number % len(visits)]
            sessions.replace(key, one, one.go_on(one.session.act(now)))
        elif step == "rekey" and not sessions.find(key + SHARDS, now):
            sessions.rekey(key, key + SHARDS, now)
        elif step == "wait":
            now += TTL // 3
        else:
            sessions.sweep(now)
        counts = sessions.counts
        assert len(sessions) == counts.inserted - counts.expired
        for index, shard in enumerate(sessions._shards):
            held = [one for some in shard.values() for one in (some if isinstance(some, tuple) else (some,))]
            assert sessions._weights[index] == sum(one.weight for one in held)
            assert all(one.weight == begin(one.session, one.earlier).weight for one in held)
    for _ in range(SHARDS):
        sessions.sweep(now)
    there = [one for device in range(5) for one in sessions.find(device * SHARDS, now)]
    assert len(sessions) == len(there)
    weight = sum(one.weight for one in there)
    assert weight <= 12 or len({one for one in range(5) if sessions.find(one * SHARDS, now)}) == 1
    assert sessions.counts.devices_inserted - sessions.counts.devices_deleted == sum(
        bool(sessions.find(device * SHARDS, now)) for device in range(5)
    )


# ----- over midnight


def test_rekey_gives_a_devices_open_visits_another_key() -> None:
    sessions = Sessions(TTL, 64)
    for number, uuid in enumerate("abc"):
        sessions.put(1, visit(uuid, now=number * TTL // 2), 0)
    there = sessions.find(1, TTL)
    assert names(there) == ["b", "c"]  # "a" is over
    assert sessions.rekey(1, 2, TTL) == there
    assert (sessions.find(1, TTL), sessions.find(2, TTL)) == ((), there)
    assert len(sessions) == 2
    counts = sessions.counts
    assert (counts.inserted, counts.expired) == (3, 1)
    assert (counts.devices_inserted, counts.devices_deleted) == (2, 1)
    sessions.put(2, visit("d", now=TTL), TTL)
    assert names(sessions.find(2, TTL)) == ["b", "c", "d"]


@pytest.mark.parametrize("there", [False, True], ids=["unknown", "over"])
def test_there_may_be_nothing_to_rekey(there: bool) -> None:
    sessions = Sessions(TTL, 64)
    if there:
        sessions.put(1, visit("a"), 0)
    assert sessions.rekey(1, 2, TTL) == ()
    assert sessions.find(2, TTL) == ()
    assert sessions.counts.devices_inserted == there
