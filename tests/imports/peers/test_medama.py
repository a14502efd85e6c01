"""Reads Medama's database: its schema is that of version 0.6.2."""

import datetime
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.items import Item, Request
from prisme.imports.peers.medama import FORMAT
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.peers.reading import COMPRESS, read_all

VIEWS = """
CREATE TABLE views (
    bid TEXT, hostname TEXT NOT NULL, pathname TEXT NOT NULL, is_unique_user BOOLEAN NOT NULL,
    is_unique_page BOOLEAN NOT NULL, referrer_host TEXT, referrer_group TEXT, country TEXT, language_base TEXT,
    language_dialect TEXT, ua_browser TEXT NOT NULL, ua_os TEXT NOT NULL, ua_device_type TEXT NOT NULL,
    utm_source TEXT, utm_medium TEXT, utm_campaign TEXT, duration_ms UINTEGER, date_created TIMESTAMPTZ NOT NULL
)"""
EVENTS = """
CREATE TABLE events (
    bid TEXT, batch_id TEXT, group_name TEXT, name TEXT, value TEXT, date_created TIMESTAMPTZ NOT NULL
)"""
WINDOWS = Client("Windows", "Chrome", "Other", "desktop")
PHONE = Client("iOS", "Mobile Safari", "iPhone", "mobile")


def view(
    bid: str, path: str, unique: bool, time: str, browser: str = "Chrome", system: str = "Windows",
    device: str = "Desktop", referrer: str = "", source: str = "",
) -> tuple[object, ...]:  # fmt: skip
    return (
        bid, "www.example.com", path, unique, unique, referrer or None, None, "France", "French", "Unknown", browser,
        system, device, source or None, None, None, 1200, f"2026-03-29 {time}+02",
    )  # fmt: skip


def make(path: Path, views: Sequence[tuple[object, ...]], events: Sequence[tuple[object, ...]] = ()) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(VIEWS)
        connection.execute(EVENTS)
        for row in views:
            connection.execute(f"INSERT INTO views VALUES ({', '.join('?' * 18)})", row)
        for row in events:
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)
    return path


def read(path: Path) -> tuple[list[Item], Tally]:
    return read_all(FORMAT, [path])


def at(time: str) -> int:
    return int(datetime.datetime.fromisoformat(f"2026-03-29 {time}+02:00").timestamp() * 1_000_000)


def visitor(number: int, browser: str = "Chrome", system: str = "Windows", device: str = "Desktop") -> str:
    return "\t".join(("www.example.com", browser, system, device, "France", "French", "Unknown", str(number)))


ROWS = [
    view("b2", "/café?", False, "10:01:00"),
    view("b1", "/", True, "10:00:00", referrer="blog.example.org", source="a letter"),
    view("b3", "/", True, "10:02:00", "Safari", "iOS", "Mobile"),
    view("b4", "/", True, "10:03:00"),
    view("b5", "/b", False, "10:04:00"),
]
PROPERTIES = [
    ("b2", "e1", "www.example.com", "plan", "pro", "2026-03-29 10:01:10+02"),
    ("b2", "e1", "www.example.com", "click", "buy", "2026-03-29 10:01:10+02"),
    ("b2", "e2", "www.example.com", "click", 'quo"te', "2026-03-29 10:01:20+02"),
    (None, "e3", "www.example.com", "server", "yes", "2026-03-29 10:05:00+02"),
]
SITE = "https://www.example.com"
REQUESTS: list[Item] = [
    Request(
        at("10:00:00"), f"{SITE}/?utm_source=a+letter", "https://blog.example.org/", visitor=visitor(1), client=WINDOWS,
        country="FR",
    ),
    Request(at("10:01:00"), f"{SITE}/caf%C3%A9%3F", visitor=visitor(1), client=WINDOWS, country="FR"),
    Request(
        at("10:01:10"), f"{SITE}/caf%C3%A9%3F", visitor=visitor(1), client=WINDOWS, country="FR", kind="custom",
        name="click, plan", properties='{"click":"buy","plan":"pro"}',
    ),
    Request(
        at("10:01:20"), f"{SITE}/caf%C3%A9%3F", visitor=visitor(1), client=WINDOWS, country="FR", kind="custom",
        name="click", properties='{"click":"quo\\"te"}',
    ),
    Request(at("10:02:00"), f"{SITE}/", visitor=visitor(1, "Safari", "iOS", "Mobile"), client=PHONE, country="FR"),
    Request(at("10:03:00"), f"{SITE}/", visitor=visitor(2), client=WINDOWS, country="FR"),
    Request(at("10:04:00"), f"{SITE}/b", visitor=visitor(2), client=WINDOWS, country="FR"),
    Request(
        at("10:05:00"), SITE, visitor="www.example.com\t\t\t\t\t\t\t0",
        client=Client("Other", "Other", "Other", "other"), country="XX", kind="custom", name="server",
        properties='{"server":"yes"}',
    ),
]  # fmt: skip


