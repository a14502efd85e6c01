"""Over midnight: visits go on, keys do not, and whoever comes again is somebody else."""

import contextlib
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.key_search import searcher
from tests.faults.load import HOME, LONG, PAGEVIEWS
from tests.process import copy_data
from tests.server import LiveServer, browser, wait_until

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# Times are seconds after this midnight, which is none that comes while the tests run.
MIDNIGHT: Final = (int(time.time()) // DAY + 2) * DAY
TODAY: Final = MIDNIGHT // DAY


def set_time(server: LiveServer, seconds: float) -> None:
    """So many seconds after midnight; before it, where negative."""
    server.time.offset = MIDNIGHT + seconds - time.time()


def at(folder: Path, seconds: float, **options: str) -> LiveServer:
    server = LiveServer(folder, trust_proxy="true", **options)
    set_time(server, seconds)
    return server


def view(server: LiveServer, page: str, referrer: str = "", address: str = "8.8.8.8") -> None:
    headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer, X_Forwarded_For=address)
    answer = server.http.post(PAGEVIEWS, headers=headers)
    assert answer.status_code == 200, answer.text


def act(server: LiveServer, page: str, address: str = "8.8.8.8") -> None:
    headers = browser(f"{HOME}/{page}", X_Forwarded_For=address)
    answer = server.http.post("/api/v1/events/custom/look", headers=headers)
    assert answer.status_code == 200, answer.text


# ----- nobody is known again

INTERVALS = {
    "20 minutes": 20 * MINUTE,
    "12 hours": 12 * HOUR,
    "23 hours 30": DAY - 30 * MINUTE,
    "a day but 29 minutes": DAY - 29 * MINUTE,
    "a day but a second": DAY - 1,
    "a day": DAY,
    "a day and 29 minutes": DAY + 29 * MINUTE,
    "25 hours": 25 * HOUR,
    "a day and a half": 36 * HOUR,
}
STARTS = (10, 20 * MINUTE, 12 * HOUR, 23 * HOUR + 45 * MINUTE)
EVENTS = """
    SELECT timestamp::DATE AS day, path, visitor_id, session_uuid FROM pageviews
    UNION SELECT timestamp::DATE AS day, path, visitor_id, session_uuid FROM events_custom
"""


