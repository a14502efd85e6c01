"""Memory and cores, from folders that look like the kernel's."""

import os
from pathlib import Path

import pytest

from prisme.runtime.machine import cpu_count, this_machine, usable_memory

MIB = 1 << 20
MEMINFO = {"proc/meminfo": "MemTotal:        2097152 kB\nMemFree:          123456 kB\n"}
UNLIMITED_V1 = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, 2048 * MIB, id="no control groups"),
        pytest.param({"proc/self/cgroup": "0::/\n"}, 2048 * MIB, id="v2, root group has no limit file"),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"},
            512 * MIB,
            id="v2, container's own tree",
        ),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 2048 * MIB, id="v2, max"),
        pytest.param(
            {"proc/self/cgroup": "0::/system.slice/prisme.service\n",
             "sys/fs/cgroup/system.slice/prisme.service/memory.max": "268435456\n"},
            256 * MIB,
            id="v2, a service's group",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b\n",
             "sys/fs/cgroup/a/b/memory.max": "max\n",
             "sys/fs/cgroup/a/memory.max": "134217728\n"},
            128 * MIB,
            id="v2, the limit of a group above",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/memory.max": "536870912\n"},
            512 * MIB,
            id="v2, the host's path in a container's tree",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/memory.max": "536870912\n"},
            512 * MIB,
            id="v2, a path outside the tree",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4294967296\n"},
            2048 * MIB,
            id="v2, more than the machine has",
        ),
        pytest.param(
            {"proc/self/cgroup": "9:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
             "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "402653184\n",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1},
            384 * MIB,
            id="v1",
        ),
        pytest.param(
            {"proc/self/cgroup": "4:hugetlb,memory:/docker/abc\n",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": "402653184\n"},
            384 * MIB,
            id="v1, the host's path in a container's tree",
        ),
        pytest.param(
            {"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1},
            2048 * MIB,
            id="v1, no limit",
        ),
        pytest.param(
            {"proc/self/cgroup": "1:name=memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1\n"},
            2048 * MIB,
            id="v1, a named tree is none of memory's",
        ),
    ],
)  # fmt: skip
def test_usable_memory_is_the_least_limit(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in (MEMINFO | files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_memory(tmp_path) == expected


def test_without_the_kernels_files_the_system_is_asked(tmp_path: Path) -> None:
    assert usable_memory(tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_this_machine_has_memory_and_cores() -> None:
    machine = this_machine()
    assert 1 * MIB < machine.memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert machine.cores == cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_only_the_cores_that_the_process_may_use_count() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cpu_count() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cpu_count() == len(allowed)
