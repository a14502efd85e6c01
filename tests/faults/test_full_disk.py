"""A disk without room: refused events leave no trace, neither on disk nor in memory, and it heals by itself."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.disk import elsewhere, mounted
from tests.faults.load import BATCH, HOME, LONG, PAGEVIEWS, Load, Outcome, count
from tests.process import Process
from tests.server import LiveServer, browser, config_for, free_port, open_tables, wait_until

HEALTH = "/api/v1/healthcheck"
TIMES = 10 if LONG else 1
SECONDS = 6.0 if LONG else 1.0  # that the disk stays full


def held(folder: Path) -> list[str]:
    """The removed files of a folder that this process, and so the server in it, still has open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.startswith(f"{folder}/") and link.endswith(" (deleted)")]


def test_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with mounted(tmp_path / "data" / "journal", "256k") as disk, LiveServer(tmp_path / "data") as server:

        def view(page: str, referrer: str = "") -> int:
            headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer)
            return server.http.post(PAGEVIEWS, headers=headers).status_code

        assert view("a") == 200
        server.settle()
        wait_until(lambda: not held(disk.folder), "the loaded segment to be let go, which frees its room")
        disk.fill()
        answer = server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/b", X_Prisme_Document_Referrer=f"{HOME}/a"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        health = server.http.get("/api/v1/healthcheck")
        assert (health.status_code, health.text) == (503, "journal: No space left on device\n")
        assert view("elsewhere") == 503

        disk.free()
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
        # The session is still at /a, as if the refused events had never come.
        assert view("b", f"{HOME}/a") == 200
        assert view("elsewhere") == 200
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp") == [
            ("/a", "/b", 2),
            ("/elsewhere", "/elsewhere", 1),
        ]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",), ("/elsewhere",)]


