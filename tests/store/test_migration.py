"""The file of 0.1.0 in the schema of visits: rows written by hand, one case each, and what becomes of them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.schema import read_steps
from prisme.visit.bots import Bots
from prisme.visit.useragent import UserAgents

LIMITS = Limits(128 * 2**20, 2)
EVENT_TABLES = ("events_custom", "file_downloads", "outbound_link_clicks")
TABLES = ("sessions", "pageviews", *EVENT_TABLES)
# Of a session: its number, minute of entry, last page and its minute.
SESSION = """
INSERT INTO sessions BY NAME SELECT
    'example.com' AS domain, moment({entry}) AS entry_timestamp, '/in' AS entry_path, moment({exit}) AS exit_timestamp,
    '/out' AS exit_path, 404 AS exit_status, 'visitor-{number}' AS visitor_id, uuid_of({number}) AS session_uuid,
    $system AS operating_system, 'Firefox' AS browser_family, $device AS device, 'example.org' AS referrer_domain,
    'FR' AS country_code, 'news' AS utm_source, 'mail' AS utm_medium, 'spring' AS utm_campaign, 'term' AS utm_term,
    'text' AS utm_content, {pageviews} AS pageviews
"""
MACROS = """
CREATE TEMP MACRO moment(minute) AS TIMESTAMP '2026-11-01 12:00:00' + to_minutes(minute);
CREATE TEMP MACRO uuid_of(number) AS CAST(printf('019a3f00-0000-7000-8000-%012d', number) AS UUID);
"""
NUMBER = "CAST(right(CAST(session_uuid AS VARCHAR), 4) AS INTEGER)"
MINUTE = "CAST(epoch({}) - epoch(TIMESTAMP '2026-11-01 12:00:00') AS INTEGER) // 60"


class Old:
    """A file of version 1, empty at first. `upgrade` is to be called once, `rows` after it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "prisme.duckdb"
        self._temporary = folder / "tmp"
        self._new: Database | None = None
        self.tables = duckdb.connect(str(self.path))
        self.tables.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        self.tables.execute(read_steps("events")[0])
        self.tables.execute("INSERT INTO schema_version VALUES (1)")
        self.tables.execute(MACROS)

    def session(
        self,
        number: int,
        entry: int = 0,
        last: int | None = None,
        pageviews: int = 1,
        system: str = "Windows",
        device: str = "Other",
    ) -> None:
        query = SESSION.format(number=number, entry=entry, exit=entry if last is None else last, pageviews=pageviews)
        self.tables.execute(query, {"system": system, "device": device})

    def line(self, table: str, number: int, minute: int, path: str = "/", domain: str = "example.com") -> None:
        """A pageview or an event, of a visitor who is named after the minute."""
        own = {"pageviews": "404", "events_custom": "'name', '{}'"}.get(table, "'https://example.org/a'")
        values = f"moment({minute}), '{domain}', '{path}', 'at-{minute}', uuid_of({number}), {own}"
        self.tables.execute(f"INSERT INTO {table} VALUES ({values})")

    def upgrade(self) -> None:
        self.tables.close()
        self._new = Database(self.path, LIMITS, self._temporary)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        assert self._new is not None
        with self._new.cursor() as cursor:
            return cursor.execute(query).fetchall()

    def close(self) -> None:
        self.tables.close()
        if self._new is not None:
            self._new.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    old = Old(tmp_path)
    yield old
    old.close()


def test_what_is_kept_of_a_session(old: Old) -> None:
    old.session(1, 0, 3, pageviews=2)
    before = old.tables.execute("SELECT * EXCLUDE is_bounce FROM sessions").fetchall()
    old.upgrade()
    new = "device_type, region, city, click_id, events, imported"
    assert old.rows(f"SELECT * EXCLUDE ({new}, is_bounce) FROM sessions") == before
    assert old.rows(f"SELECT {new} FROM sessions") == [("desktop", "", "", "", 0, "")]


