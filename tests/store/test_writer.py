"""The writer beside a real journal and a real DuckDB file."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from prisme.journal.appender import Appender
from prisme.journal.segment import Segment, segment_path
from prisme.store.database import Database
from prisme.store.loader import Loaded, Loader
from prisme.store.sink import SinkDownError
from prisme.store.writer import Pace, Writer
from tests.store.segments import LIMITS, NOW

_PATIENCE = 20.0


def test_what_an_earlier_process_left_does_not_wait_for_the_clock(tmp_path: Path) -> None:
    journal_folder = tmp_path / "journal"
    journal_folder.mkdir()
    left = [Segment(number, segment_path(journal_folder, number)) for number in (1, 2)]
    for segment in left:
        segment.path.write_bytes(b"\n")
    database = Database(tmp_path / "prisme.duckdb", LIMITS, tmp_path / "tmp")

    async def run() -> None:
        journal = Appender(journal_folder, 3, 100)
        writer = Writer(journal, loader, Pace(600.0, False, 10**9, 10**11), lambda: NOW, logging.getLogger("prisme"))
        writer.queue(left)
        running = asyncio.create_task(writer.run())
        async with asyncio.timeout(_PATIENCE):
            while any(segment.path.exists() for segment in left):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.stop()
        await running
        await journal.close()
        assert writer.failure is None

    with closing(database), closing(Loader(database, 1_000)) as loader:
        asyncio.run(run())
        assert loader.last_segment() == 2


def test_a_database_that_cannot_be_reopened_is_tried_again(tmp_path: Path) -> None:
    """Whatever the error is."""
    journal_folder = tmp_path / "journal"
    journal_folder.mkdir()
    (left := Segment(1, segment_path(journal_folder, 1))).path.write_bytes(b"\n")
    database = Database(tmp_path / "prisme.duckdb", LIMITS, tmp_path / "tmp")
    failures = [OSError("too many open files")]

    class LostLoader(Loader):
        @property
        def is_lost(self) -> bool:
            return bool(failures)

        def reopen(self) -> None:
            raise failures.pop()

    async def run() -> None:
        journal = Appender(journal_folder, 2, 100)
        writer = Writer(journal, loader, Pace(0.01, False, 10**9, 10**11), lambda: NOW, logging.getLogger("prisme"))
        writer.queue([left])
        running = asyncio.create_task(writer.run())
        async with asyncio.timeout(_PATIENCE):
            while left.path.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.stop()
        await running
        await journal.close()
        assert (writer.retries, writer.failure) == (1, None)

    with closing(database), closing(LostLoader(database, 1_000)) as loader:
        asyncio.run(run())


def test_where_nobody_answers_a_round_is_one_try(tmp_path: Path) -> None:
    """Thousands may be waiting, and each would take the time of a timeout."""
    journal_folder = tmp_path / "journal"
    journal_folder.mkdir()
    left = [Segment(number, segment_path(journal_folder, number)) for number in range(1, 51)]
    for segment in left:
        segment.path.write_bytes(b"\n")
    database = Database(tmp_path / "prisme.duckdb", LIMITS, tmp_path / "tmp")
    tried: list[int] = []
    fails = True

    class Sink:
        def send(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
            if fails:
                tried.extend(segment.number for segment in segments)
                raise SinkDownError("nobody answers")

    async def run() -> None:
        nonlocal fails
        journal = Appender(journal_folder, 51, 100)
        writer = Writer(journal, loader, Pace(0.05, False, 10**9, 10**11), lambda: NOW, logging.getLogger("prisme"))
        writer.queue(left)
        running = asyncio.create_task(writer.run())
        async with asyncio.timeout(_PATIENCE):
            while writer.retries < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert writer.failure == "store: nobody answers"
            assert tried[:3] == [1, 2, 3]  # the one that was tried is the last one of the next round
            assert len(tried) == writer.retries
            fails = False
            while any(segment.path.exists() for segment in left):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.stop()
        await running
        await journal.close()
        assert writer.failure is None

    with closing(database), closing(Loader(database, 1_000, sink=Sink())) as loader:
        asyncio.run(run())
        assert loader.last_segment() >= 50


def test_settling_does_not_wait_for_what_came_later(tmp_path: Path) -> None:
    """Under load, a round has many segments of after the call."""
    journal_folder = tmp_path / "journal"
    journal_folder.mkdir()
    before, later = (Segment(number, segment_path(journal_folder, number)) for number in (1, 9))
    for segment in (before, later):
        segment.path.write_bytes(b"\n")
    database = Database(tmp_path / "prisme.duckdb", LIMITS, tmp_path / "tmp")
    settled = threading.Event()

    class SlowLoader(Loader):
        def load(self, segment: Segment, now: int) -> Loaded:
            if segment == later:
                assert settled.wait(_PATIENCE)
            return super().load(segment, now)

    async def run() -> None:
        journal = Appender(journal_folder, 2, 100)
        writer = Writer(journal, loader, Pace(600.0, False, 10**9, 10**11), lambda: NOW, logging.getLogger("prisme"))
        writer.queue([before, later])
        async with asyncio.timeout(_PATIENCE / 2):
            await writer.settle()
        assert loader.last_segment() == 1
        settled.set()
        writer.stop()
        await writer.run()
        await journal.close()

    with closing(database), closing(SlowLoader(database, 1_000)) as loader:
        asyncio.run(run())
        assert loader.last_segment() == 9
