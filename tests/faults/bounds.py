"""A server for floods, and the bounds of its memory and files."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.process import Process
from tests.requirements import miss

MB = 1_000_000
# An idle server has some 130 MB, DuckDB may have 256 MB, sessions 450 MB at worst; caches are in between.
BOUND = 800 * MB


def process(folder: Path, prefix: tuple[str, ...] = (), **options: str) -> Process:
    """A server for floods: behind a proxy, so that clients can have any address, with a small share for DuckDB."""
    return Process(folder, prefix=prefix, **{"trust_proxy": "true", "duckdb_memory_limit": "256MB"} | options)


def memory(server: Process, what: str = "VmHWM") -> int:
    """Bytes of memory, of the kernel's books: the most so far, or what is there now (`VmRSS`)."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith(what + ":")]
    return int(line.split()[1]) * 1024


def open_files(server: Process) -> int:
    """How many files and connections the server has open."""
    assert server.process is not None
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


@contextmanager
def many_files(wanted: int) -> Iterator[None]:
    """Let this process have so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 256:
        miss(f"{wanted} connections need more open files than the hard limit of {hard}: ulimit -Hn {wanted + 256}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 256), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
