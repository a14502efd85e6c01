"""Threads that step back, and those they start, come after the event loop's."""

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest

from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.web.worker_pool import Desk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_desk_steps_back_and_its_caller_does_not() -> None:
    before = nice()
    for behind, expected in ((True, 19), (False, before)):
        desk = Desk("test", 1, 1, behind=behind)
        assert desk._pool.submit(nice).result() == expected
        desk.close()
    assert nice() == before


@pytest.mark.parametrize("behind", [True, False])
def test_turns_are_short_while_there_is_work_behind(behind: bool) -> None:
    usual = sys.getswitchinterval()
    desk = Desk("test", 2, 4, behind=behind)
    first, second = threading.Event(), threading.Event()

    async def run() -> list[float]:
        works = [asyncio.create_task(desk.run(event.wait)) for event in (first, second)]
        await asyncio.sleep(0)
        found = [sys.getswitchinterval()]
        for event, work in zip((first, second), works, strict=True):
            event.set()
            await work
            found.append(sys.getswitchinterval())
        return found

    short = pytest.approx(0.0001) if behind else usual
    assert asyncio.run(run()) == [short, short, usual]
    desk.close()


def test_the_threads_of_the_database_step_back(tmp_path: Path) -> None:
    def threads() -> set[int]:
        return {int(path.name) for path in Path("/proc/self/task").iterdir()}

    before, mine = threads(), nice()
    database = Database(tmp_path / "test.duckdb", Limits(256 << 20, 3), tmp_path / "tmp")
    started = threads() - before
    niceness = [os.getpriority(os.PRIO_PROCESS, one) for one in started]
    assert len(started) >= 2
    assert set(niceness) == {19}
    assert nice() == mine
    database.close()
