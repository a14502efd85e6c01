"""A limit on what this process allocates for a while, for work whose memory nothing else limits. Linux only."""

import contextlib
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")


class _Ceiling:
    """The limit of this process: how many blocks are under it, and what it was before the first."""

    lock = threading.Lock()
    blocks = 0
    before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextlib.contextmanager
def memory_ceiling(extra: int) -> Iterator[None]:
    """While the block runs, the process may grow by `extra` bytes; beyond that, allocations fail.

    That is for all threads, so `extra` has to be more than they need: work that runs into it fails by its own large
    allocation, where the kernel would have killed the process. Of blocks at the same time, the first one's limit holds.
    macOS has no such limit.
    """
    with _Ceiling.lock:
        _Ceiling.blocks += 1
        if _Ceiling.blocks == 1:
            _Ceiling.before = resource.getrlimit(resource.RLIMIT_DATA)
            _lower(extra)
    try:
        yield
    finally:
        with _Ceiling.lock:
            _Ceiling.blocks -= 1
            if not _Ceiling.blocks:
                resource.setrlimit(resource.RLIMIT_DATA, _Ceiling.before)


def _lower(extra: int) -> None:
    soft, hard = _Ceiling.before
    used = _data_bytes()
    if used and (soft == resource.RLIM_INFINITY or used + extra < soft):
        resource.setrlimit(resource.RLIMIT_DATA, (used + extra, hard))


def _data_bytes() -> int:
    """What counts for the limit now: private writable memory; 0 where the kernel does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)
