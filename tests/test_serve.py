"""How a server's parts stop: all of them, whatever fails on the way, and no failure is lost."""

import asyncio
import socket
from pathlib import Path

import pytest

from prisme.store.loader import Loader
from prisme.store.writer import Writer
from prisme.visit.sessions import Sessions
from prisme.web.app import App
from prisme.web.server import Batching
from tests.server import PATIENCE, LiveServer, browser, open_tables, wait_until


def fail(message: str) -> None:
    raise ValueError(message)


class FailingSessions(Sessions):
    def sweep(self, now: int) -> None:
        fail("sweep")


def serve_until_it_ends(folder: Path) -> None:
    with LiveServer(folder) as server:
        wait_until(lambda: not server._thread.is_alive(), "the server to end")


def test_all_parts_stop_when_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its writer, say, a server would fill the disk."""
    close = Loader.close

    async def run(_: Writer) -> None:
        fail("writer")

    def close_and_fail(loader: Loader) -> None:
        close(loader)
        fail("loader")

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "run", run)
        patch.setattr(Loader, "close", close_and_fail)
        with pytest.raises(ValueError, match="loader") as caught:
            serve_until_it_ends(tmp_path)
    first = caught.value.__context__
    assert isinstance(first, ExceptionGroup)
    assert [str(error) for error in first.exceptions] == ["writer"]
    with LiveServer(tmp_path) as server:  # all files are closed, and the lock is free
        assert server.http.get("/api/v1/healthcheck").status_code == 200


def test_several_failures_are_raised_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: Writer) -> None:
        await self._stopping.wait()
        fail("writer")

    monkeypatch.setattr(Writer, "run", run)
    # Other servers in this process, which tests share, keep their class.
    monkeypatch.setattr("prisme.wiring.recording.Sessions", FailingSessions)
    with pytest.raises(ExceptionGroup, match="parts of the server have failed") as caught:
        serve_until_it_ends(tmp_path)
    assert sorted(str(error) for error in caught.value.exceptions) == ["sweep", "writer"]


def is_listening(port: int) -> bool:
    with socket.socket() as wire:
        return wire.connect_ex(("127.0.0.1", port)) == 0


def test_a_stop_waits_for_requests_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batchings: list[Batching] = []

    class Watched(Batching):
        def __init__(self, app: App) -> None:
            super().__init__(app)
            batchings.append(self)

    monkeypatch.setattr("prisme.serve.Batching", Watched)
    head = {**browser("https://example.com/"), "Host": "x", "Content-Type": "application/json", "Content-Length": "2"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with LiveServer(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), PATIENCE) as wire:
        wire.sendall(f"POST /api/v1/events/custom/late HTTP/1.1\r\n{lines}\r\n{{".encode())
        wait_until(lambda: batchings[0].active, "the request")
        server._loop.call_soon_threadsafe(server._stop.set)
        wait_until(lambda: not is_listening(server.port), "the server to stop listening")
        wire.sendall(b"}")
        assert wire.recv(4096).startswith(b"HTTP/1.1 200 ")
        server.stop()
    with open_tables(server.config) as tables:
        assert tables.execute("SELECT name FROM events_custom").fetchall() == [("late",)]


def test_a_segment_that_is_full_before_the_start_is_over_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are answered while the start still checks the batching: the writer must know of what they fill."""

    async def check(*_: object, **__: object) -> None:
        await asyncio.sleep(1.0)

    monkeypatch.setattr(Batching, "check", check)
    with LiveServer(tmp_path, eventstore_max_batch_size="1", eventstore_max_batch_timeout="1h") as server:
        headers = browser("https://example.com/")
        assert server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
        assert server.rows("SELECT path FROM pageviews") == [("/",)]
