"""Thousands of visitors on a few connections, and the check that each of their events was stored once."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import pytest

from tests.process import Process
from tests.server import CHROME, LiveServer, wait_until

PAGEVIEWS = "/api/v1/events/pageviews"
CUSTOM = "/api/v1/events/custom"
HOME = "https://example.com"
BATCH = 40  # pipelined requests, on each connection
_MOST = 1_000_000

# The long version: as often, and for as long, as docs/reliability.md says.
LONG: Final = bool(os.environ.get("PRISME_TEST_LONG"))
TIMES: Final = 10 if LONG else 1
slow: Final = pytest.mark.skipif(not LONG, reason="takes long: PRISME_TEST_LONG=1 runs it")


class Load:
    """Pageviews and events on one connection, pipelined, until `stop`, or until the server is gone.

    `answered` holds the paths answered 200, and the names of events as if they were paths; `refused` counts those
    answered 503. `pause` is between two batches. Loads with the same `network` (0 to 63) have the same visitors.
    """

    def __init__(self, port: int, name: str, pause: float = 0.0, network: int = 0) -> None:
        self.answered: list[str] = []
        self.refused = 0
        self.unexpected: list[bytes] = []
        self._port = port
        self._name = name
        self._pause = pause
        self._network = network
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End it after the batch that is on its way."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=10) as wire:
                number = 0
                while number < _MOST and not self._stopping.is_set():
                    paths = [f"/{self._name}-{number + step}" for step in range(BATCH)]
                    wire.sendall(b"".join(self._request(path, number + step) for step, path in enumerate(paths)))
                    number += BATCH
                    self._read(wire, paths)
                    time.sleep(self._pause)
        except OSError:
            pass  # the server was killed, as it should be

    def _request(self, path: str, number: int) -> bytes:
        # A visitor for every four requests: two pages, an event on the second, and a page from there.
        visitor, step = self._network << 18 | number // 4, number % 4
        page = f"/{self._name}-{number - 1}" if step == 2 else path
        came_from = "" if step == 0 else f"{HOME}/{self._name}-{number - (2 if step == 3 else 1)}"
        return (
            f"POST {CUSTOM + path if step == 2 else PAGEVIEWS} HTTP/1.1\r\n"
            f"Host: x\r\nOrigin: {HOME}\r\nContent-Length: 0\r\nUser-Agent: {CHROME}\r\n"
            f"X-Forwarded-For: 10.{visitor >> 16 & 255}.{visitor >> 8 & 255}.{visitor & 255}\r\n"
            f"X-Prisme-Referrer: {HOME}{page}\r\nX-Prisme-Document-Referrer: {came_from}\r\n\r\n"
        ).encode()

    def _read(self, wire: socket.socket, paths: list[str]) -> None:
        buffer = b""
        for path in paths:
            while b"\r\n\r\n" not in buffer:
                received = wire.recv(65536)
                if not received:
                    raise ConnectionResetError
                buffer += received
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 200 "):
                self.answered.append(path)
            elif head.startswith(b"HTTP/1.1 503 "):
                self.refused += 1
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                while len(buffer) < length:
                    buffer += wire.recv(65536)
                buffer = buffer[length:]
            else:
                self.unexpected.append(head)
                raise ConnectionResetError


class Outcome(NamedTuple):
    """Of events: how many were answered with success, and how many of these are stored, are not, are more than once."""

    accepted: int
    stored: int
    lost: int
    duplicated: int


# A fault by its name, times tried, outcome, seconds to recover: for the table.
Report = Callable[[str, int, Outcome, float], None]


def flow(loads: list[Load]) -> None:
    """Wait until some more events are taken on each connection."""
    goals = [len(load.answered) + 5 * BATCH for load in loads]
    wait_until(lambda: all(len(load.answered) > goal for load, goal in zip(loads, goals, strict=True)), "events")


STORED = "SELECT path FROM pageviews UNION ALL SELECT '/' || name FROM events_custom"
# Visits that are not what their rows say, in either direction.
_UNSOUND = """
    WITH row AS (
        SELECT session_uuid, 1 AS pageview, 0 AS event FROM pageviews
        UNION ALL SELECT session_uuid, 0, 1 FROM events_custom
        UNION ALL SELECT session_uuid, 0, 1 FROM file_downloads
        UNION ALL SELECT session_uuid, 0, 1 FROM outbound_link_clicks
    ), counted AS (
        SELECT session_uuid, sum(pageview) AS views, sum(event) AS acts FROM row GROUP BY session_uuid
    ), visit AS (
        SELECT session_uuid, count(*) AS rows, sum(pageviews) AS pageviews, sum(events) AS events
        FROM sessions GROUP BY session_uuid
    )
    SELECT * FROM visit FULL JOIN counted USING (session_uuid)
    WHERE rows IS DISTINCT FROM 1 OR pageviews IS DISTINCT FROM views OR events IS DISTINCT FROM acts
"""


def check_visits(server: Process | LiveServer) -> None:
    """Each session_uuid of any table is in `sessions`, once, with as many pageviews and events as it has rows."""
    assert server.rows(_UNSOUND) == []


def count(server: Process | LiveServer, loads: Iterable[Load]) -> Outcome:
    """What has become of it all, once the server has stopped; the visits are looked at as well."""
    loads = list(loads)
    assert [head for load in loads for head in load.unexpected] == []
    answered = [path for load in loads for path in load.answered]
    check_visits(server)
    paths = dict(server.rows(f"SELECT path, count(*) FROM ({STORED}) GROUP BY path"))
    stored = sum(path in paths for path in answered)
    return Outcome(len(answered), stored, len(answered) - stored, sum(times > 1 for times in paths.values()))
