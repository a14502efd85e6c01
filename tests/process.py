"""A Prisme of its own process, as a person starts it: to be signalled, killed and started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from prisme.runtime.local_socket import FILE
from tests.server import PATIENCE, config_for, free_port, open_tables, wait_until


class Process:
    """`prisme serve` on a folder. Leaving the block stops it cleanly, where it still runs."""

    def __init__(self, folder: Path, *, prefix: tuple[str, ...] = (), **options: str | None) -> None:
        """`options` are flags; with None, one that is set otherwise is left out."""
        self.folder = folder
        self.port = free_port()
        self.options = options
        self._prefix = prefix
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE, verify=False)
        self._log = folder.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> subprocess.Popen[bytes]:
        """Start it; with `ready`, wait until it answers."""
        flags = {
            "host": "127.0.0.1",
            "port": str(self.port),
            "data-dir": str(self.folder),
            "origins": "example.com",
            "api-events-rate-limit": "0",
            "api-stats-rate-limit": "0",
            "admin-hostport": "",
            "access-log": "",
            **{name.replace("_", "-"): value for name, value in self.options.items()},
        }
        command = [*self._prefix, sys.executable, "-m", "prisme", "serve"]
        command += [f"--{name}={value}" for name, value in flags.items() if value is not None]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PRISME_")}
        with self._log.open("ab") as log:
            self.process = process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        if ready:
            wait_until(lambda: self.answers() or process.poll() is not None, "the server to answer")
            assert process.poll() is None, self._log.read_text()
        return process

    def answers(self) -> bool:
        """Whether the health check answers, whatever it says."""
        try:
            return self.http.get("/api/v1/healthcheck").status_code in {200, 503}
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as a power button would, as far as the process is concerned."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log so far, of all its lives; one that is being written is not there yet."""
        return [json.loads(line) for line in self.text().split("\n")[:-1]]

    def text(self) -> str:
        """All that it wrote."""
        return self._log.read_text()

    def rows(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Ask the tables; only once it has stopped."""
        with open_tables(config_for(self.folder, self.port)) as tables:
            return tables.execute(query, parameters).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()


def copy_data(folder: Path, target: Path) -> Path:
    """Copy a data folder as it is now, but for the socket of its server, which cannot be copied."""
    return shutil.copytree(folder, target, ignore=shutil.ignore_patterns(FILE))
