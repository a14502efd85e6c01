"""Which work waits for which: events come before figures."""

import os
import sys
import threading
from typing import Final

_LAST: Final = 19


def step_back() -> None:
    """Let this thread, and the threads that it starts, run where no other has anything to do. Linux alone can."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
