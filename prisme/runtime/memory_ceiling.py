"""A limit on what this process allocates for a while, for work whose memory nothing else limits. Linux only."""

import contextlib
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")


class MemoryCeiling:
    """While any block under it runs, the process may grow by `extra` bytes; beyond that, allocations fail.

    That is for all threads, so `extra` has to be more than they need: work that runs into it fails by its own large
    allocation, where the kernel would have killed the process. macOS has no such limit.
    """

    def __init__(self, extra: int) -> None:
        self._extra = extra
        self._lock = threading.Lock()
        self._blocks = 0
        self._before = resource.getrlimit(resource.RLIMIT_DATA)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._lower()
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if not self._blocks:
                    resource.setrlimit(resource.RLIMIT_DATA, self._before)

    def _lower(self) -> None:
        self._before = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        used = _data_bytes()
        ceiling = used + self._extra
        if used and (soft == resource.RLIM_INFINITY or ceiling < soft):
            resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))


def _data_bytes() -> int:
    """What counts for the limit now: private writable memory; 0 where the kernel does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)
