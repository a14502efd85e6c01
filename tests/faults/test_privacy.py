"""Nothing of a visitor stays: every byte of the data folder and of the logs is searched, at every moment of its life.

Each search also has to find what was put there on purpose, so that it cannot be blind.
"""

import base64
import contextlib
import logging
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control
from prisme.store.database import Limits, connect
from prisme.store.secrets import Secrets
from prisme.visit.identity import Identity
from prisme.visit.salts import DAY, Salts
from tests.checkout import ROOT
from tests.faults.load import LONG
from tests.process import Process
from tests.requirements import miss
from tests.server import CHROME, PATIENCE, LiveServer, browser, free_port, open_tables, wait_until

DAYS = 30 if LONG else 3
A_DAY = 24 * 3600
AN_HOUR = 3600
PAGE = "https://example.com/"
VIEWS = "/api/v1/events/pageviews"
# Parts of URLs that are forgotten with the answer.
SECRETS = ("marked-query", "marked-user", "marked-fragment", "marked-term", "marked-path", "marked-key", "marked-token")
PASSWORD = "correct horse battery"
# What stands in the tables on purpose, and looks like what is searched for.
PLANTED = "planted 198.18.7.77"
# An address as a proxy writes it, and its parts that nobody may keep.
FORWARDED = {
    "198.51.100.77": ("198.51.100.",),
    "203.0.113.201:4711": ("203.0.113.",),
    "[2001:db8:aa55:1::77]:443": ("2001:db8:aa55",),
    "2001:DB8:BB66:0:0:0:0:9": ("2001:db8:bb66", "2001:DB8:BB66"),
    "::ffff:192.0.2.66": ("192.0.2.",),
    "100.64.9.8, 198.51.100.78": ("100.64.9.", "198.51.100."),
    "unknown-77af1": ("unknown-77af1",),
}
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.7) Gecko/20100101 Firefox/140.7 Marked"
BOT = "Mozilla/5.0 (compatible; Markedbot/2.7; +http://marked.example/)"
AGENTS = (AGENT, BOT)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.77 is an address of Linux alone")

Needles = dict[str, bytes]


# ----- the search


def needles_of(addresses: Mapping[str, tuple[str, ...]]) -> Needles:
    """All that would tell of an address: as it came, its network, and whatever else a program may make of it."""
    found = {}
    for written, parts in addresses.items():
        bare = re.sub(r"^.*, |^\[|\](:\d+)?$|(?<=\.\d\d\d):\d+$", "", written)
        texts = {written, *parts}
        with contextlib.suppress(ValueError):
            address = ip_address(bare)
            mapped = getattr(address, "ipv4_mapped", None)
            for one in filter(None, (address, mapped)):
                texts |= {str(one), one.exploded, str(int(one)), one.packed.hex()}
                found[f"{one}, packed"] = one.packed
                found[f"{one}, packed from behind"] = one.packed[::-1]
        found |= {text: text.encode() for text in texts}
    return found


def needles_of_salt(name: str, salt: bytes) -> Needles:
    forms = {"raw": salt, "hex": salt.hex().encode(), "HEX": salt.hex().upper().encode()}
    forms |= {"base64": base64.b64encode(salt)[:20], "base64url": base64.urlsafe_b64encode(salt)[:20]}
    return {f"{name} salt, {form}": value for form, value in forms.items()}


def search(haystacks: Mapping[str, bytes], needles: Needles) -> set[tuple[str, str]]:
    """Which needle was found where."""
    found = {(name, place) for place, text in haystacks.items() for name, value in needles.items() if value in text}
    # Four bytes may come together by chance, once in thousands of runs: that is not yet a leak, two addresses are.
    short = {(name, place) for name, place in found if len(needles[name]) == 4}
    return found - short if len({name for name, _ in short}) < 2 else found


def read_folder(folder: Path) -> dict[str, bytes]:
    """The bytes of all files, by their names."""
    read = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a segment that was loaded meanwhile
            if path.is_file():
                read[str(path.relative_to(folder))] = path.read_bytes()
    return read


