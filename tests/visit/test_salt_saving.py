"""Keys are saved in a thread: what changes meanwhile is saved as well, and no copy of a key stays in memory."""

import asyncio
import threading

import pytest

from prisme.visit.salt_saving import SaltSaving
from prisme.visit.salts import BYTES, DAY, NEXT, PREVIOUS, TODAY, Keys, Salts
from tests.server import wait_until
from tests.visit.test_salts import MIDNIGHT, NOON, TTL, Drawer


class SlowDrawer(Drawer):
    """Whose writes in other threads wait until it is `free`; `given` are all keys that they were given."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.begun = threading.Event(), threading.Event()
        self.given: list[Keys] = []
        self._loop_thread = threading.get_ident()

    def write(self, keys: Keys) -> bool:
        if threading.get_ident() != self._loop_thread:
            self.given.append(keys)
            self.begun.set()
            assert self.free.wait(20)
        return super().write(keys)


@pytest.fixture
def drawer() -> SlowDrawer:
    return SlowDrawer()


def test_what_changes_during_a_write_is_saved_after_it(drawer: SlowDrawer) -> None:
    salts = Salts(drawer, NOON, TTL)

    async def scene() -> None:
        saving = SaltSaving(salts)
        salts.prepare(MIDNIGHT + DAY - 1)
        await asyncio.to_thread(drawer.begun.wait, 20)
        salts.rotate(MIDNIGHT + DAY)  # does not wait for the disk
        salts.expire(MIDNIGHT + DAY + TTL)
        assert drawer.days() == {TODAY: 0}
        drawer.free.set()
        await saving.close()

    asyncio.run(scene())
    assert drawer.kept == {TODAY: (MIDNIGHT // DAY + 1, bytes(salts.today))}
    assert [set(keys) for keys in drawer.given] == [{TODAY, NEXT}, {TODAY}]
    # What the thread had is erased; what is in use is not.
    assert {bytes(key) for keys in drawer.given for _, key in keys.values()} == {bytes(BYTES)}
    assert any(salts.today)


def test_a_key_that_is_in_use_is_saved_at_once(drawer: SlowDrawer) -> None:
    salts = Salts(drawer, NOON, TTL)

    async def scene() -> None:
        saving = SaltSaving(salts)
        assert salts.rotate(MIDNIGHT + DAY)  # nothing had prepared its key
        assert drawer.kept[TODAY] == (MIDNIGHT // DAY + 1, bytes(salts.today))
        assert drawer.given == []
        await saving.close()

    asyncio.run(scene())


def test_one_write_after_another(drawer: SlowDrawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    drawer.free.set()

    async def scene() -> None:
        saving = SaltSaving(salts)
        salts.prepare(MIDNIGHT + DAY - 1)
        await saving.close()
        assert drawer.days() == {TODAY: 0, NEXT: 1}
        saving = SaltSaving(salts)
        salts.rotate(MIDNIGHT + DAY)
        await asyncio.to_thread(wait_until, lambda: drawer.days() == {TODAY: 1, PREVIOUS: 0}, "the keys")
        await asyncio.sleep(0.01)
        salts.expire(MIDNIGHT + DAY + TTL)
        await saving.close()
        assert drawer.days() == {TODAY: 1}

    asyncio.run(scene())
    salts.rotate(MIDNIGHT + 2 * DAY)  # after the event loop has ended
    assert drawer.days() == {TODAY: 2, PREVIOUS: 1}
    salts.expire(MIDNIGHT + 2 * DAY + TTL)
    assert drawer.days() == {TODAY: 2}


def test_a_disk_that_fails_is_tried_again(drawer: SlowDrawer) -> None:
    salts = Salts(drawer, NOON, TTL)
    drawer.free.set()

    async def save() -> None:
        saving = SaltSaving(salts)
        salts.on_change(False)
        await saving.close()

    for drawer.works in (False, True):
        asyncio.run(save())
        assert salts.saved is drawer.works
