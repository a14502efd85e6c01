"""Figures made of rollups equal those counted from the rows, whatever is deleted, imported and undone in the middle."""

import json
import logging
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prisme.runtime.cancellation import Cancellation
from prisme.stats.rollups import builder, plan
from prisme.stats.rollups.builder import RollupBuilder
from prisme.stats.rollups.check import Findings, UnitCheck
from prisme.stats.rollups.unit_sql import UnitCounter
from prisme.stats.selection import Page
from prisme.store.deletion import Choice, Deletion, forget_import, of_import
from prisme.store.rollups import Unit
from prisme.visit.sessions import new_id
from tests.faults.load import LONG
from tests.stats.imported_visits import RECURRING, Visit, grow, make_visits, merge
from tests.stats.lines import DAY, FIRST, HOUR, LAST, PATHS, UTC, ZONES, make_lines
from tests.stats.test_incremental import Instance, select, when
from tests.stats.test_rollups import build_all, count_all

NOW = LAST + 10 * DAY


def check(instance: Instance) -> Findings:
    return UnitCheck(instance.database, Cancellation(), lambda _, __: None).run()


def ask(instance: Instance, query: str) -> list[Any]:
    with instance.database.cursor() as cursor:
        return cursor.execute(query).fetchall()


def delete(instance: Instance, choice: Choice) -> None:
    with Deletion(instance.database, instance.loader, choice, Cancellation()) as deletion:
        for _ in deletion.steps():
            pass


class History:
    """What changes rows: one thing at a time, at random."""

    def __init__(self, instance: Instance, folder: Path, noise: random.Random, late: list[bytes]) -> None:
        self._instance = instance
        self._folder = folder
        self._noise = noise
        self._late = late
        self._imports: list[tuple[str, list[Visit]]] = []

    def change(self) -> None:
        """Do the next thing."""
        steps = [self._delete_visits, self._delete_path, self._delete_visitor, self._load, self._import, self._import]
        steps += [self._grow, self._undo] if self._imports else []
        self._noise.choice(steps)()

    def _delete_visits(self) -> None:
        before = self._noise.choice([FIRST + self._noise.randrange(10) * DAY, NOW])
        condition = (
            f"entry_timestamp < make_timestamp({before}) AND hash(session_uuid) % 5 = {self._noise.randrange(5)}"
        )
        delete(self._instance, Choice(condition, None, None, None, {}))

    def _delete_path(self) -> None:
        path = self._noise.choice(PATHS)
        delete(self._instance, Choice(None, None, "path = $path AND hash(session_uuid) % 2 = 0", None, {"path": path}))

    def _delete_visitor(self) -> None:
        visitor = self._noise.choice([*RECURRING, f"reader-{self._noise.randrange(20)}"])
        delete(self._instance, Choice(None, "visitor_id = $visitor", None, None, {"visitor": visitor}))

    def _load(self) -> None:
        size = self._noise.randrange(1, 4)
        self._instance.load(self._late[:size])
        del self._late[:size]
        self._instance._time += 1000

    def _import(self) -> None:
        visits = make_visits(self._noise, self._noise.randrange(1, 12))
        name = merge(self._instance, self._folder, visits, f"source {self._noise.random()}")
        self._imports.append((name, visits))

    def _grow(self) -> None:
        name, visits = self._imports[-1]
        grown = [grow(self._noise, visit) if self._noise.random() < 0.5 else visit for visit in visits]
        merge(self._instance, self._folder, grown, f"source {self._noise.random()}")
        self._imports[-1] = name, grown

    def _undo(self) -> None:
        name, _ = self._imports.pop(self._noise.randrange(len(self._imports)))
        delete(self._instance, of_import(name))
        forget_import(self._instance.database, self._instance.loader, name)


