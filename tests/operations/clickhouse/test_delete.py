"""Deletions in ClickHouse leave the rows that DuckDB's leave, and say the same numbers."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prisme.access.grants import operator
from prisme.access.retention import Retention
from prisme.access.sites import SiteList
from prisme.operations import imports
from prisme.operations.job import Job
from prisme.store import deletion
from prisme.store.clickhouse import deletion as clickhouse_deletion
from tests.faults.load import LONG
from tests.operations.clickhouse.both import Both, perform
from tests.operations.test_delete import as_arguments, choices
from tests.stats.lines import DAY, FIRST, LAST

BY = operator("test")
# An example takes so long that smaller ones are not looked for.
many = settings(
    deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Begin = Callable[[], Both]


@given(st.lists(choices, min_size=1, max_size=2), st.sampled_from([60, 250_000]))
@settings(many, max_examples=100 if LONG else 4)
def test_what_is_left_is_as_in_duckdb(begin: Begin, chosen: list[dict[str, Any]], visits_a_step: int) -> None:
    both = begin()
    with pytest.MonkeyPatch.context() as patch:
        for module in (deletion, clickhouse_deletion):
            patch.setattr(module, "STEP_VISITS", visits_a_step)
        for one in chosen:
            both.check("delete", **as_arguments(one))


KINDS = {
    "site": {"site": "example.com"},
    "site and before": {"site": "*.example.com", "before": "2026-11-01"},
    "path": {"path": "/a"},
    "path and site": {"path": "!/a", "site": "example.com"},
    "many paths": {"path": ",".join(f"/{number}*%_\\\\'\"" for number in range(490)) + ",/a*"},
    "import": {"before": "2024-01-01"},
    "nobody": {"visitor": "nobody"},
}


@pytest.mark.parametrize("kind", KINDS if LONG else [kind for kind in KINDS if kind != "many paths"])
def test_each_kind_of_choice(begin: Begin, kind: str) -> None:
    done = begin().check("delete", **KINDS[kind])
    assert done.is_nothing == (kind == "nobody")


def test_only_the_newest_state_of_a_visit_is_left(begin: Begin) -> None:
    """The others have what was deleted."""
    both = begin()
    before = len(both.rows_of_clickhouse()["sessions"])
    assert both.states() == 2 * before
    done = both.check("delete", path="*")
    assert (done.rows["sessions"], done.changed, both.states()) == (before, 0, 0)
    both = begin()
    done = both.check("delete", path="/a")
    assert done.changed > 5
    assert both.states() == 2 * (before - done.rows["sessions"]) - done.changed


@given(
    st.integers(0, 60),
    st.dictionaries(st.sampled_from(["example.com", "*.example.com"]), st.integers(0, 60)),
    st.integers(FIRST, LAST),
)
@settings(many, max_examples=30 if LONG else 3)
def test_retention_is_as_in_duckdb(begin: Begin, everywhere: int, rules: dict[str, int], now: int) -> None:
    both = begin()
    both.configure(now, retention_days=str(everywhere))
    known = Retention(both.duckdb.control, SiteList(both.duckdb.control, ("example.com", "*.example.com"), []))
    for site, days in rules.items():
        known.save(BY, site, days, 1)
    told, found = both.perform("retain", site="example.com", days=1)
    assert found == told
    both.check("retain")


def test_a_node_that_only_accepts_events_deletes_nothing(begin: Begin) -> None:
    both = begin()
    both.configure(LAST + 400 * DAY, retention_days="1", mode="ingestion")
    assert perform(both.clickhouse, "retain").is_nothing
    both.configure(LAST + 400 * DAY, retention_days="1")
    assert not perform(both.clickhouse, "retain").is_nothing


@pytest.mark.parametrize("name", ["goatcounter-1", "plausible-1"])
def test_an_undo_is_as_in_duckdb(begin: Begin, name: str) -> None:
    both = begin()
    done = both.check("undo", name=name)
    assert (done.rows["sessions"], done.rows["imported_figures"] > 0) == (30 * (name == "goatcounter-1"), True)
    left = [one.name for one in imports.run(both.clickhouse, imports.Arguments(), Job())]
    assert left == [one for one in ["plausible-1", "goatcounter-1"] if one != name]


def test_what_came_of_an_import_meanwhile_is_deleted_too(begin: Begin) -> None:
    """As by an import that goes on while it is undone."""
    both = begin()
    arguments = {"name": "goatcounter-1"}
    sessions, figures = both.place.table("sessions"), both.place.table("imported_figures")
    whole = clickhouse_deletion.ClickHouseDeletion.steps

    def steps(self: clickhouse_deletion.ClickHouseDeletion) -> object:
        yield from whole(self)
        if both.rows_of_clickhouse()["imports"]:
            patch.setattr(clickhouse_deletion.ClickHouseDeletion, "steps", whole)
            both.client.execute(f"INSERT INTO {sessions} (session_uuid, imported) VALUES ({UUID}, 'goatcounter-1')")
            both.client.execute(f"INSERT INTO {figures} (imported, day) VALUES ('goatcounter-1', '2024-01-01')")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clickhouse_deletion.ClickHouseDeletion, "steps", steps)
        both.perform("undo", **arguments)
    duckdb, clickhouse = both.rows()
    assert clickhouse == duckdb


UUID = "'01939c30-0000-7000-8000-000000000001'"


def test_moments_are_those_of_utc(begin: Begin) -> None:
    """A day of figures is deleted once it is over."""
    both = begin()
    day = datetime.datetime(2026, 10, 5, tzinfo=datetime.UTC)
    counts = [
        perform(both.clickhouse, "delete", before=f"{moment.timestamp():.6f}", site="example.com", dry_run=True).rows
        for moment in (day, day + datetime.timedelta(days=1) - datetime.timedelta(microseconds=1))
    ]
    later = perform(both.clickhouse, "delete", before="2026-10-06", site="example.com", dry_run=True).rows
    assert counts[0]["imported_figures"] == counts[1]["imported_figures"] < later["imported_figures"]
