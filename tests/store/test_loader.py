"""Segments into a real DuckDB file: once each, in any order, all or nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import msgspec
import pytest

from prisme.base.events import Place, Utm
from prisme.journal.record import CustomLine, PageviewLine, encode
from prisme.journal.segment import Segment, segment_path
from prisme.store.errors import StoreError
from prisme.store.loader import KNOWN, Loaded
from prisme.store.reader import Reader
from prisme.visit.sessions import new_id
from tests.store.segments import LIMITS, NOW, Store, begun, session


def test_a_visit_that_an_event_began_has_its_source_from_its_first_pageview(store: Store) -> None:
    one = begun(1)
    utm = Utm("letter", campaign="autumn")
    arrived = one.arrive("/landing", NOW + 5, 404, "w", "www.google.com", utm, "msclkid").act(NOW + 6)
    columns = (
        "entry_path, exit_path, referrer_domain, utm_source, utm_campaign, click_id, visitor_id, pageviews, events, "
        "is_bounce"
    )
    store.load(1, CustomLine(1, one, "/", "name", "{}"))
    assert store.rows(f"SELECT {columns} FROM sessions") == [("/", "/", "direct", "", "", "", "v", 0, 1, False)]
    store.load(2, CustomLine(1, arrived, "/landing", "name", "{}"))
    after = ("/landing", "/landing", "www.google.com", "letter", "autumn", "msclkid", "w", 1, 2, False)
    assert store.rows(f"SELECT {columns} FROM sessions") == [after]
    assert store.rows("SELECT entry_timestamp = session_timestamp FROM sessions") != []
    again = arrived.view("/other", NOW + 7, 200, "w")
    store.load(3, PageviewLine(1, again))
    assert store.rows("SELECT entry_path, exit_path, pageviews FROM sessions") == [("/landing", "/other", 2)]


@pytest.mark.parametrize(
    ("field", "empty", "columns"),
    [
        (b',"click_id":"gclid"', {"click_id": ""}, "click_id"),
        (',"place":{"region":"Île-de-France","city":"Paris"}'.encode(), {"place": None}, "region || city"),
    ],
)
def test_lines_of_versions_without_a_field(store: Store, field: bytes, empty: dict[str, object], columns: str) -> None:
    """Such a segment may be left by an upgrade; a line without a value still has no such field."""
    line, none = encode([PageviewLine(1, session(1))]), msgspec.structs.replace(session(1), **empty)
    old = line.replace(field, b"")
    assert len(old) < len(line)
    assert old == encode([PageviewLine(1, none)])
    store.loader.load(store.segment(1, raw=old), NOW)
    assert store.rows(f"SELECT {columns}, pageviews FROM sessions") == [("", 1)]
    assert [one for _, one in store.open()] == [none]


@pytest.mark.parametrize("place", [Place("Île-de-France"), Place("", "Paris"), Place("Tokyo", '東京 "x"')])
def test_places_are_stored_and_come_back(store: Store, place: Place) -> None:
    one = msgspec.structs.replace(session(1), place=place)
    assert one.view("/next", NOW + 1, 200, "v").place == one.act(NOW + 1).place == place
    store.load(1, PageviewLine(1, one))
    assert store.rows("SELECT country_code, region, city FROM sessions") == [("FR", place.region, place.city)]
    assert store.open() == [(1, one)]


def test_events_are_stored_with_their_own_page(store: Store) -> None:
    one = session(1).view("/next", NOW + 9, 200, "v").act(NOW + 10)
    store.load(1, CustomLine(1, one, "/earlier", "name", "{}"))
    assert store.rows('SELECT path, epoch_us("timestamp") FROM events_custom') == [("/earlier", NOW + 10)]
    assert store.rows("SELECT exit_path, epoch_us(exit_timestamp), events FROM sessions") == [("/next", NOW + 10, 1)]


def test_the_newest_of_a_sessions_lines_counts(store: Store) -> None:
    one = session(1)
    acts = [one.act(NOW + 9), one.act(NOW + 9).act(NOW + 10)]
    store.load(1, PageviewLine(1, one), *(CustomLine(1, act, "/", "name", "{}") for act in acts))
    assert store.rows("SELECT events, epoch_us(exit_timestamp) FROM sessions") == [(2, NOW + 10)]
    assert store.database.load_log.highest == NOW + 10


def test_rows_of_a_load_are_in_the_order_in_which_their_sessions_began(store: Store) -> None:
    one, two = session(1), session(2)
    turned = [one.view("/2", NOW + 10, 200, "v"), two.view("/2", NOW + 11, 200, "v")]
    store.load(1, PageviewLine(2, two), PageviewLine(1, one), *(PageviewLine(n, s) for n, s in enumerate(turned, 1)))
    pages = store.rows("SELECT session_uuid::VARCHAR, path FROM pageviews ORDER BY rowid")
    assert [uuid for uuid, _ in pages] == [one.uuid, one.uuid, two.uuid, two.uuid]
    assert set(pages) == {(one.uuid, "/"), (one.uuid, "/2"), (two.uuid, "/"), (two.uuid, "/2")}
    for table in ("sessions", "state.open_sessions"):
        rows = store.rows(f"SELECT session_uuid::VARCHAR FROM {table} ORDER BY rowid")
        assert rows == [(one.uuid,), (two.uuid,)]


def test_texts_are_exact(store: Store) -> None:
    strange = session(1, "/%22")
    store.load(1, PageviewLine(1, strange))
    assert store.rows("SELECT utm_campaign, utm_content FROM sessions") == [(strange.utm.campaign, strange.utm.content)]


OLD = (
    '{"kind":"%s",%s"session":{"uuid":"%s","domain":"a.example","entry":%d,"entry_path":"/","exit":%d,"latest":"/b",'
    '"status":200,"visitor":"v","client":{"os":"Mac OS X","browser":"Safari","device":"Mac"},"country":"FR",'
    '"referrer":"direct","utm":{},"pageviews":%d,"active":%d%s}%s}\n'
)


def old(kind: str, number: int, pageviews: int, *, more: str = "", real: bool = True, at: int = 0) -> bytes:
    """A line of 0.1.0."""
    active = at or NOW + 1
    end = "" if real else ',"real":false'
    return (
        OLD % (kind, '"device":7,', new_id(NOW + number, number), NOW + number, NOW + 1, pageviews, active, end, more)
    ).encode()


def test_lines_of_0_1_0_are_read(store: Store) -> None:
    event = ',"at":%d,"name":"x","properties":"{}"'
    lines = (
        old("pageview", 1, 1),
        old("custom", 1, 1, more=event % (NOW + 5), at=NOW + 5),
        old("custom", 1, 1, more=event % (NOW + 6), at=NOW + 6),
        old("copy", 2, 0, real=False),
        old("custom", 2, 0, more=event % (NOW + 7), real=False, at=NOW + 7),
        b'{"kind":"forget","session":{"uuid":"%s"}}\n' % new_id(NOW + 1, 1).encode(),
    )
    segment = store.segment(1, raw=b"".join(lines))
    assert store.loader.load(segment, NOW) == Loaded({"pageview": 1, "custom": 3})
    columns = "pageviews, events, operating_system, device_type, exit_path, epoch_us(exit_timestamp)"
    rows = store.rows(f"SELECT {columns} FROM sessions ORDER BY session_uuid")
    assert [row[:5] for row in rows] == [(1, 2, "macOS", "other", "/b"), (0, 1, "macOS", "other", "/b")]
    assert store.rows("SELECT path FROM events_custom") == [("/b",)] * 3
    assert store.open() == []  # their devices were hashed with a key that is no more
    assert list(store.folder.glob("*.ndjson*")) == []

    # A visit that was in the file of 0.1.0 already, with its events.
    store.load(2, PageviewLine(None, session(9).act(NOW + 10).act(NOW + 11)))
    segment = store.segment(3, raw=old("pageview", 9, 2).replace(b'"a.example"', b'"a.example:81"'))
    store.loader.load(segment, NOW)
    assert store.rows(
        f"SELECT pageviews, events, exit_path FROM sessions WHERE session_uuid = '{session(9).uuid}'"
    ) == [(2, 2, "/b")]


MEMORY = "SELECT current_setting('memory_limit')"


def test_duckdb_has_all_its_memory_from_the_first_question_on(store: Store) -> None:
    assert store.rows(MEMORY) == [("256.0 MiB",)]  # to start with
    left = store.segment(9, PageviewLine(9, session(9)))
    assert store.loader.load_batch([left], NOW) == [Loaded({"pageview": 1})]
    assert store.rows(MEMORY) == [("256.0 MiB",)]
    store.load(1, PageviewLine(1, session(1)))  # the start is over
    assert store.rows(MEMORY) == [("40.0 MiB",)]  # what a load leaves
    with Reader(store.database, 10) as reader:
        assert reader.ask(MEMORY, {}) == [("256.0 MiB",)]
    store.load(2, PageviewLine(2, session(2)))
    assert store.rows(MEMORY) == [("256.0 MiB",)]


def test_long_lines_have_all_memory(store: Store) -> None:
    one = session(1)
    store.load(1, PageviewLine(1, one), CustomLine(1, one, "/", "name", '{"a":"%s"}' % ("b" * 300)))
    assert store.rows(MEMORY) == [("40.0 MiB",)]  # what a load leaves
    store.load(2, PageviewLine(1, one), CustomLine(1, one, "/", "name", '{"a":"%s"}' % ("b" * 3_000)))
    assert store.rows(MEMORY) == [("256.0 MiB",)]
    assert store.rows("SELECT count(*) FROM events_custom") == [(2,)]


def test_a_load_without_room_in_memory_is_tried_again_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.store.loader.IDLE_BYTES", 1 << 20)
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
        store.database.read_cursors.add(cursor)
        with store.database.on_one_thread(cursor):
            assert store.rows(threads) == [(LIMITS.threads,)]
        store.database.read_cursors.discard(cursor)


def test_loads_a_segment_once(store: Store) -> None:
    assert store.load(4, PageviewLine(1, session(1))) == Loaded({"pageview": 1})
    assert store.load(4, PageviewLine(1, session(1))) == KNOWN
    assert store.rows("SELECT count(*) FROM pageviews") == [(1,)]
    assert store.loader.last_segment() == 4
    assert list(store.folder.glob("*.ndjson")) == []


def test_a_segment_that_may_still_come_again_is_remembered(store: Store) -> None:
    """After a load whose file could not be removed; only numbers that are far behind are forgotten."""
    for number in (1, 2, 10_002):
        store.load(number, PageviewLine(number, session(number)))
    store.loader.expire(0, 0)
    assert store.rows("SELECT number FROM state.segments ORDER BY number") == [(2,), (10_002,)]
    assert store.load(2, PageviewLine(2, session(2))) == KNOWN


def test_a_kept_segment_is_removed_by_the_next_load(store: Store) -> None:
    segment = store.segment(4, PageviewLine(1, session(1)), raw=b"nothing\n")
    assert store.loader.load_batch([segment], NOW) == [Loaded({"pageview": 1}, 1)]
    assert segment.path.exists()
    assert store.loader.load(segment, NOW) == KNOWN
    assert store.rows("SELECT count(*) FROM pageviews") == [(1,)]
    assert [path.name for path in store.folder.glob("*.ndjson*")] == [f"{segment.path.name}.rejected"]


def test_segments_loaded_together_are_as_if_each_were_loaded_by_itself(store: Store) -> None:
    one, two = session(1), session(2)
    turned = one.view("/next", NOW + 9, 404, "w")
    segments = [
        store.segment(1, PageviewLine(1, one), PageviewLine(2, two)),
        store.segment(2, PageviewLine(1, turned), raw=b"nothing\n"),
        store.segment(3, raw=b'{"kind":"pagev'),
        store.segment(4, raw=b"\n"),
    ]
    store.load(2, PageviewLine(1, turned))
    store.segment(2, PageviewLine(1, turned), raw=b"nothing\n")
    found = store.loader.load_batch(segments, NOW)
    assert found == [Loaded({"pageview": 2}), KNOWN, Loaded({}, 1), Loaded({})]
    assert store.rows("SELECT number, events, rejected FROM state.segments ORDER BY number") == [
        (1, 2, 0), (2, 1, 0), (3, 0, 1), (4, 0, 0),
    ]  # fmt: skip
    assert store.rows("SELECT pageviews, exit_path FROM sessions ORDER BY session_uuid") == [(2, "/next"), (1, "/")]
    assert store.rows("SELECT count(*) FROM pageviews") == [(3,)]
    assert store.open() == [(2, two), (1, turned)]
    assert [store.loader.load(segment, NOW) for segment in segments] == [KNOWN] * 4
    assert list(store.folder.glob("*.ndjson")) == []


def test_one_that_cannot_be_loaded_holds_up_no_other(store: Store) -> None:
    good = [store.segment(number, PageviewLine(number, session(number))) for number in (1, 3)]
    bad = Segment(2, segment_path(store.folder, 2))
    first, error, last = store.loader.load_batch([good[0], bad, good[1]], NOW)
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
    whole = encode([PageviewLine(1, session(2))])
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


def test_a_second_thread_waits_for_the_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would share a transaction."""
    loading, go_on = threading.Event(), threading.Event()

    def wait(cursor: object, most: int) -> None:
        loading.set()
        go_on.wait()

    monkeypatch.setattr(store.database, "shrink_memory", wait)
    first, second = (store.segment(number, PageviewLine(number, session(number))) for number in (1, 2))
    with ThreadPoolExecutor(2) as others:
        loads = [others.submit(store.loader.load, first, NOW)]
        loading.wait()
        loads.append(others.submit(store.loader.load, second, NOW))
        assert second.path.exists()
        go_on.set()
        assert [load.result() for load in loads] == [Loaded({"pageview": 1})] * 2
    assert store.rows("SELECT count(*) FROM pageviews") == [(2,)]
