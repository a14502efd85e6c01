"""Work that is due because time has passed, in the event loop."""

import asyncio
import itertools
from collections.abc import Callable
from typing import NamedTuple

TICK_SECONDS = 1.0


class Task(NamedTuple):
    """A function to call every `every` ticks. It must return at once, as it runs in the event loop."""

    run: Callable[[], object]
    every: int = 1


class Housekeeping:
    """Calls its tasks in their order, tick after tick. An exception of a task ends it."""

    def __init__(self, *tasks: Task, seconds: float = TICK_SECONDS) -> None:
        self._tasks = tasks
        self._seconds = seconds

    async def run(self) -> None:
        """Tick until it is cancelled; the first tick is one interval from now."""
        for tick in itertools.count(1):
            await asyncio.sleep(self._seconds)
            for task in self._tasks:
                if tick % task.every == 0:
                    task.run()
