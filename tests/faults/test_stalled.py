"""What does not go on: nobody reads the logs. Events do."""

import contextlib
import os
from pathlib import Path

from tests.faults.load import Load, flow
from tests.process import Process


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
