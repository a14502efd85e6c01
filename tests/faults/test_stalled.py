"""What does not go on: nobody reads the logs, their streams are closed, or the disk does not answer. Events do."""

import contextlib
import os
import time
from pathlib import Path

import pytest

from tests.faults.load import Load, flow
from tests.faults.lying_disk import LyingDisk
from tests.faults.test_midnight import MINUTE, at, read_keys, set_time, view
from tests.process import Process
from tests.server import wait_until


def test_logs_that_nobody_reads_delay_no_event(tmp_path: Path) -> None:
    """Both on one pipe that is full, as with `prisme serve 2>&1 | less`."""
    name = tmp_path / "pipe"
    os.mkfifo(name)
    pipe = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 4096)
    prefix = ("sh", "-c", f'exec "$@" >{name} 2>&1', "sh")
    options = {"access_log": "/dev/stdout", "eventstore_max_batch_timeout": "10ms", "debug": "true"}
    with Process(tmp_path / "data", prefix=prefix, trust_proxy="true", **options) as server:
        server.start()
        load = Load(server.port, "load")
        flow([load])
        flow([load])
        load.stop()
        assert (load.unexpected, load.refused) == ([], 0)
        assert server.stop() == 0
    os.close(pipe)


def test_closed_streams_send_no_log_into_other_files(tmp_path: Path) -> None:
    with Process(tmp_path / "data", prefix=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")) as server:
        process = server.start()
        assert {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in range(3)} == {Path(os.devnull)}
        assert server.stop() == 0
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [path.name for path in files if b'"msg"' in path.read_bytes()]


@pytest.mark.parametrize("when", ["while it is made", "at midnight"])
def test_a_disk_that_stalls_at_midnight_delays_no_event(tmp_path: Path, when: str) -> None:
    """The new day's key is made before, and stored before it is used where the disk answers in time."""
    lying = LyingDisk()
    server = at(tmp_path / "data", -MINUTE)
    server.disk = lying.disk
    with server:
        view(server, "a")
        server.settle()
        yesterdays = read_keys(server.folder)
        stack = contextlib.ExitStack()
        if when == "while it is made":
            stack.enter_context(lying.stall())
        set_time(server, -3)
        if when == "at midnight":
            wait_until(lambda: "next" in read_keys(server.folder), "the key")
            made = read_keys(server.folder)["next"]
            stack.enter_context(lying.stall())
        else:
            wait_until(lying.stalled.is_set, "the write")
        with stack:
            set_time(server, 1)
            for number in range(3):
                view(server, f"{number}", address="9.9.9.9")
                time.sleep(0.5)  # housekeeping as well
            view(server, "last")
        wait_until(lambda: set(read_keys(server.folder)) == {"today", "previous"}, "the keys to be stored")
        assert read_keys(server.folder)["previous"] == yesterdays["today"]
        if when == "at midnight":
            assert read_keys(server.folder)["today"] == made
        assert server.rows("SELECT count(DISTINCT visitor_id) FROM pageviews") == [(2,)]
