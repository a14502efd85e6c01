"""Another text in the place of one of the queries of the statistics."""

import pytest

from prisme.stats.sql import load_sql

# Takes for ever, with any rows.
ENDLESS_COUNT = (
    "SELECT -1, count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 11 "
    "AND NOT EXISTS ({rows})"
)


def replace_sql(patch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Have a query of `stats/sql/` be this text, for any engine."""
    patch.setattr("prisme.stats.dialect.load_sql", lambda one, engine: text if one == name else load_sql(one, engine))
