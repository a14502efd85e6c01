"""How many visits memory holds, what they weigh, and what it lets go of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.events import Client, Utm
from prisme.visit.sessions import PAGES, SHARDS, Sessions, begin
from tests.visit.visits import TTL, go, names, visit


def test_the_most_of_a_device_is_for_its_callers() -> None:
    assert Sessions(TTL, 3).per_device == 3


def test_capacity_forgets_the_oldest_devices() -> None:
    sessions = Sessions(TTL, 64, capacity=2 * SHARDS)
    for number in range(3):
        sessions.put(number * SHARDS, visit(str(number)), 0)
    assert [names(sessions.find(number * SHARDS, 1)) for number in range(3)] == [[], ["1"], ["2"]]
    assert sessions.counts.expired == sessions.counts.displaced == sessions.counts.devices_deleted == 1
    for device in range(100_000):
        sessions.put(device * 7919, visit(str(device)), 0)
    assert len(sessions) <= 2 * SHARDS


def test_a_device_is_forgotten_as_a_whole() -> None:
    sessions = Sessions(TTL, 64, capacity=3 * SHARDS)
    for uuid in "abc":
        sessions.put(0, visit(uuid), 0)
    sessions.put(SHARDS, visit("d"), 0)
    assert (sessions.find(0, 1), names(sessions.find(SHARDS, 1))) == ((), ["d"])
    assert (len(sessions), sessions.counts.expired, sessions.counts.displaced) == (1, 3, 3)


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


def test_a_visit_that_grows_takes_the_place_of_the_only_other_one() -> None:
    sessions = Sessions(TTL, 64, capacity=2 * SHARDS)
    for number in range(2):
        sessions.put(number * SHARDS, visit(str(number)), 0)
    one = go(sessions, SHARDS, sessions.find(SHARDS, 0)[0], LONG, 1)
    assert (sessions.find(0, 1), sessions.find(SHARDS, 1), len(sessions)) == ((), (one,), 1)


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
