"""Copies of the tables, while they are written to."""

import contextlib
import threading
from pathlib import Path

import duckdb
import pytest

from prisme.journal.record import PageviewLine
from prisme.runtime.cancellation import Cancellation
from prisme.store import backup
from prisme.store.errors import StoreError
from prisme.store.table_sums import TableSums, differences
from tests.store.segments import Store, session


def copy(store: Store, target: Path, tell: backup.Tell = lambda *_: None, number: int = 1) -> dict[str, TableSums]:
    """Copy the tables; at the moment of the copy another segment is loaded, which it does not have."""
    return backup.copy_tables(
        store.database,
        target,
        lambda: store.load(number + 1, PageviewLine(number + 1, session(number + 1))),
        Cancellation(),
        tell,
    )


@pytest.fixture
def target(store: Store) -> Path:
    store.load(1, PageviewLine(1, session(1)))
    return store.folder.parent / "tmp" / "staged-backup"


def test_a_copy_is_of_one_moment(store: Store, target: Path) -> None:
    store.rows("CREATE VIEW mine AS SELECT path FROM pageviews")
    store.rows('CREATE TABLE "my \'own" ("a ""b" INTEGER, later TIMESTAMP)')
    store.rows('INSERT INTO "my \'own" VALUES (1, now()::TIMESTAMP)')
    store.rows("COMMENT ON COLUMN sessions.domain IS 'host'")
    sums = copy(store, target)
    assert sums["pageviews"].rows == sums["sessions"].pageviews == 1
    assert sums["sessions"].earliest == sums["pageviews"].latest == "2026-11-23 21:56:40.000001"
    assert store.rows("SELECT count(*) FROM pageviews") == [(2,)]
    assert not list(target.parent.glob("*.wal"))
    with contextlib.closing(duckdb.connect(str(target))) as tables:
        assert tables.execute("SELECT path FROM mine").fetchall() == [("/",)]
        assert tables.execute('SELECT "a ""b" FROM "my \'own"').fetchall() == [(1,)]
        assert tables.execute("SELECT count(*) FROM state.open_sessions").fetchall() == [(0,)]
        commented = "SELECT comment FROM duckdb_columns() WHERE table_name = 'sessions' AND column_name = 'domain'"
        assert tables.execute(commented).fetchall() == [("host",)]


def test_sums_tell_what_differs(store: Store, target: Path) -> None:
    before = copy(store, target)
    target.unlink()
    assert differences(before, before) == []
    store.rows("UPDATE pageviews SET path = '/other'")
    after = copy(store, target, number=2)
    assert differences(before, after) == ["pageviews", "sessions", "state.segments"]
    assert differences(before, {**before, "pageviews": after["pageviews"]}, with_checksums=False) == ["pageviews"]
    assert differences(before, {}) == sorted(before)


@pytest.mark.parametrize("at", ["copying pageviews", "copying state.segments", "copying"])
def test_what_fails_leaves_nothing_attached(store: Store, target: Path, at: str) -> None:
    def fail(what: str, done: int, total: int) -> None:
        if what == at:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        copy(store, target, fail)
    target.unlink()
    assert copy(store, target, number=2)


def test_an_interrupted_copy_ends(store: Store, target: Path) -> None:
    cancellation = Cancellation()
    store.rows("CREATE TABLE numbers AS SELECT range FROM range(10_000_000)")
    ended: list[str] = []

    def tell(what: str, done: int, total: int) -> None:
        if what == "copying numbers":
            threading.Timer(0.01, cancellation.cancel).start()
        elif cancellation.is_cancelled:
            ended.append(what)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        backup.copy_tables(store.database, target, lambda: None, cancellation, tell)
    assert ended == ["ending"]
    target.unlink()
    assert copy(store, target)


def test_a_file_that_cannot_be_written_is_told(store: Store, target: Path) -> None:
    with pytest.raises(StoreError, match="cannot be copied"):
        copy(store, target.parent / "none" / "staged")
