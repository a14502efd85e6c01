"""The journal on a disk that keeps only what was synced, and that fails."""

import asyncio
import errno
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

import pytest

from prisme.journal.appender import Appender
from prisme.store.database import Database
from prisme.store.loader import Loader
from prisme.store.writer import Pace, Writer
from tests.faults.lying_disk import EIO, LyingDisk
from tests.journal.test_appender import close_files, run
from tests.server import PATIENCE
from tests.store.segments import LIMITS, NOW

FIRST, SECOND = "000000000001.ndjson", "000000000002.ndjson"


@pytest.fixture
def lying() -> LyingDisk:
    return LyingDisk()


def test_what_is_committed_survives_a_power_cut(tmp_path: Path, lying: LyingDisk) -> None:
    """The bytes of sealed segments and of the open one, and their names."""

    async def scene() -> None:
        journal = Appender(tmp_path, 1, 2, disk=lying.disk)
        for line in (b"one\n", b"two\n", b"three\n"):
            assert journal.append(line)
        assert lying.left(tmp_path) == {}
        assert await journal.commit()
        assert lying.left(tmp_path) == {FIRST: b"one\ntwo\n", SECOND: b"three\n"}
        assert journal.append(b"four\n")
        assert lying.left(tmp_path)[SECOND] == b"three\n"
        close_files(journal)
        await journal.close()

    run(scene)


def test_what_cannot_be_synced_is_withdrawn(tmp_path: Path, lying: LyingDisk) -> None:
    """All since the last sync: of the segment that was open then, of those after it, and from memory."""
    undone: list[str] = []

    async def scene() -> None:
        journal = Appender(tmp_path, 1, 2, withdraws=True, disk=lying.disk)

        def append(line: str) -> None:
            assert journal.append(line.encode() + b"\n")
            journal.when_withdrawn(lambda: undone.append(line))

        append("one")
        assert await journal.commit()
        append("two")
        append("three")
        with lying.stall():
            lying.failing["fsync"] = EIO
            early = asyncio.ensure_future(journal.commit())
            await asyncio.to_thread(lying.stalled.wait, PATIENCE)
            append("four")
            late = journal.commit()
            journal.when_withdrawn(lying.failing.clear)  # the next sync would succeed
        assert not await early
        assert not await late
        assert undone == ["four", "three", "two"]
        assert (str(journal.failure), journal.failures) == ("journal: Input/output error", 1)
        assert (journal.pending_events, journal.pending_bytes) == (1, 4)
        lying.failing["fsync"] = EIO
        append("five")
        assert str(journal.failure) == "journal: Input/output error"  # the write alone says nothing
        assert not await journal.commit()
        lying.failing.clear()
        assert journal.probe()
        assert await journal.commit()
        assert journal.failure is None
        append("six")
        assert await journal.commit()
        assert undone == ["four", "three", "two", "five"]
        close_files(journal)
        await journal.close()

    run(scene)
    files = {path.name: path.read_bytes().split() for path in tmp_path.iterdir()}
    # Of three segments, the second one had nothing that was synced.
    assert [name for name, lines in files.items() if lines == [b"one"]] == [FIRST]
    assert sorted(chain.from_iterable(files.values())) == [b"one", b"six"]


def test_what_was_answered_is_not_withdrawn(tmp_path: Path, lying: LyingDisk) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 100, disk=lying.disk)
        assert journal.append(b"one\n")
        lying.failing["fsync"] = EIO
        assert not await journal.commit()
        assert str(journal.failure) == "journal: Input/output error"
        await journal.close()

    run(scene)
    assert (tmp_path / FIRST).read_bytes() == b"one\n"


def test_withdrawal_that_fails_is_told(tmp_path: Path, lying: LyingDisk) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 100, withdraws=True, disk=lying.disk)
        assert journal.append(b"one\n")
        lying.failing.update(fsync=EIO, truncate=EIO)
        assert not await journal.commit()
        assert str(journal.failure) == "journal: Input/output error, so refused events may be stored"
        await journal.close()

    run(scene)


@pytest.mark.parametrize("can_truncate", [True, False])
def test_a_write_that_fails_or_is_cut_short_leaves_nothing(
    tmp_path: Path, lying: LyingDisk, can_truncate: bool
) -> None:
    async def scene() -> None:
        journal = Appender(tmp_path, 1, 100, disk=lying.disk)
        lying.failing["write"] = errno.EIO
        assert not journal.append(b"one\n")
        assert str(journal.failure) == "journal: Input/output error"
        del lying.failing["write"]
        lying.short = True
        if not can_truncate:
            lying.failing["truncate"] = EIO
        assert not journal.append(b"two\n")
        assert str(journal.failure) == "journal: No space left on device"
        lying.short = False
        assert journal.append(b"three\n")
        assert journal.failure is None
        assert journal.failures == 2
        await journal.close()

    run(scene)
    # A rest that cannot be removed is a line of its own, which is no event.
    assert (tmp_path / FIRST).read_bytes() == (b"three\n" if can_truncate else b"two\nthree\n")


@contextmanager
def writing(folder: Path, lying: LyingDisk, sync: bool, most: int) -> Iterator[tuple[Appender, Writer]]:
    """A journal and its writer, for one event loop."""
    (folder / "journal").mkdir()
    database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
    with closing(database), closing(Loader(database, 1_000, lying.disk)) as loader:
        journal = Appender(folder / "journal", 1, most, disk=lying.disk)
        pace = Pace(600.0, sync, 10**9, 10**11)
        yield journal, Writer(journal, loader, pace, lambda: NOW, logging.getLogger("prisme"))


@pytest.mark.parametrize("sync", [True, False], ids=["interval", "never"])
def test_a_flush_syncs_before_it_loads(tmp_path: Path, lying: LyingDisk, sync: bool) -> None:
    async def play() -> None:
        journal, writer = pair
        for line in (b"1\n", b"2\n", b"3\n"):
            assert journal.append(line)
        writer.stop()
        await writer.run()
        await journal.close()

    with writing(tmp_path, lying, sync, 2) as pair:
        run(play)
    assert list((tmp_path / "journal").glob("*.ndjson")) == []
    assert bool(lying.unsafe) is not sync
    assert bool(lying.synced) is sync


def test_a_segment_that_fills_up_during_a_flush_is_synced(tmp_path: Path, lying: LyingDisk) -> None:
    """Its events wait for a sync that begins after the flush, and needs its file still open."""

    async def play() -> None:
        journal, writer = pair
        assert journal.append(b"1\n")
        with lying.stall():
            writer.stop()
            running = asyncio.create_task(writer.run())
            await asyncio.to_thread(lying.stalled.wait, PATIENCE)
            assert journal.append(b"2\n3\n", 2)
        await running
        assert await journal.commit()
        assert lying.left(tmp_path / "journal")[SECOND] == b"2\n3\n"
        await journal.close()

    with writing(tmp_path, lying, True, 2) as pair:
        run(play)


def test_a_flush_syncs_where_no_segment_can_be_opened(tmp_path: Path, lying: LyingDisk) -> None:
    """It is sealed later; until then, no more than one interval is at risk."""

    async def play() -> None:
        journal, writer = pair
        assert journal.append(b"1\n")
        lying.failing["open"] = errno.ENOSPC
        writer.stop()
        await writer.run()
        assert lying.left(tmp_path / "journal") == {FIRST: b"1\n"}
        await journal.close()

    with writing(tmp_path, lying, True, 2) as pair:
        run(play)
