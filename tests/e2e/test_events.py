"""Custom events, downloads and outbound links: what is stored, by which names, and of clients that leave."""

import contextlib
import datetime
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.e2e.event_senders import (
    CUSTOM,
    EVENTS,
    NOSCRIPT,
    QUICK,
    SENDERS,
    assert_accepted,
    exchange,
    request_head,
    rows,
    send,
    view,
    visits,
)
from tests.e2e.metrics import admin, value
from tests.process import Process
from tests.server import PATIENCE, LiveServer, browser, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("events"), **QUICK) as live:
        yield live


# ----- what is stored


@pytest.mark.parametrize("sender", SENDERS)
def test_event_fills_every_column(server: LiveServer, site: str, sender: str) -> None:
    page = f"https://{site}/a//b/../%7Eme?utm_source=x#top"
    view(server, page, X_Prisme_Visitor_Id="customer 7")
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert_accepted(send(server, sender, page, X_Prisme_Visitor_Id="customer 8"))
    after = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    ((timestamp, *rest),) = rows(server, sender, site, "*")
    assert before <= timestamp <= after
    ((uuid, began),) = server.rows("SELECT session_uuid, session_timestamp FROM sessions WHERE domain = ?", [site])
    name = ["sign_up"] if "custom" in sender else []
    assert rest == [site, "/a/~me", "customer 7", False, uuid, began, *name, SENDERS[sender].sample]


@pytest.mark.parametrize("sender", SENDERS)
def test_event_is_no_pageview(server: LiveServer, site: str, sender: str) -> None:
    """It is counted, and its visit lasts to it; nothing else of the visit changes."""
    query = "SELECT * EXCLUDE (exit_timestamp, events, is_bounce) FROM sessions WHERE domain = ?"
    view(server, f"https://{site}/a")
    before = server.rows(query, [site])
    for _ in range(3):
        assert_accepted(send(server, sender, f"https://{site}/a"))
    times = rows(server, sender, site, '"timestamp"')
    assert len(times) == 3
    assert server.rows(query, [site]) == before
    columns = "exit_timestamp, events, is_bounce, pageviews"
    assert server.rows(f"SELECT {columns} FROM sessions WHERE domain = ?", [site]) == [(*times[-1], 3, False, 1)]
    assert server.rows("SELECT path FROM pageviews WHERE domain = ?", [site]) == [("/a",)]


# ----- names


@pytest.mark.parametrize("sender", [CUSTOM, NOSCRIPT + "custom/sign_up"], ids=["post", "noscript"])
@pytest.mark.parametrize(
    ("segment", "name"),
    [
        pytest.param("clicks", "clicks", id="plain"),
        pytest.param("sign%20up", "sign up", id="space"),
        pytest.param("a+b", "a+b", id="plus is no space"),
        pytest.param("a%2Fb", "a/b", id="slash"),
        pytest.param("%3Aname", ":name", id="colon"),
        pytest.param("%C3%BC%F0%9F%98%80", "ü😀", id="unicode"),
        pytest.param("%00%0A%22%5C%7F", '\0\n"\\\x7f', id="control characters"),
        pytest.param("%2525", "%25", id="decoded once"),
        pytest.param("100%", "100%", id="percent alone"),
        pytest.param("%zz", "%zz", id="no hex digits"),
        pytest.param("%2e%2E", "..", id="dots"),
        pytest.param("a" * 256, "a" * 256, id="256 bytes"),
        pytest.param("%C3%BC" * 128, "ü" * 128, id="256 bytes of unicode"),
    ],
)
def test_name_is_percent_decoded(server: LiveServer, site: str, sender: str, segment: str, name: str) -> None:
    view(server, f"https://{site}/a")
    path = sender.replace("sign_up", segment)
    method = "GET" if "noscript" in sender else "POST"
    heard = exchange(server, request_head(site, "Content-Length: 0", "Connection: close", path=path, method=method))
    assert heard.startswith(b"HTTP/1.1 200 "), heard
    assert rows(server, "custom", site, "name, properties") == [(name, "{}")]


