"""The sessions that match the filters, found once for all queries of the rows of a span.

Of the sessions, only those are looked at whose ids are in the range of those of the span's rows. An id has the time at
which its session began (UUIDv7), and a session of Prisme lasts 24 hours at most. Rows with other ids, such as those of
imports, are not overlooked: to search for them takes no time where there are none, as DuckDB skips blocks of rows whose
ids are all in a range.
"""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Callable
from typing import Final

from prisme.base.timexpr import SECOND
from prisme.stats.columns import EVENTS
from prisme.stats.conditions import Conditions
from prisme.store.query_reader import Row

_TABLE: Final = "matching_sessions"
# A session lasts 24 hours at most; clocks may have been set back.
_BEFORE: Final = 25 * 3600 * SECOND
_AFTER: Final = 3600 * SECOND
_MILLISECOND: Final = SECOND // 1000
# Runs a query that names parameters of the conditions, as `Stats.run` does.
_Run = Callable[[str, Conditions], list[Row]]
# UUIDs have 48 bits for the time.
_LATEST: Final = (1 << 48) - 1


def choose_sessions(run: _Run, conditions: Conditions, start: int, end: int) -> None:
    """Let conditions find rows from `start` up to `end` (microseconds) by a table of the sessions that match.

    The table is replaced by the next call in the same transaction. An engine without such tables goes on to find them
    by subqueries. Raises UnavailableError.
    """
    if not conditions.needs_sessions or not conditions.dialect.has_temporary_tables:
        return
    query = conditions.matching_sessions(*_find_bounds(run, conditions, start, end))
    run(f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS {query}", conditions)
    conditions.use_sessions(_TABLE)


def _find_bounds(run: _Run, conditions: Conditions, start: int, end: int) -> tuple[str, str]:
    """The lowest and the highest id that a session with rows in a span may have."""
    lowest, highest = _make_id(start - _BEFORE, "0"), _make_id(end + _AFTER, "f")
    outside = " UNION ALL ".join(
        f"SELECT min(session_uuid) AS lowest, max(session_uuid) AS highest {conditions.rows_of_span(table)} "
        f"AND (session_uuid < '{lowest}' OR session_uuid > '{highest}')"
        for table in ("sessions", "pageviews", *EVENTS)
    )
    ((first, last),) = run(f"SELECT min(lowest), max(highest) FROM ({outside})", conditions)
    if first is None:
        return lowest, highest
    return min(lowest, str(first)), max(highest, str(last))


def _make_id(moment: int, digit: str) -> str:
    """The lowest or the highest id of a moment, whose other digits are all the same."""
    time = f"{min(max(moment // _MILLISECOND, 0), _LATEST):012x}"
    rest = digit * 4
    return f"{time[:8]}-{time[8:]}-{rest}-{rest}-{rest * 3}"
