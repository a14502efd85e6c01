"""Waits until a server has nothing left to do, as after the upgrade of a file that it prepares in the background."""

import re
import time
import urllib.request

from bench.server import Server, ServerError

# The share of a core that timers of an idle server take at most.
_IDLE = 0.05
PATIENCE = 3600.0


def wait_quiet(server: Server, seconds: float = 5.0) -> float:
    """Wait until its CPU was idle for so many seconds; returns how long it took until then. Raises ServerError."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        cpu, at = server.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        server.check_alive()
        if server.cpu_seconds() - cpu < _IDLE * seconds:
            return at - began
    raise ServerError(f"{server.name} was not idle within {PATIENCE:.0f} s")


def wait_prepared(server: Server) -> float:
    """Wait until it is idle and says that its rollups are complete, if it has any; returns how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        wait_quiet(server)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.admin_port}/metrics") as response:
            told = re.search(r"^rollups_complete (\S+)", response.read().decode(), re.MULTILINE)
        if told is None or float(told[1]) == 1:
            return time.monotonic() - began
    raise ServerError(f"{server.name} had not prepared its file within {PATIENCE:.0f} s")
