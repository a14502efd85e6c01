"""How an ingestion node asks for sites: real sockets, with servers that are away, wrong, slow or lying."""

import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from prisme.access import site_listing
from prisme.access.learned_sites import LearnedSites
from prisme.access.sites import SiteList
from prisme.runtime.metrics import Gauge
from prisme.store.control import Control
from prisme.store.errors import FullDiskError
from prisme.web import outgoing, site_learner
from prisme.web.site_learner import SiteLearner, Source
from tests.certificate import make_pair
from tests.server import free_port, wait_until
from tests.web.lying_server import Answer, LyingServer, respond, send

TOKEN = "prtok_" + "x" * 43
LIST = site_listing.write(["one.example", "*.two.example"], {"www.one.example": "one.example"})
KNOWN = ["*.two.example", "one.example"]
MAKE = "create one there with `prisme token add NAME --scope sites`, and write it to "


class Node:
    """A learner with the control database of a node."""

    def __init__(self, folder: Path) -> None:
        self.control = Control(folder)
        self.learned = LearnedSites(self.control)
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        self.now = 0
        self.learner = self.make("")

    def make(self, url: str) -> SiteLearner:
        source = Source(url, self.token if url else None)
        log = logging.getLogger("prisme")
        return SiteLearner(self.learned, source, lambda: int(time.time()), lambda: self.now, random.uniform, log)

    def ask(self, url: str) -> None:
        self.learner.follow(Source(url, self.token if url else None))
        self.learner.ask()

    def names(self) -> list[str]:
        return [site.name for site in SiteList(self.control, (), ()).list()]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "node").mkdir()
    node = Node(tmp_path / "node")
    yield node
    node.learner.close()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prisme")


def read_age(node: Node) -> float:
    (age,) = node.learner.metrics()
    assert isinstance(age, Gauge)
    return age.read()


def test_a_list_is_asked_for_and_kept(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with LyingServer(respond(200, LIST, 'ETag: "7"')) as server:
        node.ask(server.url)
        assert node.names() == KNOWN
        head = server.requests[0].decode().splitlines()
        assert head[0] == "GET /api/v1/sites HTTP/1.1"
        assert f"Authorization: Bearer {TOKEN}" in head
        assert f"Host: 127.0.0.1:{server.port}" in head
        assert "If-None-Match" not in server.requests[0].decode()
        server.answer = respond(304)
        node.ask(server.url)
        assert 'If-None-Match: "7"' in server.requests[1].decode().splitlines()
        assert node.names() == KNOWN
        assert caplog.messages == [f"{server.url} has 2 sites and 1 alias, which are counted here as well"]
        node.ask(f"{server.url}/stats")
        assert server.requests[2].startswith(b"GET /stats/api/v1/sites HTTP/1.1\r\n")
        assert b"If-None-Match" not in server.requests[2]  # another server's tag says nothing
        assert "answers with status 304" in caplog.messages[-1]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (respond(200, LIST[:-2]), "the answer is no list of sites"),
        (respond(200, LIST[:-2], length=len(LIST)), "is incomplete"),
        (respond(200, b"<!doctype html>"), "the answer is no list of sites"),
        (respond(200, site_listing.write([], {})), "a list without sites"),
        (respond(200, LIST[:-1] + b',"refused":[]}'), "the token has the scope admin"),
        (respond(200, msgspec.json.encode({"sites": [{"name": "a b"}], "aliases": []})), "'a b' is not a host"),
        (respond(401), f"it does not know the token: {MAKE}"),
        (respond(403), f"the token lacks the scope sites: {MAKE}"),
        (respond(404), "it has no /api/v1/sites: correct the path of sites_url"),
        (respond(429), "raise its api_stats_rate_limit"),
        (respond(500), "it answers with status 500"),
        (respond(204), "it answers with status 204"),
        (respond(304), "it answers with status 304"),
        (respond(302, b"", "Location: https://evil.example/"), "it redirects to https://evil.example/, which is not"),
        (send(), "closes the connection: is it the right port, and does it serve HTTPS?"),
        (send(b"SSH-2.0-OpenSSH_9.2\r\n"), "is not HTTP: is it the right port"),
        # In a process with ClickHouse's client, 10,000 headers are allowed.
        (send(b"HTTP/1.1 200 X\r\n" + b"a: b\r\n" * 10_001 + b"\r\n"), "is not HTTP"),
        (send(b"HTTP/1.1 200 X\r\na: " + b"b" * 100_000 + b"\r\n\r\n"), "is not HTTP"),
        (send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "is incomplete"),
        (send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), "is incomplete"),
        (send(b"HTTP/1.1 200 X\r\n\r\n" + LIST[:-1]), "the answer is no list of sites"),
    ],
)  # fmt: skip
def test_a_wrong_answer_changes_nothing(node: Node, caplog: pytest.LogCaptureFixture, answer: Answer, why: str) -> None:
    with LyingServer(respond(200, LIST)) as server:
        node.ask(server.url)
        caplog.clear()
        server.answer = answer
        for _ in range(3):
            node.ask(server.url)
        (told,) = caplog.messages
        assert told.startswith(f"the list of sites cannot be read from {server.url}: ")
        assert why in told
        assert "; 2 sites and 1 alias, read at 20" in told
        assert node.names() == KNOWN
        assert len(server.requests) == 4  # none of them followed anything
        server.answer = respond(200, LIST)
        node.ask(server.url)
        assert caplog.messages[1:] == [f"the list of sites is read from {server.url} again"]
        node.ask(server.url)
        assert len(caplog.messages) == 2
        server.answer = answer
        node.ask(server.url)
        assert len(caplog.messages) == 3  # the next time
        assert why in caplog.messages[2]


