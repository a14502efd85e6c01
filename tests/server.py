"""A whole Prisme inside the test process: real Granian, real files, and a clock that a test can move."""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import httpx
import pytest
import uvloop

import prisme.serve
from prisme.access.grants import STATS, operator
from prisme.access.tokens import Tokens
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config, load
from prisme.runtime.disk import DISK
from prisme.runtime.folder import Folder
from prisme.serve import serve
from prisme.store.connection import Limits, connect
from prisme.store.control import Control
from prisme.web.app import App
from prisme.web.routing import Methods

# With all tests in it, a process has so many objects that it takes 0.3 s to collect them, which no server has to do.
prisme.serve.rare_collections = contextlib.nullcontext  # type: ignore[attr-defined, assignment]

PATIENCE = 60.0  # seconds until a test gives up on something that should take a moment
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class MovableClock:
    """The real time, plus what a test adds to it (seconds); `wrong` is by how much the wall clock goes wrong."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.wrong = 0.0

    def clock(self) -> Clock:
        """For the server."""
        return Clock(
            lambda: time.time_ns() + int((self.offset + self.wrong) * 1e9),
            lambda: time.monotonic_ns() + int(self.offset * 1e9),
        )

    def move(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.offset += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back. No time passes."""
        self.wrong += seconds


def config_for(folder: Path, port: int, **options: str) -> Config:
    """A configuration as flags would give it, quick to flush."""
    flags = {
        "host": "127.0.0.1",
        "port": str(port),
        "data-dir": str(folder),
        "origins": "example.com,*.example.com",
        "eventstore-max-batch-timeout": "50ms",
        "api-events-rate-limit": "0",
        "api-stats-rate-limit": "0",
        "duckdb-memory-limit": "512MB",
        "admin-hostport": "",
        "access-log": "",
        **{name.replace("_", "-"): value for name, value in options.items()},
    }
    return load({f"--{name}": value for name, value in flags.items()}, {}, folder)[0]


class LiveServer:
    """`with LiveServer(folder) as server:` serves until the block ends, then stops cleanly."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self.disk = DISK  # or one that fails, set before it starts
        self.port = free_port()
        self.config = config_for(folder, self.port, **options)
        self.url = f"{'https' if self.config.tls_certificate else 'http'}://127.0.0.1:{self.port}"
        self.time = MovableClock()
        # All certificates that httpx trusts take 25 ms to load.
        trust = ssl.create_default_context(cafile=self.config.tls_certificate) if self.config.tls_certificate else False
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE, verify=trust)
        self._failure: BaseException | None = None

    def __enter__(self) -> "LiveServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait(PATIENCE)
        wait_until(lambda: not self._thread.is_alive() or self._answers(), "the server to answer")
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop cleanly; a failure in the server's thread is raised here."""
        self.http.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), "the server did not stop"
        if self._failure:
            raise self._failure

    def rows(self, query: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Ask the tables, once everything that was answered so far is loaded."""
        self.settle()
        with open_tables(self.config) as tables:
            return tables.execute(query, parameters).fetchall()

    def settle(self) -> None:
        """Wait until no segment holds an event."""
        journal = self.folder / "journal"
        wait_until(lambda: not any(_size(path) for path in journal.glob("*.ndjson")), "the journal to be loaded")

    def now(self) -> float:
        """Unix seconds, by its clock."""
        return time.time() + self.time.offset + self.time.wrong

    def make_token(self, *domains: str, scopes: Sequence[str] = (STATS,), expires: int | None = None) -> dict[str, str]:
        """The header of a new API token; without domains, it is for all."""
        return make_token(self.folder, *domains, scopes=scopes, expires=expires)

    def _answers(self) -> bool:
        try:
            return self.http.get("/api/v1/healthcheck").status_code in {200, 503}
        except httpx.TransportError:
            return False

    def _run(self, ready: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            ready.set()
            with Folder(self.folder, self.disk) as folder:
                await serve(self.config, folder, logging.getLogger("prisme"), self._stop, self.time.clock())

        try:
            uvloop.run(main())
        except BaseException as failure:  # handed to the test's thread
            self._failure = failure


def make_token(
    folder: Path, *domains: str, scopes: Sequence[str] = (STATS,), expires: int | None = None
) -> dict[str, str]:
    """The header of a new API token for the server of a folder; without domains, it is for all."""
    _, key = Tokens(Control(folder)).add(
        operator("test"), "test", int(time.time()), scopes=scopes, domains=domains or None, expires=expires
    )
    return {"Authorization": f"Bearer {key}"}


@contextlib.contextmanager
def watch_routes() -> Iterator[dict[str, Methods]]:
    """The routes that servers are built with, from here on."""
    routes: dict[str, Methods] = {}

    class Watched(App):
        def __init__(self, table: dict[str, Methods], *others: Any) -> None:
            routes.update(table)
            super().__init__(table, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prisme.serve, "App", Watched)
        yield routes


@contextlib.contextmanager
def open_tables(config: Config) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of a server in this process, or of one that has stopped."""
    limits = Limits(config.duckdb_memory_limit, config.duckdb_threads)
    connection = connect(config.data_dir / "prisme.duckdb", limits, config.data_dir / "tmp")
    try:
        yield connection
    finally:
        connection.close()


def find_logged(pattern: str, caplog: pytest.LogCaptureFixture) -> str:
    """The one match of a pattern in the log, once it is there: a server answers before it has told where it listens."""
    wait_until(lambda: re.search(pattern, caplog.text), f"{pattern} in the log")
    (found,) = re.findall(pattern, caplog.text)
    return str(found)


def wait_until(condition: Any, what: str, more: float = 0.0) -> None:
    """Wait for a condition; a test fails where it takes `PATIENCE`, and so many seconds more."""
    deadline = time.monotonic() + PATIENCE + more
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def browser(page: str, *, user_agent: str = CHROME, **more: str) -> Mapping[str, str]:
    """The headers that a browser sends with a pageview of `page`; others by name, `_` for `-`, empty drops one."""
    scheme, _, rest = page.partition("://")
    headers = {
        "Origin": f"{scheme}://{rest.partition('/')[0]}",
        "X-Prisme-Referrer": page,
        "User-Agent": user_agent,
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in headers.items() if value}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
