"""A control group with a limit of memory and no swap, for servers on a small machine.

Version 1 as docs.kernel.org/admin-guide/cgroup-v1/memory.html has it, version 2 as
docs.kernel.org/admin-guide/cgroup-v2.html. Both need root, or a tree that was delegated.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TREES: Final = Path("/sys/fs/cgroup")
_REMOVE_SECONDS: Final = 5.0


@contextmanager
def limited(limit: int) -> Iterator[list[str] | None]:
    """A prefix for commands that run with so many bytes of memory; None where no group can be made.

    The group is removed after the block, in which its processes have to end.
    """
    group = _make(limit)
    if group is None:
        yield None
        return
    try:
        yield ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
    finally:
        _remove(group)


def _make(limit: int) -> Path | None:
    name = f"prisme-bench-{os.getpid()}"
    for tree, limits in (
        (_TREES / "memory", {"memory.limit_in_bytes": limit, "memory.swappiness": 0}),
        (_TREES, {"memory.max": limit, "memory.swap.max": 0}),
    ):
        group = tree / name
        try:
            if not any((tree / file).exists() for file in ("memory.limit_in_bytes", "cgroup.controllers")):
                continue
            group.mkdir()
        except OSError:
            continue
        try:
            for file, value in limits.items():
                (group / file).write_text(str(value))
        except OSError:
            _remove(group)
        else:
            return group
    return None


def _remove(group: Path) -> None:
    """Remove a group; a process that has just ended may still be in it."""
    until = time.monotonic() + _REMOVE_SECONDS
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
