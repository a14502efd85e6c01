"""The journal's write end on real files: sealing, committing, and a disk that is full."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.journal.appender import Appender
from prisme.journal.segment import Segment, leftovers, segment_path


def test_seals_what_it_holds_and_goes_on(tmp_path: Path) -> None:
    journal = Appender(tmp_path, 7, 2)
    journal.seal()
    assert journal.take() == []
    assert journal.append(b"one\n")
    assert not journal.full.is_set()
    assert journal.append(b"two\n")
    assert journal.full.is_set()
    assert journal.pending_events == 2
    journal.seal()
    assert journal.append(b"three\n")
    assert not journal.full.is_set()
    assert journal.pending_events == 3
    (sealed,) = journal.take()
    assert (sealed.segment, sealed.events, sealed.size) == (Segment(7, segment_path(tmp_path, 7)), 2, 8)
    assert sealed.segment.path.read_bytes() == b"one\ntwo\n"
    os.close(sealed.file)
    asyncio.run(journal.close())
    segments, foreign = leftovers(tmp_path)
    assert ([segment.number for segment in segments], foreign) == ([7, 8], [])


def test_leaves_no_empty_segment(tmp_path: Path) -> None:
    journal = Appender(tmp_path, 1, 10)
    assert journal.probe()
    asyncio.run(journal.close())
    assert list(tmp_path.iterdir()) == []


def test_never_writes_into_a_segment_that_is_there(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(b"old\n")
    with pytest.raises(FileExistsError):
        Appender(tmp_path, 1, 10)


def test_is_for_its_owner_alone(tmp_path: Path) -> None:
    journal = Appender(tmp_path, 1, 10)
    assert segment_path(tmp_path, 1).stat().st_mode & 0o077 == 0
    asyncio.run(journal.close())


def test_commits_for_many_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        journal = Appender(tmp_path, 1, 1000)

        async def event(number: int) -> bool:
            journal.append(b"%d\n" % number)
            return await journal.commit()

        assert await asyncio.gather(*(event(number) for number in range(500))) == [True] * 500
        journal.seal()
        assert journal.has_sealed
        assert await journal.commit()
        for sealed in journal.take():
            os.close(sealed.file)
        await journal.close()

    asyncio.run(main())
    assert segment_path(tmp_path, 1).read_bytes().splitlines() == [b"%d" % number for number in range(500)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        if os.environ.get("CI"):
            pytest.fail("needs root, to mount a small file system")
        pytest.skip("needs root, to mount a small file system")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_full_disk_takes_whole_lines_only_and_recovers(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 40_000)
    journal = Appender(small_disk, 1, 10**6)
    line = b"y" * 999 + b"\n"
    taken = 0
    while journal.append(line):
        taken += 1
    assert 0 < taken < 64
    assert journal.failure == "journal: No space left on device"
    assert not journal.append(line)
    path = segment_path(small_disk, 1)
    assert path.read_bytes() == line * taken

    filler.unlink()
    assert journal.probe()
    assert journal.failure is None
    assert journal.append(line)
    assert path.read_bytes() == line * taken + b"\n" + line
    assert journal.pending_events == taken + 1
    asyncio.run(journal.close())
