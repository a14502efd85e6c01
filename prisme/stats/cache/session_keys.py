"""The lists of sessions of a part of a span: sessions are grouped by columns that depend on each other first.

To count sessions by each of 17 columns takes twice the time, in part to look up the source and the channel of each.
"""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from prisme.stats.columns import TOPS
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import DUCKDB
from prisme.stats.grouping import GroupingSets
from prisme.stats.queries import Stats
from prisme.stats.sql import load_sql

_ALIKE: Final = load_sql("session_keys")


class _Group(NamedTuple):
    """Columns of `sessions`, and the lists that can be counted by them."""

    columns: tuple[str, ...]
    names: tuple[str, ...]


_GROUPS: Final = (
    _Group(
        ("domain", "referrer_domain", "utm_source", "utm_medium", "click_id"),
        ("top-sources", "top-channels", "top-referrers", "top-utm-sources", "top-utm-mediums"),
    ),
    _Group(("utm_campaign", "utm_term", "utm_content"), ("top-utm-campaigns", "top-utm-terms", "top-utm-contents")),
    _Group(("country_code", "region", "city"), ("top-countries", "top-regions", "top-cities")),
    _Group(
        ("operating_system", "browser_family", "device", "device_type"),
        ("top-operating-systems", "top-browsers", "top-devices", "top-device-types"),
    ),
    _Group(("entry_path",), ("top-entry-pages",)),
    _Group(("exit_path",), ("top-exit-pages",)),
)


def compose_session_lists(
    stats: Stats, names: Collection[str], numbers: Mapping[str, int], conditions: Conditions
) -> Iterator[str]:
    """Yield queries: the number of a list, key and count, for those in `names` that count sessions.

    They read a temporary table, which is made first. Raises UnavailableError.
    """
    groups = {
        number: (group.columns, {name: DUCKDB.column(TOPS[name][0]) for name in group.names if name in names})
        for number, group in enumerate(_GROUPS)
        if not set(names).isdisjoint(group.names)
    }
    if not groups:
        return
    query = _ALIKE.format(
        cases=" ".join(f"WHEN grouping({columns[0]}) = 0 THEN {number}" for number, (columns, _) in groups.items()),
        columns=", ".join(column for columns, _ in groups.values() for column in columns),
        sets=", ".join(f"({', '.join(columns)})" for columns, _ in groups.values()),
        rows=conditions.rows("sessions"),
    )
    stats.run(query, conditions)
    for number, (_, lists) in groups.items():
        grouping = GroupingSets(lists)
        yield (
            f"SELECT {grouping.number(numbers)} AS which, {grouping.key} AS key, sum(sessions) AS count "
            f"FROM (SELECT {grouping.columns}, sessions FROM alike WHERE together = {number}) GROUP BY {grouping.sets}"
        )