def read_tables(folder: Path) -> dict[str, bytes]:
    """All values of all tables, as text: DuckDB may pack them so that their bytes are not what they say."""
    connection = connect(folder / "prisme.duckdb", Limits(256_000_000, 1), folder / "tmp")
    with contextlib.closing(connection):
        query = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT temporary"
        tables = connection.execute(query).fetchall()
        assert ("state", "open_sessions") in tables
        return {
            f"{schema}.{table}": "\n".join(
                map(str, connection.execute(f'FROM "{schema}"."{table}"').fetchall())
            ).encode()
            for schema, table in tables
        }


def read_salts(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The salts of a running server, each with its day."""
    with contextlib.closing(sqlite3.connect(folder / "secrets.sqlite")) as connection:
        return {
            name: (day, salt)
            for name, day, salt in connection.execute("SELECT name, day, salt FROM salts")
            if any(salt)
        }


# ----- a day of traffic


def visit(http: httpx.Client, day: int, **headers: str) -> None:
    """All that a browser may send: what is stored, and what is refused."""
    page = f"https://marked-user@example.com/day{day}?utm_source=letter&secret=marked-query#marked-fragment"
    told = dict(browser(page, user_agent=AGENT, **headers)) | {"Origin": PAGE.rstrip("/")}
    found = "https://marked-user@search.example/marked-path?q=marked-term"

    def send(path: str, status: int, body: bytes = b"", more: dict[str, str] | None = None) -> None:
        answer = http.post(f"/api/v1/events/{path}", content=body, headers=told | (more or {}))
        assert answer.status_code == status, (path, answer.text)

    send("pageviews", 200, more={"X-Prisme-Document-Referrer": found})
    told["X-Prisme-Referrer"] = f"{PAGE}next"
    send("pageviews", 200, more={"X-Prisme-Document-Referrer": page})
    send("custom/sign_up", 200, b'{"plan": "pro"}', {"Content-Type": "application/json"})
    send("file-downloads", 200, b"https://example.com/a.pdf?X-Amz-Signature=marked-key")
    send("outbound-links", 200, b"https://example.org/?page=1&access_token=marked-token#marked-fragment")
    send("pageviews", 400, more={"User-Agent": BOT, "X-Prisme-Referrer": f"{PAGE}bot"})
    send("pageviews", 400, more={"Origin": "https://elsewhere.example"})
    send("pageviews", 400, more={"X-Prisme-Referrer": "nowhere"})
    send("pageviews", 400, more={"X-Prisme-Referrer": "https://elsewhere.example/"})
    send("custom/early", 200, more={"X-Prisme-Referrer": f"{PAGE}unseen"})
    query = {"referrer": f"{PAGE}picture"}
    assert http.get("/api/v1/noscript/events/pageviews", params=query, headers=told).status_code == 200
    assert http.get("/nowhere", headers=told).status_code == 404
    assert http.options(VIEWS, headers=told).status_code == 204
    if day:
        return  # passwords take their time
    del told["Origin"]
    assert http.post("/login", data={"name": "ada", "password": "wrong"}, headers=told).status_code == 401
    assert http.post("/login", data={"name": "ada", "password": PASSWORD}, headers=told).status_code == 303
    assert http.get("/dashboard", headers=told).status_code == 200
    http.cookies.clear()


def pending(folder: Path) -> bool:
    """Whether a segment of the journal holds anything."""
    return any(text for name, text in read_folder(folder).items() if name.endswith(".ndjson"))


def plant(http: httpx.Client, day: int) -> None:
    headers = browser(f"{PAGE}planted{day}", X_Prisme_Visitor_Id=f"{PLANTED} {day}")
    assert http.post(VIEWS, headers=headers).status_code == 200


def is_planted_in_journal(folder: Path, http: httpx.Client, day: int) -> bool:
    """Plant, and see whether it waits in the journal still."""
    plant(http, day)
    segments = {name: text for name, text in read_folder(folder).items() if name.endswith(".ndjson")}
    return bool(search(segments, {"planted": PLANTED.encode()}))


def move_to_noon(server: LiveServer) -> None:
    """Yesterday's key is gone by then."""
    server.time.move(1.5 * A_DAY - server.now() % A_DAY)


class Watch:
    """A server and its logs, searched again and again."""

    def __init__(self, server: LiveServer, log: pytest.LogCaptureFixture, needles: Needles) -> None:
        self.server = server
        self.needles = needles | {agent: agent.encode() for agent in AGENTS}
        self.needles |= {part: part.encode() for part in ("Marked", "rv:140.7", *SECRETS)}
        self._log = log
        self.day = 0

    def haystacks(self) -> dict[str, bytes]:
        admin = ":".join(map(str, self.server.config.admin_hostport or ()))
        return {
            **read_folder(self.server.folder),
            "access log": Path(str(self.server.config.access_log)).read_bytes(),
            "log": "\n".join(str(vars(record)) for record in self._log.records if record.name == "prisme").encode(),
            "metrics": httpx.get(f"http://{admin}/metrics").content,
        }

    def look(self, *planted_in: str) -> None:
        """Nothing but what was planted is found, and that where it should be."""
        haystacks = self.haystacks()
        assert search(haystacks, self.needles) == set()
        planted = search(haystacks, {"planted": PLANTED.encode()})
        for place in planted_in:
            assert ("planted", place) in planted

    def look_at_salts(self) -> None:
        """The salts are in their file, and nowhere else."""
        for name, (_, salt) in read_salts(self.server.folder).items():
            found = search(self.haystacks(), needles_of_salt(name, salt))
            assert found == {(f"{name} salt, raw", "secrets.sqlite")}

    def wait_for_midnight(self) -> None:
        """Go on to the next noon; the day before's salt is searched for from here on."""
        day, salt = read_salts(self.server.folder)["today"]
        self.server.time.move(A_DAY)
        wait_until(lambda: read_salts(self.server.folder)["today"][0] > day, "the new day's salt")
        self.needles |= needles_of_salt(f"day {self.day}", salt)
        self.day += 1


@pytest.fixture
def watched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Watch]:
    """A server behind a proxy that writes all it can of its traffic down."""
    caplog.set_level("DEBUG", "prisme")
    server = LiveServer(
        tmp_path / "data",
        trust_proxy="true",
        access_log=str(tmp_path / "access.log"),
        access_log_ip="none",
        eventstore_max_batch_timeout="500ms",
        admin_hostport=f"127.0.0.1:{free_port()}",
        debug="true",
    )
    move_to_noon(server)
    with server:
        Accounts(Control(server.folder)).add(operator("test"), "ada", "admin", (), PASSWORD, 0)
        yield Watch(server, caplog, needles_of(FORWARDED))


