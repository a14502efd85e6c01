"""How long ago something was, in words: the largest unit is exact enough."""

from typing import Final

from prisme.dashboard.words import mark_count, translate, translate_count

_UNITS: Final = (
    (mark_count("{count} day ago", "{count} days ago"), 86_400),
    (mark_count("{count} hour ago", "{count} hours ago"), 3600),
    (mark_count("{count} minute ago", "{count} minutes ago"), 60),
)
_SECONDS: Final = mark_count("{count} second ago", "{count} seconds ago")


def format_age(seconds: float) -> str:
    """`90 days ago`, `1 hour ago`, `just now`; also for times that a clock which was set back makes negative."""
    for texts, size in _UNITS:
        count = int(seconds // size)
        if count > 0:
            return translate_count(texts, count)
    count = int(seconds)
    return translate("just now") if count < 2 else translate_count(_SECONDS, count)
