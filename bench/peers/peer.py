"""A server that somebody else started: its processes, and what it says that it has stored."""

import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench import machine
from bench.server import ServerError

_QUIET_SHARE = 0.1  # of a core
_QUIET_SECONDS = 2.0
_CATCH_UP_SECONDS = 120.0
_COUNT_SECONDS = 300.0
# Some programs store what they have in memory every ten seconds.
_UNCHANGED_SECONDS = 15.0
_POLL = 0.5


class Peer:
    """The server at `host` and `port`; `pid` is its main process, 0 where it is not known.

    `stored` is a command that prints how many events are stored, empty where there is none.
    """

    def __init__(self, name: str, host: str, port: int, pid: int, stored: str) -> None:
        self.name, self.host, self.port = name, host, port
        self._pid, self._stored = pid, stored

    @property
    def counts(self) -> bool:
        """Whether it can be asked what is stored."""
        return bool(self._stored)

    @property
    def is_measured(self) -> bool:
        """Whether its CPU and memory can be read."""
        return bool(self._pid)

    def check_alive(self) -> None:
        """Raise ServerError if it takes no connections."""
        try:
            socket.create_connection((self.host, self.port), timeout=5).close()
        except OSError as error:
            raise ServerError(f"{self.name} at {self.host}:{self.port} takes no connections: {error}") from None

    def cpu_seconds(self) -> float:
        """CPU seconds of its processes and of those that have ended; 0 if it is not measured."""
        if not self._pid:
            return 0.0
        return sum(map(machine.cpu_seconds, self._processes())) + machine.ended_cpu_seconds(self._pid)

    def peak_memory(self) -> int:
        """The sum of its processes' peaks, in bytes; 0 if it is not measured."""
        return sum(map(machine.peak_memory, self._processes())) if self._pid else 0

    def wait_caught_up(self) -> None:
        """Wait until it has little left to do: its CPU is nearly idle for two seconds, within two minutes."""
        until = time.monotonic() + _CATCH_UP_SECONDS
        while time.monotonic() < until:
            before = self.cpu_seconds()
            time.sleep(_QUIET_SECONDS)
            if self.cpu_seconds() - before < _QUIET_SHARE * _QUIET_SECONDS:
                return

    def count(self) -> int:
        """How many events it has stored. Raises ServerError where the command fails."""
        words = ["sh", "-c", self._stored]
        done = subprocess.run(words, capture_output=True, text=True, timeout=_COUNT_SECONDS, stdin=subprocess.DEVNULL)
        text = done.stdout.strip()
        if done.returncode or not text.isdecimal():
            raise ServerError(f"{shlex.quote(self._stored)} printed no number: {(text + done.stderr).strip()[-500:]}")
        return int(text)

    def wait_counted(self, expected: int = sys.maxsize) -> int:
        """How many events are stored once they are `expected`, or their number has not changed for a while."""
        until = time.monotonic() + _CATCH_UP_SECONDS
        counted, at = self.count(), time.monotonic()
        while counted < expected and time.monotonic() - at < _UNCHANGED_SECONDS and time.monotonic() < until:
            time.sleep(_POLL)
            now = self.count()
            if now != counted:
                counted, at = now, time.monotonic()
        return counted

    def _processes(self) -> list[int]:
        """Its main process and all that descend from it. Raises ServerError where it is gone."""
        if not Path(f"/proc/{self._pid}").exists():
            raise ServerError(f"{self.name}: there is no process {self._pid}")
        children = machine.children()
        found = [self._pid]
        for pid in found:
            found += children.get(pid, [])
        return found
