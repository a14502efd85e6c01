"""What is due every second or minute."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from prisme.runtime.housekeeping import Housekeeping, Task


def noting(done: list[str], name: str) -> Callable[[], object]:
    return lambda: done.append(name)


def test_tasks_run_in_their_order_and_at_their_interval() -> None:
    done: list[str] = []
    reached = asyncio.Event()

    def count() -> None:
        done.append("tick")
        if done.count("tick") == 7:
            reached.set()

    async def run() -> None:
        housekeeping = Housekeeping(
            Task(noting(done, "first")), Task(noting(done, "third"), every=3), Task(count), seconds=0.001
        )
        running = asyncio.create_task(housekeeping.run())
        await asyncio.sleep(0)
        assert done == [], "nothing is due yet"
        await reached.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())
    tick = ["first", "tick"]
    third = ["first", "third", "tick"]
    assert done == [*tick, *tick, *third, *tick, *tick, *third, *tick]


def test_a_failure_is_not_hidden() -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(Housekeeping(Task(fail), seconds=0.001).run())
