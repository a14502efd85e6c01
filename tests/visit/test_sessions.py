"""Which visits memory holds, in which order and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.visit.sessions import LONGEST, SHARDS, Sessions
from tests.visit.visits import TTL, go, names, visit

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


def test_of_several_visits_only_the_open_ones_are_found() -> None:
    """Long after the end of one, and of all."""
    sessions = Sessions(TTL, 64)
    for now in (0, 1, TTL):
        sessions.put(1, visit(str(now), now=now), now)
    assert names(sessions.find(1, TTL + 2)) == [str(TTL)]
    assert sessions.find(1, 5 * TTL) == ()


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


def test_rekeyed_visits_are_among_those_of_the_new_key_by_their_last_activity() -> None:
    sessions = Sessions(TTL, 64)
    sessions.put(1, visit("old", now=10), 10)
    sessions.put(2, visit("new", now=20), 20)
    assert names(sessions.rekey(1, 2, 30)) == ["old", "new"]
    assert names(sessions.find(2, 30)) == ["old", "new"]


def test_so_many_sweeps_as_shards_reach_every_device() -> None:
    sessions = Sessions(TTL, 64)
    for device in range(SHARDS):
        sessions.put(device, visit(str(device)), 0)
    for _ in range(SHARDS):
        sessions.sweep(TTL)
    assert len(sessions) == 0
