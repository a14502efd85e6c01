"""Filters and a span as SQL: the conditions on each table's rows, and the bound parameters.

A session counts if it matches every filter. Of its pageviews, those count that match `path` and `status`; of its custom
events, those that match `event`; of its clicks and downloads, those that match `outbound-link` and `file-download`. A
session that started with an event may have no pageview, and then no filter on pageviews matches it.
"""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

import copy
import re
from collections.abc import Callable, Collection
from typing import Any, Final

from prisme.base.domains import host_of, is_any_port, is_wildcard, suffix
from prisme.base.timexpr import SECOND
from prisme.stats.columns import time_column
from prisme.stats.dialect import Dialect
from prisme.stats.filters import EVERY_TABLE, GOAL, Bind, Filters, compose
from prisme.stats.goal_conditions import EVERY_SESSION, session_condition

# No rows of one session are further apart, in microseconds: it lasts 24 hours at most, but clocks may be set.
_FARTHEST: Final = 31 * 86_400 * SECOND
_PARAMETER: Final = re.compile(r"\$(\w+)")


class Conditions:
    """The conditions on rows from `start` up to `end` (microseconds), in the SQL of a `dialect`.

    `domains` are entries as of `prisme/base/domains.py`, and None for all domains.
    """

    def __init__(
        self,
        filters: Filters,
        start: int,
        end: int,
        domains: Collection[str] | None,
        dialect: Dialect,
    ) -> None:
        self.dialect = dialect
        self.parameters: dict[str, Any] = {}
        self._of_tables: dict[str, list[str]] = {EVERY_TABLE: []}
        self._goals = filters.get(GOAL)
        # A table of the sessions that match; empty where they are found by subqueries.
        self._sessions = ""
        for name, one in filters.items():
            if name == GOAL:
                continue
            table, condition = compose(name, one, self.bind, dialect)
            self._of_tables.setdefault(table, []).append(condition)
        # On the rows of every table, so that no query reads those of other domains.
        self._everywhere = self._of_tables.pop(EVERY_TABLE)
        if domains is not None:
            self._everywhere.append(allowed(domains, self.bind, dialect))
        self._set_span(start, end)

    def within(self, start: int, end: int) -> "Conditions":
        """The same conditions on rows of another span, with parameters that go into the same query."""
        other = copy.copy(self)
        other._set_span(start, end)
        return other

    def _set_span(self, start: int, end: int) -> None:
        self._start, self._end = self._moment(start), self._moment(end)
        if not self.dialect.has_temporary_tables:
            self._earliest, self._latest = self._moment(start - _FARTHEST), self._moment(end + _FARTHEST)

    def _moment(self, microseconds: int) -> str:
        return self.dialect.moment(self.bind(microseconds))

    def bind(self, value: Any) -> str:
        """Bind a value to a new parameter, and return the parameter's name in SQL."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def used_by(self, query: str) -> dict[str, Any]:
        """Return the parameters that a query names: DuckDB refuses any other."""
        used = set(_PARAMETER.findall(query))
        return {name: value for name, value in self.parameters.items() if name in used}

    @property
    def needs_sessions(self) -> bool:
        """Whether rows of a table count only if their session matches."""
        return bool(self._of_tables or self._goals)

    def matching_sessions(self, lowest: str, highest: str) -> str:
        """Return a query: the ids of the sessions that match, of those between two ids; some of them more than once."""
        table = next((table for table in ("sessions", *self._of_tables) if table in self._of_tables), "sessions")
        within = f"session_uuid BETWEEN '{lowest}' AND '{highest}'"
        conditions = [within, *self._everywhere, *self._list_conditions(table, lambda _: within)]
        return f"SELECT session_uuid FROM {table} WHERE {_all(conditions)}"

    def use_sessions(self, table: str) -> None:
        """Find the sessions that match in a table with all of those that have rows in the span."""
        self._sessions = table

    def rows(self, table: str) -> str:
        """Return the FROM and WHERE clauses of a table's rows.

        A filter on another table requires a matching row of that table with the same session.
        """
        conditions = [*self._everywhere, *self._list_conditions(table, self._relate)]
        return f"FROM {table} WHERE {_all(conditions)} AND {self._within_span(table)}"

    def rows_ever(self, table: str) -> str:
        """Return the FROM and WHERE clauses of a table's rows at any time."""
        conditions = [*self._everywhere, *self._list_conditions(table, lambda _: EVERY_SESSION)]
        return f"FROM {table} WHERE {_all(conditions)}"

    def rows_of_sessions(self, table: str) -> str:
        """Return the clauses of all rows within the span of the sessions that match, also by a filter on this table."""
        conditions = [*self._everywhere, *self._list_conditions("", self._relate)]
        return f"FROM {table} WHERE {_all(conditions)} AND {self._within_span(table)}"

    def rows_unfiltered(self, table: str) -> str:
        """Return the clauses of all rows within the span of the domains that match, whatever else the filters say."""
        return f"{self.rows_of_domains(table)} AND {self._within_span(table)}"

    def rows_of_domains(self, table: str) -> str:
        """Return the clauses of all rows at any time of the domains that match."""
        return f"FROM {table} WHERE {_all(self._everywhere)}"

    def rows_of_span(self, table: str) -> str:
        """Return the clauses of all rows within the span, of any domain."""
        return f"FROM {table} WHERE {self._within_span(table)}"

    def rows_related(self, table: str) -> str:
        """Return the clauses of a superset of the rows of sessions that have rows within the span, of any table.

        It is the whole table, but of an engine that finds sessions by subqueries, which are then to read less.
        """
        related = self._relate(table)
        return f"FROM {table}" if related == EVERY_SESSION else f"FROM {table} WHERE {related}"

    def _relate(self, table: str) -> str:
        if self.dialect.has_temporary_tables:
            return EVERY_SESSION
        time = time_column(table)
        return _all([*self._everywhere, f"{time} >= {self._earliest} AND {time} < {self._latest}"])

    def _within_span(self, table: str) -> str:
        time = time_column(table)
        return f"{time} >= {self._start} AND {time} < {self._end}"

    def _list_conditions(self, table: str, within: Callable[[str], str]) -> list[str]:
        """Return the conditions on a row of a table: those on other tables are conditions on its session.

        Of another table, only rows are looked at that are `within` the condition on them.
        """
        own = self._of_tables.get(table, [])
        others = {other: conditions for other, conditions in self._of_tables.items() if other != table}
        if self._sessions and (others or self._goals):
            return [*own, f"session_uuid IN (SELECT session_uuid FROM {self._sessions})"]
        parts = [session_condition(self._goals, self.bind, self.dialect, within)] if self._goals else []
        for other, conditions in others.items():
            rows = _all([within(other), *conditions])
            parts.append(f"session_uuid IN (SELECT session_uuid FROM {other} WHERE {rows})")
        return [*own, *parts]


def allowed(entries: Collection[str], bind: Bind, dialect: Dialect) -> str:
    """Return the SQL condition that some entries allow a row's domain, as `prisme/base/domains.py:allows` does.

    `bind` binds a value, and returns the name of its parameter.
    """
    exact = bind([entry for entry in entries if not is_wildcard(entry) and not is_any_port(entry)])
    host = dialect.before_colon("domain")
    under = (dialect.ends_with(host, bind(suffix(entry))) for entry in entries if is_wildcard(entry))
    hosts = [host_of(entry) for entry in entries if is_any_port(entry)]
    ported = (f"domain = {bind(one)} OR {dialect.starts_with('domain', bind(f'{one}:'))}" for one in hosts)
    return " OR ".join((dialect.contains(exact, "domain"), *under, *ported))


def _all(conditions: list[str]) -> str:
    return " AND ".join(f"({one})" for one in conditions) or "true"
