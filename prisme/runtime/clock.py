"""The time, as an argument: everything that asks for it gets a `Clock`, so that a test can move it."""

import time
from typing import NamedTuple, Protocol


class Now(Protocol):
    """A callable that tells the time as an integer."""

    def __call__(self) -> int: ...


class Clock(NamedTuple):
    """`wall`: nanoseconds since the Unix epoch, may jump. `steady`: nanoseconds that only grow."""

    wall: Now = time.time_ns
    steady: Now = time.monotonic_ns
