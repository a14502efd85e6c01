"""ClickHouse as a process of its own, to be killed and started again.

It is ClickHouse's engine from the package `chdb` behind a small HTTP server (`front.py`), or, where `CLICKHOUSE_BINARY`
is the path of one, a real server.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from prisme.runtime.clickhouse_types import Endpoint
from prisme.store.clickhouse.client import Access, Client
from tests.requirements import miss
from tests.server import free_port, wait_until

BINARY: Final = os.environ.get("CLICKHOUSE_BINARY", "")
_CONFIG: Final = """
<clickhouse>
    <logger><level>warning</level><console>1</console></logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{port}</http_port>
    <path>{folder}/</path>
    <users><default>
        <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </default></users>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
</clickhouse>
"""


class Engine:
    """One server on loopback, whose data is in `folder`. Leaving the block ends it."""

    def __init__(self, folder: Path) -> None:
        if not BINARY and importlib.util.find_spec("chdb") is None:
            miss("chdb is missing: pip install chdb")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder.with_suffix(".log")

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint("127.0.0.1", self.port, False)

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        return self._process.pid

    def client(self, timeout: float = 30.0) -> Client:
        """A client of its own."""
        return Client(Access([self.endpoint], timeout=timeout))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        wait_until(lambda: self.answers() or process.poll() is not None, "ClickHouse to answer")
        assert process.poll() is None, self._log.read_text()

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ping", trust_env=False, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it by `kill -9`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        if not BINARY:
            return [sys.executable, "-m", "tests.clickhouse.front", str(self.port), str(self._folder)]
        config = self._folder.with_suffix(".xml")
        config.write_text(_CONFIG.format(port=self.port, folder=self._folder))
        return [BINARY, "server", "--config-file", str(config)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
