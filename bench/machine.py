"""The machine and versions of a run, and how busy the machine and its processes are."""

import contextlib
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("prisme", "granian", "duckdb", "msgspec", "uvloop")


def describe(folder: Path) -> dict[str, str]:
    """The machine, by name; `folder` is the one with the data."""
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(_field(Path('/proc/meminfo'), 'MemTotal').split()[0]) / 2**20:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "filesystem": _filesystem(folder),
    }


def versions() -> dict[str, str]:
    """The versions of Prisme, its packages and wrk, by name."""
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split() if shutil.which("wrk") else []
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        **({"wrk": wrk[1]} if wrk else {}),
        "commit": _commit(),
    }


def busy_seconds() -> float:
    """CPU seconds that all cores of the machine have spent so far."""
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(rest)) / _TICKS


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has spent so far, in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def ended_cpu_seconds(pid: int) -> float:
    """CPU seconds of a process's children that have ended and were waited for, and of theirs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


def children() -> dict[int, list[int]]:
    """The processes of the machine by their parents."""
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has just ended
            fields = path.read_text().rpartition(")")[2].split()
            found.setdefault(int(fields[1]), []).append(int(path.parent.name))
    return found


def peak_memory(pid: int) -> int:
    """The peak memory of a process so far, in bytes."""
    return int(_field(Path(f"/proc/{pid}/status"), "VmHWM").split()[0]) * 1024


def memory(pid: int) -> int:
    """The memory of a process now (RSS), in bytes."""
    return int(_field(Path(f"/proc/{pid}/status"), "VmRSS").split()[0]) * 1024


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _filesystem(folder: Path) -> str:
    kinds = {}
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        kinds[Path(where)] = kind
    return next((kinds[path] for path in (folder.resolve(), *folder.resolve().parents) if path in kinds), "unknown")


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"
