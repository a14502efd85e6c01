"""Nothing of a visitor stays: every byte of the data folder and of the logs is searched, at every moment of its life.

Each search also has to find what was put there on purpose, so that it cannot be blind.
"""

import contextlib
import logging
import os
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control
from prisme.store.secrets import Secrets
from prisme.visit.salts import DAY
from tests.checkout import ROOT
from tests.faults.leak_search import (
    A_DAY,
    PAGE,
    PLANTED,
    VIEWS,
    Needles,
    move_to_noon,
    needles_of,
    needles_of_salt,
    read_folder,
    read_tables,
    search,
)
from tests.faults.load import LONG
from tests.process import Process, copy_data
from tests.requirements import miss
from tests.server import PATIENCE, LiveServer, browser, free_port, wait_until

DAYS = 30 if LONG else 3
# Parts of URLs that are forgotten with the answer.
SECRETS = (
    "marked-query", "marked-click", "marked-user", "marked-fragment", "marked-term", "marked-path", "marked-key",
    "marked-token",
)  # fmt: skip
PASSWORD = "correct horse battery"
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


def read_salts(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The salts of a running server, each with its day."""
    with contextlib.closing(sqlite3.connect(folder / "secrets.sqlite")) as connection:
        return {
            name: (day, salt)
            for name, day, salt in connection.execute("SELECT name, day, salt FROM salts")
            if any(salt)
        }


def visit(http: httpx.Client, day: int, **headers: str) -> None:
    """All that a browser may send: what is stored, and what is refused."""
    page = f"https://marked-user@example.com/day{day}?utm_source=letter&gclid=marked-click&secret=marked-query#marked-fragment"
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
    copy_data(server.folder, copy)  # what is on the disk at one moment, as a kill leaves it
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


def test_nobody_else_is_asked() -> None:
    """The probe of a certificate, the check of batches and the demo connect to this server alone; an ingestion node
    asks the server of `sites_url`.
    """
    clients = re.compile(r"urlopen|http\.client|create_connection|open_connection|import (?:httpx|requests|aiohttp)")
    code = ROOT / "prisme"
    users = {str(path.relative_to(code)) for path in code.rglob("*.py") if clients.search(path.read_text())}
    assert users <= {"web/tls_probe.py", "runtime/ports.py", "demo/live.py", "web/outgoing.py"}
    asking = {path.name for path in code.rglob("*.py") if "prisme.web.outgoing" in path.read_text()}
    assert asking == {"site_learner.py"}
    assert re.findall(r"HTTPConnection\(([^,]*),", (code / "demo" / "live.py").read_text()) == ['"127.0.0.1"']
