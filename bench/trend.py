"""Whether a server's memory grows: samples of it, and their slope at last."""

from statistics import linear_regression
from typing import NamedTuple

# Of five parts of the time, the first two are left out: caches fill.
_LATE = 2 / 5


class Sample(NamedTuple):
    """Seconds since the load began, and the memory then, in bytes."""

    at: float
    memory: int


def growth(samples: list[Sample], seconds: float) -> float:
    """Megabytes a minute in the last three fifths of so many seconds; 0 where there are too few samples."""
    late = [one for one in samples if _LATE * seconds <= one.at <= seconds]
    if len(late) < 2:
        return 0.0
    return linear_regression([one.at for one in late], [one.memory for one in late]).slope * 60 / 1e6