def test_needles_are_all_that_tells_of_an_address() -> None:
    """And the search finds each of them."""
    needles = needles_of(FORWARDED)
    told = {"198.51.100.77", "203.0.113.201", "2001:db8:aa55:1::77", "2001:db8:bb66::9", "192.0.2.66", "198.51.100.78"}
    assert {f"{one}, packed" for one in told} <= set(needles)
    assert {*told, *FORWARDED, "198.51.100.", "2001:db8:aa55", "unknown-77af1"} <= set(needles)
    assert {str(int(IPv4Address("192.0.2.66"))), "c0000242"} <= set(needles)
    for name, value in needles.items():
        others = {f"{one}, packed": ip_address(one).packed for one in told}
        assert search({"there": b"ab" + value + b"".join(others.values())}, needles) >= {(name, "there")}
        assert search({"there": b"ab" + value[:-1]}, {name: value}) == set()


def test_nothing_of_a_visitor_stays(watched: Watch, tmp_path: Path) -> None:
    """Days of traffic: while it is in the journal, in the write-ahead log and in the file; and what a kill leaves."""
    server = watched.server
    for day in range(DAYS):
        for address in FORWARDED:
            visit(server.http, day, X_Forwarded_For=address)
        wait_until(partial(is_planted_in_journal, server.folder, server.http, day), "something in the journal")
        watched.look()
        server.settle()
        watched.look("prisme.duckdb.wal")
        watched.look_at_salts()
        watched.wait_for_midnight()
        wait_until(lambda: PLANTED.encode() in read_folder(server.folder)["prisme.duckdb"], "a checkpoint")
        watched.look("prisme.duckdb")
    copy = tmp_path / "copy"
    shutil.copytree(server.folder, copy)  # what is on the disk at one moment, as a kill leaves it
    assert search(read_tables(copy), watched.needles) == set()
    assert search(read_folder(copy), watched.needles) == set()
    stored = "SELECT count(*), count(DISTINCT visitor_id) FROM pageviews WHERE visitor_id NOT LIKE 'planted%'"
    assert server.rows(stored) == [
        (3 * DAYS * len(FORWARDED), DAYS * len(FORWARDED))
    ]  # each address was somebody, each day
    haystacks = watched.haystacks()
    server.stop()
    haystacks |= read_folder(server.folder) | read_tables(server.folder)
    assert search(haystacks, watched.needles) == set()
    planted = {place for _, place in search(haystacks, {"planted": PLANTED.encode()})}
    assert {"prisme.duckdb", "main.pageviews", "main.sessions"} <= planted


