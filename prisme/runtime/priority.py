"""Thread priorities: events are handled before queries for figures."""

import os
import sys
import threading
from typing import Final

_LOWEST: Final = 19  # nice(2)
# Beside programs that keep all cores busy, a thread gets a tenth of a core so; with the lowest priority, it was 1.5%.
# Whoever waits for an event is awake for so short a time that it comes first all the same.
_QUERIES: Final = 10
# With the default of 5 ms, most of an event's response time was waiting for a thread that ran a query. Without such a
# thread, switching this often would slow the event loop down by a tenth.
_SHORT_INTERVAL: Final = 0.0001  # seconds
_DEFAULT_INTERVAL: Final = sys.getswitchinterval()


def renice() -> None:
    """Give this thread, and the threads that it starts, the lowest priority. Has no effect outside Linux."""
    _renice(_LOWEST)


def renice_for_queries() -> None:
    """Give this thread, and the threads that it starts, a priority below that of events. No effect outside Linux."""
    _renice(_QUERIES)


def _renice(niceness: int) -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def shorten_switch_interval(short: bool) -> None:
    """Set how long a thread may hold the GIL while others wait: 0.1 ms if `short`, else the default."""
    sys.setswitchinterval(_SHORT_INTERVAL if short else _DEFAULT_INTERVAL)