def test_columns_and_their_order(old: Old) -> None:
    old.upgrade()
    names = [name for (name,) in old.rows("SELECT column_name FROM (DESCRIBE sessions)")]
    assert names == [
        "domain", "entry_timestamp", "entry_path", "exit_timestamp", "exit_path", "exit_status", "visitor_id",
        "is_anon", "session_uuid", "session_timestamp", "operating_system", "browser_family", "device", "device_type",
        "referrer_domain", "country_code", "region", "city", "utm_source", "utm_medium", "utm_campaign", "utm_term",
        "utm_content", "click_id", "pageviews", "events", "imported", "is_bounce",
    ]  # fmt: skip
    generated = {"is_anon", "session_timestamp", "is_bounce"}
    nullable = old.rows("SELECT column_name FROM (DESCRIBE sessions) WHERE \"null\" = 'YES'")
    assert {name for (name,) in nullable} == generated


def test_events_are_counted(old: Old) -> None:
    for number, tables in enumerate([(), ("events_custom",), EVENT_TABLES, EVENT_TABLES * 3]):
        old.session(number)
        for table in tables:
            old.line(table, number, 0)
        old.line("pageviews", number, 0)
    old.upgrade()
    query = f"SELECT {NUMBER}, pageviews, events, is_bounce FROM sessions ORDER BY 1"
    assert old.rows(query) == [(0, 1, 0, True), (1, 1, 1, False), (2, 1, 3, False), (3, 1, 9, False)]


def test_events_move_the_exit_but_not_its_page(old: Old) -> None:
    old.session(1, 0, 5)
    old.line("events_custom", 1, 9, "/later")
    old.line("file_downloads", 1, 7)
    old.session(2, 0, 5)
    old.line("outbound_link_clicks", 2, 3, "/before")
    old.upgrade()
    minutes = f"{MINUTE.format('entry_timestamp')}, {MINUTE.format('exit_timestamp')}"
    query = f"SELECT {NUMBER}, {minutes}, entry_path, exit_path, exit_status, visitor_id FROM sessions ORDER BY 1"
    assert old.rows(query) == [
        (1, 0, 9, "/in", "/out", 404, "visitor-1"),
        (2, 0, 5, "/in", "/out", 404, "visitor-2"),
    ]


def test_a_count_of_pageviews_is_kept_where_there_are_fewer_rows(old: Old) -> None:
    """A session that 0.1.0 copied for a second tab began with the first tab's count."""
    old.session(1, pageviews=4)
    old.line("pageviews", 1, 0)
    old.upgrade()
    assert old.rows("SELECT pageviews, (SELECT count(*) FROM pageviews) FROM sessions") == [(4, 1)]


def test_orphaned_events_have_a_visit_of_their_own(old: Old) -> None:
    old.session(1, 8)
    old.line("events_custom", 1, 8)
    old.line("file_downloads", 2, 6, "/second")
    old.line("events_custom", 2, 5, "/first")
    old.line("outbound_link_clicks", 2, 7, "/last")
    old.line("outbound_link_clicks", 3, 1, "/only")
    old.upgrade()
    minutes = f"{MINUTE.format('entry_timestamp')}, {MINUTE.format('exit_timestamp')}"
    query = f"""
        SELECT {NUMBER}, domain, {minutes}, entry_path, exit_path, exit_status, visitor_id, pageviews, events
        FROM sessions WHERE {NUMBER} > 1 ORDER BY 1
    """
    assert old.rows(query) == [
        (2, "example.com", 5, 7, "/first", "/last", 200, "at-7", 0, 3),
        (3, "example.com", 1, 1, "/only", "/only", 200, "at-1", 0, 1),
    ]
    client = "operating_system, browser_family, device, device_type, country_code, referrer_domain"
    campaign = "utm_source, utm_medium, utm_campaign, utm_term, utm_content"
    assert old.rows(f"SELECT DISTINCT {client}, {campaign}, is_bounce FROM sessions WHERE {NUMBER} > 1") == [
        ("Other", "Other", "Other", "other", "XX", "direct", "", "", "", "", "", False)
    ]


