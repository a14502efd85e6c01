"""The application log on a pipe: whoever reads it slowly, or not at all, delays nothing but the lines."""

import contextlib
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.runtime.log import TextFormatter
from prisme.runtime.log_stream import LogStream
from prisme.runtime.logfile import BACKLOG
from prisme.runtime.terminal import Painter
from tests.server import PATIENCE, wait_until

PIPE = 4096  # bytes, the least that Linux gives


class Pipe:
    """A pipe by a name; what is read of it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, PIPE)
        self.received = b""

    def read(self) -> bytes:
        """All that was read so far."""
        with contextlib.suppress(BlockingIOError):
            while some := os.read(self.end, PIPE):
                self.received += some
        return self.received


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    os.close(pipe.end)


def test_lines_wait_for_a_slow_reader_and_the_rest_is_counted(tmp_path: Path, pipe: Pipe) -> None:
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"%d dropped\n" % dropped)
    lines = [b"%07d" % number + b"x" * 992 + b"\n" for number in range(1200)]
    for line in lines:
        stream.write(line)  # 1.2 MB: more than the pipe and the backlog
    wait_until(lambda: b" dropped\n" in pipe.read(), "the count")
    taken = pipe.received.splitlines(keepends=True)
    assert taken[:-1] == lines[: len(taken) - 1]
    assert taken[-1] == b"%d dropped\n" % (len(lines) - len(taken) + 1)
    stream.write(b"again\n")
    wait_until(lambda: pipe.read().endswith(b" dropped\nagain\n"), "the next line")


def test_no_line_overtakes_a_dropped_one(tmp_path: Path, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the count stands where the lines are missing."""
    monkeypatch.setattr("prisme.runtime.log_stream.BACKLOG", 2 * PIPE)
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"%d dropped\n" % dropped)
    lines = [b"x" * (PIPE - 1) + b"\n", b"y" * (PIPE - 1) + b"\n"]
    for line in (*lines, b"z" * PIPE + b"\n", b"short\n"):
        stream.write(line)
    wait_until(lambda: pipe.read().endswith(b" dropped\n"), "the count")
    assert pipe.received == b"".join(lines) + b"2 dropped\n"


def test_a_flush_waits_for_a_reader_but_not_for_none(tmp_path: Path, pipe: Pipe) -> None:
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"")
    for _ in range(100):
        stream.write(b"x" * 999 + b"\n")
    stream.flush()  # nobody reads
    assert len(pipe.read()) < 100_000
    reading = threading.Thread(target=wait_until, args=(lambda: len(pipe.read()) == 100_000, "all"))
    reading.start()
    stream.flush()
    reading.join(PATIENCE)
    assert len(pipe.received) == 100_000


def test_a_reader_who_is_gone_is_no_error(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path / "pipe")
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"")
    os.close(pipe.end)
    stream.write(b"line\n")
    stream.flush()
    another = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    stream.write(b"again\n")
    assert os.read(another, PIPE) == b"again\n"
    os.close(another)


def test_lines_are_written_again_after_a_reader_was_too_slow_and_went(tmp_path: Path, pipe: Pipe) -> None:
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"%d dropped\n" % dropped)
    for _ in range(1200):
        stream.write(b"x" * 999 + b"\n")  # more than the pipe and the backlog
    os.close(pipe.end)
    stream.flush()  # what was kept is lost with the reader
    pipe.end, pipe.received = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK), b""
    stream.write(b"again\n")
    wait_until(lambda: b"again\n" in pipe.read() and pipe.received.endswith(b" dropped\n"), "both lines")


def test_a_line_larger_than_the_backlog_does_not_end_the_log(tmp_path: Path, pipe: Pipe) -> None:
    stream = LogStream(str(tmp_path / "pipe"), lambda dropped: b"%d dropped\n" % dropped)
    stream.write(b"x" * BACKLOG + b"\n")
    stream.write(b"again\n")
    wait_until(lambda: pipe.read().endswith(b"x\nagain\n"), "both lines")


def test_nothing_is_lost_at_the_exit() -> None:
    """Of a process that logs more than a pipe holds, and ends at once."""
    scene = """
from prisme.runtime.log import open_log
log = open_log(debug=False)
for number in range(1000):
    log.info("line %d " + "x" * 200, number)
"""
    done = subprocess.run([sys.executable, "-c", scene], capture_output=True, text=True, timeout=PATIENCE)
    told = [json.loads(line)["msg"].split()[1] for line in done.stderr.splitlines()]
    assert told == [str(number) for number in range(1000)]


@pytest.mark.parametrize("has_error", [False, True])
def test_lines_for_people_cannot_control_the_terminal(has_error: bool) -> None:
    hostile = "evil\x1b]0;title\x07\n\x9b31m\u202e.example"
    error = ValueError(hostile)
    found = (ValueError, error, None) if has_error else None
    record = logging.LogRecord("prisme", logging.ERROR, __file__, 0, "%s is refused", (hostile,), found)
    line = TextFormatter(Painter(colors=False)).format(record)
    assert line.isprintable()
    assert line.count("\\x1b]0;title") == 1 + has_error


def test_lines_for_people_have_the_items_of_extra() -> None:
    record = logging.LogRecord("prisme", logging.INFO, __file__, 0, "segment %d loaded", (7,), None)
    vars(record).update(events=5, rejected=1)
    assert TextFormatter(Painter(colors=False)).format(record).endswith("segment 7 loaded (events: 5, rejected: 1)")
