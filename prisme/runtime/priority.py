"""Thread priorities: events are handled before figures and operations."""

import os
import sys
import threading
from typing import Final

# nice(2). Beside programs that keep all cores busy, a thread still gets a tenth of a core so; with the lowest priority,
# it would be 1.5%, and loads would wait for long for a thread that has the file's lock. Whoever waits for an event is
# awake for so short a time that it comes first all the same.
_NICENESS: Final = 10
# With the default of 5 ms, most of an event's response time was waiting for a thread that ran a query. Without such a
# thread, switching this often would slow the event loop down by a tenth.
_SHORT_INTERVAL: Final = 0.0001  # seconds
_DEFAULT_INTERVAL: Final = sys.getswitchinterval()


def renice() -> None:
    """Give this thread, and the threads that it starts, a priority below that of events. No effect outside Linux."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def shorten_switch_interval(short: bool) -> None:
    """Set how long a thread may hold the GIL while others wait: 0.1 ms if `short`, else the default."""
    sys.setswitchinterval(_SHORT_INTERVAL if short else _DEFAULT_INTERVAL)