@given(st.integers(0, 1 << 32))
@settings(
    max_examples=60 if LONG else 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
def test_figures_are_those_of_the_rows_whatever_changes(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    noise, covered, folder = random.Random(seed), 0, tmp_path_factory.mktemp("changed")
    lines = sorted(make_lines(seed, 150), key=when)
    late = [line for line in lines if noise.random() < 0.05]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_FEWEST_PAGEVIEWS", noise.choice([20, 80]))
        patch.setattr(plan, "_FEWEST_OF_SITE", 1)
        patch.setattr(builder, "_AFTER_DROP", 0)
        instance = Instance(folder, patch)
        instance.load([line for line in lines if line not in late])
        instance._time += 1000
        build_all(instance)
        history = History(instance, folder, noise, late)
        for _ in range(8 if LONG else 3):
            for _ in range(noise.randrange(1, 4)):
                history.change()
            covered += count_all(instance, noise, {}, noise.choice(ZONES[:3]), 1)
            if noise.random() < 0.3:
                RollupBuilder(instance.database, instance.loader, logging.getLogger("tests")).build(NOW)
                covered += count_all(instance, noise, {}, noise.choice(ZONES[:3]), 1)
            days = [unit for unit in build_all(instance) if not unit.is_month]
            assert all(before.end == unit.first for before, unit in pairwise(days)), "no day is left out"
            found = check(instance)
            assert (found.different, found.unknown, found.orphans, found.changed) == ([], 0, [], [])
            assert found.is_used
            covered += count_all(instance, noise, {}, noise.choice(ZONES[:3]), 2)
        instance.close()
    assert covered


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(plan, "_FEWEST_PAGEVIEWS", 40)
    monkeypatch.setattr(plan, "_FEWEST_OF_SITE", 1)
    monkeypatch.setattr(builder, "_AFTER_DROP", 0)
    instance = Instance(tmp_path, monkeypatch)
    instance.load(sorted(make_lines(4, 120), key=when))
    instance._time += 1000
    yield instance
    instance.close()


def far_import(instance: Instance, folder: Path, count: int = 4) -> None:
    """Import visits of a day long before all others."""
    noise = random.Random(3)
    visits = make_visits(noise, count)
    for visit in visits:
        shift = FIRST - 100 * DAY - visit["rows"][0]["at"]
        visit["visitor"] = RECURRING[0]
        visit["rows"] = [row | {"at": row["at"] + shift} for row in visit["rows"]]
    merge(instance, folder, visits, "far")


def test_a_unit_is_not_stored_if_an_import_came_while_it_was_counted(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of its visitors have the numbers of visitors who come back, and others not."""
    build_all(instance, FIRST + 10 * DAY)
    whole = UnitCounter._count_visits
    imported: list[Any] = []

    def count_visits(self: UnitCounter, moments: Any) -> None:
        whole(self, moments)
        if not imported:
            imported.append(moments)
            far_import(instance, tmp_path)

    monkeypatch.setattr(UnitCounter, "_count_visits", count_visits)
    build_all(instance)
    assert imported
    assert check(instance).different == []
    count_all(instance, random.Random(1), {}, UTC)


def view(at: int) -> bytes:
    """The one pageview of a visit, of a visitor of the first day."""
    line = json.loads(next(line for line in make_lines(4, 120) if b'"pageview"' in line))
    line["session"] |= {"visitor": "prisme_FFFFFFFFFFFFFFFF", "entry": at, "exit": at, "uuid": new_id(at, 7)}
    return json.dumps(line).encode() + b"\n"


@pytest.mark.parametrize("is_first", [True, False])
def test_visitors_that_are_kept_have_the_numbers_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """An import changes the numbers of visitors who are told by them, and so does what is found out of it then."""
    monkeypatch.setattr(builder, "_AFTER_DROP", 0)
    instance = Instance(tmp_path, monkeypatch)
    build_all(instance)
    noon = FIRST + 12 * HOUR
    if is_first:
        far_import(instance, tmp_path, 1)
    instance.load([view(noon - HOUR)])
    instance._time += 1000
    instance.count(select(FIRST, noon), Page())
    if is_first:
        build_all(instance)
    else:
        far_import(instance, tmp_path, 1)
    instance.load([view(noon + HOUR)])
    instance.count(select(FIRST, FIRST + DAY), Page())
    instance.close()


def test_a_commit_that_failed_may_have_stored_a_unit(instance: Instance) -> None:
    """As with a disk that lies: the write-ahead log has it, and once the file is reopened, it is there."""
    rollups = instance.database.rollups
    build_all(instance)
    rollups.until, until = 0, rollups.until
    instance.loader.close()
    instance.database.reopen()
    assert rollups.until == until


def test_all_is_made_where_nothing_is_known(instance: Instance) -> None:
    """A backup has nothing of it: its file has no row that says how the units are made."""
    with instance.database.cursor() as cursor:
        cursor.execute("DELETE FROM rollup.state")
    instance.database.rollups.__init__(instance.database.cursor())  # type: ignore[misc]
    instance.count(select(FIRST, LAST + DAY), Page())
    assert build_all(instance)
    assert check(instance).is_used


def test_a_visitor_who_comes_back_is_forgotten_once_all_is_deleted(instance: Instance, tmp_path: Path) -> None:
    far_import(instance, tmp_path)
    build_all(instance)
    known = f"SELECT count(*) FROM rollup.recurring_visitors WHERE visitor = hash('{RECURRING[0]}')"
    assert ask(instance, known) == [(1,)]
    own = "visitor_id = $visitor"
    first = f"session_uuid = (SELECT min(session_uuid) FROM sessions WHERE visitor_id = '{RECURRING[0]}')"
    for condition, left in ((first, 1), (None, 0)):
        delete(instance, Choice(condition, own, None, None, {"visitor": RECURRING[0]}))
        assert ask(instance, known) == [(left,)]
        instance.count(select(FIRST - 200 * DAY, LAST + DAY), Page())


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        (
            "UPDATE rollup.slots SET pageviews = pageviews + 1 WHERE slot = (SELECT min(slot) FROM rollup.slots)",
            "slots",
        ),
        ("DELETE FROM rollup.visitors WHERE slot = (SELECT min(slot) FROM rollup.visitors)", "visitors"),
        ("INSERT INTO rollup.named_visitors FROM rollup.named_visitors LIMIT 1", "named_visitors"),
        ("UPDATE rollup.keys SET again = again + 1 WHERE rowid = (SELECT min(rowid) FROM rollup.keys)", "keys"),
        ("UPDATE rollup.units SET has_named = NOT has_named WHERE id = (SELECT min(id) FROM rollup.units)", "units"),
    ],
)
def test_a_wrong_count_is_found(instance: Instance, statement: str, part: str) -> None:
    build_all(instance)
    assert (check(instance).different, check(instance).checked) == ([], len(ask(instance, "FROM rollup.units")))
    ask(instance, statement)
    different = check(instance).different
    assert part in {name for one in different for name in one.parts}


def test_wrong_months_rows_of_no_unit_and_unknown_visitors_are_found(instance: Instance, tmp_path: Path) -> None:
    far_import(instance, tmp_path)
    units = build_all(instance)
    (month, *_) = [unit for unit in units if unit.is_month]
    ask(instance, f"DELETE FROM rollup.keys WHERE unit = {month.id} AND list = 'top-pages'")
    ask(instance, "INSERT INTO rollup.slots SELECT 1000, * EXCLUDE (unit) FROM rollup.slots LIMIT 1")
    ask(instance, "DELETE FROM rollup.recurring_visitors")
    found = check(instance)
    assert (month.first, month.end, ["keys"]) in found.different
    assert found.orphans == ["rollup.slots"]
    assert found.unknown > 0


def test_a_unit_that_changes_while_it_is_checked_is_none_that_is_wrong(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    units: list[Unit] = build_all(instance)
    whole, lines = UnitCounter._count_visits, sorted(make_lines(9, 20), key=when)
    loaded: list[bytes] = []

    def count_visits(self: UnitCounter, moments: Any) -> None:
        whole(self, moments)
        inside = [line for line in lines if moments["start"] <= when(line) < moments["stop"]]
        if inside and not loaded:
            loaded.extend(inside)
            instance.load(inside)

    monkeypatch.setattr(UnitCounter, "_count_visits", count_visits)
    found = check(instance)
    assert loaded
    assert found.different == []
    assert found.changed
    assert found.checked + len(found.changed) == len(units)