@pytest.mark.parametrize("ttl", ["24h", *(["30m"] if LONG else [])])
def test_who_comes_daily_is_never_the_same_twice(tmp_path: Path, ttl: str) -> None:
    """Ten days of visitors, each at an interval of its own."""
    # Every twenty minutes is the same from whenever on.
    visitors = [(every, start) for every in INTERVALS.values() for start in (STARTS if every > HOUR else STARTS[:1])]
    times = [
        (start + number * every, place)
        for place, (every, start) in enumerate(visitors)
        for number in range(10 * DAY // every + 1)
    ]
    with at(tmp_path / "data", 0, sessionstorage_session_inactive_ttl=ttl) as server:
        for number, (seconds, place) in enumerate(sorted(times)):
            set_time(server, seconds)
            send = act if seconds % 3 else view
            send(server, f"visitor-{place}", address=f"9.9.9.{place}")
            if number % 100 == 0:
                server.settle()  # each event is a segment of its own: a busy machine loads fewer than are sent
        rows = server.rows(EVENTS)
        visits = server.rows(
            "SELECT session_uuid, entry_timestamp::DATE, epoch(exit_timestamp - entry_timestamp) FROM sessions"
        )
    begun = {uuid: day for uuid, day, _ in visits}
    assert max(length for *_, length in visits) < DAY
    days, uuids = defaultdict(set), defaultdict(set)
    for day, path, visitor, uuid in rows:
        days[path, visitor].add(day)
        if day != begun[uuid]:
            uuids[path, visitor].add(uuid)
    assert all(visitor.startswith("prisme_") for _, visitor in days)
    assert len({visitor for _, visitor in days}) == len(days)  # each is one person's
    assert max(map(len, days.values())) == 2
    for who, seen in days.items():
        # On its second day, an id is that of a visit which goes on, and of nothing else.
        last = {uuid for day, path, visitor, uuid in rows if (path, visitor) == who and day == max(seen)}
        assert len(seen) == 1 or uuids[who] == last
        assert len(uuids[who]) == len(seen) - 1
    if ttl == "30m":
        for place, (every, _) in enumerate(visitors):
            came = [day for day, path, *_ in rows if path == f"/visitor-{place}"]
            ids = [visitor for path, visitor in days if path == f"/visitor-{place}"]
            assert every < HOUR or len(ids) == len(set(came))


# ----- a visit goes on


@contextlib.contextmanager
def going_on(server: LiveServer, how: str, tmp_path: Path) -> Iterator[LiveServer]:
    """The server that has the visits of this one after a restart, or after a kill at this moment."""
    if how == "in memory":
        yield server
        return
    if how == "restart":
        server.stop()
        folder = server.folder
    else:
        # What is on the disk while it runs is what a kill leaves.
        if how == "kill, loaded":
            server.settle()
        folder = tmp_path / f"killed at {server.now():.0f}"
        copy_data(server.folder, folder)
    timeout = f"{server.config.eventstore_max_batch_timeout}s"
    after = LiveServer(folder, trust_proxy="true", eventstore_max_batch_timeout=timeout)
    after.time.offset = server.time.offset
    with after:
        yield after


@pytest.mark.parametrize("how", ["in memory", "restart", "kill, in the journal", "kill, loaded"])
def test_a_visit_goes_on_over_midnight(tmp_path: Path, how: str) -> None:
    """Twice, before its device has the new day's hash and after; with its id, and in the order of its pages."""
    timeout = "50ms" if how == "kill, loaded" else "1m"
    columns = "entry_path, exit_path, referrer_domain, pageviews, events"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(at(tmp_path / "data", -10 * MINUTE, eventstore_max_batch_timeout=timeout))
        view(server, "a", "https://search.example/")
        view(server, "b", f"{HOME}/a")
        view(server, "rests", address="8.8.4.4")
        set_time(server, 5 * MINUTE)
        server = stack.enter_context(going_on(server, how, tmp_path))
        set_time(server, 10 * MINUTE)
        view(server, "c", f"{HOME}/a")
        act(server, "b")
        set_time(server, 25 * MINUTE)
        view(server, "comes-back", address="8.8.4.4")
        set_time(server, 35 * MINUTE)
        wait_until(lambda: set(read_keys(server.folder)) == {"today"}, "yesterday's key to go")
        server = stack.enter_context(going_on(server, how, tmp_path))
        view(server, "d", f"{HOME}/b")
        server.stop()
    assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp, entry_path") == [
        ("/a", "/d", "search.example", 4, 1),
        ("/rests", "/rests", "direct", 1, 0),
        ("/comes-back", "/comes-back", "direct", 1, 0),
    ]
    assert len(server.rows("SELECT DISTINCT visitor_id FROM sessions")) == 3
    stray = """
        SELECT session_uuid, visitor_id FROM pageviews UNION ALL SELECT session_uuid, visitor_id FROM events_custom
        EXCEPT SELECT session_uuid, visitor_id FROM sessions
    """
    assert server.rows(stray) == []


@pytest.mark.parametrize(
    ("ttl", "every", "most"),
    [
        ("30m", 29 * MINUTE, 50),
        ("24h", 29 * MINUTE, 50),
        ("24h", 23 * HOUR, 2),
        ("24h", DAY - 5, 2),
        ("24h", DAY + 5, 1),
    ],
)
def test_a_visit_lasts_a_day_at_most(tmp_path: Path, ttl: str, every: int, most: int) -> None:
    """However active it is, and at the greatest `sessionstorage_session_inactive_ttl`."""
    with at(tmp_path / "data", 11 * HOUR, sessionstorage_session_inactive_ttl=ttl) as server:
        for number in range(2 * most):
            set_time(server, 11 * HOUR + number * every)
            view(server, f"{number}", f"{HOME}/{number - 1}" if number else "")
        rows = server.rows("SELECT pageviews, epoch(exit_timestamp - entry_timestamp) FROM sessions ORDER BY ALL")
    assert [pageviews for pageviews, _ in rows] == [most, most]
    assert max(length for _, length in rows) < DAY


# ----- a key does not


