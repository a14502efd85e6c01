"""Whether the disk has room: what is asked of it, and what is said of it."""

import os
from pathlib import Path

import pytest

from prisme.runtime.freespace import FreeSpace

MB = 1_000_000


class Disk:
    """A disk that has as much room as it says, or does not say. Servers that other tests share see the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.free: int | OSError = 0
        self.asked: list[Path] = []
        self._folder = folder
        self._real = os.statvfs
        monkeypatch.setattr("prisme.runtime.freespace.os.statvfs", self._statvfs)

    def _statvfs(self, folder: Path) -> os.statvfs_result:
        if not folder.is_relative_to(self._folder):
            return self._real(folder)
        self.asked.append(folder)
        if isinstance(self.free, OSError):
            raise self.free
        # 1 kB is free for root alone: it does not count.
        return os.statvfs_result((4096, 1000, 10**9, (self.free + 1000) // 1000, self.free // 1000, 9, 9, 9, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Disk:
    return Disk(monkeypatch, tmp_path)


@pytest.mark.parametrize(("free", "short"), [(0, True), (99 * MB, True), (100 * MB, False), (500 * MB, False)])
def test_room_is_what_is_free_for_everybody(disk: Disk, tmp_path: Path, free: int, short: bool) -> None:
    disk.free = free
    room = FreeSpace(tmp_path, 100 * MB)
    assert room.is_short is short
    assert disk.asked == [tmp_path]
    if short:
        assert room.failure == (
            f"disk: less than 100 MB are free (min_free_space) in {tmp_path}, "
            "so events are rejected: free up disk space"
        )
    else:
        assert room.failure is None


def test_only_a_look_changes_it(disk: Disk, tmp_path: Path) -> None:
    disk.free = 500 * MB
    room = FreeSpace(tmp_path, 100 * MB)
    seen = []
    for free in (0, 500 * MB):
        disk.free = free
        seen.append(room.is_short)
        room.refresh()
        seen.append(room.is_short)
    assert seen == [False, True, True, False]
    assert len(disk.asked) == 3


def test_nothing_is_asked_where_nothing_is_wanted(disk: Disk, tmp_path: Path) -> None:
    room = FreeSpace(tmp_path, 0)
    room.refresh()
    assert (room.is_short, room.failure, disk.asked) == (False, None, [])


def test_a_disk_that_does_not_say_has_room(disk: Disk, tmp_path: Path) -> None:
    """A write will tell."""
    room = FreeSpace(tmp_path, 100 * MB)
    assert room.is_short
    disk.free = OSError("gone")
    room.refresh()
    assert (room.is_short, room.failure) == (False, None)


@pytest.mark.parametrize(("least", "short"), [(1, False), (1 << 60, True)])
def test_a_real_disk(tmp_path: Path, least: int, short: bool) -> None:
    assert FreeSpace(tmp_path, least).is_short is short
