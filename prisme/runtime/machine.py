"""The memory and cores that this process may use, read from files of the kernel.

A container's limits are its control group's: docs.kernel.org/admin-guide/cgroup-v2.html (memory.max), and version 1,
docs.kernel.org/admin-guide/cgroup-v1/memory.html (memory.limit_in_bytes).
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_CGROUPS = "sys/fs/cgroup"


class Machine(NamedTuple):
    """What this process may use: `memory` in bytes, and `cores`."""

    memory: int
    cores: int


def this_machine() -> Machine:
    """The current values."""
    return Machine(usable_memory(), cpu_count())


def usable_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may use: the least of the machine's memory and its control groups' limits."""
    return min([_total(root), *_limits(root)])


def cpu_count() -> int:
    """The number of cores that this process may run on; on macOS, which has no CPU affinity, all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _total(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        name, _, amount = line.partition(":")
        if name == "MemTotal":
            return int(amount.removesuffix("kB")) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limits(root: Path) -> Iterator[int]:
    """The limits in bytes. Without a limit, version 2 has "max", and version 1 a huge number."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0":
            tree, name = root / _CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            tree, name = root / _CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        for group in _groups(path):
            yield from (int(limit) for limit in _lines(tree / group / name) if limit.isdecimal() and int(limit))


def _groups(path: str) -> list[str]:
    """The group and its ancestors, whose limits apply to it as well.

    In a container, the path may be the one on the host, or start with `..`, while only the container's own tree is
    visible. Then there is no file at that path, and the topmost group is the container's own.
    """
    group = PurePosixPath(path.lstrip("/"))
    return ["."] if ".." in group.parts else [str(group), *map(str, group.parents)]


def _lines(path: Path) -> list[str]:
    """The file's lines; empty if it cannot be read."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