def read_keys(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The keys on disk, each with its day (since 1970)."""
    with contextlib.closing(sqlite3.connect(folder / "secrets.sqlite")) as secrets:
        rows = secrets.execute("SELECT name, day, salt FROM salts").fetchall()
    return {name: (day, key) for name, day, key in rows if any(key)}


def days(folder: Path) -> list[int]:
    """Of the keys on disk, the last first; 0 is today, as `TODAY` has it."""
    return sorted((day - TODAY for day, _ in read_keys(folder).values()), reverse=True)


def is_on_disk(folder: Path, key: bytes) -> bool:
    """In any file, SQLite's journal included."""
    return any(key in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("ttl", "last"), [("10ms", 0.0), ("30m", 30 * MINUTE), ("2h", 2 * HOUR), ("24h", DAY)])
def test_yesterdays_key_is_erased_from_the_disk(tmp_path: Path, ttl: str, last: float) -> None:
    """Once the visits of its day are over, with nobody there."""
    with at(tmp_path / "data", -10 * MINUTE, sessionstorage_session_inactive_ttl=ttl) as server:
        view(server, "a")
        assert days(server.folder) == [-1]
        _, key = read_keys(server.folder)["today"]
        assert is_on_disk(server.folder, key)
        set_time(server, 0)
        wait_until(lambda: 0 in days(server.folder), "the new day's key")
        if last:
            set_time(server, last - 10)
            time.sleep(2.5)  # more than one look at the clock
            assert days(server.folder) == [0, -1]
            assert is_on_disk(server.folder, key)
        set_time(server, last)
        wait_until(lambda: -1 not in days(server.folder), "yesterday's key to go")
        assert days(server.folder) == ([1, 0] if last == DAY else [0])
        # SQLite's journal is wiped a moment after.
        wait_until(lambda: not is_on_disk(server.folder, key), "its last copy to go")
        assert any((server.folder / "secrets.sqlite").read_bytes())
        journal = (server.folder / "secrets.sqlite-journal").read_bytes()
        assert len(journal) > 512
        assert not any(journal)


def test_yesterdays_key_is_erased_from_memory(tmp_path: Path) -> None:
    with at(tmp_path / "data", -10 * MINUTE) as server, searcher(server.folder, os.getpid()) as memory:

        def look_around() -> None:
            for number in range(100):
                view(server, f"{number}", address=f"8.8.4.{number}")

        look_around()
        assert memory.read() == [TODAY - 1]
        assert memory.find()[TODAY - 1]  # or the search is blind
        set_time(server, 10 * MINUTE)
        look_around()
        assert memory.read() == [TODAY - 1, TODAY]
        assert all(memory.find().values())
        set_time(server, 30 * MINUTE)
        wait_until(lambda: memory.read() == [TODAY], "yesterday's key to go")
        found = memory.find()
        assert found[TODAY]
        assert found[TODAY - 1] == []
        look_around()
        assert memory.find()[TODAY - 1] == []


def test_a_key_that_cannot_be_erased_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Events are hashed with the new one meanwhile."""
    with at(tmp_path / "data", -10 * MINUTE) as server:
        view(server, "a")
        _, key = read_keys(server.folder)["today"]
        with contextlib.closing(sqlite3.connect(server.folder / "secrets.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            set_time(server, HOUR)
            view(server, "a")
            wait_until(lambda: caplog.text.count("the salts cannot be stored, will retry") > 1, "a try")
            assert is_on_disk(server.folder, key)
        wait_until(lambda: not is_on_disk(server.folder, key), "the key to go")
        assert days(server.folder) == [0]
        assert server.rows("SELECT count(DISTINCT visitor_id) FROM sessions") == [(2,)]


def test_a_start_erases_the_key_that_is_over(tmp_path: Path) -> None:
    """A server killed before midnight, and started when its day's visits are over."""
    killed = tmp_path / "killed"
    with at(tmp_path / "data", -10 * MINUTE) as server:
        view(server, "a")
        server.settle()
        copy_data(server.folder, killed)
    _, key = read_keys(killed)["today"]
    assert is_on_disk(killed, key)
    with at(killed, 29 * MINUTE) as server:
        assert days(killed) == [0, -1]
        assert is_on_disk(killed, key)
    with at(killed, 31 * MINUTE) as server, searcher(killed, os.getpid()) as memory:
        assert days(killed) == [0]
        assert not is_on_disk(killed, key)
        view(server, "a")
        assert memory.read() == [TODAY]
        assert memory.find()[TODAY]


def test_the_first_start_erases_the_keys_of_0_1_0(tmp_path: Path) -> None:
    """One of them was for ever."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    static, daily = os.urandom(16), os.urandom(16)
    with contextlib.closing(sqlite3.connect(folder / "secrets.sqlite", isolation_level=None)) as secrets:
        secrets.execute("PRAGMA journal_mode = PERSIST")
        secrets.execute("CREATE TABLE salts (name TEXT PRIMARY KEY, day INTEGER NOT NULL, salt BLOB NOT NULL)")
        secrets.execute("INSERT INTO salts VALUES ('static', 0, ?)", [static])
        secrets.execute("INSERT INTO salts VALUES ('daily', ?, ?)", [TODAY, daily])
    assert is_on_disk(folder, static)
    assert is_on_disk(folder, daily)
    with at(folder, HOUR) as server:
        view(server, "a")
        assert days(folder) == [0]
        assert not is_on_disk(folder, static)
        assert not is_on_disk(folder, daily)
        server.settle()
        assert not any((folder / "secrets.sqlite-journal").read_bytes())
