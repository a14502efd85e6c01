"""Segments into a real DuckDB file: once each, in any order, all or nothing."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest

from prisme.base.events import Client, Session, Utm
from prisme.base.uuids import uuid7
from prisme.journal.record import CopyLine, CustomLine, ForgetLine, Line, PageviewLine, SessionName, encode
from prisme.journal.segment import Segment, segment_path
from prisme.store.database import Database, Limits, StoreError
from prisme.store.loader import KNOWN, Loaded, Loader
from prisme.store.reader import Reader

NOW = 1_795_471_000_000_000
LIMITS = Limits(256 * 2**20, 2)
MOST_OPEN = 32


class Store:
    """A database with its loader, and a folder to put segments into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
        self.loader = Loader(self.database, MOST_OPEN)

    def segment(self, number: int, *lines: Line, raw: bytes = b"") -> Segment:
        path = segment_path(self.folder, number)
        path.write_bytes(b"".join(encode(line) for line in lines) + raw)
        return Segment(number, path)

    def load(self, number: int, *lines: Line) -> Loaded:
        return self.loader.load(self.segment(number, *lines), NOW)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.cursor() as cursor:
            return cursor.execute(query).fetchall()

    def close(self) -> None:
        self.loader.close()
        self.database.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def session(number: int, path: str = "/") -> Session:
    utm = Utm("news", "mail", 'a "quoted" \\ \N{SNOWMAN}', "", "\x00\x1f\u2028")
    client = Client("Linux", "Firefox", "Other")
    uuid = uuid7(NOW + number, number)
    return Session(
        uuid, "a.example:81", NOW + number, path, NOW + number, path, 200, "v", client, "FR", "direct", utm, 1,
        NOW + number,
    )  # fmt: skip


def test_open_sessions_come_back_as_they_were(store: Store) -> None:
    one, two = session(1), session(2)
    turned = one.turn("/next", NOW + 9, 404, "w")
    copy = two.fork(uuid7(NOW + 3, 3), "/copy", NOW + 3, 0)
    store.load(1, PageviewLine(2**64 - 1, one), PageviewLine(5, two), CopyLine(5, copy))
    store.load(2, PageviewLine(2**64 - 1, turned))
    assert list(store.loader.open_sessions(0, 10)) == [(5, two), (5, copy), (2**64 - 1, turned)]
    assert list(store.loader.open_sessions(0, 1)) == [(2**64 - 1, turned)]
    assert list(store.loader.open_sessions(NOW + 4, 10)) == [(2**64 - 1, turned)]
    assert store.rows("SELECT count(*) FROM sessions") == [(2,)]

    real = copy.turn("/more", NOW + 20, 200, "v")
    store.load(3, PageviewLine(5, real))
    assert list(store.loader.open_sessions(NOW + 4, 10)) == [(2**64 - 1, turned), (5, real)]
    assert store.rows("SELECT count(*), sum(pageviews) FROM sessions") == [(3, 4)]


def test_forgotten_and_unremembered_sessions_are_not_open(store: Store) -> None:
    one, two, three = session(1), session(2), session(3)
    store.load(1, PageviewLine(1, one), PageviewLine(None, two), PageviewLine(3, three))
    store.load(2, ForgetLine(SessionName(one.uuid)))
    assert list(store.loader.open_sessions(0, 10)) == [(3, three)]
    assert store.rows("SELECT count(*) FROM sessions") == [(3,)]
    store.loader.expire(NOW + 4)
    assert store.rows("SELECT count(*) FROM state.open_sessions") == [(0,)]


