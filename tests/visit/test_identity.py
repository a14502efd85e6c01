"""Hashes of devices and visitors: what changes them, what must not, and for how long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.visit.identity import Identity
from prisme.visit.salts import DAY, Salts
from tests.visit.test_salts import MIDNIGHT, NOON, TTL, Drawer


def identity(now: int = NOON, drawer: Drawer | None = None) -> Identity:
    return Identity(Salts(drawer or Drawer(), now, TTL))


def parts_of(who: Identity, user_agent: bytes, address: str, domain: str) -> bytes:
    (parts,) = who.parts([(user_agent, address, domain)])
    return parts


def device_of(who: Identity, parts: bytes) -> int:
    (device,) = who.device_hashes([parts])
    return device


def test_device_tells_its_parts_apart() -> None:
    who = identity()
    parts = [(b"ua", "1.2.3.4", "a.example"), (b"ua1", ".2.3.4", "a.example"), (b"u", "a1.2.3.4", "a.example")]
    parts += [(b"ua", "1.2.3.4", "b.example"), (b"ua", "1.2.3.4a", ".example"), (b"", "", "")]
    parts += [(b"ua", "1.2.3.4", "a.example:81"), (b"a.exampleua", "1.2.3.4", ""), (b"1,2", "", ""), (b"2", "1", ",")]
    hashes = [device_of(who, parts_of(who, *part)) for part in parts]
    assert len(set(hashes)) == len(parts)
    assert hashes == [device_of(who, parts_of(who, *part)) for part in parts]
    assert all(0 <= value < 2**64 for value in hashes)


triples = st.tuples(st.binary(max_size=12), st.text("0123456789.:abcdef,", max_size=12), st.text("a.e:1,", max_size=12))


@given(triples, triples)
def test_no_two_clients_look_alike(one: tuple[bytes, str, str], other: tuple[bytes, str, str]) -> None:
    who = identity()
    assert (parts_of(who, *one) == parts_of(who, *other)) is (one == other)


def test_nothing_is_the_same_under_other_keys() -> None:
    one, two = identity(), identity()
    parts = parts_of(one, b"ua", "1.2.3.4", "a.example")
    assert device_of(one, parts) != device_of(two, parts)
    assert one.visitor(parts, 1) != two.visitor(parts, 1)


def test_visitor_tells_its_parts_apart() -> None:
    who = identity()
    clients = [(b"ua", "1.2.3.4", "a.example"), (b"ub", "1.2.3.4", "a.example"), (b"ua", "1.2.3.5", "a.example")]
    clients += [(b"ua", "1.2.3.4", "b.example")]
    ids = [who.visitor(parts_of(who, *client), 1) for client in clients]
    ids.append(who.visitor(parts_of(who, *clients[0]), 2))
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("prisme_[0-9A-F]{16}", one) for one in ids)


def test_device_and_visitor_hashes_are_of_two_kinds() -> None:
    """Of the same bytes they differ: who sees a visitor id does not know a device's hash."""
    who = identity()
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    for device in (0, 1, device_of(who, parts), 2**64 - 1):
        tail = device.to_bytes(8, "little")
        assert (
            who.visitor(parts, device) != "prisme_" + device_of(who, parts + tail).to_bytes(8, "little").hex().upper()
        )


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_hashes_last_a_day(restart: bool) -> None:
    drawer = Drawer()
    who = identity(MIDNIGHT, drawer)
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    device, visitor = device_of(who, parts), who.visitor(parts, 1)
    for now, same in ((MIDNIGHT + 1, True), (NOON, True), (MIDNIGHT + DAY - 1, True), (MIDNIGHT + DAY, False)):
        if restart:
            who = identity(now, drawer)
        who.expire(now)
        assert (device_of(who, parts) == device) is same, now
        assert (who.visitor(parts, 1) == visitor) is same, now


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_yesterdays_hash_finds_what_goes_on(restart: bool) -> None:
    drawer = Drawer()
    who = identity(NOON, drawer)
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    device = device_of(who, parts)
    assert who.previous_device_hash(parts) is None
    midnight = MIDNIGHT + DAY
    for now, found in (
        (midnight, device),
        (midnight + TTL - 1, device),
        (midnight + TTL, None),
        (midnight + DAY, None),
    ):
        if restart:
            who = identity(now, drawer)
        who.expire(now)
        if now < midnight + DAY:
            assert who.previous_device_hash(parts) == found, now
            assert device_of(who, parts) != device
        else:
            assert who.previous_device_hash(parts) not in (device, None)  # of the day between


def test_a_device_of_today_is_none_of_yesterday() -> None:
    """No generated id can be linked to the day before by those who have the tables."""
    who = identity()
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    seen = {who.visitor(parts, device_of(who, parts))}
    for day in range(1, 11):
        who.expire(NOON + day * DAY)
        seen.add(who.visitor(parts, device_of(who, parts)))
    assert len(seen) == 11


@pytest.mark.parametrize("jump", [-DAY, -9 * DAY, 400 * DAY], ids=["yesterday", "days ago", "far ahead"])
def test_a_clock_that_jumps_changes_the_hashes(jump: int) -> None:
    who = identity()
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    before = device_of(who, parts)
    who.expire(NOON + jump)
    during = device_of(who, parts)
    who.expire(NOON)
    assert len({before, during, device_of(who, parts)}) == 3


def test_it_goes_on_while_the_disk_refuses() -> None:
    drawer = Drawer()
    who = identity(NOON, drawer)
    parts = parts_of(who, b"ua", "1.2.3.4", "a.example")
    before = device_of(who, parts)
    drawer.works = False
    who.expire(NOON + DAY)
    assert device_of(who, parts) != before
    assert who.previous_device_hash(parts) is None