def test_a_huge_answer_is_not_read_to_its_end(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    sent = 0

    def answer(connection: socket.socket, _: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
        while True:
            connection.sendall(b" " * 65_536)
            sent += 65_536

    with LyingServer(answer) as server:
        node.ask(server.url)
    assert "the answer is larger than 16 MiB; no sites of that server are known yet" in caplog.messages[0]
    assert sent < 2 * site_learner.MOST_BYTES


@pytest.mark.parametrize("part", ["status", "headers", "body"])
def test_a_slow_answer_is_given_up(
    node: Node, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(site_learner, "_SECONDS", 0.5)
    begin = {
        "status": b"",
        "headers": b"HTTP/1.1 200 X\r\nA: ",
        "body": b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n",
    }

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(begin[part])
        for byte in b"1" * 100:  # one now and then: no single read waits long
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    with LyingServer(answer) as server:
        began = time.monotonic()
        node.ask(server.url)
        assert time.monotonic() - began < 5
    assert f"no whole answer from 127.0.0.1, port {server.port}, within 0.5 seconds" in caplog.messages[0]


def test_a_server_that_is_away(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    node.ask(url)
    assert f"nothing listens on 127.0.0.1, port {url.rpartition(':')[2]}: start that server" in caplog.messages[0]
    assert caplog.messages[0].endswith("; no sites of that server are known yet")
    caplog.clear()
    node.ask("http://host.invalid:8000")
    assert "the host host.invalid is not found (" in caplog.messages[0]
    assert "correct it, or the DNS of this machine" in caplog.messages[0]


def test_another_reason_is_told_once_too(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with LyingServer(respond(500)) as server:
        for status in (500, 401, 500, 401):
            server.answer = respond(status)
            node.ask(server.url)
        assert ["status 500" in message for message in caplog.messages] == [True, False]
        caplog.clear()
        for status in range(500, 600):
            server.answer = respond(status)
            node.ask(server.url)
        assert len(caplog.messages) == site_learner._MOST_REASONS - 2


def test_plain_http_to_a_public_address_sends_nothing(
    node: Node, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As there is no public address here, one of this machine is called public."""
    monkeypatch.setattr(outgoing, "is_private", lambda address: address != "127.0.0.1")
    with LyingServer(respond(200, LIST)) as server:
        node.ask(f"http://localhost:{server.port}")
        wait_until(lambda: server.requests, "the connection to be accepted")
    assert "localhost has the public address 127.0.0.1" in caplog.messages[0]
    assert "write https" in caplog.messages[0]
    assert server.requests == [b""]
    assert node.names() == []


def test_the_token_file(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with LyingServer(respond(200, LIST)) as server:
        for text in ("", "two words", "a\nb", "t\u00f6ken", "x" * 300):
            node.token.write_text(text)
            node.ask(server.url)
        node.token.unlink()
        node.ask(server.url)
        assert server.requests == []
        assert len(caplog.messages) == 2
        assert "has no token: write the one that `prisme token add NAME --scope sites` prints" in caplog.messages[0]
        assert "cannot be read (No such file or directory)" in caplog.messages[1]
        node.token.write_text(TOKEN)
        node.ask(server.url)
        assert node.names() == KNOWN


def test_certificates(
    node: Node, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = make_pair(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    with LyingServer(respond(200, LIST), context) as server:
        node.ask(server.url)
        assert "is not valid (self-signed certificate): renew it" in caplog.messages[0]
        monkeypatch.setenv("SSL_CERT_FILE", str(pair.tls_certificate))
        node.ask(server.url.replace("127.0.0.1", "localhost"))
        assert "is not valid (Hostname mismatch" in caplog.messages[1]
        assert server.requests == []
        node.ask(server.url)
        assert node.names() == KNOWN
        node.ask(server.url.replace("https", "http"))
        assert "is it the right port, and does it serve HTTPS?" in caplog.messages[-1]
    with LyingServer(respond(200, LIST)) as server:
        node.ask(server.url.replace("http", "https"))
        assert "does this port serve HTTPS?" in caplog.messages[-1]


def test_the_age_counts_from_the_last_success(node: Node) -> None:
    with LyingServer(respond(200, LIST, 'ETag: "7"')) as server:
        node.ask(server.url)
        node.now += 5_000_000_000
        assert read_age(node) == 5
        server.answer = respond(304)
        node.ask(server.url)
        assert read_age(node) == 0
        server.answer = respond(500)
        node.now += 7_000_000_000
        node.ask(server.url)
        assert read_age(node) == 7
    node.ask("")
    assert read_age(node) == 0


def test_a_full_disk_is_told(
    node: Node, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> bool:
        raise FullDiskError(tmp_path)

    with LyingServer(respond(200, LIST)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(node.learned, "replace", fail)
            node.ask(server.url)
        assert "cannot be changed, as the disk is full: free up disk space" in caplog.messages[0]
        node.ask(server.url)
        assert node.names() == KNOWN


def test_without_a_server_what_was_learned_is_forgotten(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with LyingServer(respond(200, LIST)) as server:
        node.ask(server.url)
    caplog.clear()
    learner = node.make("")
    learner.prepare()
    assert node.names() == []
    assert caplog.messages == [f"sites_url is empty: 2 sites and 1 alias of {server.url} are forgotten"]
    learner.prepare()
    assert len(caplog.messages) == 1


def test_a_start_waits_only_where_nothing_is_known(node: Node) -> None:
    with LyingServer(respond(200, LIST)) as server:
        node.make(server.url).prepare()
        assert node.names() == KNOWN
        node.make(server.url).prepare()
        assert len(server.requests) == 1


def test_the_thread_asks_at_once_at_intervals_and_when_it_is_woken(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_learner, "INTERVAL", 0.05)
    with LyingServer(respond(200, LIST)) as server:
        learner = node.make(server.url)
        learner.start()
        wait_until(lambda: len(server.requests) > 3, "requests at intervals")
        monkeypatch.setattr(site_learner, "INTERVAL", 1000.0)
        time.sleep(0.2)
        before = len(server.requests)
        learner.wake()
        wait_until(lambda: len(server.requests) == before + 1, "a request when it is woken")
        learner.close()
    assert not any(thread.name == "sites" for thread in threading.enumerate())


def test_intervals_differ(node: Node) -> None:
    waited: list[float | None] = []

    class Woken(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            if len(waited) == 20:
                learner.close()
            return False

    learner = node.make("http://127.0.0.1:1")
    learner._woken = Woken()
    learner._run()
    assert len({*waited}) == 20
    assert all(24 <= (one or 0) <= 36 for one in waited)


def test_another_server_is_asked_at_once(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    is_asked, is_over = threading.Event(), threading.Event()

    def answer(*_: object) -> None:
        is_asked.set()
        is_over.wait(30)

    with LyingServer(answer) as silent, LyingServer(respond(200, LIST)) as server:
        learner = node.make(silent.url)
        learner.start()
        assert is_asked.wait(30)
        began = time.monotonic()
        learner.follow(Source(server.url, node.token))
        wait_until(lambda: node.names() == KNOWN, "the other list")
        assert time.monotonic() - began < 5
        learner.close()
        is_over.set()
    assert len(caplog.messages) == 1  # what became of the first request is of no interest


def test_a_stop_waits_for_no_answer(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    is_asked, is_over = threading.Event(), threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        is_asked.set()
        is_over.wait(30)

    with LyingServer(answer) as server:
        learner = node.make(server.url)
        learner.start()
        assert is_asked.wait(30)
        began = time.monotonic()
        learner.close()
        assert time.monotonic() - began < 0.9
        is_over.set()
    assert caplog.messages == []
