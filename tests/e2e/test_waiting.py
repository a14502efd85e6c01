"""Events that overtake their pageview: they wait for it, in a counted slot, and hold up nobody."""

import contextlib
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prisme.visit.waiters import CAPACITY, Waiters

from prisme.assets import GIF
from tests.process import Process
from tests.server import CHROME, PATIENCE, LiveServer, browser, wait_until

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
HOME, SITE = "https://example.com", "example.com"
LINK = "https://other.example/"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# Long enough that no test meets it that does not mean to.
LONG = "30s"


class Waiting:
    """A server, its slots, and the events under way: each is sent by a thread of its own."""

    def __init__(self, server: LiveServer, slots: Waiters, threads: ThreadPoolExecutor) -> None:
        self.server = server
        self.slots = slots
        self._threads = threads

    def send(self, path: str = "/a", name: str = "early", **headers: str) -> Future[httpx.Response]:
        """A custom event."""
        sent = browser(HOME + path, **headers)
        return self._threads.submit(self.server.http.post, f"{EVENTS}custom/{name}", headers=sent)

    def send_and_wait(self, path: str = "/a", name: str = "early", **headers: str) -> Future[httpx.Response]:
        """A custom event, which has its slot when this returns."""
        before = self.slots.count
        sent = self.send(path, name, **headers)
        self.wait_for(before + 1)
        return sent

    def wait_for(self, count: int) -> None:
        """Wait until so many slots are taken."""
        wait_until(lambda: self.slots.count == count, f"{count} events that wait")

    def view(self, path: str = "/a", referrer: str = "", **headers: str) -> int:
        sent = browser(HOME + path, X_Prisme_Document_Referrer=referrer and HOME + referrer, **headers)
        return self.server.http.post(f"{EVENTS}pageviews", headers=sent).status_code

    def events(self, columns: str) -> list[tuple[Any, ...]]:
        return self.server.rows(f'SELECT {columns} FROM events_custom ORDER BY "timestamp", rowid')


@pytest.fixture
def wait(start: Callable[..., LiveServer], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Waiting]]:
    """Start a server with so many slots."""
    threads = ThreadPoolExecutor(64)

    def begin(capacity: int = CAPACITY, **options: str) -> Waiting:
        built: list[Waiters] = []

        def build(timeout: float) -> Waiters:
            built.append(Waiters(timeout, capacity))
            return built[-1]

        monkeypatch.setattr("prisme.serve.Waiters", build)
        server = start(**({"api_events_timeout": LONG, "trust_proxy": "true"} | options))
        return Waiting(server, built[-1], threads)

    yield begin
    threads.shutdown(cancel_futures=True)


def status(sent: Future[httpx.Response]) -> int:
    return sent.result(PATIENCE).status_code


# ----- which session