def test_as_many_sessions_stay_open_as_memory_has_room_for(store: Store) -> None:
    sessions = [session(number) for number in range(1, MOST_OPEN + 6)]
    room = MOST_OPEN + MOST_OPEN // 8
    store.load(1, *(PageviewLine(number, one) for number, one in enumerate(sessions[:room], 1)))
    assert store.rows("SELECT count(*) FROM state.open_sessions") == [(room,)]
    again = sessions[0].turn("/next", NOW + 90, 200, "v")
    store.load(2, PageviewLine(room + 1, sessions[room]), PageviewLine(1, again))
    ((kept,),) = store.rows("SELECT count(*) FROM state.open_sessions")
    assert kept in (MOST_OPEN, MOST_OPEN + 1)
    taken_back = list(store.loader.open_sessions(0, MOST_OPEN))
    assert taken_back == [*((number + 1, sessions[number]) for number in range(6, room + 1)), (1, again)]
    assert store.rows("SELECT count(*) FROM sessions") == [(room + 1,)]

    # One that was forgotten here, and not in memory: its row goes on, and it is open again.
    turned = sessions[1].turn("/next", NOW + 91, 200, "v")
    store.load(3, PageviewLine(2, turned))
    assert list(store.loader.open_sessions(0, MOST_OPEN))[-1] == (2, turned)
    assert store.rows("SELECT count(*), sum(pageviews) FROM sessions") == [(room + 1, room + 3)]


def test_rows_of_a_load_are_in_the_order_in_which_their_sessions_began(store: Store) -> None:
    one, two = session(1), session(2)
    turned = [one.turn("/2", NOW + 10, 200, "v"), two.turn("/2", NOW + 11, 200, "v")]
    store.load(1, PageviewLine(2, two), PageviewLine(1, one), *(PageviewLine(n, s) for n, s in enumerate(turned, 1)))
    pages = store.rows("SELECT session_uuid::VARCHAR, path FROM pageviews ORDER BY rowid")
    assert [uuid for uuid, _ in pages] == [one.uuid, one.uuid, two.uuid, two.uuid]
    assert set(pages) == {(one.uuid, "/"), (one.uuid, "/2"), (two.uuid, "/"), (two.uuid, "/2")}
    for table in ("sessions", "state.open_sessions"):
        rows = store.rows(f"SELECT session_uuid::VARCHAR FROM {table} ORDER BY rowid")
        assert rows == [(one.uuid,), (two.uuid,)]


def test_late_segment_does_not_turn_back_a_session(store: Store) -> None:
    first = session(1)
    second = first.turn("/b", NOW + 5, 200, "v")
    third = second.turn("/c", NOW + 6, 404, "v")
    late = store.segment(1, PageviewLine(1, first), PageviewLine(1, second))
    store.load(2, PageviewLine(1, third))
    assert store.loader.load(late, NOW) == Loaded({"pageview": 2})
    assert store.rows("SELECT pageviews, exit_path, exit_status FROM sessions") == [(3, "/c", 404)]
    assert store.rows("SELECT path FROM pageviews ORDER BY path") == [("/",), ("/b",), ("/c",)]
    assert list(store.loader.open_sessions(0, 10)) == [(1, third)]


def test_texts_are_exact(store: Store) -> None:
    strange = session(1, "/%22")
    store.load(1, PageviewLine(1, strange))
    assert store.rows("SELECT utm_campaign, utm_content FROM sessions") == [(strange.utm.campaign, strange.utm.content)]


def test_lines_of_earlier_versions_are_read(store: Store) -> None:
    """They had each value, those that are as usual too."""
    plain = msgspec.structs.replace(session(1), utm=Utm())
    copy = msgspec.structs.replace(plain, uuid=uuid7(NOW + 2, 2), real=False)
    lines = encode(PageviewLine(1, plain), CopyLine(1, copy))
    assert lines.count(b'"utm":{}') == 2
    assert lines.count(b'"real"') == 1
    utm = b'"utm":{"source":"","medium":"","campaign":"","term":"","content":""}'
    old = lines.replace(b'"utm":{}', utm).replace(b"}}\n", b',"real":true}}\n', 1)
    assert store.loader.load(store.segment(1, raw=old), NOW) == Loaded({"pageview": 1})
    assert list(store.loader.open_sessions(0, 10)) == [(1, plain), (1, copy)]
    assert store.load(2, PageviewLine(1, plain), CopyLine(1, copy)) == Loaded({"pageview": 1})
    assert list(store.loader.open_sessions(0, 10)) == [(1, plain), (1, copy)]


MEMORY = "SELECT current_setting('memory_limit')"


