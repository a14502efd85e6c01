"""The servers under load, each a process of its own on a free loopback port."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import machine

# The one that is registered.
SITE = "example.com"
ROOT = Path(__file__).parent.parent
START_SECONDS = 30.0
_CATCH_UP_SECONDS = 60.0
_STOP_SECONDS = 120.0
_CLOSE_SECONDS = 5.0  # where nobody wants its data any more


class ServerError(Exception):
    """A server failed; the message says which and how, and ends with the last lines of its log."""


class Server:
    """A running server; `close` ends it in any case."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        folder: Path,
        caught_up: Callable[[], bool],
        root: Path = ROOT,
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self.admin_port = 0  # of Prisme alone
        self._caught_up = caught_up
        self._log = folder / f"{name}-{port}.log"
        with self._log.open("wb") as log:
            # In a session of its own: Ctrl-C goes to the benchmark, which then stops its servers in order.
            # In an empty folder: a prisme.toml in the current folder must not be read.
            self._process = subprocess.Popen(
                [*python, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=make_environment(root),
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until its health check responds with 200."""
        self._wait(self._answers, seconds, "did not answer its health check")

    def wait_caught_up(self) -> None:
        """Wait until all accepted events are stored."""
        self._wait(self._caught_up, _CATCH_UP_SECONDS, "had not stored all that it accepted")

    def cpu_seconds(self) -> float:
        """CPU seconds spent so far."""
        return machine.cpu_seconds(self._process.pid)

    def peak_memory(self) -> int:
        """The peak memory so far, in bytes."""
        return machine.peak_memory(self._process.pid)

    def memory(self) -> int:
        """The memory now (RSS), in bytes."""
        return machine.memory(self._process.pid)

    def check_alive(self) -> None:
        """Raise ServerError if it has exited by itself."""
        if self._process.poll() is not None:
            raise self._error(f"ended by itself with exit code {self._process.returncode}")

    def stop(self) -> float:
        """Stop it and wait for its end; returns the seconds. Raises ServerError unless the exit code is 0."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._error(f"did not stop within {_STOP_SECONDS:.0f} s") from None
        if code:
            raise self._error(f"stopped with exit code {code}")
        return time.monotonic() - began

    def close(self) -> None:
        """End it if it still runs, by SIGTERM, then by SIGKILL."""
        try:
            if self._process.poll() is None:
                self._process.terminate()
                self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:  # a second Ctrl-C comes this way too
            self._process.kill()
            self._process.wait()

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.check_alive()
            if time.monotonic() > deadline:
                raise self._error(f"{what} within {seconds:.0f} s")
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/api/v1/healthcheck")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _error(self, what: str) -> ServerError:
        log = self._log.read_text(errors="replace").splitlines()[-10:]
        return ServerError("\n".join([f"{self.name} {what}; the end of its log:", *log]))


@contextmanager
def running(server: Server, seconds: float = START_SECONDS) -> Iterator[Server]:
    """Wait at most so many seconds until a server is ready, and end it after the block. Raises ServerError."""
    try:
        server.wait_ready(seconds)
        yield server
    finally:
        server.close()


def start_bare(
    folder: Path,
    name: str = "bare",
    command: Sequence[str] = ("-m", "bench.bare"),
    root: Path = ROOT,
    python: Sequence[str] = (sys.executable,),
) -> Server:
    """Start the bare callable of the checkout `root`. `command` has the arguments of Python before the port."""
    port = free_port()
    return Server(name, [*command, str(port)], port, folder, lambda: True, root, python)


def start_prisme(
    folder: Path,
    more: Mapping[str, str] | None = None,
    command: Sequence[str] = ("-m", "prisme", "serve"),
    root: Path = ROOT,
    python: Sequence[str] = (sys.executable,),
    name: str = "prisme",
) -> Server:
    """Start `prisme serve` with its defaults, except for what many visitors of one site from one machine need.

    `more` are further options, `command` are Python's arguments, before the options. `root` is the checkout.
    """
    port, admin_port = free_port(), free_port()
    data = folder / "data"
    options = {
        "host": "127.0.0.1",
        "port": port,
        "admin-hostport": f"127.0.0.1:{admin_port}",
        "data-dir": data,
        "origins": SITE,
        "trust-proxy": "true",
        **(more or {}),
    }
    words = [*command, *(f"--{option}={value}" for option, value in options.items())]
    server = Server(
        name,
        words,
        port,
        folder,
        lambda: not any(map(file_size, (data / "journal").glob("*.ndjson"))),
        root,
        python,
    )
    server.admin_port = admin_port
    return server


def make_environment(root: Path) -> dict[str, str]:
    """The environment of a program of the checkout `root`: this one's, without options of Prisme.

    Without `PYTHONDONTWRITEBYTECODE` as well, or each start would compile all modules, as no installation does.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PRISME_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), environment.get("PYTHONPATH", "")]))
    return environment


def database(folder: Path) -> Path:
    """The database that `start_prisme` fills."""
    return folder / "data" / "prisme.duckdb"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def file_size(path: Path) -> int:
    """The size in bytes; 0 where there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
