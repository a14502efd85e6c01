"""The journal's write end on real files: a write for each line, sealing, committing, and a disk that is full."""

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from prisme.journal import appender
from prisme.journal.appender import Appender
from prisme.journal.segment import Segment, leftovers, segment_path
from tests.faults.disk import mounted


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene in an event loop."""

    async def play() -> None:
        await scene()

    asyncio.run(play())


def close_files(journal: Appender) -> list[Segment]:
    """What was sealed; its files are closed."""
    taken = journal.take()
    for sealed in taken:
        assert sealed.file is not None
        os.close(sealed.file)
    return [sealed.segment for sealed in taken]


def test_seals_what_it_holds_and_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        journal = Appender(tmp_path, 7, 2)
        journal.when_full = lambda: told.append("full")
        journal.seal()
        assert journal.sealed == 0
        assert journal.append(b"one\n")
        assert told == []
        assert journal.append(b"two\n")
        assert told == ["full"]
        assert len(leftovers(tmp_path)[0]) == 2  # at once: more may come before anyone wakes
        assert (journal.pending_events, journal.pending_bytes) == (2, 8)
        journal.seal()
        assert journal.append(b"three\n")
        assert told == ["full"]
        assert (journal.pending_events, journal.pending_bytes) == (3, 14)
        assert close_files(journal) == [Segment(7, segment_path(tmp_path, 7))]
        await journal.close()
        assert not journal.append(b"late\n")
        assert journal.failure == "journal: Bad file descriptor"

    run(scene)
    assert segment_path(tmp_path, 7).read_bytes() == b"one\ntwo\n"
    segments, foreign = leftovers(tmp_path)
    assert ([segment.number for segment in segments], foreign) == ([7, 8], [])


def test_seals_what_has_enough_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "MAX_BYTES", 10)

    async def scene() -> None:
        journal = Appender(tmp_path, 7, 100)
        assert journal.append(b"12345678\n")
        assert not journal.sealed
        assert journal.append(b"\n")
        assert close_files(journal) == [Segment(7, segment_path(tmp_path, 7))]
        await journal.close()

    run(scene)


def test_a_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 100)
        for number in range(50):
            assert journal.append(b"%d\n" % number)
            assert segment_path(tmp_path, 1).read_bytes().count(b"\n") == number + 1
        # NUL is a byte like any other.
        assert journal.append(b"a\0b\n")
        assert segment_path(tmp_path, 1).read_bytes().endswith(b"\na\0b\n")
        await journal.close()

    run(scene)


def test_failure_is_the_systems_own_word(tmp_path: Path) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 100)
        assert journal.append(b"one\n")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
        try:
            assert not journal.append(b"two\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert str(journal.failure) == "journal: File too large"
        assert journal.append(b"three\n")
        assert journal.failure is None
        assert journal.pending_events == 2
        await journal.close()

    run(scene)
    assert segment_path(tmp_path, 1).read_bytes() == b"one\nthree\n"


def test_leaves_no_empty_segment(tmp_path: Path) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 10)
        assert journal.probe()
        await journal.close()

    run(scene)
    assert list(tmp_path.iterdir()) == []


def test_never_writes_into_a_segment_that_is_there(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(b"old\n")
    with pytest.raises(FileExistsError):
        Appender(tmp_path, 1, 10)


def test_commits_for_many_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 1000)

        async def event(number: int) -> bool:
            return journal.append(b"%d\n" % number) and await journal.commit()

        assert await asyncio.gather(*(event(number) for number in range(500))) == [True] * 500
        journal.seal()
        assert journal.sealed == 1
        assert await journal.commit()
        close_files(journal)
        await journal.close()

    run(scene)
    assert segment_path(tmp_path, 1).read_bytes().splitlines() == [b"%d" % number for number in range(500)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    with mounted(tmp_path, "64k"):
        yield tmp_path


def test_full_disk_takes_whole_lines_or_nothing_and_recovers(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 40_000)
    line = b"y" * 999 + b"\n"
    path = segment_path(small_disk, 1)

    async def scene() -> None:
        journal = Appender(small_disk, 1, 10**6)
        taken = 0
        while journal.append(line):
            taken += 1
        assert 0 < taken < 64
        assert str(journal.failure) == "journal: No space left on device"
        assert path.read_bytes() == line * taken

        assert not journal.append(line)
        assert path.read_bytes() == line * taken

        filler.unlink()
        assert journal.probe()
        assert journal.failure is None
        assert journal.append(line)
        assert path.read_bytes() == line * taken + b"\n" + line
        assert journal.pending_events == taken + 1
        await journal.close()

    run(scene)
