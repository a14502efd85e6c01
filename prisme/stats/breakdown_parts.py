"""The parts of the query for the rows of lists: each counts some figures, of all lists of a table in one pass."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Iterator, Mapping
from typing import Final

from prisme.stats.columns import TOPS, time_column
from prisme.stats.conditions import Conditions
from prisme.stats.grouping import GroupingSets
from prisme.stats.sql import load_sql

_NEW: Final = load_sql("breakdown_new")
_PAGES: Final = "top-pages"
_OF_ENTRIES: Final = "count(*), count(*) FILTER (WHERE is_bounce), sum(duration)"
_SESSION: Final = "session_uuid"


def compose_parts(needs: Mapping[str, tuple[str, ...]], conditions: Conditions, cut: int | None = None) -> str:
    """Queries with the columns of `breakdown`, for lists with the figures that each needs; lists have numbers.

    With a `cut`, in microseconds, only what comes after it is counted, and of visitors, and of sessions by their
    pageviews, only those that the same row did not have before.
    """
    by_table: dict[str, dict[str, str]] = {}
    for name in needs:
        column, table = TOPS[name]
        by_table.setdefault(table, {})[name] = conditions.dialect.column(column)
    numbers = {name: number for number, name in enumerate(needs)}
    parts: list[str] = []
    for table, columns in by_table.items():
        wanted = {need for name in columns for need in needs[name]}
        parts += _Table(table, columns, numbers, wanted, conditions, cut).compose()
    return " UNION ALL ".join(f"({part})" for part in parts)


class _Table:
    """The parts of lists of one table. `columns` are those of the lists, by name; `wanted` are the figures to count."""

    def __init__(
        self,
        table: str,
        columns: dict[str, str],
        numbers: dict[str, int],
        wanted: set[str],
        conditions: Conditions,
        cut: int | None,
    ) -> None:
        self._table = table
        self._columns = columns
        self._numbers = numbers
        self._wanted = wanted
        self._conditions = conditions
        self._cut = None if cut is None else conditions.dialect.moment(conditions.bind(cut))
        self._visitor = conditions.dialect.hash("visitor_id")
        self._entry_columns = f"is_bounce, {conditions.dialect.duration} AS duration"
        self._grouping = GroupingSets(columns)
        self._head = f"{self._grouping.number(numbers)} AS which, {self._grouping.key} AS key"

    def compose(self) -> Iterator[str]:
        yield from self._compose_sessions() if self._table == "sessions" else self._compose_actions()
        if self._cut is not None and "visitors" in self._wanted:
            yield self._compose_new("visitor_id", "count(*), 0")
        if self._cut is not None and "sessions" in self._wanted and self._table != "sessions":
            yield self._compose_new(_SESSION, "0, count(*)")

    def _rows(self, table: str) -> str:
        """The rows that are counted."""
        rows = self._conditions.rows(table)
        return rows if self._cut is None else f"{rows} AND {time_column(table)} >= {self._cut}"

    def _distinct(self, figure: str, column: str) -> str:
        return f"count(DISTINCT {column})" if self._cut is None and figure in self._wanted else "0"

    def _compose_sessions(self) -> Iterator[str]:
        grouping = self._grouping
        yield (
            f"SELECT {self._head}, {self._distinct('visitors', 'visitor')}, count(*), 0, {_OF_ENTRIES} "
            f"FROM (SELECT {self._visitor} AS visitor, {self._entry_columns}, {grouping.columns} "
            f"{self._rows('sessions')}) GROUP BY {grouping.sets}"
        )
        if "actions" in self._wanted:
            # Pageviews of the span may be of sessions that began before it. They are several for each session: to count
            # them first makes the join smaller. Of `sessions`, DuckDB reads only what has the same range of UUIDs.
            yield (
                f"SELECT {self._head}, 0, 0, sum(views), 0, 0, 0 "
                f"FROM (SELECT session_uuid, count(*) AS views {self._rows('pageviews')} GROUP BY session_uuid) "
                f"JOIN (SELECT session_uuid, {grouping.columns} {self._conditions.rows_related('sessions')}) "
                "USING (session_uuid) "
                f"GROUP BY {grouping.sets}"
            )

    def _compose_actions(self) -> Iterator[str]:
        """The parts of pageviews or events."""
        visitors, sessions = self._distinct("visitors", "visitor"), self._distinct("sessions", "session_uuid")
        yield (
            f"SELECT {self._head}, {visitors}, {sessions}, count(*), 0, 0, 0 "
            f"FROM (SELECT {self._visitor} AS visitor, session_uuid, {self._grouping.columns} "
            f"{self._rows(self._table)}) "
            f"GROUP BY {self._grouping.sets}"
        )
        if "entries" in self._wanted and _PAGES in self._columns:
            yield (
                f"SELECT {self._numbers[_PAGES]}, entry_path, 0, 0, 0, {_OF_ENTRIES} "
                f"FROM (SELECT entry_path, {self._entry_columns} {self._rows('sessions')}) GROUP BY entry_path"
            )

    def _compose_new(self, column: str, figures: str) -> str:
        """A part with those after the cut that a row did not have before it."""
        return _NEW.format(
            head=self._head,
            column=column,
            columns=self._grouping.columns,
            later=self._rows(self._table),
            earlier=f"{self._conditions.rows(self._table)} AND {time_column(self._table)} < {self._cut}",
            sets=self._grouping.sets_with("one"),
            figures=figures,
        )
