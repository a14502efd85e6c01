"""One round of load by wrk, and its report."""

import resource
import subprocess
from pathlib import Path

import msgspec

from bench.result import Report

LOADS = Path(__file__).parent / "load"
# At its end, wrk drops pending requests. So the script stops sending so many seconds before.
DRAIN_SECONDS = 0.5
CONNECTIONS = 64
# Enough for 100,000 requests a second under the limit of each address.
ADDRESSES = 200_000
# Of each thread; far more than connections, so that no visitor's request overtakes the one before it.
OPEN_VISITS = 1024
_PATIENCE = 30
_MARK = "report: "


class WrkError(Exception):
    """wrk gave no report."""


class Load(msgspec.Struct, frozen=True):
    """The load of a round; `seconds` includes the time to drain, `addresses` is the number of client addresses.

    `rate` is requests a second, 0 for as many as are answered. `host` is the server's, `site` its name of the site: for
    the trackers of other programs.
    """

    work: str
    seconds: int
    connections: int = CONNECTIONS
    threads: int = 1
    addresses: int = ADDRESSES
    rate: int = 0
    open_visits: int = OPEN_VISITS
    host: str = "127.0.0.1"
    site: str = "example.com"

    @property
    def sending(self) -> float:
        """The seconds in which requests are sent."""
        return self.seconds - DRAIN_SECONDS


def works() -> list[str]:
    """The names of all works, each with a Lua file of its own."""
    return sorted(path.stem for path in LOADS.glob("*.lua") if path.stem != "load")


def drive(load: Load, port: int, first_visit: int) -> Report:
    """Put one round of load on a server. Visits are numbered from `first_visit`, so that no two rounds share one."""
    command = ["wrk", f"-t{load.threads}", f"-c{load.connections}", f"-d{load.seconds}s"]
    command += ["-s", str(LOADS / f"{load.work}.lua"), f"http://{load.host}:{port}/", "--"]
    numbers = (load.threads, first_visit, load.sending, load.addresses, load.rate, load.open_visits)
    command += [*map(str, numbers), load.site, f"{load.host}:{port}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for the bench
    )
    try:
        output, _ = process.communicate(timeout=load.seconds + _PATIENCE)
    except subprocess.TimeoutExpired:
        raise WrkError(f"wrk did not end within {load.seconds + _PATIENCE} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return read_report(output)


def read_report(output: str) -> Report:
    """Parse the script's report in wrk's output; raises WrkError if there is none."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            return msgspec.json.decode(line.removeprefix(_MARK), type=Report)
    raise WrkError(f"wrk gave no report, but:\n{output.strip()[-2000:]}")


def spent() -> float:
    """CPU seconds of all wrk processes so far. (Running servers do not count yet.)"""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
