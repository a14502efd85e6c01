"""A server for floods, and the memory and open files that it may take."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.process import Process
from tests.requirements import miss

MB = 1_000_000
# An idle server takes about 130 MB, DuckDB up to 256 MB, sessions up to 450 MB, caches less than either.
MEMORY_LIMIT = 800 * MB


def flood_server(folder: Path, prefix: tuple[str, ...] = (), **options: str) -> Process:
    """A server behind a proxy, so that clients can have any address, with little memory for DuckDB."""
    return Process(folder, prefix=prefix, **{"trust_proxy": "true", "duckdb_memory_limit": "256MB"} | options)


def memory(server: Process, what: str = "VmHWM") -> int:
    """Bytes of memory as the kernel counts them: the peak (`VmHWM`), or the present size (`VmRSS`)."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith(what + ":")]
    return int(line.split()[1]) * 1024


def open_files(server: Process) -> int:
    """The number of files and connections that the server has open."""
    assert server.process is not None
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


@contextmanager
def many_files(wanted: int) -> Iterator[None]:
    """Raise this process's limit of open files, so that it can have `wanted` connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 256:
        miss(f"{wanted} connections need more open files than the hard limit of {hard}: ulimit -Hn {wanted + 256}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 256), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