def test_duckdb_has_all_its_memory_from_the_first_question_on(store: Store) -> None:
    assert store.rows(MEMORY) == [("256.0 MiB",)]  # to start with
    left = store.segment(9, PageviewLine(9, session(9)))
    assert store.loader.load_left([left], NOW) == [Loaded({"pageview": 1})]
    assert store.rows(MEMORY) == [("256.0 MiB",)]
    store.load(1, PageviewLine(1, session(1)))  # the start is over
    assert store.rows(MEMORY) == [("128.0 MiB",)]
    with Reader(store.database, 10) as reader:
        assert reader.ask(MEMORY, {}) == [("256.0 MiB",)]
    store.load(2, PageviewLine(2, session(2)))
    assert store.rows(MEMORY) == [("256.0 MiB",)]


def test_long_lines_have_all_memory(store: Store) -> None:
    one = session(1)
    store.load(1, PageviewLine(1, one), CustomLine(1, one, NOW + 2, "name", '{"a":"%s"}' % ("b" * 1_000)))
    assert store.rows(MEMORY) == [("128.0 MiB",)]
    store.load(2, PageviewLine(1, one), CustomLine(1, one, NOW + 2, "name", '{"a":"%s"}' % ("b" * 3_000)))
    assert store.rows(MEMORY) == [("256.0 MiB",)]
    assert store.rows("SELECT count(*) FROM events_custom") == [(2,)]


def test_a_load_without_room_in_memory_is_tried_again_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.store.database.ALONE_BYTES", 1 << 20)
    store = Store(tmp_path)
    segment = store.segment(1, *(PageviewLine(number, session(number)) for number in range(1, 11)))
    with pytest.raises(duckdb.OutOfMemoryException):
        store.loader.load(segment, NOW)
    assert store.rows("SELECT count(*) FROM pageviews") == [(0,)]
    assert store.loader.load(segment, NOW) == Loaded({"pageview": 10})
    assert store.rows("SELECT count(*) FROM pageviews") == [(10,)]
    store.close()


def test_a_load_shares_its_thread_with_nobody_unless_somebody_reads(store: Store) -> None:
    with store.database.cursor() as cursor:
        threads = "SELECT current_setting('threads')"
        with store.database.on_one_thread(cursor):
            assert store.rows(threads) == [(1,)]
        assert store.rows(threads) == [(LIMITS.threads,)]
        store.database.reading.add(cursor)
        with store.database.on_one_thread(cursor):
            assert store.rows(threads) == [(LIMITS.threads,)]
        store.database.reading.discard(cursor)


def test_loads_a_segment_once(store: Store) -> None:
    assert store.load(4, PageviewLine(1, session(1))) == Loaded({"pageview": 1})
    assert store.load(4, PageviewLine(1, session(1))) == KNOWN
    assert store.rows("SELECT count(*) FROM pageviews") == [(1,)]
    assert store.loader.last_segment() == 4
    assert list(store.folder.glob("*.ndjson")) == []


def test_a_kept_segment_is_removed_by_the_next_load(store: Store) -> None:
    segment = store.segment(4, PageviewLine(1, session(1)), raw=b"nothing\n")
    assert store.loader.load_left([segment], NOW) == [Loaded({"pageview": 1}, 1)]
    assert segment.path.exists()
    assert store.loader.load(segment, NOW) == KNOWN
    assert store.rows("SELECT count(*) FROM pageviews") == [(1,)]
    assert [path.name for path in store.folder.glob("*.ndjson*")] == [f"{segment.path.name}.rejected"]


def test_segments_loaded_together_are_as_if_each_were_loaded_by_itself(store: Store) -> None:
    one, two = session(1), session(2)
    turned = one.turn("/next", NOW + 9, 404, "w")
    segments = [
        store.segment(1, PageviewLine(1, one), PageviewLine(2, two)),
        store.segment(2, PageviewLine(1, turned), raw=b"nothing\n"),
        store.segment(3, ForgetLine(SessionName(two.uuid)), raw=b'{"kind":"pagev'),
        store.segment(4, raw=b"\n"),
    ]
    store.load(2, PageviewLine(1, turned))
    store.segment(2, PageviewLine(1, turned), raw=b"nothing\n")
    found = store.loader.load_left(segments, NOW)
    assert found == [Loaded({"pageview": 2}), KNOWN, Loaded({}, 1), Loaded({})]
    assert store.rows("SELECT number, events, rejected FROM state.segments ORDER BY number") == [
        (1, 2, 0), (2, 1, 0), (3, 0, 1), (4, 0, 0),
    ]  # fmt: skip
    assert store.rows("SELECT pageviews, exit_path FROM sessions ORDER BY session_uuid") == [(2, "/next"), (1, "/")]
    assert store.rows("SELECT count(*) FROM pageviews") == [(3,)]
    assert list(store.loader.open_sessions(0, 10)) == [(1, turned)]
    assert [store.loader.load(segment, NOW) for segment in segments] == [KNOWN] * 4
    assert list(store.folder.glob("*.ndjson")) == []