@LINUX
@pytest.mark.parametrize(("told", "found"), [("none", False), ("masked", True), ("full", True)])
def test_addresses_of_sockets(tmp_path: Path, told: str, found: bool) -> None:
    """Without a proxy, of both families; the access log has them where it should, which the search sees."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            miss("IPv6 is missing: turn it on, at least for ::1")
    log = tmp_path / "access.log"
    needles = needles_of({"127.0.0.77": (), "::ffff:127.0.0.77": ()}) | {
        "::1 in JSON": b'"::1"',
        "::1 in a row": b"'::1'",
    }
    networks = {"127.0.0.0/24": b"127.0.0.0/24", "::/48": b"::/48"}
    options = {"access_log": str(log), "access_log_ip": told, "trust_proxy": "false"}
    with LiveServer(tmp_path / "data", host="::", **options) as server:
        Accounts(Control(server.folder)).add(operator("test"), "ada", "admin", (), PASSWORD, 0)
        for url, local in ((server.url, "127.0.0.77"), (f"http://[::1]:{server.port}", "::1")):
            transport = httpx.HTTPTransport(local_address=local)
            with httpx.Client(base_url=url, transport=transport, timeout=PATIENCE) as http:
                visit(http, 0, X_Forwarded_For="8.8.8.8")  # whom nobody trusts
        server.settle()
        running = read_folder(server.folder)
        (visitors,) = server.rows("SELECT count(DISTINCT visitor_id) FROM pageviews")
        assert visitors == (2,)
    haystacks = running | read_folder(server.folder) | read_tables(server.folder)
    assert search(haystacks, needles | networks) == set()
    written = {name for name, _ in search({"log": log.read_bytes()}, needles | networks)}
    assert bool(written) == found
    pages = {page: page.encode() for page in ("day0", "next", "picture", "unseen", "example.com", *SECRETS)}
    assert search({"log": log.read_bytes()}, pages) == set()
    assert written >= {"none": set(), "masked": set(networks), "full": {"127.0.0.77", "::1 in JSON"}}[told]


def test_nothing_stays_after_a_kill(tmp_path: Path) -> None:
    """The salt of a day that passed while it was not running goes with the start, also after a kill."""
    folder, log = tmp_path / "data", tmp_path / "data.log"
    folder.mkdir(mode=0o700)
    secrets, salt = Secrets(folder / "secrets.sqlite", logging.getLogger()), os.urandom(16)
    # Two days ago: yesterday's could be of use still.
    secrets.write({"today": (time.time_ns() // 1000 // DAY - 2, bytearray(salt))})
    secrets.close()
    old = needles_of_salt("an old", salt)
    assert search(read_folder(folder), old) == {("an old salt, raw", "secrets.sqlite")}
    needles = needles_of(FORWARDED) | {agent: agent.encode() for agent in AGENTS} | old
    process = Process(
        folder,
        trust_proxy="true",
        access_log="/dev/stdout",
        access_log_ip="none",
        debug="true",
        eventstore_max_batch_timeout="1s",
    )

    def look(*planted_in: str) -> None:
        haystacks = read_folder(folder) | {"log": log.read_bytes()}
        assert search(haystacks, needles) == set()
        planted = {place for _, place in search(haystacks, {"planted": PLANTED.encode()})}
        assert planted >= set(planted_in)

    with process:
        for life in range(2):
            process.start()
            look()
            if life == 0:
                Accounts(Control(folder)).add(operator("test"), "ada", "admin", (), PASSWORD, 0)
            for address in FORWARDED:
                visit(process.http, life, X_Forwarded_For=address)
            plant(process.http, life)
            wait_until(lambda: not pending(folder), "the journal to be loaded")
            wait_until(partial(is_planted_in_journal, folder, process.http, life), "something in the journal")
            process.kill()
            look("prisme.duckdb.wal")
            assert pending(folder)
        process.start()
        assert process.stop() == 0
        look("prisme.duckdb")
    assert search(read_tables(folder), needles) == set()


# ----- what ties a device to a session


def ties_of(server: LiveServer) -> Needles:
    """Devices as the tables and the journal write them, of all sessions that are open."""
    server.settle()
    with open_tables(server.config) as tables:
        devices = [device for (device,) in tables.execute("SELECT device FROM state.open_sessions").fetchall()]
    as_text = {f"{device}, text": str(device).encode() for device in devices}
    return as_text | {f"{device}, binary": device.to_bytes(8, "little") for device in devices}


def look_in(server: LiveServer, numbers: range) -> None:
    """Visitors, one for each number."""
    for number in numbers:
        headers = browser(f"{PAGE}{number}", X_Forwarded_For=f"198.51.100.{number}")
        assert server.http.post(VIEWS, headers=headers).status_code == 200


def places_of(folder: Path, ties: Needles) -> set[str]:
    return {place for _, place in search(read_folder(folder), ties)}


def test_a_device_has_a_session_only_while_it_is_open(tmp_path: Path) -> None:
    """Neither the tables nor the write-ahead log say more; what DuckDB freed in the file, docs/privacy.md tells of."""
    server = LiveServer(tmp_path, trust_proxy="true")
    move_to_noon(server)
    with server:
        look_in(server, range(50))
        ties = ties_of(server)
        assert len(ties) == 2 * 50
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
        server.time.move(AN_HOUR / 2 + 60)
        wait_until(lambda: ties_of(server) == {}, "the sessions to end")
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
        server.time.move(AN_HOUR)
        wait_until(lambda: not places_of(tmp_path, ties), "a checkpoint")
        assert server.rows("SELECT count(*) FROM sessions") == [(50,)]
        look_in(server, range(10))
        assert len(ties_of(server)) == 2 * 10
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}  # the ten came back, and are the same devices
    assert places_of(tmp_path, ties) == {"prisme.duckdb"}
    after = LiveServer(tmp_path, trust_proxy="true")
    after.time.move(server.time.offset + A_DAY)
    with after:
        look_in(after, range(50))
        assert len(ties_of(after)) == 2 * 50
        assert places_of(tmp_path, ties) <= {"prisme.duckdb"}  # the day after, nobody is the same device


def test_who_has_the_keys_finds_the_visits_of_their_days(tmp_path: Path) -> None:
    """And no others: with the folder, and an address and a User-Agent to try."""
    server = LiveServer(tmp_path / "data", trust_proxy="true")
    move_to_noon(server)
    server.time.move(-A_DAY / 2 - 300)
    found = []
    with server:
        for day, minutes in enumerate((0, 10, 60)):
            server.time.move(60 * minutes)
            headers = browser(f"{PAGE}day{day}", X_Forwarded_For=f"198.51.100.{day}")
            assert server.http.post(VIEWS, headers=headers).status_code == 200
            ids = dict(server.rows("SELECT path, visitor_id FROM pageviews"))
            with contextlib.closing(Secrets(tmp_path / "data" / "secrets.sqlite", logging.getLogger())) as secrets:
                keys = [bytes(key) for _, key in secrets.read().values()]
            tried = {path: compute_ids(keys, f"198.51.100.{path[-1]}") for path in ids}
            found.append(sorted(path for path, visitor in ids.items() if visitor in tried[path]))
    assert found == [["/day0"], ["/day0", "/day1"], ["/day1", "/day2"]]


def compute_ids(keys: Iterable[bytes], address: str) -> set[str]:
    """The ids of a client, as whoever has the keys computes them."""
    ids = set()
    for key in keys:
        identity = Identity(FixedKey(key))
        parts = identity.parts(CHROME.encode(), address, "example.com")
        ids.add(identity.visitor(parts, identity.device(parts)))
    return ids


class FixedKey(Salts):
    """One key, and none before."""

    def __init__(self, key: bytes) -> None:
        self.today, self.previous, self._day, self._ttl = bytearray(key), None, 0, 0


def test_a_visitor_is_another_one_on_another_site(live: LiveServer) -> None:
    """With all else the same."""
    for site in ("https://one.two-sites.example.com/", "https://two.two-sites.example.com/"):
        assert live.http.post(VIEWS, headers=browser(site)).status_code == 200
    query = "SELECT visitor_id FROM pageviews WHERE domain LIKE '%.two-sites.example.com'"
    assert len(set(live.rows(query))) == 2


def test_nobody_else_is_asked() -> None:
    """Only the trial of a certificate connects to anything: to a server of its own."""
    clients = re.compile(r"urlopen|http\.client|create_connection|open_connection|import (?:httpx|requests|aiohttp)")
    code = ROOT / "prisme"
    users = {str(path.relative_to(code)) for path in code.rglob("*.py") if clients.search(path.read_text())}
    assert users <= {"web/trial.py"}


def test_the_unit_makes_no_core_dump() -> None:
    """Which would have the memory's addresses in it."""
    assert "\nLimitCORE=0\n" in (ROOT / "docs" / "operations.md").read_text()


