"""How long ago something was, in words: the largest unit is exact enough."""

from typing import Final

_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60))


def format_age(seconds: float) -> str:
    """`90 days ago`, `1 hour ago`, `just now`; also for times that a clock which was set back makes negative."""
    for unit, size in _UNITS:
        count = int(seconds // size)
        if count > 0:
            return f"{count:,} {unit}{'s' if count > 1 else ''} ago"
    count = int(seconds)
    return "just now" if count < 2 else f"{count} seconds ago"