def test_orphaned_pageviews_say_which_pages(old: Old) -> None:
    old.line("events_custom", 1, 1, "/event")
    old.line("pageviews", 1, 2, "/first")
    old.line("pageviews", 1, 3, "/last")
    old.line("events_custom", 1, 4, "/event")
    old.line("pageviews", 2, 2, "/one")
    old.upgrade()
    columns = f"{MINUTE.format('entry_timestamp')}, {MINUTE.format('exit_timestamp')}, pageviews, events, is_bounce"
    assert old.rows(f"SELECT entry_path, exit_path, exit_status, {columns} FROM sessions ORDER BY {NUMBER}") == [
        ("/first", "/last", 404, 1, 4, 2, 2, False),
        ("/one", "/one", 404, 2, 2, 1, 0, True),
    ]


def test_every_session_uuid_is_in_sessions_once(old: Old) -> None:
    old.session(1, pageviews=1)
    old.session(2, pageviews=1)
    old.session(1, pageviews=3)
    for number, (table, domain) in enumerate(
        (table, host) for table in TABLES[1:] for host in ("a.example", "b.example")
    ):
        old.line(table, number // 2, number, domain=domain)
        old.line(table, 1, number, domain=domain)
    old.upgrade()
    assert old.rows("SELECT count(*) - count(DISTINCT session_uuid) FROM sessions") == [(0,)]
    for table in TABLES:
        assert old.rows(f"SELECT count(*) FROM {table} ANTI JOIN sessions USING (session_uuid)") == [(0,)], table
    assert old.rows(f"SELECT pageviews FROM sessions WHERE {NUMBER} = 1") == [(3,)]
    assert old.rows(f"SELECT domain FROM sessions WHERE {NUMBER} = 0") == [("a.example",)]


def test_rows_of_pageviews_and_events_are_as_they_were(old: Old) -> None:
    for number in range(3):
        old.session(number)
        for table in TABLES[1:]:
            old.line(table, 2 * number, number, f"/{number}")
    before = {table: old.tables.execute(f"SELECT rowid, * FROM {table}").fetchall() for table in TABLES[1:]}
    old.upgrade()
    assert {table: old.rows(f"SELECT rowid, * FROM {table}") for table in TABLES[1:]} == before


def test_order_is_kept_and_orphans_come_last(old: Old) -> None:
    """More rows than a row group, of which the loader finds few by their ids; every fifth has events."""
    query = SESSION.format(number="n", entry="n", exit="n", pageviews=1).replace("'visitor-n'", "'v'")
    values = {"system": "Windows", "device": "Other"}
    old.tables.execute(f"{query} FROM range(300000) AS numbers (n)", values)
    old.tables.execute(
        "INSERT INTO events_custom SELECT moment(n + 1), 'example.com', '/', 'v', uuid_of(n), 'name', '{}' "
        "FROM range(300004, 0, -5) AS numbers (n)"
    )
    old.upgrade()
    assert old.rows("SELECT count(*) FROM sessions") == [(300_001,)]
    number = "CAST(right(CAST(session_uuid AS VARCHAR), 12) AS INTEGER)"
    assert old.rows(f"SELECT count(*) FROM sessions WHERE {number} <> least(rowid, 300004)") == [(1,)]
    assert old.rows(f"SELECT DISTINCT {number} % 5 = 4, events FROM sessions ORDER BY ALL") == [(False, 0), (True, 1)]
    assert old.rows("SELECT count(*) FROM sessions WHERE exit_timestamp > entry_timestamp") == [(60_000,)]


def test_rows_that_were_deleted_leave_no_trace(old: Old) -> None:
    """As for a visitor who wants to be forgotten; `rowid` has holes then."""
    query = SESSION.format(number="n", entry="n", exit="n", pageviews="n")
    old.tables.execute(f"{query} FROM range(9000) AS numbers (n)", {"system": "Windows", "device": "Other"})
    old.tables.execute("CHECKPOINT")
    old.tables.execute("DELETE FROM sessions WHERE pageviews % 3 = 0 OR pageviews BETWEEN 2000 AND 6500")
    old.line("events_custom", 7000, 7000)
    before = old.tables.execute("SELECT session_uuid, pageviews FROM sessions").fetchall()
    old.upgrade()
    assert old.rows("SELECT session_uuid, pageviews FROM sessions") == before
    assert old.rows("SELECT pageviews FROM sessions WHERE events > 0") == [(7000,)]


def test_open_sessions_are_forgotten(old: Old) -> None:
    old.session(1)
    old.tables.execute(
        "INSERT INTO state.open_sessions VALUES (17, uuid_of(1), moment(0), NULL), (18, uuid_of(2), moment(0), '{}')"
    )
    old.upgrade()
    assert old.rows("SELECT column_name FROM (DESCRIBE state.open_sessions)") == [("device",), ("session_uuid",)]
    assert old.rows("SELECT * FROM state.open_sessions") == []


def test_segments_stay_known(old: Old) -> None:
    old.tables.execute("INSERT INTO state.segments VALUES (7, moment(0), 3, 0)")
    old.upgrade()
    assert old.rows("SELECT number, events, rejected FROM state.segments") == [(7, 3, 0)]


DEVICE_TYPES = [
    ("Windows", "Other", "desktop"),
    ("macOS", "Mac", "desktop"),
    ("Mac OS", "Mac", "desktop"),
    ("Linux", "Other", "desktop"),
    ("Linux Mint", "Other", "desktop"),
    ("Kubuntu", "Other", "desktop"),
    ("FreeBSD", "Other", "desktop"),
    ("BSD", "Other", "desktop"),
    ("Chrome OS", "Other", "desktop"),
    ("iOS", "iPhone", "mobile"),
    ("iOS", "iPod", "mobile"),
    ("iOS", "iOS-Device", "mobile"),
    ("iOS", "iPad", "tablet"),
    ("Android", "Other", "mobile"),
    ("Android", "Generic Smartphone", "mobile"),
    ("Android", "Samsung SM-G991B", "mobile"),
    ("Android", "Asus PadFone 2", "mobile"),
    ("Android", "Samsung GT-N7000", "mobile"),
    ("Android", "Generic Tablet", "tablet"),
    ("Android", "SM-T870", "tablet"),
    ("Android", "Samsung GT-P5110", "tablet"),
    ("Android", "Samsung GT-N8000", "tablet"),
    ("Android", "Galaxy Tab S9", "tablet"),
    ("Android", "Lenovo TB-X606F", "tablet"),
    ("Android", "TB310FU", "tablet"),
    ("Android", "Huawei MediaPad", "tablet"),
    ("Android", "Xiaomi Pad 6", "tablet"),
    ("Android", "Asus Nexus 7", "tablet"),
    ("Android", "Pixel Tablet", "tablet"),
    ("Android", "SHIELD Tablet K1", "tablet"),
    ("Android", "KFTRWI", "tablet"),
    ("Android", "Kindle Fire HD", "tablet"),
    ("Mac OS X", "Kindle Fire", "tablet"),
    ("Kindle", "Kindle", "tablet"),
    ("BlackBerry Tablet OS", "BlackBerry Playbook", "tablet"),
    ("webOS", "HP TouchPad", "tablet"),
    ("Android", "AFTMM", "tv"),
    ("Android", "SHIELD Android TV", "tv"),
    ("Android", "BRAVIA 4K UR2", "tv"),
    ("Android", "MIBOX3", "tv"),
    ("Chromecast Android", "Chromecast", "tv"),
    ("Linux", "NetCast.TV", "tv"),
    ("Tizen", "Samsung SMART-TV", "tv"),
    ("Tizen", "Other", "tv"),
    ("Tizen", "Samsung SM-Z130H", "mobile"),
    ("Web0S", "LG Web0S SmartTV", "tv"),
    ("tvOS", "Other", "tv"),
    ("ATV OS X", "AppleTV", "tv"),
    ("Panasonic", "HbbTV", "tv"),
    ("Roku", "Other", "tv"),
    ("Other", "PlayStation 5", "console"),
    ("Windows", "Xbox", "console"),
    ("Other", "Nintendo Switch", "console"),
    ("Windows Phone", "Lumia 950", "mobile"),
    ("KaiOS", "Nokia 8110", "mobile"),
    ("Symbian^3 Anna", "Nokia C7", "mobile"),
    ("BlackBerry OS", "BlackBerry 9900", "mobile"),
    ("Other", "Generic Feature Phone", "mobile"),
    ("Other", "Other", "other"),
    ("WatchOS", "Other", "other"),
]


def test_device_types(old: Old) -> None:
    for number, (system, device, _) in enumerate(DEVICE_TYPES):
        old.session(number, system=system, device=device)
    old.upgrade()
    types = [kind for (kind,) in old.rows(f"SELECT device_type FROM sessions ORDER BY {NUMBER}")]
    assert [(*case[:2], kind) for case, kind in zip(DEVICE_TYPES, types, strict=True)] == DEVICE_TYPES


def test_one_system_has_one_name(old: Old) -> None:
    for number, system in enumerate(("Mac OS X", "macOS", "ATV OS X", "Mac OS")):
        old.session(number, system=system, device="Mac")
    old.upgrade()
    systems = [system for (system,) in old.rows(f"SELECT operating_system FROM sessions ORDER BY {NUMBER}")]
    assert systems == ["macOS", "macOS", "ATV OS X", "Mac OS"]


# What says more than system and device do is not here: Chrome's tablets, Fire TV, the Xbox.
USER_AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Version/17.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
    "Mozilla/5.0 (X11; FreeBSD amd64; rv:124.0) Gecko/20100101 Firefox/124.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/537.36 Version/17.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/537.36 Version/16.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/124.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 12; SM-T870) AppleWebKit/537.36 Chrome/99 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; Pixel Tablet) AppleWebKit/537.36 Chrome/124 Safari/537.36",
    "Mozilla/5.0 (Android 14; Mobile; rv:124.0) Gecko/124.0 Firefox/124.0",
    "Mozilla/5.0 (Android 14; Tablet; rv:124.0) Gecko/124.0 Firefox/124.0",
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/79.0.3945.79 Safari/537.36",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/537.36 Version/5.0 TV Safari/537.36",
    "Mozilla/5.0 (Linux; Android 11; SHIELD Android TV Build/RQ1A) AppleWebKit/537.36 Chrome/99 Safari/537.36",
    "Mozilla/5.0 (Apple TV; CPU AppleTV OS 17_0 like Mac OS X) AppleWebKit/537.36",
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/537.36 Version/13.0 Safari/605.1.15",
    "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) Chrome/52 Mobile Safari/537.36 Edge/15",
    "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    "curl/8.5.0",
]  # fmt: skip