def test_a_device_is_in_the_journal_until_it_is_loaded(tmp_path: Path) -> None:
    """And in no row of an event or a visit."""
    with LiveServer(tmp_path, trust_proxy="true", eventstore_max_batch_timeout="1s") as server:
        look_in(server, range(10))
        (segment,) = (one for one in (tmp_path / "journal").iterdir() if one.stat().st_size)
        ties = ties_of(server)
        assert len(ties) == 2 * 10
        assert not segment.exists()
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
    tables = read_tables(tmp_path)
    assert {place for _, place in search(tables, ties)} == {"state.open_sessions"}


def test_salts_are_overwritten_where_they_lie(tmp_path: Path) -> None:
    """SQLite's journal has the salt that is replaced: it is there, and says nothing any more."""
    secrets = Secrets(tmp_path / "secrets.sqlite", logging.getLogger())
    salts = [os.urandom(16) for _ in range(3)]
    for day, salt in enumerate(salts):
        assert secrets.write({"today": (day, bytearray(salt))})
        journal = tmp_path / "secrets.sqlite-journal"
        assert journal.stat().st_size > 512
        assert not any(journal.read_bytes())
        found = [one for one in salts if one in (tmp_path / "secrets.sqlite").read_bytes()]
        assert found == [salt]
    secrets.close()


