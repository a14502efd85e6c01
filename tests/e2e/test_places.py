"""Floods of questions by those who may ask little, or nothing: who is logged in is answered all the same."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.stats import figures
from prisme.stats.cache.incremental import IncrementalCache
from prisme.store.control import Control
from tests.e2e.callers import Callers, call, send_visit
from tests.server import PATIENCE, LiveServer, wait_until

# For minutes, in DuckDB itself.
SLOW = "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 11"
QUESTION = "/api/v1/stats/pageviews"


@pytest.fixture
def begun() -> threading.Event:
    """Set once a slow question is answered."""
    return threading.Event()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: threading.Event) -> Iterator[LiveServer]:
    """A server on which questions for pageviews take for ever."""

    def compute(name: str, stats: Any, *others: Any) -> Any:
        if name == "pageviews":
            begun.set()
            stats.reader.ask(SLOW, {})
        return figures.compute(name, stats, *others)

    monkeypatch.setattr("prisme.web.figure_answers.compute", compute)
    with LiveServer(tmp_path / "data", api_stats_timeout="10m") as started:
        send_visit(started)
        yield started


@pytest.fixture
def callers(server: LiveServer) -> Callers:
    return Callers(Control(server.folder))


@contextlib.contextmanager
def asking(server: LiveServer, who: dict[str, Any], size: int) -> Iterator[list[socket.socket]]:
    """So many connections that ask a slow question, each another one; they hang up at the end of the block."""
    share = "".join(f"share={key}&" for key in who.get("params", {}).values())
    lines = "".join(f"{name}: {value}\r\n" for name, value in who.get("headers", {}).items())
    with contextlib.ExitStack() as wires:
        opened = []
        for number in range(size):
            wire = wires.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            wire.sendall(f"GET {QUESTION}?{share}path=/{number} HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode())
            opened.append(wire)
        yield opened


def statuses(wires: list[socket.socket], size: int) -> Counter[str]:
    """The statuses of `size` answers that have come, or come soon."""

    def answered() -> list[bytes]:
        heard = []
        for wire in wires:
            wire.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                heard.append(wire.recv(64, socket.MSG_PEEK))
        return heard

    wait_until(lambda: len(answered()) >= size, f"{size} answers")
    return Counter(answer[9:12].decode() for answer in answered())


def test_who_is_logged_in_is_answered_in_a_flood(server: LiveServer, callers: Callers) -> None:
    link = callers.allowed["share link"]
    with asking(server, link, 100) as shared, asking(server, {}, 120) as strangers:
        assert statuses(shared, 92) == {"503": 92}  # so that none of them is still looked up
        with asking(server, callers.bearer("prtok_wrong"), 120) as liars:
            assert statuses(strangers, 120) == {"401": 120}
            lied = statuses(liars, 120)
            assert lied["401"] >= 32
            assert set(lied) <= {"401", "503"}
        for path in ("/dashboard", "/dashboard/list?name=top-pages", "/api/v1/stats/top-pages", "/api/v1/users"):
            name, _, query = path.partition("?")
            params = dict([query.split("=")]) if query else {}
            answer = call(server, "GET", name, callers.admin, params=params)
            assert answer.status_code == 200, (path, answer.text)
        assert call(server, "GET", "/api/v1/stats/top-pages", callers.allowed["token"]).status_code == 200
        refused = call(server, "GET", QUESTION, link)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert call(server, "GET", QUESTION, {}).status_code == 401


def test_who_is_logged_in_waits_for_no_count_of_others(
    server: LiveServer, callers: Callers, monkeypatch: pytest.MonkeyPatch, begun: threading.Event
) -> None:
    """While a link's dashboard is counted for ever."""
    find = IncrementalCache._find

    def count(cache: IncrementalCache, stats: Any, *others: Any) -> Any:
        if stats.allowed is not None:
            begun.set()
            stats.reader.ask(SLOW, {})
        return find(cache, stats, *others)

    monkeypatch.setattr(IncrementalCache, "_find", count)
    (key,) = callers.allowed["share link"]["params"].values()
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(f"GET /dashboard?share={key} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert begun.wait(PATIENCE)
        for path in ("/dashboard", "/api/v1/stats/dashboard"):
            assert call(server, "GET", path, callers.admin).status_code == 200


@pytest.mark.parametrize(("who", "places"), [("share link", 8), ("token", 16), ("viewer", 32)])
def test_places_of_who_hangs_up_are_free(server: LiveServer, callers: Callers, who: str, places: int) -> None:
    caller = callers.allowed[who]
    cookies = "; ".join(f"{name}={value}" for name, value in caller.get("cookies", {}).items())
    lines = {**caller, "headers": {**caller.get("headers", {}), **({"Cookie": cookies} if cookies else {})}}
    # Known from here on: otherwise, looking up so many credentials has a limit as well.
    assert call(server, "GET", "/api/v1/stats/visitors", caller).status_code == 200
    with asking(server, lines, places + 1) as wires:
        assert statuses(wires, 1) == {"503": 1}
        assert call(server, "GET", "/api/v1/stats/visitors", caller).status_code == 503

    def answers() -> bool:
        return call(server, "GET", "/api/v1/stats/visitors", caller).status_code == 200

    wait_until(answers, "a place, and the thread")


def test_a_stop_interrupts_questions(server: LiveServer, callers: Callers, begun: threading.Event) -> None:
    with asking(server, callers.allowed["token"], 3) as wires:
        assert begun.wait(PATIENCE)
        server.stop()
        assert statuses(wires, 3) == {"503": 3}
        assert wires[0].recv(4096).endswith(b"the server is stopping\n")