def test_new_visits_have_the_same_device_types(old: Old) -> None:
    agents = UserAgents(Bots("off", []).refuse)
    clients = [agents.read(agent.encode(), b"", b"", b"").client for agent in USER_AGENTS]
    for number, client in enumerate(clients):
        old.session(number, system=client.os, device=client.device)
    old.upgrade()
    types = [kind for (kind,) in old.rows(f"SELECT device_type FROM sessions ORDER BY {NUMBER}")]
    assert dict(zip(USER_AGENTS, types, strict=True)) == {
        agent: client.type for agent, client in zip(USER_AGENTS, clients, strict=True)
    }


def test_the_log_says_what_is_under_way(old: Old, caplog: pytest.LogCaptureFixture) -> None:
    old.session(1)
    with caplog.at_level(logging.INFO):
        old.upgrade()
    first, last = caplog.messages
    assert first.startswith("the database (1 MB) has schema version 1, this Prisme needs 6: migrating a copy")
    assert "now has schema version 6, after" in last


def test_what_is_kept_is_the_file_of_before(old: Old) -> None:
    old.session(1, system="Mac OS X")
    old.tables.execute("CHECKPOINT")
    before = old.path.read_bytes()
    old.upgrade()
    assert old.path.with_name("prisme.duckdb.v1").read_bytes() == before
