"""Hostile clients by the thousand, and one visitor that has to be served meanwhile."""

import asyncio
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType

import httpx

from tests.process import Process
from tests.server import CHROME, PATIENCE, browser

EVENTS = "/api/v1/events/"
HOME = "https://example.com"
CUSTOM = EVENTS + "custom/flood"
JSON = "Content-Type: application/json"


class Visitor:
    """`with Visitor(server) as visitor:` views one page after another until the block ends.

    `statuses` counts the responses, `slowest` is the longest response time in seconds. The block fails where a request
    got no response.
    """

    def __init__(self, server: Process) -> None:
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self._port = server.port
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE * 2)
        assert not self._thread.is_alive()
        if self._failure is not None and value is None:
            raise self._failure

    @property
    def served(self) -> bool:
        """Whether there were answers, and each was a success."""
        return set(self.statuses) == {200}

    def _run(self) -> None:
        try:
            for number in itertools.count():
                if self._stop.wait(0.02):
                    return
                headers = browser(f"{HOME}/visitor-{number}", X_Forwarded_For="198.51.100.7")
                began = time.monotonic()
                # A new connection each time, as a flood of connections would leave none for others.
                url = f"http://127.0.0.1:{self._port}{EVENTS}pageviews"
                answer = httpx.post(url, headers=headers, timeout=PATIENCE, verify=False)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.statuses[answer.status_code] += 1
        except BaseException as failure:  # handed to the test's thread
            self._failure = failure


def head(method: str, path: str, *lines: str, site: str = HOME) -> bytes:
    """A request's head, byte for byte, of a browser on a page of the site."""
    first = (f"{method} {path} HTTP/1.1", "Host: prisme", f"Origin: {site}", f"User-Agent: {CHROME}")
    return "\r\n".join((*first, f"X-Prisme-Referrer: {site}/flood", *lines, "", "")).encode()


class Connection:
    """One connection of a crowd."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, pause: float) -> None:
        """Send one byte after another with a pause in between; ConnectionError once the server closes."""
        for byte in data:
            await self.send(bytes((byte,)))
            await asyncio.sleep(pause)

    async def answer(self) -> bytes:
        """All that the server sends until it closes the connection."""
        heard = b""
        try:
            while part := await self.reader.read(65_536):
                heard += part
        except ConnectionError:
            pass
        return heard

    def drop(self, reset: bool) -> None:
        """Close the connection, or reset it."""
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()


def crowd(port: int, behave: Callable[[Connection, int], Awaitable[bytes]], size: int, patience: float) -> Counter[str]:
    """Open `size` connections at once, call `behave` for each, and count the outcomes.

    An outcome is the status code, `closed` where there was no response, or `open` after `patience` seconds.
    """

    async def one(number: int, gate: asyncio.Semaphore) -> str:
        async with gate:  # the server's accept queue is limited
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65_536)
        try:
            async with asyncio.timeout(patience):
                heard = await behave(Connection(reader, writer), number)
        except TimeoutError:
            return "open"
        except ConnectionError:
            return "closed"
        finally:
            writer.close()
        return heard[9:12].decode() if heard.startswith(b"HTTP/1.1 ") else "closed"

    async def all_of_them() -> Counter[str]:
        gate = asyncio.Semaphore(200)
        return Counter(await asyncio.gather(*(one(number, gate) for number in range(size))))

    return asyncio.run(all_of_them())


def say(port: int, *parts: bytes, patience: float = PATIENCE) -> bytes:
    """All that the server answers to bytes, until it hangs up; it may do so before it has heard all."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as wire:
        listener = _Listener(wire)
        try:
            for part in parts:
                wire.sendall(part)
        except ConnectionError:
            pass
        return listener.join(patience)


class _Listener:
    """Reads while another thread writes: a server that answers early is heard before it resets the connection."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._heard = b""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self, patience: float) -> bytes:
        self._thread.join(patience)
        assert not self._thread.is_alive(), "the server did not hang up"
        return self._heard

    def _run(self) -> None:
        try:
            while part := self._wire.recv(65_536):
                self._heard += part
        except OSError:
            pass
