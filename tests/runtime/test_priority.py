"""Threads that step back, and those they start, come after the event loop's."""

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest

from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.web.worker_pool import WorkerPool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_low_priority_pool_is_reniced_and_its_caller_is_not() -> None:
    before = nice()
    for low_priority, expected in ((True, 10), (False, before)):
        pool = WorkerPool("test", 1, 1, low_priority=low_priority)
        assert pool._executor.submit(nice).result() == expected
        pool.close()
    assert nice() == before


@pytest.mark.parametrize("low_priority", [True, False])
def test_turns_are_short_while_work_has_low_priority(low_priority: bool) -> None:
    usual = sys.getswitchinterval()
    pool = WorkerPool("test", 2, 4, low_priority=low_priority)
    first, second = threading.Event(), threading.Event()

    async def run() -> list[float]:
        works = [asyncio.create_task(pool.run(event.wait)) for event in (first, second)]
        await asyncio.sleep(0)
        found = [sys.getswitchinterval()]
        for event, work in zip((first, second), works, strict=True):
            event.set()
            await work
            found.append(sys.getswitchinterval())
        return found

    short = pytest.approx(0.0001) if low_priority else usual
    assert asyncio.run(run()) == [short, short, usual]
    pool.close()


def test_the_threads_of_the_database_step_back(tmp_path: Path) -> None:
    def threads() -> set[int]:
        return {int(path.name) for path in Path("/proc/self/task").iterdir()}

    before, mine = threads(), nice()
    database = Database(tmp_path / "test.duckdb", Limits(256 << 20, 3), tmp_path / "tmp")
    started = threads() - before
    niceness = [os.getpriority(os.PRIO_PROCESS, one) for one in started]
    assert len(started) >= 2
    assert set(niceness) == {10}
    assert nice() == mine
    database.close()
