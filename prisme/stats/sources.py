"""Sources and channels of sessions, as SQL: Python names each arrival once, and queries look it up.

Both follow from a few columns, whose distinct values are few (`store/arrivals.py`). So the tables of names apply to the
past, and queries group and filter by names exactly.
"""

from typing import Final

from prisme.stats.channels import find_channel, find_source
from prisme.stats.sql import load_sql
from prisme.store.arrivals import Arrival
from prisme.store.reader import Reader

# The channel of arrivals that need not be known: from a host that is its own name.
_OTHER_CHANNEL: Final = "Referral"
_OTHER_SOURCE: Final = "CASE utm_source WHEN '' THEN referrer_domain ELSE utm_source END"
# Without its comments: it stands within other queries.
_EXPRESSION: Final = "CASE" + load_sql("known_arrival").partition("\nCASE")[2]
# Expressions on the rows of `sessions`, which name parameters of `PARAMETERS`.
SOURCE: Final = _EXPRESSION.format(what="source", default=_OTHER_SOURCE)
CHANNEL: Final = _EXPRESSION.format(what="channel", default=f"'{_OTHER_CHANNEL}'")
PARAMETERS: Final = (
    "known_referrers", "known_utm_sources", "known_utm_mediums", "known_click_ids", "known_sources", "known_channels",
)  # fmt: skip


def bind_known(reader: Reader) -> dict[str, list[str]]:
    """The values of `PARAMETERS`. Raises UnavailableError."""
    known = reader.arrivals(describe)
    columns = [[*column] for column in zip(*known, strict=True)] or [[], [], [], []]
    names = [[*column] for column in zip(*known.values(), strict=True)] or [[], []]
    reader.check()
    return dict(zip(PARAMETERS, (*columns, *names), strict=True))


def describe(arrival: Arrival) -> tuple[str, str] | None:
    """The source and channel of an arrival; None where `SOURCE` and `CHANNEL` have the same without knowing it."""
    source = find_source(arrival)
    channel = find_channel(arrival, source)
    is_plain = (source, channel) == (arrival.utm_source or arrival.referrer_domain, _OTHER_CHANNEL)
    return None if is_plain else (source, channel)