def test_event_before_its_pageview(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    early = waiting.send_and_wait()
    assert waiting.view() == 200
    assert status(early) == 200
    ((uuid, visitor, viewed),) = waiting.server.rows('SELECT session_uuid, visitor_id, "timestamp" FROM pageviews')
    assert waiting.events("session_uuid, visitor_id, path") == [(uuid, visitor, "/a")]
    # Its time is when it happened, not when its session came.
    assert waiting.events("timestamp < TIMESTAMP '" + viewed.isoformat() + "'") == [(True,)]
    assert waiting.slots.count == 0


def test_event_after_its_pageview_waits_for_nothing(wait: Callable[..., Waiting]) -> None:
    waiting = wait(capacity=0)  # where it wanted to wait, it would be refused
    assert waiting.view() == 200
    assert status(waiting.send()) == 200
    (uuid,) = waiting.server.rows("SELECT session_uuid FROM pageviews")
    assert waiting.events("session_uuid") == [uuid]


@pytest.mark.parametrize(("delay", "rounds"), [(0.0, 20), (0.2, 2)], ids=["at once", "200 ms later"])
@pytest.mark.parametrize("first", ["event", "pageview"])
def test_both_at_about_the_same_time(wait: Callable[..., Waiting], first: str, delay: float, rounds: int) -> None:
    waiting = wait()
    for number in range(rounds):
        path = f"/{number}"
        with ThreadPoolExecutor(1) as thread:
            if first == "event":
                event = waiting.send(path)
                time.sleep(delay)
                view = thread.submit(waiting.view, path)
            else:
                view = thread.submit(waiting.view, path)
                time.sleep(delay)
                event = waiting.send(path)
            assert (view.result(PATIENCE), status(event)) == (200, 200)
    joined = "SELECT count(*) FROM events_custom JOIN pageviews USING (path, session_uuid)"
    assert waiting.server.rows(joined) == [(rounds,)]
    assert waiting.slots.count == 0


def test_event_of_the_next_page_of_a_session(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    assert waiting.view("/a") == 200
    early = waiting.send_and_wait("/b")
    assert waiting.view("/b", referrer="/a") == 200
    assert status(early) == 200
    ((uuid, pageviews),) = waiting.server.rows("SELECT session_uuid, pageviews FROM sessions")
    assert pageviews == 2
    assert waiting.events("session_uuid, path") == [(uuid, "/b")]


def test_one_pageview_wakes_all_that_wait_for_it(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    early = [waiting.send_and_wait(name=f"early-{number:02}") for number in range(50)]
    assert waiting.view() == 200
    assert {status(one) for one in early} == {200}
    ((uuid,),) = waiting.server.rows("SELECT session_uuid FROM sessions")
    found = waiting.events("name, session_uuid")
    assert sorted(found) == [(f"early-{number:02}", uuid) for number in range(50)]
    assert waiting.slots.count == 0


@pytest.mark.parametrize(
    ("method", "path", "table", "status"),
    [
        pytest.param("POST", EVENTS + "custom/x", "events_custom", 200, id="custom"),
        pytest.param("GET", NOSCRIPT + "custom/x", "events_custom", 200, id="custom noscript"),
        pytest.param("POST", EVENTS + "file-downloads", "file_downloads", 200, id="download"),
        pytest.param("POST", EVENTS + "outbound-links", "outbound_link_clicks", 200, id="outbound"),
        pytest.param("GET", NOSCRIPT + "outbound-links", "outbound_link_clicks", 302, id="outbound noscript"),
    ],
)
def test_every_kind_waits(wait: Callable[..., Waiting], method: str, path: str, table: str, status: int) -> None:
    waiting = wait()
    http = waiting.server.http
    headers = browser(f"{HOME}/a", Referer=f"{HOME}/a", Content_Type="application/json")
    body = b"" if "custom" in path else LINK.encode()
    request = (
        http.build_request("GET", path, params={"url": LINK}, headers=headers)
        if method == "GET"
        else http.build_request(method, path, headers=headers, content=body)
    )
    with ThreadPoolExecutor(1) as thread:
        early = thread.submit(http.send, request)
        waiting.wait_for(1)
        assert waiting.view() == 200
        answer = early.result(PATIENCE)
    assert answer.status_code == status
    assert answer.headers.get("location") == (LINK if status == 302 else None)
    (uuid,) = waiting.server.rows("SELECT session_uuid FROM sessions")
    assert waiting.server.rows(f"SELECT session_uuid FROM {table}") == [uuid]


@pytest.mark.parametrize("path", ["/", "/a"])
def test_one_wait_covers_the_page_and_its_origin(wait: Callable[..., Waiting], path: str) -> None:
    waiting = wait()
    headers = browser(f"{HOME}/a", X_Prisme_Referrer="", Ping_From=f"{HOME}/a", Ping_To=LINK)
    with ThreadPoolExecutor(1) as thread:
        early = thread.submit(waiting.server.http.post, f"{EVENTS}outbound-links", headers=headers, content=b"PING")
        waiting.wait_for(1)
        assert waiting.view(path) == 200
        assert status(early) == 200
    assert waiting.server.rows("SELECT path, link FROM outbound_link_clicks") == [(path, LINK)]


# ----- who is woken


def test_pageviews_of_others_wake_nobody(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    early = waiting.send_and_wait("/a")
    other = waiting.send_and_wait("/a", "other", X_Forwarded_For="203.0.113.9")
    # Another browser, another site, another page, a bot: none is what they wait for.
    assert (
        waiting.view("/a", user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") == 200
    )
    assert (
        waiting.server.http.post(f"{EVENTS}pageviews", headers=browser("https://example.com:81/a")).status_code == 200
    )
    assert waiting.view("/b") == 200
    assert waiting.view("/a", user_agent=BOT) == 400
    assert waiting.slots.count == 2
    assert waiting.view("/a", X_Forwarded_For="203.0.113.9") == 200
    assert status(other) == 200
    assert waiting.slots.count == 1
    assert not early.done()
    assert waiting.view("/a") == 200
    assert status(early) == 200
    assert waiting.events("name") == [("early",), ("other",)]
    ((mine, theirs),) = waiting.server.rows("SELECT min(session_uuid), max(session_uuid) FROM events_custom")
    assert mine != theirs


def test_time_out_is_a_refusal(wait: Callable[..., Waiting]) -> None:
    waiting = wait(api_events_timeout="300ms")
    before = time.monotonic()
    answer = waiting.send().result(PATIENCE)
    assert time.monotonic() - before >= 0.3
    assert (answer.status_code, answer.text) == (400, "session not found\n")
    assert answer.headers["x-prisme-error"] == "session not found"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert waiting.slots.count == 0
    # It is gone, whatever comes later.
    assert waiting.view() == 200
    assert waiting.events("name") == []
    pixel = waiting.server.http.get(f"{NOSCRIPT}custom/x", headers={"Referer": f"{HOME}/none", "User-Agent": CHROME})
    assert (pixel.status_code, pixel.content) == (400, GIF)


def test_a_bot_waits_in_vain(wait: Callable[..., Waiting]) -> None:
    waiting = wait(api_events_timeout="300ms")
    early = waiting.send(user_agent=BOT)
    assert waiting.view(user_agent=BOT) == 400
    assert early.result(PATIENCE).headers["x-prisme-error"] == "session not found"


# ----- slots


def test_slots_are_counted(wait: Callable[..., Waiting]) -> None:
    waiting = wait(capacity=3)
    early = [waiting.send_and_wait(name=str(number)) for number in range(3)]
    for answer in (
        waiting.send("/b", "late").result(PATIENCE),
        waiting.server.http.get(f"{NOSCRIPT}custom/x", headers={"Referer": f"{HOME}/b", "User-Agent": CHROME}),
    ):
        assert answer.status_code == 503
        assert answer.headers["x-prisme-error"] == "too many events wait for their session"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.content == GIF
    # All others are served as ever: those whose session is there, pageviews, and who only looks.
    assert waiting.server.http.get("/api/v1/healthcheck").status_code == 200
    assert waiting.view("/c", X_Forwarded_For="203.0.113.9") == 200
    assert status(waiting.send("/c", "there", X_Forwarded_For="203.0.113.9")) == 200
    assert waiting.slots.count == 3
    assert not any(one.done() for one in early)
    # A slot that is free again is taken again.
    assert waiting.view("/a") == 200
    assert [status(one) for one in early] == [200, 200, 200]
    again = waiting.send_and_wait("/b", "again")
    assert waiting.view("/b") == 200
    assert status(again) == 200
    assert sorted(waiting.events("name")) == [("0",), ("1",), ("2",), ("again",), ("there",)]
    assert waiting.slots.count == 0


def test_slots_are_free_again_after_a_time_out(wait: Callable[..., Waiting]) -> None:
    waiting = wait(capacity=2, api_events_timeout="200ms")
    for _ in range(3):
        early = [waiting.send() for _ in range(2)]
        assert [status(one) for one in early] == [400, 400]
    assert waiting.slots.count == 0


@pytest.mark.parametrize("options", [{"api_events_timeout": "300ms"}, {}], ids=["time-out", "pageview"])
def test_client_that_hangs_up_leaves_no_slot_behind(wait: Callable[..., Waiting], options: dict[str, str]) -> None:
    waiting = wait(capacity=3, **options)
    stays = waiting.send()
    for reset in (False, True):
        with socket.create_connection(("127.0.0.1", waiting.server.port)) as wire:
            wire.sendall(request("/a"))
            if not options:
                waiting.wait_for(3 if reset else 2)
            if reset:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if not options:
        assert not stays.done()
        assert waiting.view() == 200
    assert status(stays) == (400 if options else 200)
    waiting.wait_for(0)
    # All slots can be had again, and no more.
    early = [waiting.send_and_wait("/b") for _ in range(3)] if not options else []
    assert status(waiting.send("/c")) == (400 if options else 503)
    assert waiting.view("/b") == 200
    assert [status(one) for one in early] == [200] * len(early)


def request(path: str, *lines: str) -> bytes:
    """A custom event's head, byte for byte."""
    page = f"X-Prisme-Referrer: {HOME}{path}"
    head = (f"POST {EVENTS}custom/raw HTTP/1.1", "Host: prisme", f"Origin: {HOME}", page, f"User-Agent: {CHROME}")
    return "\r\n".join((*head, *(lines or ("Content-Length: 0",)), "", "")).encode()


# ----- the end


def test_events_that_wait_are_answered_before_the_server_stops(wait: Callable[..., Waiting]) -> None:
    waiting = wait(api_events_timeout="1s")
    with socket.create_connection(("127.0.0.1", waiting.server.port), PATIENCE) as wire:
        wire.sendall(request("/a"))
        waiting.wait_for(1)
        waiting.server.stop()
        assert wire.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert waiting.slots.count == 0


def test_nobody_holds_up_the_stop(tmp_path: Path) -> None:
    """10 s is a supervisor's usual patience."""
    with Process(tmp_path / "data", api_events_timeout=LONG) as server, contextlib.ExitStack() as wires:
        process = server.start()
        assert server.http.post(f"{EVENTS}pageviews", headers=browser(f"{HOME}/kept")).status_code == 200
        for said in (
            request("/a"),
            request("/a", "Content-Length: 20") + b"{",
            request("/a", "Transfer-Encoding: chunked") + b"1\r\n{\r\n",
            request("/a")[:-10],
            b"",
        ):
            wires.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(said)
        assert server.http.get("/api/v1/healthcheck").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert server.rows("SELECT path FROM pageviews") == [("/kept",)]
        assert not list((server.folder / "journal").iterdir())
