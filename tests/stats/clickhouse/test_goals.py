"""Goals and funnels of ClickHouse's rows: the tests of DuckDB's, run once more."""

from collections.abc import Iterator

import pytest

from prisme.store.database import Database
from tests.stats.conftest import fill_database
from tests.stats.test_goals import (  # noqa: F401
    LINES,
    test_as_csv,
    test_funnels_are_counted,
    test_goals_are_counted,
    test_only_goals_of_the_chosen_sites_are_listed,
    test_rows_of_other_domains_do_not_count,
    test_the_journal_has_all_that_goals_are_about,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = fill_database(tmp_path_factory.mktemp("goals"), LINES)
    yield database
    database.close()
