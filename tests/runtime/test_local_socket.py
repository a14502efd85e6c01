"""The socket of the operator's commands closes: it waits for all work, and for no client."""

import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest

from prisme.runtime import local_socket
from prisme.runtime.local_socket import DATA, ERROR, MOST_BYTES, REQUEST, Exchange, LocalServer, Request


def connect(folder: Path) -> socket.socket:
    connection = local_socket.connect(folder)
    assert connection is not None
    return connection


def ask(folder: Path) -> socket.socket:
    """Ask for an operation, and read nothing."""
    connection = connect(folder)
    local_socket.send(connection, REQUEST, msgspec.json.encode(Request("work", {})))
    return connection


def test_closing_waits_for_work_that_is_cancelled(tmp_path: Path) -> None:
    """Otherwise it would go on with files that are closed beside it."""
    begun, ended = threading.Event(), threading.Event()

    def work(exchange: Exchange) -> None:
        begun.set()
        while not exchange.cancellation.is_cancelled:
            time.sleep(0.01)
        time.sleep(0.3)
        ended.set()
        exchange.end(ERROR, b"stopping")

    server = LocalServer(tmp_path, work)
    with ask(tmp_path):
        assert begun.wait(5)
        server.close()
    assert ended.is_set()


def test_closing_waits_for_no_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has asked for nothing, and one that takes nothing of what it is sent."""
    monkeypatch.setattr(local_socket, "_FAREWELL", 0.2)
    begun, ended = threading.Event(), threading.Event()

    def work(exchange: Exchange) -> None:
        begun.set()
        try:
            while True:
                exchange.send(DATA, bytes(MOST_BYTES))
        finally:
            ended.set()

    server = LocalServer(tmp_path, work)
    with connect(tmp_path), ask(tmp_path):
        assert begun.wait(5)
        at = time.monotonic()
        server.close()
        assert ended.is_set()
        assert time.monotonic() - at < 3
