"""Waits until a server has nothing left to do, as after the upgrade of a file that it prepares in the background."""

import time

from bench.server import Server, ServerError

# The share of a core that timers of an idle server take at most.
_IDLE = 0.05
_PATIENCE = 3600.0


def wait_quiet(server: Server, seconds: float = 5.0) -> float:
    """Wait until its CPU was idle for so many seconds; returns how long it took until then. Raises ServerError."""
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE:
        cpu, at = server.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        server.check_alive()
        if server.cpu_seconds() - cpu < _IDLE * seconds:
            return at - began
    raise ServerError(f"{server.name} was not idle within {_PATIENCE:.0f} s")
