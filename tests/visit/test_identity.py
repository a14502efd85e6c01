"""Hashes of devices and visitors: what changes them, what must not, and for how long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.visit.identity import _MOST_KNOWN, Client, Identity, join_parts
from prisme.visit.salts import DAY, Salts
from tests.visit.test_salts import MIDNIGHT, NOON, TTL, Drawer


def identity(now: int = NOON, drawer: Drawer | None = None) -> Identity:
    return Identity(Salts(drawer or Drawer(), now, TTL))


CLIENT: Client = (b"ua", "1.2.3.4", "a.example")


def device_of(who: Identity, client: Client) -> int:
    """The device's hash, which stays the same when it is asked for again."""
    (device,) = who.device_hashes([client])
    assert who.device_hashes([client, client]) == [device, device]
    return device


def test_device_tells_its_parts_apart() -> None:
    who = identity()
    clients: list[Client] = [CLIENT, (b"ua1", ".2.3.4", "a.example"), (b"u", "a1.2.3.4", "a.example")]
    clients += [(b"ua", "1.2.3.4", "b.example"), (b"ua", "1.2.3.4a", ".example"), (b"", "", "")]
    clients += [(b"ua", "1.2.3.4", "a.example:81"), (b"a.exampleua", "1.2.3.4", ""), (b"1,2", "", ""), (b"2", "1", ",")]
    hashes = [device_of(who, client) for client in clients]
    assert len(set(hashes)) == len(clients)
    assert hashes == [device_of(who, client) for client in clients]
    assert all(0 <= value < 2**64 for value in hashes)


triples = st.tuples(st.binary(max_size=12), st.text("0123456789.:abcdef,", max_size=12), st.text("a.e:1,", max_size=12))


@given(triples, triples)
def test_no_two_clients_look_alike(one: tuple[bytes, str, str], other: tuple[bytes, str, str]) -> None:
    assert (join_parts(one) == join_parts(other)) is (one == other)


def test_nothing_is_the_same_under_other_keys() -> None:
    one, two = identity(), identity()
    assert device_of(one, CLIENT) != device_of(two, CLIENT)
    assert one.visitor(CLIENT, 1) != two.visitor(CLIENT, 1)


def test_visitor_tells_its_parts_apart() -> None:
    who = identity()
    clients = [CLIENT, (b"ub", "1.2.3.4", "a.example"), (b"ua", "1.2.3.5", "a.example")]
    clients += [(b"ua", "1.2.3.4", "b.example")]
    ids = [who.visitor(client, 1) for client in clients]
    ids.append(who.visitor(CLIENT, 2))
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("prisme_[0-9A-F]{16}", one) for one in ids)


def test_device_and_visitor_hashes_are_of_two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same bytes they differ: who sees a visitor id does not know a device's hash."""
    drawer = Drawer()
    for device in (0, 1, device_of(identity(drawer=drawer), CLIENT), 2**64 - 1):
        tail = device.to_bytes(8, "little")
        visitor = identity(drawer=drawer).visitor(CLIENT, device)
        with monkeypatch.context() as patch:
            same_bytes = join_parts(CLIENT) + tail
            patch.setattr("prisme.visit.identity.join_parts", lambda _, same_bytes=same_bytes: same_bytes)
            hashed = device_of(identity(drawer=drawer), CLIENT)
        assert visitor != "prisme_" + hashed.to_bytes(8, "little").hex().upper()


def test_more_devices_than_are_known_have_their_hashes() -> None:
    who = identity()
    clients = [(b"ua", f"10.0.{number >> 8}.{number & 255}", "a.example") for number in range(20_000)]
    hashes = who.device_hashes(clients)
    assert len(set(hashes)) == len(clients)
    assert who.device_hashes(clients) == hashes
    assert len(who._known) <= _MOST_KNOWN


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_hashes_last_a_day(restart: bool) -> None:
    drawer = Drawer()
    who = identity(MIDNIGHT, drawer)
    device, visitor = device_of(who, CLIENT), who.visitor(CLIENT, 1)
    for now, same in ((MIDNIGHT + 1, True), (NOON, True), (MIDNIGHT + DAY - 1, True), (MIDNIGHT + DAY, False)):
        if restart:
            who = identity(now, drawer)
        who.expire(now)
        assert (device_of(who, CLIENT) == device) is same, now
        assert (who.visitor(CLIENT, 1) == visitor) is same, now


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_yesterdays_hash_finds_what_goes_on(restart: bool) -> None:
    drawer = Drawer()
    who = identity(NOON, drawer)
    device = device_of(who, CLIENT)
    assert who.previous_device_hash(CLIENT) is None
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
            assert who.previous_device_hash(CLIENT) == found, now
            assert device_of(who, CLIENT) != device
        else:
            assert who.previous_device_hash(CLIENT) not in (device, None)  # of the day between


def test_a_device_of_today_is_none_of_yesterday() -> None:
    """No generated id can be linked to the day before by those who have the tables."""
    who = identity()
    seen = {who.visitor(CLIENT, device_of(who, CLIENT))}
    for day in range(1, 11):
        who.expire(NOON + day * DAY)
        seen.add(who.visitor(CLIENT, device_of(who, CLIENT)))
    assert len(seen) == 11


@pytest.mark.parametrize("jump", [-DAY, -9 * DAY, 400 * DAY], ids=["yesterday", "days ago", "far ahead"])
def test_a_clock_that_jumps_changes_the_hashes(jump: int) -> None:
    who = identity()
    before = device_of(who, CLIENT)
    who.expire(NOON + jump)
    during = device_of(who, CLIENT)
    who.expire(NOON)
    assert len({before, during, device_of(who, CLIENT)}) == 3


def test_it_goes_on_while_the_disk_refuses() -> None:
    drawer = Drawer()
    who = identity(NOON, drawer)
    before = device_of(who, CLIENT)
    drawer.works = False
    who.expire(NOON + DAY)
    assert device_of(who, CLIENT) != before
    assert who.previous_device_hash(CLIENT) is None
