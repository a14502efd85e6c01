"""Which work waits for which: events come before figures."""

import os
import sys
import threading
from typing import Final

_LAST: Final = 19
# Beside a thread that reads, 5 ms, the default, were most of the time that an event took. Where none reads, so many
# changes would cost the event loop a tenth of its speed.
_SHORT_TURN: Final = 0.0001  # seconds
_USUAL_TURN: Final = sys.getswitchinterval()


def step_back() -> None:
    """Let this thread, and the threads that it starts, run where no other has anything to do. Linux alone can."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)


def shorten_turns(short: bool) -> None:
    """How long a thread may keep others from Python's lock: a moment, or as long as usual."""
    sys.setswitchinterval(_SHORT_TURN if short else _USUAL_TURN)
