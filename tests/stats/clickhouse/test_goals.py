"""Goals and funnels of ClickHouse's rows: the tests of DuckDB's, run once more."""

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from prisme.base.goals import Definitions, Funnel, Goal
from prisme.stats.funnels import build_funnel_figures
from prisme.stats.goals import build_goal_figures
from prisme.stats.queries import Stats
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.database import Database
from prisme.store.reader import Reader
from tests.stats.conftest import fill_database
from tests.stats.lines import DAY, FIRST, LAST
from tests.stats.test_goals import (  # noqa: F401
    LINES,
    make_query,
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


@pytest.mark.parametrize("sums", ["revenue", "plan", "currency"])
@pytest.mark.parametrize("currency", ["currency", "plan", "revenue", ""])
def test_sums_of_any_texts_are_those_of_duckdb(
    database: Database, reader: ClickHouseReader, sums: str, currency: str
) -> None:
    sites = ("example.com", "*.example.com")
    definitions = Definitions(tuple(Goal(0, site, "Sale", "event", "*", "", "", sums, currency) for site in sites))
    query = make_query(FIRST, LAST + DAY, {})
    with Reader(database, 3600.0) as duckdb:
        expected, found = (build_goal_figures(Stats(one, None, definitions), query) for one in (duckdb, reader))
    assert found == expected
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)
    assert sums != "revenue" or len(found.goals[0].sums) >= 1


@pytest.mark.parametrize("steps", [*itertools.product(("Any", "Sale"), repeat=2), *itertools.product("AS", repeat=4)])
def test_steps_in_any_order_are_those_of_duckdb(
    database: Database, reader: ClickHouseReader, steps: tuple[str, ...]
) -> None:
    """Steps that the same event reaches, too."""
    names = tuple({"A": "Any", "S": "Sale"}.get(step, step) for step in steps)
    goals = (Goal(0, "example.com", "Any", "page", "*"), Goal(0, "example.com", "Sale", "event", "*"))
    definitions, query = (
        Definitions(goals, (Funnel(1, "example.com", "Way", names),)),
        make_query(FIRST, LAST + DAY, {}),
    )
    with Reader(database, 3600.0) as duckdb:
        expected, found = (build_funnel_figures(Stats(one, None, definitions), query) for one in (duckdb, reader))
    assert found == expected
    assert found.funnels[0].steps[0].visits