@pytest.mark.parametrize("sender", [CUSTOM, NOSCRIPT + "custom/sign_up"], ids=["post", "noscript"])
@pytest.mark.parametrize(
    "segment",
    [
        pytest.param("", id="empty"),
        pytest.param("a/b", id="two segments"),
        pytest.param("a/", id="slash behind"),
        pytest.param("%FF", id="no UTF-8"),
        pytest.param("%C3", id="half a character"),
        pytest.param("%C0%80", id="overlong"),
        pytest.param("%ED%A0%80", id="surrogate"),
        pytest.param("a" * 257, id="257 bytes"),
        pytest.param("%C3%BC" * 128 + "a", id="257 bytes of unicode"),
    ],
)
def test_other_names_are_not_found(server: LiveServer, site: str, sender: str, segment: str) -> None:
    view(server, f"https://{site}/a")
    path = sender.replace("sign_up", segment)
    method = "GET" if "noscript" in sender else "POST"
    heard = exchange(server, request_head(site, "Content-Length: 0", "Connection: close", path=path, method=method))
    assert heard.startswith(b"HTTP/1.1 404 "), heard
    assert b"\r\naccess-control-allow-origin: *\r\n" in heard
    assert rows(server, "custom", site) == []


# ----- clients that leave, and the stop


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_client_that_hangs_up_has_sent_its_event(server: LiveServer, site: str, reset: bool) -> None:
    """It need not read the answer."""
    for number in range(10):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
            wire.sendall(request_head(site, "Content-Length: 0", path=f"{EVENTS}custom/{number}"))
            assert wire.recv(1)
            if reset:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert rows(server, "custom", site, "name") == [(str(number),) for number in range(10)]
    assert visits(server, site, "pageviews, events") == [(0, 10)]


def test_client_that_hangs_up_at_once_does_no_harm(server: LiveServer, site: str) -> None:
    """Whether its event was read is a race; nothing of it is half done, and nobody else is held up."""
    for number in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
            wire.sendall(request_head(site, "Content-Length: 0")[: None if number % 2 else -10])
            if number % 4 > 1:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert_accepted(send(server, "custom", f"https://{site}/a"))
    view(server, f"https://{site}/a")
    ((pageviews, events),) = visits(server, site, "pageviews, events")
    assert (pageviews, len(rows(server, "custom", site))) == (1, events)
    assert 1 <= events <= 11


def test_nobody_holds_up_the_stop(tmp_path: Path) -> None:
    """10 s is a supervisor's usual patience."""
    home, site = "https://example.com", "example.com"
    with Process(tmp_path / "data") as server, contextlib.ExitStack() as wires:
        process = server.start()
        assert server.http.post(f"{EVENTS}pageviews", headers=browser(f"{home}/kept")).status_code == 200
        for said in (
            request_head(site, "Content-Length: 0"),
            request_head(site, "Content-Length: 20") + b"{",
            request_head(site, "Transfer-Encoding: chunked") + b"1\r\n{\r\n",
            request_head(site, "Content-Length: 0")[:-10],
            b"",
        ):
            wires.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(said)
        assert server.http.get("/api/v1/healthcheck").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert server.rows("SELECT path FROM pageviews") == [("/kept",)]
        assert server.rows("SELECT path, properties FROM events_custom") == [("/a", "{}")]
        assert not list((server.folder / "journal").iterdir())


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_stop_waits_for_what_is_under_way(start: Callable[..., LiveServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a body arrives once the server has begun to stop: the event is answered and stored."""
    monkeypatch.setattr("prisme.web.lifecycle._DRAIN_SECONDS", PATIENCE)
    server = start(admin_hostport=admin())
    with ThreadPoolExecutor() as threads, socket.create_connection(("127.0.0.1", server.port), PATIENCE) as wire:
        wire.sendall(request_head("example.com", "Content-Length: 2") + b"{")
        wait_until(lambda: value(server, "http_active_requests") == 1, "the request to be under way")
        stopping = threads.submit(server.stop)
        wait_until(lambda: not listens(server.port), "the server to stop listening")
        assert not wait([stopping], timeout=0.3).done
        wire.sendall(b"}")
        assert wire.recv(4096).startswith(b"HTTP/1.1 200 ")
        stopping.result()
    assert server.rows("SELECT properties FROM events_custom") == [("{}",)]
