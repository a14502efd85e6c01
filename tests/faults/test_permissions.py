"""Files and folders that the server may not touch for a while."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import HOME, PAGEVIEWS, TIMES, Load, Report, count, flow
from tests.faults.monitoring import DENIED, Monitored, endure
from tests.process import Process
from tests.requirements import need
from tests.server import browser, wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Monitored]:
    """A server for which permissions count: root may do anything, unless these capabilities are taken away."""
    powers = "-dac_override,-dac_read_search"
    setpriv = need("setpriv", "util-linux")
    prefix = (setpriv, f"--bounding-set={powers}", f"--inh-caps={powers}") if os.geteuid() == 0 else ()
    with Monitored(tmp_path / "data", prefix) as server:
        yield server


def test_read_only_journal(server: Monitored, report: Report) -> None:
    """The folder: lines can be written to the open segment, but no segment can be made or removed."""
    journal, slowest = server.folder / "journal", 0.0
    server.start()
    loads = [Load(server.port, f"read-only-{number}", 0.02) for number in range(2)]
    for _ in range(TIMES):
        flow(loads)
        seconds = endure(server, DENIED, lambda: journal.chmod(0o500), lambda: journal.chmod(0o700), 1.0)
        slowest = max(slowest, seconds)
    flow(loads)
    for load in loads:
        load.stop()
    journal.chmod(0o500)  # the last segment cannot be removed: it is known at the next start
    assert server.stop() == 0
    assert "Traceback" not in server.text()
    journal.chmod(0o700)
    server.start()
    assert server.stop() == 0
    assert sum(load.refused for load in loads) == 0
    report("journal folder read-only", TIMES, count(server, loads), slowest)
    assert list(journal.iterdir()) == []


def test_unreadable_segment_waits_and_holds_up_nobody(server: Monitored) -> None:
    with Process(server.folder, eventstore_max_batch_timeout="1m") as earlier:
        earlier.start()
        for step, referrer in enumerate(("", f"{HOME}/0")):
            headers = browser(f"{HOME}/{step}", X_Prisme_Document_Referrer=referrer)
            assert earlier.http.post(PAGEVIEWS, headers=headers).status_code == 200
        earlier.kill()
    (segment,) = (server.folder / "journal").iterdir()
    segment.chmod(0)
    server.start()
    wait_until(lambda: server.health()[0] == 503, "the health check to tell")
    assert "store" in server.health()[1]
    # The session of the waiting segment goes on in a later one: what is loaded last must not win.
    assert server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/later")).status_code == 200
    segment.chmod(0o600)
    wait_until(lambda: server.health()[0] == 200, "the segment to be loaded")
    assert server.stop() == 0
    assert sorted(server.rows("SELECT path FROM pageviews")) == [("/0",), ("/1",), ("/later",)]
