"""The keys of the day: when each is made, how long the one before stays, and that nothing is left of it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.store.secrets import Secrets
from prisme.visit.salts import AHEAD, BYTES, DAY, NEXT, PREVIOUS, TODAY, Keys, Salts

MINUTE = 60_000_000
HOUR = 60 * MINUTE
TTL = 30 * MINUTE
MIDNIGHT = 20_000 * DAY
NOON = MIDNIGHT + 12 * HOUR


class Drawer:
    """A keeper in memory that can refuse to keep. It has copies, as a disk has."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, bytes]] = {}
        self.works = True

    def read(self) -> Keys:
        return {name: (day, bytearray(key)) for name, (day, key) in self.kept.items()}

    def write(self, keys: Keys) -> bool:
        if self.works:
            self.kept = {name: (day, bytes(key)) for name, (day, key) in keys.items()}
        return self.works

    def days(self) -> dict[str, int]:
        """The days of what is kept, counted from `MIDNIGHT`."""
        return {name: day - MIDNIGHT // DAY for name, (day, _) in self.kept.items()}


def previous(salts: Salts) -> bytes | None:
    """The key before, as it is now."""
    return None if salts.previous is None else bytes(salts.previous)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


def test_a_key_is_made_and_kept(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    assert len(salts.today) == BYTES
    assert any(salts.today)
    assert (previous(salts), salts.saved) == (None, True)
    assert drawer.kept == {TODAY: (NOON // DAY, bytes(salts.today))}
    assert salts.validity == (MIDNIGHT, MIDNIGHT + DAY)


def test_no_two_keys_are_the_same() -> None:
    assert len({bytes(Salts(Drawer(), NOON, TTL).today) for _ in range(100)}) == 100


def test_a_day_has_one_key(drawer: Drawer) -> None:
    salts = Salts(drawer, MIDNIGHT, TTL)
    key = salts.today
    before = bytes(key)
    for now in (MIDNIGHT, MIDNIGHT + 1, NOON, MIDNIGHT + DAY - 1):
        assert not salts.rotate(now)
        assert not salts.expire(now)
    assert salts.today is key
    assert bytes(key) == before


@pytest.mark.parametrize(
    ("now", "ttl", "lasts"),
    [
        pytest.param(MIDNIGHT + DAY, TTL, MIDNIGHT + DAY + TTL, id="at midnight"),
        pytest.param(MIDNIGHT + DAY + TTL - 1, TTL, MIDNIGHT + DAY + TTL, id="as long as visits may go on"),
        pytest.param(MIDNIGHT + DAY + TTL, TTL, None, id="no longer"),
        pytest.param(MIDNIGHT + 2 * DAY - 1, DAY, MIDNIGHT + 2 * DAY, id="all day, where they may take one"),
        pytest.param(MIDNIGHT + 2 * DAY, DAY, None, id="the day after"),
        pytest.param(MIDNIGHT + 5 * DAY, TTL, None, id="days later"),
    ],
)
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_the_key_before_is_for_visits_over_midnight(
    drawer: Drawer, now: int, ttl: int, lasts: int | None, restart: bool
) -> None:
    salts = Salts(drawer, NOON, ttl)
    before, old = salts.today, bytes(salts.today)
    if restart:
        salts = Salts(drawer, now, ttl)
    else:
        assert salts.rotate(now)
    assert bytes(salts.today) != old
    if lasts is None:
        assert previous(salts) is None
        assert old not in {key for _, key in drawer.kept.values()}
        assert salts.validity == (now // DAY * DAY, now // DAY * DAY + DAY)
        assert restart or before == bytes(BYTES)  # overwritten where it was
    else:
        assert previous(salts) == old
        assert drawer.kept[PREVIOUS] == (NOON // DAY, old)
        assert salts.validity == (now // DAY * DAY, lasts)
    assert drawer.kept[TODAY] == (now // DAY, bytes(salts.today))


def test_the_key_before_is_erased_when_its_time_comes(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    before, old = salts.today, bytes(salts.today)
    assert salts.rotate(MIDNIGHT + DAY)
    today = bytes(salts.today)
    assert not salts.expire(MIDNIGHT + DAY + TTL - 1)
    assert salts.previous is before
    assert salts.expire(MIDNIGHT + DAY + TTL)
    assert previous(salts) is None
    assert before == bytes(BYTES)  # the bytes themselves
    assert drawer.kept == {TODAY: (MIDNIGHT // DAY + 1, today)}
    assert salts.today == today
    assert old != today
    assert not salts.expire(MIDNIGHT + DAY + TTL + 1)


@pytest.mark.parametrize("now", [MIDNIGHT + DAY + TTL, MIDNIGHT + 3 * DAY], ids=["the day after", "days later"])
def test_the_key_before_is_erased_by_a_restart(drawer: Drawer, now: int) -> None:
    salts = Salts(drawer, NOON, TTL)
    salts.rotate(MIDNIGHT + DAY)
    assert drawer.days() == {TODAY: 1, PREVIOUS: 0}
    Salts(drawer, now, TTL)
    assert drawer.days() == {TODAY: now // DAY - MIDNIGHT // DAY}


def test_both_keys_survive_a_restart(drawer: Drawer) -> None:
    first = Salts(drawer, NOON, TTL)
    first.rotate(MIDNIGHT + DAY)
    second = Salts(drawer, MIDNIGHT + DAY + TTL - 1, TTL)
    assert (second.today, second.previous) == (first.today, first.previous)
    assert second.validity == first.validity


@pytest.mark.parametrize("days", [2, 3, 400, -2, -400])
def test_only_the_key_of_a_day_next_to_this_one_stays(drawer: Drawer, days: int) -> None:
    salts = Salts(drawer, MIDNIGHT, TTL)
    key = salts.today
    assert salts.rotate(MIDNIGHT + days * DAY)
    assert previous(salts) is None
    assert key == bytes(BYTES)
    assert drawer.days() == {TODAY: days}


@pytest.mark.parametrize(
    ("now", "stays"), [(MIDNIGHT - DAY, True), (MIDNIGHT - 1, False)], ids=["to 00:00", "to the end of the day"]
)
def test_a_clock_set_back_makes_a_new_key(drawer: Drawer, now: int, stays: bool) -> None:
    salts = Salts(drawer, MIDNIGHT + MINUTE, TTL)
    key, old = salts.today, bytes(salts.today)
    assert salts.rotate(now)
    assert salts.today != old
    # What is open may go on, as over a midnight: for as long after 00:00, by the same clock.
    assert (previous(salts) == old) is stays
    assert (key == bytes(BYTES)) is not stays
    # Forward again: yet another one, and neither is ever in use again.
    second = bytes(salts.today)
    assert salts.rotate(MIDNIGHT + MINUTE)
    assert len({old, second, bytes(salts.today)}) == 3
    assert previous(salts) == second
    assert drawer.days() == {TODAY: 0, PREVIOUS: -1}


def test_a_clock_set_back_in_a_day_changes_nothing(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    key = bytes(salts.today)
    assert not salts.rotate(MIDNIGHT)
    assert not salts.expire(MIDNIGHT)
    assert salts.today == key


def test_a_full_disk_keeps_no_old_key_in_use(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    old = bytes(salts.today)
    drawer.works = False
    assert salts.rotate(MIDNIGHT + DAY)
    assert salts.today != old
    expired = salts.expire(MIDNIGHT + DAY + TTL)
    assert (expired, previous(salts), salts.saved) == (True, None, False)
    drawer.works = True
    salts.save()
    assert (salts.saved, drawer.kept) == (True, {TODAY: (MIDNIGHT // DAY + 1, bytes(salts.today))})


def test_what_an_earlier_version_kept_is_erased(drawer: Drawer) -> None:
    drawer.kept = {"static": (0, b"s" * 16), "daily": (NOON // DAY, b"d" * 16)}
    salts = Salts(drawer, NOON, TTL)
    assert drawer.kept == {TODAY: (NOON // DAY, bytes(salts.today))}
    assert bytes(salts.today) not in (b"s" * 16, b"d" * 16)


def test_the_next_key_is_made_once_and_used_at_midnight(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    salts.prepare(MIDNIGHT + DAY - AHEAD - 1)
    assert drawer.days() == {TODAY: 0}
    salts.prepare(MIDNIGHT + DAY - AHEAD)
    made = drawer.kept[NEXT]
    salts.prepare(MIDNIGHT + DAY - 1)
    assert drawer.kept[NEXT] == made
    assert made[1] != bytes(salts.today)
    salts.rotate(MIDNIGHT + DAY)
    assert bytes(salts.today) == made[1]
    assert drawer.days() == {TODAY: 1, PREVIOUS: 0}


def test_a_next_key_whose_day_does_not_come_is_erased(drawer: Drawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    salts.prepare(MIDNIGHT + DAY - 1)
    made = salts._next
    assert any(made)
    salts.rotate(MIDNIGHT + 5 * DAY)
    assert made == bytes(BYTES)
    assert drawer.days() == {TODAY: 5}


def test_what_is_stored_beside_todays_key_is_erased(drawer: Drawer) -> None:
    Salts(drawer, NOON, TTL)
    drawer.kept["static"] = (0, b"s" * 16)
    assert Salts(drawer, NOON, TTL).saved
    assert drawer.days() == {TODAY: 0}


@given(st.lists(st.integers(-3 * DAY, 3 * DAY), max_size=20), st.sampled_from([MINUTE, TTL, DAY]))
def test_no_key_is_used_on_three_days(moves: list[int], ttl: int) -> None:
    """However the clock goes: of a day only or, until `ttl` after midnight, of the one next to it as well."""
    drawer, now = Drawer(), NOON
    salts = Salts(drawer, now, ttl)
    days_of: dict[bytes, set[int]] = {}
    for move in moves:
        now = max(now + move, 0)
        if not salts.rotate(now):
            salts.expire(now)
        start, end = salts.validity
        assert start <= now < end
        for key in filter(None, (salts.today, salts.previous)):
            days_of.setdefault(bytes(key), set()).add(now // DAY)
        assert salts.previous is None or now % DAY < ttl
        kept = {bytes(key) for key in (salts.today, salts.previous) if key is not None}
        assert {key for _, key in drawer.kept.values()} == kept
    assert all(max(days) - min(days) <= 1 for days in days_of.values())


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Secrets]:
    with closing(Secrets(tmp_path / "secrets.sqlite", logging.getLogger("prisme"))) as opened:
        yield opened


def on_disk(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.iterdir())


def test_nothing_of_a_key_stays_on_the_disk(tmp_path: Path, secrets: Secrets) -> None:
    salts = Salts(secrets, NOON, TTL)
    old = bytes(salts.today)
    assert old in on_disk(tmp_path)
    salts.rotate(MIDNIGHT + DAY)
    today = bytes(salts.today)
    assert old in on_disk(tmp_path)
    assert salts.expire(MIDNIGHT + DAY + TTL)
    assert old not in on_disk(tmp_path)
    assert on_disk(tmp_path).count(today) == 1
    salts.rotate(MIDNIGHT + 9 * DAY)
    assert today not in on_disk(tmp_path)


def test_keys_of_the_disk_are_those_of_before(tmp_path: Path) -> None:
    def open_salts(now: int) -> tuple[bytes, bytes | None]:
        with closing(Secrets(tmp_path / "secrets.sqlite", logging.getLogger("prisme"))) as opened:
            salts = Salts(opened, now, TTL)
            return bytes(salts.today), previous(salts)

    first = open_salts(NOON)
    assert open_salts(MIDNIGHT + DAY - 1) == first
    today, before = open_salts(MIDNIGHT + DAY)
    assert before == first[0]
    assert open_salts(MIDNIGHT + DAY + 1) == (today, before)
    assert open_salts(MIDNIGHT + DAY + TTL) == (today, None)
    assert before not in on_disk(tmp_path)


def test_keys_of_an_earlier_version_leave_the_disk(tmp_path: Path) -> None:
    static, daily = b"s" * BYTES, b"d" * BYTES
    with closing(sqlite3.connect(tmp_path / "secrets.sqlite", isolation_level=None)) as earlier:
        earlier.execute("CREATE TABLE salts (name TEXT PRIMARY KEY, day INTEGER NOT NULL, salt BLOB NOT NULL)")
        for name, key in (("static", static), ("daily", daily)):
            earlier.execute("INSERT INTO salts VALUES (?, ?, ?)", [name, NOON // DAY, key])
    assert static in on_disk(tmp_path)
    with closing(Secrets(tmp_path / "secrets.sqlite", logging.getLogger("prisme"))) as opened:
        salts = Salts(opened, NOON, TTL)
        assert bytes(salts.today) not in (static, daily)
        assert static not in on_disk(tmp_path)
        assert daily not in on_disk(tmp_path)
        assert bytes(salts.today) in on_disk(tmp_path)
