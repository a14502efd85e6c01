"""Sources and channels of sessions, as SQL: Python names each arrival once, and queries look it up.

Both follow from a few columns, whose distinct values are few (`store/arrivals.py`). So the tables of names apply to the
past, and queries group and filter by names exactly.
"""

from typing import Final

from prisme.stats.channels import find_channel, find_source
from prisme.stats.sql import load_sql
from prisme.store.arrivals import TABLE, Arrival
from prisme.store.maintenance import Maintenance
from prisme.store.query_reader import QueryReader

# The channel of arrivals that need not be known: from a host that is its own name.
_OTHER_CHANNEL: Final = "Referral"
_OTHER_SOURCE: Final = "CASE utm_source WHEN '' THEN referrer_domain ELSE utm_source END"
# Without its comments: it stands within other queries.
_EXPRESSION: Final = "CASE" + load_sql("known_arrival").partition("\nCASE")[2]
# Expressions on the rows of DuckDB's `sessions`, for queries after `update_arrivals`. ClickHouse has such columns.
SOURCE: Final = _EXPRESSION.format(what="source", default=_OTHER_SOURCE, table=TABLE)
CHANNEL: Final = _EXPRESSION.format(what="channel", default=f"'{_OTHER_CHANNEL}'", table=TABLE)


def update_arrivals(reader: QueryReader | Maintenance) -> None:
    """Name all arrivals that the reader sees. Raises what its methods raise."""
    reader.update_arrivals(describe)


def describe(arrival: Arrival) -> tuple[str, str] | None:
    """The source and channel of an arrival; None where `SOURCE` and `CHANNEL` have the same without knowing it."""
    source = find_source(arrival)
    channel = find_channel(arrival, source)
    is_plain = (source, channel) == (arrival.utm_source or arrival.referrer_domain, _OTHER_CHANNEL)
    return None if is_plain else (source, channel)