class Watched(Process):
    """A server that is asked for its health and its metrics."""

    def __init__(self, folder: Path) -> None:
        self._admin = f"127.0.0.1:{free_port()}"
        super().__init__(folder, trust_proxy="true", eventstore_max_batch_timeout="50ms", admin_hostport=self._admin)

    def health(self) -> tuple[int, str]:
        answer = self.http.get(HEALTH)
        return answer.status_code, answer.text.strip()

    def metric(self, name: str) -> float:
        """The sum over all labels that the name does not give."""
        lines = self.http.get(f"http://{self._admin}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def told(self, since: int = 0) -> str:
        """The log's lines from that one on."""
        return "\n".join(line["msg"] for line in self.log()[since:])


class Where(NamedTuple):
    """`refuses`: whether events are. `reason` begins the health check's, `failed` and `healed` are in the log."""

    refuses: bool
    reason: str
    failed: str
    healed: str
    metric: str


JOURNAL = Where(
    True,
    "journal: No space left on device",
    "events are refused, or wait in the journal: journal: No space left on device",
    "the journal can be written again",
    'events_refused_total{reason="journal_unavailable"}',
)
STORE = Where(
    False,
    "store: ",
    "segments wait, will be loaded later",
    "all segments that waited are loaded",
    "eventstore_batch_retry_total",
)


def flow(loads: list[Load]) -> None:
    """Wait until some more events are taken on each connection."""
    goals = [len(load.answered) + 5 * BATCH for load in loads]
    wait_until(lambda: all(len(load.answered) > goal for load, goal in zip(loads, goals, strict=True)), "events")


def endure(server: Watched, where: Where, begin: Callable[[], None], end: Callable[[], None]) -> float:
    """A fault under load; gives the seconds from its end until all is well."""
    before, line = server.metric(where.metric), len(server.log())

    def fails() -> bool:
        begin()
        return server.health()[0] == 503

    wait_until(fails, "the health check to tell")
    until = time.monotonic() + SECONDS
    seen = set()
    while time.monotonic() < until:
        begin()  # what is loaded gives its room back
        seen.add((*server.health(), server.metric("eventstore_failing")))
        time.sleep(0.05)
    assert any(status == 503 and reason.startswith(where.reason) and failing for status, reason, failing in seen), seen
    assert server.metric(where.metric) > before
    end()
    ended = time.monotonic()
    wait_until(lambda: server.health() == (200, "ok"), "the server to recover")
    seconds = time.monotonic() - ended
    wait_until(lambda: where.healed in server.told(line), "the log to say so")
    assert where.failed in server.told(line)
    assert server.metric("eventstore_failing") == 0
    return seconds


@pytest.mark.parametrize(
    ("place", "where", "name"),
    [
        pytest.param("journal", JOURNAL, "disk full while journalling", id="journal"),
        pytest.param("data", STORE, "disk full while loading", id="store"),
        pytest.param("all", JOURNAL, "disk full, journal and database on it", id="both"),
    ],
)
def test_full_under_load(
    tmp_path: Path, place: str, where: Where, name: str, report: Callable[[str, int, Outcome, float], None]
) -> None:
    data, journal = tmp_path / "data", tmp_path / "data" / "journal"
    with contextlib.ExitStack() as stack:
        if place == "journal":
            disk = stack.enter_context(mounted(journal, "8m"))
        else:
            disk = stack.enter_context(mounted(data, "64m"))
            if place == "data":
                stack.enter_context(elsewhere(journal, tmp_path / "elsewhere"))
        server = stack.enter_context(Watched(data))
        server.start()
        loads = [Load(server.port, f"{place}-{number}", 0.02) for number in range(2)]
        slowest = 0.0
        for _ in range(TIMES):
            flow(loads)
            slowest = max(slowest, endure(server, where, disk.fill, disk.free))
        flow(loads)
        for load in loads:
            load.stop()
        assert server.stop() == 0
        assert (sum(load.refused for load in loads) > 0) == where.refuses
        report(name, TIMES, count(server, loads), slowest)


def add_ballast(server: Process, size: int) -> None:
    """Rows in the write-ahead log, of so many bytes: DuckDB moves them to the file at 16 MB."""
    with open_tables(config_for(server.folder, server.port)) as tables:
        tables.execute("PRAGMA disable_checkpoint_on_shutdown")
        tables.execute("CREATE OR REPLACE TABLE ballast (bytes VARCHAR)")
        log = server.folder / "prisme.duckdb.wal"
        while not log.exists() or log.stat().st_size < size:
            tables.execute("INSERT INTO ballast SELECT repeat('x', 100) || random() FROM range(1000)")


def test_full_while_checkpointing(tmp_path: Path, report: Callable[[str, int, Outcome, float], None]) -> None:
    data = tmp_path / "data"
    loads: list[Load] = []
    slowest = 0.0
    with mounted(data, "64m") as disk, elsewhere(data / "journal", tmp_path / "elsewhere"), Watched(data) as server:
        for turn in range(TIMES):
            server.start()
            assert server.stop() == 0
            add_ballast(server, 15_500_000)
            server.start()
            disk.leave(2_500_000)
            present = [Load(server.port, f"checkpoint-{turn}-{number}") for number in range(2)]
            loads += present
            slowest = max(slowest, endure(server, STORE, lambda: None, disk.free))
            assert "checkpoint failed" in server.told()
            flow(present)
            for load in present:
                load.stop()
            assert server.stop() == 0
        assert sum(load.refused for load in loads) == 0
        report("disk full while checkpointing", TIMES, count(server, loads), slowest)


def test_stops_on_a_full_disk_and_loses_nothing(
    tmp_path: Path, report: Callable[[str, int, Outcome, float], None]
) -> None:
    data = tmp_path / "data"
    with mounted(data, "64m") as disk, Watched(data) as server:
        server.start()
        load = Load(server.port, "stop", 0.02)
        flow([load])
        disk.fill()
        wait_until(lambda: server.health()[0] == 503, "the health check to tell")
        load.stop()
        disk.fill()
        assert server.stop() == 0
        disk.fill()
        assert server.start(ready=False).wait(20) in {0, 1}
        assert "Traceback" not in server.told()
        disk.free()
        begun = time.monotonic()
        server.start()
        slowest = time.monotonic() - begun
        assert server.stop() == 0
        report("stopped while the disk is full", 1, count(server, [load]), slowest)
