"""What a start takes over: the segments of an earlier run, and the visits in them."""

import asyncio
import logging

import duckdb
import pytest

from prisme.journal.record import PageviewLine
from prisme.store.errors import StoreError
from prisme.store.recovery import Leftovers, load_leftovers, stored_sessions, unloaded_sessions
from tests.store.segments import NOW, Store, session

LOG = logging.getLogger("prisme")


def load(store: Store) -> Leftovers:
    return asyncio.run(load_leftovers(store.loader, store.folder, lambda: NOW, LOG))


@pytest.fixture
def journal(store: Store) -> Store:
    """A store with two segments."""
    store.segment(3, PageviewLine(3, session(3)))
    store.segment(7, PageviewLine(7, session(7)))
    return store


def test_segments_are_loaded_and_stay_for_the_writer(journal: Store, caplog: pytest.LogCaptureFixture) -> None:
    (journal.folder / "notes.txt").touch()
    with caplog.at_level(logging.INFO):
        leftovers = load(journal)
    assert [segment.number for segment in leftovers.segments] == [3, 7]
    assert (leftovers.unloaded, leftovers.next_number) == ([], 8)
    assert all(segment.path.exists() for segment in leftovers.segments)
    assert caplog.messages == [
        f"{journal.folder / 'notes.txt'} is not a journal segment, it is ignored",
        "segment 3 of an earlier run loaded",
        "segment 7 of an earlier run loaded",
    ]
    assert [one.device_hash for one in stored_sessions(journal.loader, 0, 0, 10, 8)] == [3, 7]


def test_visits_of_a_segment_that_cannot_be_loaded(journal: Store, caplog: pytest.LogCaptureFixture) -> None:
    with journal.database.cursor() as cursor:
        cursor.execute("ALTER TABLE sessions RENAME TO hidden")
    leftovers = load(journal)
    assert leftovers.unloaded == leftovers.segments
    assert sum("cannot be loaded now, will retry" in message for message in caplog.messages) == 2
    leftovers.unloaded[0].path.unlink()
    assert list(unloaded_sessions(leftovers.unloaded, LOG)) == [(7, session(7))]
    assert caplog.messages[-1].startswith("segment 3 cannot be read, its visits are not continued: No such file")


def test_a_database_that_cannot_be_read_is_a_store_error(journal: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise duckdb.IOException("bad block")

    with journal.database.cursor() as cursor:
        cursor.execute("ALTER TABLE state.open_sessions RENAME TO hidden")
    with pytest.raises(StoreError, match=r"^the database cannot be read: .*open_sessions(.|\n)*restore a backup"):
        list(stored_sessions(journal.loader, 0, 0, 10, 8))
    monkeypatch.setattr(journal.loader, "last_segment", fail)
    with pytest.raises(
        StoreError, match=r"^the database cannot be read: .*bad block\. If it is damaged, restore a backup"
    ):
        load(journal)