def test_views_and_events(tmp_path: Path) -> None:
    items, tally = read(make(tmp_path / "analytics.db", ROWS, PROPERTIES))
    assert items == REQUESTS
    assert (tally.rows, tally.bad, tally.skipped) == (9, 0, {})


def test_the_option_counts_all_as_one_site(tmp_path: Path) -> None:
    items, _ = read_all(FORMAT, [make(tmp_path / "analytics.db", ROWS, PROPERTIES)], "b.example.com")
    assert {item.url.split("/")[2] for item in items if isinstance(item, Request)} == {"b.example.com"}


@pytest.mark.parametrize("end", [end for end in COMPRESS if end])
def test_compressed(tmp_path: Path, end: str) -> None:
    plain = make(tmp_path / "analytics.db", ROWS, PROPERTIES)
    packed = tmp_path / f"medama.db{end}"
    packed.write_bytes(COMPRESS[end](plain.read_bytes()))
    assert read(packed)[0] == REQUESTS


_HOLD = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("SET checkpoint_threshold = '1GB'")
later = "'/late' AS pathname, date_created + INTERVAL 1 HOUR AS date_created"
connection.execute(f"INSERT INTO views SELECT * REPLACE ({later}) FROM views WHERE bid = 'b5'")
print("held", flush=True)
sys.stdin.readline()
os._exit(0)
"""


def test_a_running_program_locks_its_file_and_leaves_a_log(tmp_path: Path) -> None:
    path = make(tmp_path / "analytics.db", ROWS)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="stop Medama first, or copy"):
            list(FORMAT.read([path], Reading(Tally(), tmp_path)))
        process.stdin.write("\n")
        process.stdin.close()
        process.wait(20)
    assert (tmp_path / "analytics.db.wal").exists()
    items, _ = read(path)
    assert [item.url for item in items if isinstance(item, Request)][-1] == "https://www.example.com/late"
    assert len(items) == 6


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE views (hostname TEXT)")
    text = tmp_path / "text.db"
    text.write_text("a,b\n1,2\n")
    cut = make(tmp_path / "cut.db", ROWS)
    cut.write_bytes(cut.read_bytes()[:5000])
    empty = tmp_path / "empty.db"
    empty.touch()
    for path, why in [
        (other, "views has no date_created, is_unique_user, pathname"), (text, "no DuckDB file"),
        (empty, "no DuckDB file"), (cut, "cut.db"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=why):
            list(FORMAT.read([path], Reading(Tally(), tmp_path)))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("/srv/x/analytics.db", b"12345678DUCK", True), ("my-medama.duckdb", b"12345678DUCK", True),
        ("x.db", b"12345678DUCK...is_unique_user", True), ("x.db", b"12345678DUCK", False),
        ("analytics.db", b"", False),
        ("analytics.db", b"SQLite format 3\0", False),
    ],
)  # fmt: skip
def test_recognising(name: str, head: bytes, expected: bool) -> None:
    assert FORMAT.recognise(name, head) is expected
