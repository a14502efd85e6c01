"""Hashes and salts: what changes them, and what must not."""

import re

import pytest

from prisme.visit.identity import Identity
from prisme.visit.salts import DAY, Salts


class Drawer:
    """A keeper in memory that can refuse to keep."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.works = True

    def read(self, name: str) -> tuple[int, bytes] | None:
        return self.kept.get(name)

    def write(self, name: str, day: int, salt: bytes) -> bool:
        if self.works:
            self.kept[name] = (day, salt)
        return self.works


NOW = 20_000 * DAY + 5


def test_device_tells_its_parts_apart() -> None:
    identity = Identity(Salts(Drawer(), NOW))
    parts = [(b"ua", "1.2.3.4", "a.example"), (b"ua1", ".2.3.4", "a.example"), (b"u", "a1.2.3.4", "a.example")]
    parts += [(b"ua", "1.2.3.4", "b.example"), (b"ua", "1.2.3.4a", ".example"), (b"", "", "")]
    hashes = [identity.device(identity.parts(*part)) for part in parts]
    assert len(set(hashes)) == len(parts)
    assert hashes == [identity.device(identity.parts(*part)) for part in parts]
    assert all(0 <= value < 2**64 for value in hashes)


def test_nothing_is_the_same_under_other_salts() -> None:
    one, two = (Identity(Salts(Drawer(), NOW)) for _ in range(2))
    parts = one.parts(b"ua", "1.2.3.4", "a.example")
    assert one.device(parts) != two.device(parts)
    assert one.visitor(parts, 1, NOW) != two.visitor(parts, 1, NOW)


def test_visitor_lasts_a_day() -> None:
    identity = Identity(Salts(Drawer(), NOW))
    parts = identity.parts(b"ua", "1.2.3.4", "a.example")
    today = identity.visitor(parts, 1, NOW)
    assert identity.visitor(parts, 2, NOW) != today
    assert re.fullmatch("prisme_[0-9A-F]{16}", today)
    assert identity.visitor(parts, 1, NOW + DAY - 6) == today
    assert identity.visitor(parts, 1, NOW + DAY) != today


@pytest.mark.parametrize("jump", [DAY, -DAY, 400 * DAY], ids=["tomorrow", "yesterday", "far"])
def test_another_day_erases_the_salt(jump: int) -> None:
    drawer = Drawer()
    salts = Salts(drawer, NOW)
    before = salts.daily(NOW)
    after = salts.daily(NOW + jump)
    assert after != before
    assert salts.daily(NOW) != before
    assert before not in {salt for _, salt in drawer.kept.values()}
    assert len(after) == 16


def test_salts_survive_a_restart_within_the_day() -> None:
    drawer = Drawer()
    first = Salts(drawer, NOW)
    second = Salts(drawer, NOW + DAY - 6)
    assert (second.static, second.daily(NOW)) == (first.static, first.daily(NOW))
    third = Salts(drawer, NOW + DAY)
    assert third.static == first.static
    assert third.daily(NOW + DAY) != first.daily(NOW)


def test_a_full_disk_does_not_keep_yesterdays_salt_in_use() -> None:
    drawer = Drawer()
    salts = Salts(drawer, NOW)
    before = salts.daily(NOW)
    drawer.works = False
    after = salts.daily(NOW + DAY)
    assert after != before
    assert not salts.saved
    drawer.works = True
    salts.save()
    assert drawer.kept["daily"] == (NOW // DAY + 1, after)