def test_one_that_cannot_be_loaded_holds_up_no_other(store: Store) -> None:
    good = [store.segment(number, PageviewLine(number, session(number))) for number in (1, 3)]
    bad = Segment(2, segment_path(store.folder, 2))
    first, error, last = store.loader.load_left([good[0], bad, good[1]], NOW)
    assert (first, last) == (Loaded({"pageview": 1}), Loaded({"pageview": 1}))
    assert isinstance(error, duckdb.Error)
    assert store.rows("SELECT number FROM state.segments ORDER BY number") == [(1,), (3,)]


def test_batches_are_as_large_as_memory_allows(store: Store) -> None:
    segments = [Segment(number, segment_path(store.folder, number)) for number in range(1, 6)]
    for segment, size in zip(segments, (20, 11, 1, 40, 2), strict=True):
        with segment.path.open("wb") as file:
            file.truncate(size * 2**20)
    batches = [[segment.number for segment in batch] for batch in store.loader.batches(segments)]
    assert batches == [[1, 2, 3], [4], [5]]


def test_failed_load_leaves_no_trace(store: Store) -> None:
    with store.database.cursor() as cursor:
        cursor.execute("ALTER TABLE sessions RENAME TO hidden")
        segment = store.segment(1, PageviewLine(1, session(1)))
        with pytest.raises(duckdb.Error):
            store.loader.load(segment, NOW)
        cursor.execute("ALTER TABLE hidden RENAME TO sessions")
    assert store.rows("SELECT count(*) FROM pageviews") == [(0,)]
    assert segment.path.exists()
    assert store.loader.load(segment, NOW) == Loaded({"pageview": 1})


def damage(old: bytes, new: bytes) -> bytes:
    """The line of a pageview with something else in it."""
    whole = encode(PageviewLine(1, session(2)))
    assert old in whole
    return whole.replace(old, new, 1)


@pytest.mark.parametrize(
    ("raw", "rejected", "kept"),
    [
        pytest.param(b'{"kind":"pagev', 1, False, id="torn"),
        pytest.param(b"\n\n", 0, False, id="empty lines of probes"),
        pytest.param(b"nothing\n", 1, True, id="damaged"),
        pytest.param(b"null\n[1]\n{}", 3, True, id="no events"),
        pytest.param(b'{"kind":"pageview"}\n', 1, True, id="nothing but a kind"),
        pytest.param(damage(b'"kind":"pageview"', b'"kind":"unknown"'), 1, True, id="of no known kind"),
        pytest.param(damage(b'"kind":"pageview"', b'"kind":"custom","at":1,"name":"x"'), 1, True, id="half an event"),
        pytest.param(damage(b'"domain"', b'"damoin"'), 1, True, id="a name damaged"),
        pytest.param(damage(b'"visitor":"v"', b'"visitor":null'), 1, True, id="a value lost"),
        pytest.param(damage(b'"utm"', b'"umt"'), 1, True, id="a name damaged, of values that may be left out"),
        pytest.param(damage(b'"exit":1', b'"exit":922337203'), 1, True, id="a time beyond all times"),
        pytest.param(damage(b"-7", b"-4"), 1, True, id="an id without a time"),
    ],
)
def test_lines_that_are_no_events(store: Store, raw: bytes, rejected: int, kept: bool) -> None:
    segment = store.segment(1, PageviewLine(1, session(1)), raw=raw)
    assert store.loader.load(segment, NOW) == Loaded({"pageview": 1}, rejected)
    assert [path.name for path in store.folder.glob("*.ndjson*")] == ([f"{segment.path.name}.rejected"] if kept else [])


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.rows("INSERT INTO schema_version VALUES (999)")
    store.close()
    with pytest.raises(StoreError, match="999"):
        Store(tmp_path)
