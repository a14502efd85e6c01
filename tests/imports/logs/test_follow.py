"""Following a log: real files, a thread that writes, and logrotate."""

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from prisme.imports.logs.follow import follow

_LIMIT: Final = 30.0  # seconds until a test gives up


class Follower:
    """Follows a file in a thread of its own."""

    def __init__(self, path: Path, from_start: bool = True) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, from_start), daemon=True)
        self._thread.start()

    def _run(self, path: Path, from_start: bool) -> None:
        for line in follow(path, from_start, self._stop.is_set, lambda _: self._stop.wait(0.01)):
            self._lines.put(line)

    def take(self, count: int) -> list[bytes]:
        """The next lines."""
        found: list[bytes] = []
        while len(found) < count:
            if (line := self._lines.get(timeout=_LIMIT)) is not None:
                found.append(line)
        return found

    def idle(self, times: int = 2) -> None:
        """Wait until there was nothing new so many times; fails where there was."""
        for _ in range(times):
            assert self._lines.get(timeout=_LIMIT) is None

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(_LIMIT)
        assert not self._thread.is_alive()


Start = Callable[..., Follower]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes followers, and ends them."""
    started: list[Follower] = []

    def make(path: Path, from_start: bool = True) -> Follower:
        started.append(Follower(path, from_start))
        return started[-1]

    yield make
    for follower in started:
        follower.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one line."""
    path = tmp_path / "access.log"
    path.write_bytes(b"old\n")
    return path


def append(path: Path, data: bytes) -> None:
    """As a server does, with `O_APPEND`."""
    with path.open("ab") as stream:
        stream.write(data)


def test_new_lines(log: Path, start: Start) -> None:
    follower = start(log)
    assert follower.take(1) == [b"old"]
    append(log, b"a\nb\r\n")
    assert follower.take(2) == [b"a", b"b"]
    follower.idle()


def test_line_without_end(log: Path, start: Start) -> None:
    follower = start(log)
    follower.take(1)
    append(log, b"first ha")
    follower.idle(5)
    append(log, b"lf\nnext")
    assert follower.take(1) == [b"first half"]
    append(log, b"\n")
    assert follower.take(1) == [b"next"]


@pytest.mark.parametrize(("present", "lines"), [(b"old\n", [b"new"]), (b"old\nha", [b"hanew"]), (b"ha", [b"hanew"])])
def test_from_now_on(log: Path, start: Start, present: bytes, lines: list[bytes]) -> None:
    """A line that is being written counts as new."""
    log.write_bytes(present)
    follower = start(log, from_start=False)
    follower.idle()
    append(log, b"new\n")
    assert follower.take(1) == lines


def test_file_that_comes_later(tmp_path: Path, start: Start) -> None:
    """All of it is new."""
    follower = start(tmp_path / "access.log", from_start=False)
    follower.idle()
    append(tmp_path / "access.log", b"a\n")
    assert follower.take(1) == [b"a"]


def test_renamed(log: Path, start: Start) -> None:
    """The server writes to the renamed file until it is told, also when there is a new one; then to that."""
    follower = start(log)
    follower.take(1)
    with log.open("ab", buffering=0) as server:
        log.rename(log.with_suffix(".1"))
        server.write(b"late\n")
        assert follower.take(1) == [b"late"]
        log.touch()
        follower.idle(10)
        server.write(b"later\nhalf")
    append(log, b"new\n")
    assert follower.take(3) == [b"later", b"half", b"new"]


def test_truncated(log: Path, start: Start) -> None:
    follower = start(log)
    follower.take(1)
    os.truncate(log, 0)
    follower.idle(3)
    append(log, b"a\n")
    assert follower.take(1) == [b"a"]


def test_truncated_and_grown(log: Path, start: Start) -> None:
    """Between two looks, beyond where it was read: it begins otherwise."""
    follower = start(log)
    follower.take(1)
    follower.idle()
    with log.open("r+b") as server:
        server.write(b"longer than it was\n")
    assert follower.take(1) == [b"longer than it was"]


def test_truncated_below_a_server_that_keeps_its_place(log: Path, start: Start) -> None:
    """A hole begins the file, which is no line."""
    with log.open("r+b", buffering=0) as server:
        server.write(b"x" * 100_000 + b"\n")
        follower = start(log)
        assert follower.take(1) == [b"x" * 100_000]
        follower.idle()
        os.truncate(log, 0)
        server.write(b"a\n")
        assert follower.take(1) == [b"a"]
        follower.idle(3)


def test_stop(log: Path) -> None:
    """At once, also within a long file."""
    log.write_bytes(b"line\n" * 1_000_000)
    count = 0

    def stop() -> bool:
        return count > 100

    for _ in follow(log, True, stop):
        count += 1
    assert 100 < count < 1_000_000


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="needs logrotate (Debian: logrotate)")
@pytest.mark.parametrize("way", ["create", "copytruncate", "nocreate"])
def test_logrotate(log: Path, start: Start, way: str) -> None:
    """Nothing is lost, and nothing comes twice, over several rotations that are compressed."""
    config = log.with_name("rotate.conf")
    root = "su root root\n" if os.geteuid() == 0 else ""
    config.write_text(f"{log} {{\n{root}rotate 3\ncompress\n{way}\n}}\n")
    follower = start(log)
    assert follower.take(1) == [b"old"]
    for turn in range(4):
        lines = [b"line %d of turn %d" % (number, turn) for number in range(500)]
        append(log, b"\n".join(lines) + b"\n")
        assert follower.take(500) == lines
        state = log.with_name("state")
        done = subprocess.run(
            ["logrotate", "--force", "--state", str(state), str(config)], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert log.with_name("access.log.3.gz").exists()
    follower.idle()
