"""Figures of a grant with wildcards, of ClickHouse's rows: the tests of DuckDB's, run once more."""

from collections.abc import Iterator

import pytest

from prisme.store.database import Database
from tests.stats.conftest import fill_database
from tests.stats.test_allowed_domains import (  # noqa: F401
    LINES,
    test_a_narrowed_grant_sees_what_both_see,
    test_figures_of_wildcards,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = fill_database(tmp_path_factory.mktemp("hosts"), LINES)
    yield database
    database.close()
