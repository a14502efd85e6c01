"""Sources and channels of sessions, as SQL: Python names each arrival once, and queries look it up.

Both follow from a few columns, whose distinct values are few (`store/arrivals.py`). So the tables of names apply to the
past, and queries group and filter by names exactly.
"""

from collections.abc import Mapping
from typing import Final

from prisme.stats.channels import find_channel, find_source
from prisme.stats.source_names import INTERNAL
from prisme.store.arrivals import TABLE, Arrival
from prisme.store.reader import Reader

# The site itself is a referrer only in rows of 0.1.0.
_IS_INTERNAL: Final = "utm_source = '' AND referrer_domain = split_part(domain, ':', 1)"
# The channel of arrivals that need not be known: from a host that is its own name.
_OTHER_CHANNEL: Final = "Referral"
_OTHER_SOURCE: Final = "CASE utm_source WHEN '' THEN referrer_domain ELSE utm_source END"
_KNOWN: Final = (
    "known.referrer = referrer_domain AND known.utm = utm_source AND known.medium = utm_medium "
    "AND known.click = click_id"
)


def _express(name: str, other: str) -> str:
    """The expression of a name, if it is known."""
    return f"CASE WHEN {_IS_INTERNAL} THEN '{INTERNAL}' ELSE coalesce({name}, {other}) END"


def _look_up(name: str) -> str:
    return f"(SELECT known.{name} FROM {TABLE} AS known WHERE {_KNOWN})"  # noqa: S608


# Expressions on the rows of `sessions`, for queries after `update_arrivals`.
SOURCE: Final = _express(_look_up("source"), _OTHER_SOURCE)
CHANNEL: Final = _express(_look_up("channel"), f"'{_OTHER_CHANNEL}'")
# One join is planned faster than a subquery for each expression.
_JOIN: Final = f"LEFT JOIN {TABLE} AS known ON {_KNOWN}"
_JOINED: Final = {
    SOURCE: _express("known.source", _OTHER_SOURCE),
    CHANNEL: _express("known.channel", f"'{_OTHER_CHANNEL}'"),
}


def join_arrivals(columns: Mapping[str, str], rows: str) -> tuple[Mapping[str, str], str]:
    """Columns, which are expressions by name, and the clauses of rows, both with the arrivals joined if needed."""
    if not _JOINED.keys() & columns.values():
        return columns, rows
    return {name: _JOINED.get(column, column) for name, column in columns.items()}, f"FROM (SELECT * {rows}) {_JOIN}"


def update_arrivals(reader: Reader) -> None:
    """Name all arrivals that the reader sees. Raises UnavailableError."""
    reader.update_arrivals(describe)


def describe(arrival: Arrival) -> tuple[str, str] | None:
    """The source and channel of an arrival; None where `SOURCE` and `CHANNEL` have the same without knowing it."""
    source = find_source(arrival)
    channel = find_channel(arrival, source)
    is_plain = (source, channel) == (arrival.utm_source or arrival.referrer_domain, _OTHER_CHANNEL)
    return None if is_plain else (source, channel)
