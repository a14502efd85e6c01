"""Queries whose rows get wider with each step."""

import pytest

from prisme.store.errors import RefusedSqlError
from prisme.store.sql_guard import SqlGuard


def _chain(select: str, steps: int) -> str:
    """CTEs of which each selects the same from the one before it."""
    others = "".join(f", step{at} AS ({select.format(f'step{at - 1}')})" for at in range(1, steps))
    return f"WITH step0 AS (SELECT *, 1 AS part FROM sessions){others} SELECT count(*) FROM step{steps - 1}"


@pytest.mark.parametrize(
    ("select", "steps"),
    [
        ("SELECT *, * FROM {0}", 7),
        ("SELECT a.*, b.* FROM {0} a, {0} b", 7),
        ("FROM {0} a, {0} b", 7),
        ("SELECT {{'x': part, 'y': part}} AS part FROM {0}", 12),
        ("SELECT row(part, part) AS part FROM {0}", 12),
        ("SELECT (SELECT {{'x': part, 'y': part}}) AS part FROM {0}", 12),
    ],
)
def test_rows_that_grow_with_each_step_are_refused(select: str, steps: int) -> None:
    """DuckDB's planner would make all their columns, and is not interrupted."""
    guard = SqlGuard()
    guard.check(_chain(select, 4))
    with pytest.raises(RefusedSqlError, match="too many columns"):
        guard.check(_chain(select, steps))
    guard.close()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM sessions JOIN pageviews USING (session_uuid) JOIN events_custom USING (session_uuid)",
        "SELECT min(COLUMNS(*)), max(COLUMNS(*)) FROM sessions",
        "SELECT CASE WHEN COLUMNS(*)::VARCHAR = '-' THEN NULL ELSE COLUMNS(*)::VARCHAR END FROM sessions",
        "WITH a AS (FROM sessions), b AS (SELECT *, lag(domain) OVER () FROM a), c AS (FROM b JOIN b d USING (domain)) "
        "FROM c",
        "SELECT row(sessions, sessions) FROM sessions",
        "SUMMARIZE sessions",
    ],
)
def test_usual_widths_are_allowed(text: str) -> None:
    guard = SqlGuard()
    assert guard.check(text) == text
    guard.close()
