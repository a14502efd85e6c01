"""The access log on files, pipes and sockets: what is written, in how many writes, and what a slow reader costs."""

import asyncio
import contextlib
import json
import os
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.runtime.terminal import Painter
from prisme.web.traffic import AccessLog
from tests.requirements import miss

NANOSECONDS = 1_795_000_000_123_456_789
FIELDS = [
    *("name", "hostname", "pid", "level", "time", "msg", "v"),
    *("request_id", "duration_ms", "source_ip", "method", "path", "status_code", "error"),
]
STDOUT = "/dev/stdout"


def wall() -> int:
    return NANOSECONDS


def add(log: AccessLog, *names: object) -> None:
    """A line for each name, which stands in its path."""
    line = log.now()
    log.add([line("id", 0.25, "203.0.113.7", "GET", f"/{name}", 404, "no such endpoint") for name in names])


def names(data: bytes) -> list[str]:
    """The names in some lines, each of which is JSON."""
    return [json.loads(line)["path"][1:] for line in data.splitlines()]


async def turn() -> None:
    """Let the event loop go around, so that what was added gets written."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario in an event loop of its own; a write that waits would end in a timeout, not hang for ever."""
    asyncio.run(asyncio.wait_for(scenario(), 20))


@contextlib.contextmanager
def stdout(file: int) -> Iterator[None]:
    """Standard output is another open file for a moment."""
    saved = os.dup(1)
    os.dup2(file, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def read(file: int) -> bytes:
    """What a pipe holds now."""
    os.set_blocking(file, False)
    data = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(file, 1 << 20):
            data += chunk
    return data


async def read_lines(file: int, count: int) -> list[str]:
    """The names in so many lines, which come by themselves as the reader catches up."""
    data = b""
    while data.count(b"\n") < count:
        data += read(file)
        await asyncio.sleep(0)
    return names(data)


async def flood(log: AccessLog) -> int:
    """Add lines that nobody reads until some are dropped; gives how many were added."""
    added = 0
    while not log.dropped:
        add(log, *range(added, added + 1000))
        added += 1000
        await turn()
    return added


def test_line_has_its_fields_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = AccessLog(str(tmp_path / "log"), wall)
        log.add([log.now()('i"d', 1.5, "2001:db8::1", "POST", '/"\\\x00\n{\u00fc', 503, "")])
        log.close()

    run(scenario)
    (line,) = (tmp_path / "log").read_text().splitlines()
    read = json.loads(line)
    assert list(read) == FIELDS
    assert read == {
        "name": "prisme",
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "level": 30,
        "time": "2026-11-18T11:06:40.123Z",
        "msg": "request",
        "v": 0,
        "request_id": 'i"d',
        "duration_ms": 1.5,
        "source_ip": "2001:db8::1",
        "method": "POST",
        "path": '/"\\\x00\n{\u00fc',
        "status_code": 503,
        "error": "",
    }


def test_file_is_appended_to_and_for_its_owner_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        for name in ("first", "second"):
            log = AccessLog(str(tmp_path / "log"), wall)
            add(log, name)
            log.close()

    run(scenario)
    assert names((tmp_path / "log").read_bytes()) == ["first", "second"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_one_write_a_turn() -> None:
    """Each write to a socket of packets is a packet."""

    async def scenario() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            with stdout(theirs.fileno()):
                log = AccessLog(STDOUT, wall)
            ours.setblocking(False)
            add(log, *range(50))
            with pytest.raises(BlockingIOError):  # nothing is written in the turn itself
                ours.recv(1 << 20)
            await turn()
            add(log, "alone")
            await turn()
            assert names(ours.recv(1 << 20)) == [str(number) for number in range(50)]
            assert names(ours.recv(1 << 20)) == ["alone"]
            with pytest.raises(BlockingIOError):
                ours.recv(1 << 20)
            log.close()

    run(scenario)


def _named_pipe(folder: Path) -> tuple[AccessLog, int]:
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    return AccessLog(str(folder / "pipe"), wall), reader


def _stdout_pipe(_: Path) -> tuple[AccessLog, int]:
    reader, writer = os.pipe()
    with stdout(writer):
        log = AccessLog(STDOUT, wall)
    os.close(writer)
    return log, reader


def _anothers_pipe(_: Path) -> tuple[AccessLog, int]:
    if os.geteuid() != 0:
        miss("needs root, to open another user's pipe")
    reader, writer = os.pipe()
    with stdout(writer):
        os.seteuid(65534)
        try:
            log = AccessLog(STDOUT, wall)
        finally:
            os.seteuid(0)
    assert os.get_blocking(writer)
    os.close(writer)
    return log, reader


def _stdout_socket(_: Path) -> tuple[AccessLog, int]:
    ours, theirs = socket.socketpair()
    with theirs, stdout(theirs.fileno()):
        log = AccessLog(STDOUT, wall)
        assert os.get_blocking(theirs.fileno())
    return log, ours.detach()


@pytest.mark.parametrize("begin", [_named_pipe, _stdout_pipe, _anothers_pipe, _stdout_socket])
def test_slow_reader_holds_nothing_up(tmp_path: Path, begin: Callable[[Path], tuple[AccessLog, int]]) -> None:
    async def scenario() -> None:
        log, reader = begin(tmp_path)
        added = await flood(log)
        kept = added - log.dropped
        assert await read_lines(reader, kept) == [str(number) for number in range(kept)]
        assert kept < 10_000
        add(log, "after")
        await turn()
        assert names(read(reader)) == ["after"]
        log.close()
        os.close(reader)

    run(scenario)


def test_a_lot_at_once_is_not_lost(tmp_path: Path) -> None:
    """More than a pipe holds, in one turn, with a reader who is there."""

    async def scenario() -> None:
        log, reader = _named_pipe(tmp_path)
        add(log, *range(3000))
        assert await read_lines(reader, 3000) == [str(number) for number in range(3000)]
        assert log.dropped == 0
        log.close()
        os.close(reader)

    run(scenario)


def test_end_waits_for_no_reader(tmp_path: Path) -> None:
    async def scenario() -> None:
        log, reader = _named_pipe(tmp_path)
        await flood(log)
        log.close()
        await asyncio.sleep(0.1)  # no later try may meet a closed file
        os.close(reader)

    run(scenario)


def test_reader_who_leaves_and_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        log, reader = _named_pipe(tmp_path)
        add(log, "first")
        await turn()
        assert names(read(reader)) == ["first"]
        os.close(reader)
        add(log, "unseen", "unseen")
        await turn()
        assert log.dropped == 2
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        add(log, "second")
        await turn()
        assert names(read(reader)) == ["second"]
        assert log.dropped == 2
        log.close()
        os.close(reader)

    run(scenario)


def test_full_file_costs_lines_but_no_later_ones(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def scenario() -> None:
        log = AccessLog(str(path), wall)
        add(log, "first")
        await turn()
        length = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        # It holds for all of this process, where nothing else writes at this moment.
        resource.setrlimit(resource.RLIMIT_FSIZE, (length * 5 // 2, hard))
        try:
            add(log, "secnd", "third", "forth")  # the limit is in the middle of the third
            await turn()
            assert log.dropped == 2
            add(log, "fifth")
            await turn()
            assert log.dropped == 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        add(log, "sixth")
        await turn()
        add(log, "seventh")
        log.close()

    run(scenario)
    first, second, torn, *rest = path.read_bytes().splitlines(keepends=True)
    assert names(first + second + b"".join(rest)) == ["first", "secnd", "sixth", "seventh"]
    assert torn.startswith(b'{"name"')
    assert not torn.endswith(b"}\n")


def test_reopen_follows_the_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = AccessLog(str(tmp_path / "log"), wall)
        add(log, "before")
        (tmp_path / "log").rename(tmp_path / "log.1")
        add(log, "moved")
        log.reopen()
        add(log, "after")
        log.close()

    run(scenario)
    assert names((tmp_path / "log.1").read_bytes()) == ["before", "moved"]
    assert names((tmp_path / "log").read_bytes()) == ["after"]


def test_failed_reopen_keeps_the_old_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "logs").mkdir()
        log = AccessLog(str(tmp_path / "logs" / "log"), wall)
        (tmp_path / "logs").rename(tmp_path / "old")
        with pytest.raises(FileNotFoundError):
            log.reopen()
        add(log, "after")
        log.close()

    run(scenario)
    assert names((tmp_path / "old" / "log").read_bytes()) == ["after"]


def test_stdout_that_is_a_file_is_shared_with_stderr(tmp_path: Path) -> None:
    """`prisme serve > log 2>&1`: neither writes over the other."""

    async def scenario() -> None:
        with (tmp_path / "log").open("wb", buffering=0) as file:
            with stdout(file.fileno()):
                log = AccessLog(STDOUT, wall)
            for step in range(3):
                file.write(b'{"path":"/general %d"}\n' % step)
                add(log, step)
                await turn()
            log.close()

    run(scenario)
    assert names((tmp_path / "log").read_bytes()) == ["general 0", "0", "general 1", "1", "general 2", "2"]


@pytest.mark.parametrize("field", ["method", "path", "error"])
def test_lines_for_people_cannot_control_the_terminal(field: str, tmp_path: Path) -> None:
    fields = {"method": "GET", "path": "/", "error": ""} | {field: "/a\x1b[31m\n\x7f"}

    async def scenario() -> None:
        log = AccessLog(str(tmp_path / "log"), wall, Painter(colors=False))
        log.add([log.now()("id", 0.25, "", fields["method"], fields["path"], 404, fields["error"])])
        log.close()

    run(scenario)
    (line,) = (tmp_path / "log").read_text().split("\n")[:-1]
    assert line.isprintable()
    assert "/a\\x1b[31m\\n\\x7f" in line
