"""The current time, passed as an argument to everything that needs it, so that tests can change it."""

import time
from typing import NamedTuple, Protocol


class Now(Protocol):
    """A function that returns the time as an integer."""

    def __call__(self) -> int: ...


class Clock(NamedTuple):
    """`wall`: nanoseconds since the Unix epoch, which may jump. `steady`: nanoseconds that never decrease."""

    wall: Now = time.time_ns
    steady: Now = time.monotonic_ns
