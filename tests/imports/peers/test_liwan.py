"""Reads Liwan's database: its schema is that of version 1.6.0, and those before and after it."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.items import Item, Request
from prisme.imports.peers.liwan import FORMAT
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.peers.reading import COMPRESS, read_all

EVENTS = """
CREATE TABLE events (
    entity_id TEXT NOT NULL, visitor_group_id TEXT NOT NULL, event TEXT NOT NULL, created_at TIMESTAMP NOT NULL,
    fqdn TEXT, path TEXT, referrer TEXT, platform TEXT, browser TEXT, mobile BOOLEAN, country TEXT, city TEXT,
    utm_source TEXT, utm_medium TEXT, utm_campaign TEXT, utm_content TEXT, utm_term TEXT,
    time_from_last_event INTERVAL, time_to_next_event INTERVAL, screen_width USMALLINT, orientation TEXT
)"""
ROWS = [
    "('blog', 'v1', 'signup', '2026-03-29 01:00:10', 'www.example.com', '/caf%C3%A9', NULL, 'Mac OS X', 'Safari', "
    "false, 'US', 'Austin', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1440, 'landscape')",
    "('blog', 'v1', 'pageview', '2026-03-29 01:00:00.25', 'www.example.com', '/caf%C3%A9', 'blog.example.org', "
    "'Mac OS X', 'Safari', false, 'US', 'Austin', 'a letter', NULL, 'may', NULL, NULL, NULL, INTERVAL 10 SECOND, 1440, "
    "'landscape')",
    "('blog', 'v2', 'pageview', '2026-03-29 01:00:20', 'www.example.com', '/', NULL, 'Android', 'Chrome Mobile', true, "
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 390, 'portrait')",
    "('blog', 'v3', 'pageview', '2026-03-29 01:00:30', 'www.example.com', '/', NULL, 'iOS', 'Mobile Safari', true, "
    "'DE', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 820, 'portrait')",
]
FIRST = 1774746000_000_000  # 2026-03-29 01:00:00 UTC
SITE = "https://www.example.com"
MAC = Client("macOS", "Safari", "Mac", "desktop")
REQUESTS: list[Item] = [
    Request(
        FIRST + 250_000, f"{SITE}/caf%C3%A9?utm_source=a+letter&utm_campaign=may", "https://blog.example.org",
        visitor="v1", client=MAC, country="US", city="Austin",
    ),
    Request(
        FIRST + 10_000_000, f"{SITE}/caf%C3%A9", visitor="v1", client=MAC, country="US", city="Austin", kind="custom",
        name="signup",
    ),
    Request(
        FIRST + 20_000_000, f"{SITE}/", visitor="v2", client=Client("Android", "Chrome Mobile", "Other", "mobile"),
        country="XX",
    ),
    Request(
        FIRST + 30_000_000, f"{SITE}/", visitor="v3", client=Client("iOS", "Mobile Safari", "iPad", "tablet"),
        country="DE",
    ),
]  # fmt: skip


def make(path: Path, *statements: str, rows: Sequence[str] = ROWS) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(EVENTS)
        if rows:
            connection.execute(f"INSERT INTO events VALUES {', '.join(rows)}")
        for statement in statements:
            connection.execute(statement)
    return path


def read(path: Path, site: str = "") -> tuple[list[Item], Tally]:
    return read_all(FORMAT, [path], site)


def test_events(tmp_path: Path) -> None:
    items, tally = read(make(tmp_path / "liwan-events.duckdb"))
    assert items == REQUESTS
    assert (tally.rows, tally.bad, tally.skipped) == (4, 0, {})


@pytest.mark.parametrize("end", [end for end in COMPRESS if end])
def test_compressed(tmp_path: Path, end: str) -> None:
    plain = make(tmp_path / "liwan-events.duckdb")
    packed = tmp_path / f"liwan-events.duckdb{end}"
    packed.write_bytes(COMPRESS[end](plain.read_bytes()))
    assert read(packed)[0] == REQUESTS


def test_an_older_schema(tmp_path: Path) -> None:
    drop = [f"ALTER TABLE events DROP COLUMN {name}" for name in ("screen_width", "orientation", "utm_source")]
    rename = "ALTER TABLE events RENAME COLUMN visitor_group_id TO visitor_id"
    items, _ = read(make(tmp_path / "liwan-events.duckdb", rename, *drop))
    requests = [item for item in items if isinstance(item, Request)]
    assert [request.visitor for request in requests] == ["v1", "v1", "v2", "v3"]
    assert requests[0].url == f"{SITE}/caf%C3%A9?utm_campaign=may"


def test_properties_of_a_newer_schema(tmp_path: Path) -> None:
    add = "ALTER TABLE events ADD COLUMN properties MAP(VARCHAR, VARCHAR)"
    fill = "UPDATE events SET properties = MAP {'plan': 'pro', 'a': 'quo\"te'} WHERE event = 'signup'"
    items, _ = read(make(tmp_path / "liwan-events.duckdb", add, fill))
    assert [item.properties for item in items if isinstance(item, Request)] == [
        "{}", '{"a":"quo\\"te","plan":"pro"}', "{}", "{}",
    ]  # fmt: skip


@pytest.mark.parametrize(("site", "expected"), [("www.example.com", 4), ("", 0)])
def test_rows_without_a_host_are_of_the_site_that_is_named(tmp_path: Path, site: str, expected: int) -> None:
    items, tally = read(make(tmp_path / "liwan-events.duckdb", "UPDATE events SET fqdn = NULL"), site)
    assert len(items) == expected
    assert sum(tally.skipped.values()) == 4 - expected


def test_the_option_counts_all_as_one_site(tmp_path: Path) -> None:
    items, _ = read(make(tmp_path / "liwan-events.duckdb"), "b.example.com")
    assert {item.url.split("/")[2] for item in items if isinstance(item, Request)} == {"b.example.com"}


def test_an_empty_table_has_nothing(tmp_path: Path) -> None:
    assert read(make(tmp_path / "liwan-events.duckdb", rows=()))[0] == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "liwan.duckdb", "ALTER TABLE events DROP COLUMN fqdn")
    with pytest.raises(InputError, match="its table of events has no fqdn"):
        list(FORMAT.read([path], Reading(Tally(), tmp_path)))


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("/srv/liwan-events.duckdb", b"12345678DUCK", True), ("x.db", b"12345678DUCK..visitor_group_id", True),
        ("x.db", b"12345678DUCK", False), ("liwan-events.duckdb", b"", False),
    ],
)  # fmt: skip
def test_recognising(name: str, head: bytes, expected: bool) -> None:
    assert FORMAT.recognise(name, head) is expected
