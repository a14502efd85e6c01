"""Where a span is cut in two: what lies before is cached, and the rest counted again after each load."""

from typing import Final

from prisme.store.load_log import LoadLog

# Seconds in which a load counts as recent.
_RECENT: Final = 600.0


def choose_cut(loads: LoadLog, end: int, now: int) -> int:
    """The cut of a span up to `end`: twice as far back as recent loads reached. All times are in microseconds."""
    last = min(end, now)
    lowest = loads.lately(_RECENT)
    return last if lowest is None else last - 2 * max(last - lowest, 0)
