"""Units of rollups: which are made, what drops them, and what they hold."""

import datetime
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.runtime.cancellation import Cancellation
from prisme.stats.rollups import builder, plan
from prisme.stats.rollups.builder import RollupBuilder
from prisme.store.deletion import Choice, Deletion
from prisme.store.rollups import PARTS, Unit, day_of
from tests.stats.lines import DAY, FIRST, HOUR, LAST, make_lines
from tests.stats.test_incremental import Instance, when
from tests.stats.test_rollups import build_all

LATE = FIRST + 5 * DAY


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(plan, "_FEWEST_PAGEVIEWS", 60)
    monkeypatch.setattr(plan, "_FEWEST_OF_SITE", 1)
    monkeypatch.setattr(builder, "_AFTER_DROP", 0)
    instance = Instance(tmp_path, monkeypatch)
    instance.load(sorted(make_lines(5, 200), key=when))
    instance._time += 1000
    yield instance
    instance.close()


def count(instance: Instance, query: str) -> int:
    with instance.database.cursor() as cursor:
        ((number,),) = cursor.execute(query).fetchall()
    return int(number)


def test_each_day_that_is_over_is_in_one_unit_and_whole_months_once_more(instance: Instance) -> None:
    units = build_all(instance)
    days = [unit for unit in units if not unit.is_month]
    assert len(days) > 3
    assert [unit.first for unit in days[1:]] == [unit.end for unit in days[:-1]]
    assert days[0].first == day_of(count(instance, "SELECT epoch_us(min(entry_timestamp)) FROM sessions"))
    (month,) = [unit for unit in units if unit.is_month]
    assert (month.first, month.end) == (datetime.date(2026, 10, 1), datetime.date(2026, 11, 1))
    sums = {unit.id: count(instance, f"SELECT sum(count) FROM rollup.keys WHERE unit = {unit.id}") for unit in units}
    assert sums[month.id] == sum(sums[unit.id] for unit in days if unit.end <= month.end)


def test_days_wait_until_they_are_over_and_quiet(instance: Instance) -> None:
    midnight = FIRST + 20 * DAY
    early = build_all(instance, midnight + HOUR)
    assert max(unit.stop for unit in early) < midnight
    instance.load(sorted(make_lines(6, 5), key=when))
    made = RollupBuilder(instance.database, instance.loader, logging.getLogger("tests"))
    assert not made.build(LAST + 10 * DAY), "a load has just changed earlier days"
    instance._time += 1000
    assert made.build(LAST + 10 * DAY)


def test_a_late_event_drops_the_units_of_its_days(instance: Instance) -> None:
    before = build_all(instance)
    line = next(line for line in make_lines(8, 50) if LATE <= when(line) < LATE + 20 * DAY)
    entry, at = json.loads(line)["session"]["entry"], when(line)
    instance.load([line])
    with instance.database.cursor() as cursor:
        left = {number for (number,) in cursor.execute("SELECT id FROM rollup.units").fetchall()}

    def is_meant(unit: Unit) -> bool:
        return any(unit.start - DAY <= moment < unit.stop for moment in (entry, at))

    assert {unit.id for unit in before} - left == {unit.id for unit in before if is_meant(unit)}
    for part in PARTS:
        assert count(instance, f"SELECT count(*) FROM {part} WHERE unit NOT IN (SELECT id FROM rollup.units)") == 0


def test_nothing_of_what_is_deleted_is_in_any_unit(instance: Instance) -> None:
    build_all(instance)
    found = "SELECT count(*) FROM rollup.named_visitors WHERE visitor = hash('reader-10') & 18446744073709551614"
    path = "SELECT count(*) FROM rollup.keys WHERE key = '/a/b'"
    assert count(instance, found)
    assert count(instance, path)
    for choice in (
        Choice("visitor_id = $visitor", None, None, None, {"visitor": "reader-10"}),
        Choice(None, None, "path = $path", None, {"path": "/a/b"}),
    ):
        with Deletion(instance.database, instance.loader, choice, Cancellation()) as deletion:
            assert deletion.visits
            list(deletion.steps())
    assert not count(instance, found)
    instance._time += 1000
    build_all(instance)
    assert not count(instance, found)
    assert count(instance, path.replace("WHERE", "WHERE list = 'top-pages' AND")) == 0
