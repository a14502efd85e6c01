"""Another file in the place of the database's, while queries and loads go on."""

import contextlib
import threading
from pathlib import Path

import pytest

from prisme.journal.record import PageviewLine
from prisme.store import database
from prisme.store.connection import connect
from prisme.store.errors import LateError, LostError, StoreError
from prisme.store.reader import Reader
from tests.store.segments import LIMITS, Store, session

COUNT = "SELECT count(*) FROM pageviews"


def copy(store: Store) -> Path:
    """A copy of all tables without their rows."""
    path = store.folder.parent / "tmp" / "staged-copy.duckdb"
    with store.loader.hold() as held:
        held.cursor.execute(f"ATTACH '{path}' AS copy")
        held.cursor.execute("COPY FROM DATABASE prisme TO copy (SCHEMA)")
        held.cursor.execute("INSERT INTO copy.schema_version SELECT * FROM schema_version")
        held.cursor.execute("DETACH copy")
    return path


def test_the_new_file_is_read_and_written(store: Store, tmp_path: Path) -> None:
    store.load(1, PageviewLine(1, session(1)))
    new, previous = copy(store), tmp_path / "kept.duckdb"
    with store.loader.hold() as held:
        held.replace(new, previous)
        assert held.cursor.execute(COUNT).fetchall() == [(0,)]
    store.load(2, PageviewLine(2, session(2)), PageviewLine(3, session(3)))
    with Reader(store.database, 5) as reader:
        assert reader.ask(COUNT, {}) == [(2,)]
    with contextlib.closing(connect(previous, LIMITS, tmp_path / "tmp")) as kept:
        assert kept.execute(COUNT).fetchall() == [(1,)]


def test_nothing_is_kept_without_a_name(store: Store, tmp_path: Path) -> None:
    new = copy(store)
    with store.loader.hold() as held:
        held.replace(new)
    assert sorted(path.name for path in tmp_path.glob("prisme.duckdb*")) == ["prisme.duckdb"]


def test_a_file_that_cannot_be_opened_changes_nothing(store: Store) -> None:
    store.load(1, PageviewLine(1, session(1)))
    new = store.folder.parent / "tmp" / "staged-bad"
    new.parent.mkdir(exist_ok=True)
    new.write_bytes(b"no database")
    with pytest.raises(StoreError, match="unchanged"), store.loader.hold() as held:
        held.replace(new)
    store.load(2, PageviewLine(2, session(2)))
    assert store.rows(COUNT) == [(2,)]


def test_a_query_under_way_ends_first(store: Store) -> None:
    new = copy(store)
    with Reader(store.database, 5) as reader:
        replacing = threading.Thread(target=lambda: replace(store, new))
        replacing.start()
        replacing.join(0.2)
        assert replacing.is_alive()
        assert reader.ask(COUNT, {}) == [(0,)]
    replacing.join()
    with Reader(store.database, 5) as reader:
        assert reader.ask(COUNT, {}) == [(0,)]


def test_a_query_that_does_not_end_is_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.2)
    new = copy(store)
    endless = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b"
    with Reader(store.database, 30) as reader:
        replacing = threading.Thread(target=lambda: replace(store, new))
        replacing.start()
        with pytest.raises((LateError, LostError)):
            reader.ask(endless, {})
    replacing.join()
    assert store.rows(COUNT) == [(0,)]


def replace(store: Store, new: Path) -> None:
    with store.loader.hold() as held:
        held.replace(new)