def test_a_torn_write_of_a_salt_is_undone_and_wiped(tmp_path: Path) -> None:
    """Killed in the middle of replacing a salt: the next start has the old one, and no copy of it."""
    path, salt = tmp_path / "secrets.sqlite", os.urandom(16)
    with contextlib.closing(Secrets(path, logging.getLogger())) as secrets:
        secrets.write({"today": (1, bytearray(salt))})
    torn = f"""
import os, sqlite3
c = sqlite3.connect({str(path)!r}, isolation_level=None)
c.execute("PRAGMA journal_mode = PERSIST")
c.execute("PRAGMA cache_size = 1")
c.execute("BEGIN")
c.execute("UPDATE salts SET salt = zeroblob(16)")
c.execute("CREATE TABLE much AS SELECT randomblob(9000)")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", torn])
    with (tmp_path / "secrets.sqlite-journal").open("rb") as torn_journal:  # by itself: SQLite may remove the name
        assert salt in torn_journal.read()
        with contextlib.closing(Secrets(path, logging.getLogger())) as secrets:
            assert secrets.read() == {"today": (1, bytearray(salt))}
            torn_journal.seek(0)
            assert not any(torn_journal.read())


def test_what_the_database_spilt_goes_with_the_next_start(tmp_path: Path) -> None:
    """DuckDB leaves its scratch files when it is killed."""
    left, other = tmp_path / "data" / "tmp" / "duckdb_temp_17_0_storage_DEFAULT-0.tmp", tmp_path / "data" / "tmp" / "x"
    left.parent.mkdir(parents=True)
    left.write_bytes(PLANTED.encode())
    other.touch()
    with LiveServer(tmp_path / "data"):
        assert (left.exists(), other.exists()) == (False, True)
