"""A disk without room: refused events leave no trace, neither on disk nor in memory, and it heals by itself."""

import contextlib
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from prisme.assets import COUNTRIES
from prisme.store.connection import LOG_BYTES
from tests.faults.disk import Disk, device, elsewhere, mounted
from tests.faults.load import BATCH, HOME, LONG, PAGEVIEWS, TIMES, Load, Report, count, flow, slow
from tests.faults.monitoring import JOURNAL, STORE, Monitored, Symptoms, endure
from tests.process import Process
from tests.server import CHROME, LiveServer, browser, make_token, wait_until

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SECONDS = 2.0 if LONG else 1.0  # that the disk stays full


def held(folder: Path) -> list[str]:
    """The removed files of a folder that this process, and so the server in it, still has open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.startswith(f"{folder}/") and link.endswith(" (deleted)")]


def test_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "data" / "journal", "256k") as disk,
        LiveServer(tmp_path / "data", min_free_space="0") as server,
    ):

        def view(page: str, referrer: str = "", user_agent: str = CHROME) -> int:
            headers = browser(f"{HOME}/{page}", user_agent=user_agent, X_Prisme_Document_Referrer=referrer)
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
        assert view("elsewhere", user_agent=FIREFOX) == 503

        disk.free()
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
        # The session is still at /a, as if the refused events had never come.
        assert view("b", f"{HOME}/a") == 200
        assert view("elsewhere", user_agent=FIREFOX) == 200
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp") == [
            ("/a", "/b", 2),
            ("/elsewhere", "/elsewhere", 1),
        ]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",), ("/elsewhere",)]


@pytest.mark.parametrize(
    ("place", "symptoms", "name", "times", "seconds"),
    [
        pytest.param("journal", JOURNAL, "disk full while journalling", TIMES, SECONDS, id="journal", marks=slow),
        pytest.param("data", STORE, "disk full while loading", TIMES, SECONDS, id="store", marks=slow),
        pytest.param("all", JOURNAL, "disk full, journal and database on it", TIMES, SECONDS, id="both"),
        *([pytest.param("data", STORE, "every load fails, for a minute", 1, 60.0, id="minute")] if LONG else []),
    ],
)
def test_full_under_load(
    tmp_path: Path, place: str, symptoms: Symptoms, name: str, times: int, seconds: float, report: Report
) -> None:
    data, journal = tmp_path / "data", tmp_path / "data" / "journal"
    with contextlib.ExitStack() as stack:
        if place == "journal":
            disk = stack.enter_context(mounted(journal, "8m"))
        else:
            # Room for all that comes meanwhile, once it is free again: some 4,000 events a second.
            disk = stack.enter_context(mounted(data, "64m" if seconds == SECONDS else "1g"))
            if place == "data":
                stack.enter_context(elsewhere(journal, tmp_path / "elsewhere"))
        server = stack.enter_context(Monitored(data))
        server.start()
        loads = [Load(server.port, f"{place}-{number}", 0.02) for number in range(2)]
        slowest = 0.0
        for _ in range(times):
            flow(loads)
            slowest = max(slowest, endure(server, symptoms, disk.fill, disk.free, seconds))
        flow(loads)
        for load in loads:
            load.stop()
        assert server.stop() == 0
        assert (sum(load.refused for load in loads) > 0) == symptoms.refuses
        report(name, times, count(server, loads), slowest)


def add_ballast(server: Process, size: int) -> None:
    """Rows in the write-ahead log, of so many bytes: DuckDB moves them to the file at `LOG_BYTES`."""
    path = server.folder / "prisme.duckdb"
    with duckdb.connect(str(path), config={"checkpoint_threshold": f"{LOG_BYTES}B"}) as tables:
        tables.execute("PRAGMA disable_checkpoint_on_shutdown")
        tables.execute("CREATE TABLE ballast (bytes VARCHAR)")
        log = server.folder / "prisme.duckdb.wal"
        while not log.exists() or log.stat().st_size < size:
            tables.execute("INSERT INTO ballast SELECT repeat('x', 100) || random() FROM range(1000)")


@pytest.mark.parametrize("turn", range(TIMES))
def test_full_while_checkpointing(tmp_path: Path, turn: int, report: Report) -> None:
    """DuckDB gives up on its file then: it is opened anew, and figures are asked for all the time."""
    data = tmp_path / "data"
    asked = Counter[int]()
    with (
        mounted(data, "160m") as disk,
        elsewhere(data / "journal", tmp_path / "elsewhere"),
        Monitored(data) as server,
    ):
        token = make_token(data)

        def ask() -> int:
            status = server.http.get("/api/v1/stats/dashboard", headers=token).status_code
            asked[status] += 1
            return status

        server.start()
        assert server.stop() == 0
        add_ballast(server, LOG_BYTES - 1_300_000)
        # Before it starts, as it soon checkpoints then; it makes a copy of the countries first.
        disk.leave(2_500_000 + COUNTRIES.stat().st_size)
        server.start()
        loads = [Load(server.port, f"checkpoint-{number}") for number in range(2)]
        seconds = endure(server, STORE, ask, disk.free, SECONDS)
        assert "checkpoint" in server.log_text()
        assert "the database was reopened" in server.log_text()
        assert ask() == 200
        flow(loads)
        for load in loads:
            load.stop()
        assert server.stop() == 0
        assert set(asked) <= {200, 503}
        assert sum(load.refused for load in loads) == 0
        report("disk full while checkpointing", 1, count(server, loads), seconds)


def test_stops_on_a_full_disk_and_loses_nothing(tmp_path: Path, report: Report) -> None:
    data = tmp_path / "data"
    with mounted(data, "64m") as disk, Monitored(data) as server:
        server.start()
        load = Load(server.port, "stop", 0.02)
        flow([load])
        disk.fill()
        wait_until(lambda: server.health()[0] == 503, "the health check to tell")
        load.stop()
        disk.fill()
        assert server.stop() == 0
        disk.fill()
        server.start()
        assert server.stop() == 0
        assert "Traceback" not in server.log_text()
        disk.free()
        begun = time.monotonic()
        server.start()
        slowest = time.monotonic() - begun
        assert server.stop() == 0
        report("stopped while the disk is full", 1, count(server, [load]), slowest)


@pytest.mark.parametrize("kind", ["tmpfs", *(["ext4"] if LONG else [])])
def test_starts_on_a_full_disk_and_shows_figures(tmp_path: Path, kind: str) -> None:
    """Full to the last byte: what needs no room works, the rest says why it does not, and events are refused."""
    with contextlib.ExitStack() as stack:
        memory = stack.enter_context(mounted(tmp_path / "memory", "96m"))
        data, disk = memory.folder / "disk" / "data", Disk(memory.folder / "disk")
        if kind == "tmpfs":
            stack.enter_context(mounted(disk.folder, "64m"))
        else:
            stack.enter_context(device(memory.folder / "image", disk.folder))
        data.mkdir(mode=0o700)
        server = stack.enter_context(Process(data, min_free_space="0", eventstore_max_batch_timeout="50ms"))

        def run(*words: str) -> tuple[int, str]:
            line = [sys.executable, "-m", "prisme", *words, f"--data-dir={data}"]
            done = subprocess.run(line, input=f"{PASSWORD}\n", capture_output=True, text=True)
            return done.returncode, done.stderr.strip() or done.stdout

        def log_in() -> tuple[int, str]:
            answer = server.http.post("/login", data={"name": "ada", "password": PASSWORD})
            return answer.status_code, answer.headers.get("x-prisme-error", "")

        def view(page: str) -> int:
            return server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/{page}")).status_code

        full = (
            f"prisme: {data}/control.sqlite cannot be changed, as the disk is full: free up disk space, and try again"
        )
        assert run("user", "add", "ada", "--role", "admin", "--password-stdin")[0] == 0
        token = make_token(data)
        server.start()
        assert view("a") == 200
        wait_until(lambda: not (data / "journal" / "000000000001.ndjson").exists(), "the load")
        disk.fill()
        assert log_in() == (503, "the disk is full")
        assert run("token", "add", "report") == (1, full)
        assert run("share", "add", "example.com") == (1, full)
        assert run("user", "list")[0] == 0
        assert server.stop() == 0
        disk.fill()
        server.start()
        disk.fill()

        def figures() -> Any:
            answer = server.http.get("/api/v1/stats/top-pages", headers=token)
            return answer.json()["keys"] if answer.status_code == 200 else None

        wait_until(lambda: figures() == ["/a"], "the figures")
        assert log_in() == (503, "the disk is full")
        wait_until(lambda: view("refused") == 503, "an event to be refused")
        assert server.http.get("/api/v1/healthcheck").status_code == 503
        assert "Traceback" not in server.text()
        assert "cannot rollback" not in server.text()
        disk.free()
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
        assert view("b") == 200
        assert log_in()[0] == 303
        assert run("token", "add", "report")[0] == 0
        assert server.stop() == 0
        paths = [path for (path,) in server.rows("SELECT path FROM pageviews ORDER BY path")]
        assert {"/a", "/b"} <= set(paths) <= {"/a", "/b", "/refused"}


def test_events_leave_room_for_all_else(tmp_path: Path, report: Report) -> None:
    """Below `min_free_space` events alone are refused: log-ins, commands, figures, a stop and a start go on."""
    data = tmp_path / "data"

    def log_in() -> None:
        answer = server.http.post("/login", data={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 303
        assert server.http.get("/dashboard").status_code == 200
        server.http.cookies.clear()

    def run(*words: str) -> None:
        line = [sys.executable, "-m", "prisme", *words, f"--data-dir={data}"]
        done = subprocess.run(line, input=f"{PASSWORD}\n", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def health() -> tuple[int, str]:
        answer = server.http.get("/api/v1/healthcheck")
        return answer.status_code, answer.text.strip()

    with mounted(data, "128m") as disk, Process(data, trust_proxy="true", min_free_space="48MB") as server:
        run("user", "add", "ada", "--role", "admin", "--password-stdin")
        server.start()
        load = Load(server.port, "room", 0.02)
        flow([load])
        disk.leave(40_000_000)
        reason = (
            f"disk: less than 48 MB are free (min_free_space) in {data}, so events are rejected: free up disk space"
        )
        wait_until(lambda: health() == (503, reason), "events to be refused")
        answered = len(load.answered)
        wait_until(lambda: load.refused > 5 * BATCH, "many to be refused")
        load.stop()
        assert len(load.answered) <= answered + 2 * BATCH  # the last of before
        refused = server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/refused"))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        assert refused.headers["x-prisme-error"] == "the disk is almost full"
        log_in()
        run("token", "add", "report")
        assert server.stop() == 0
        assert list((data / "journal").iterdir()) == []
        server.start()
        assert health() == (503, reason)
        log_in()
        begun = time.monotonic()
        disk.free()
        wait_until(lambda: health() == (200, "ok"), "events to be accepted")
        seconds = time.monotonic() - begun
        again = Load(server.port, "again", 0.02)
        flow([again])
        again.stop()
        told = [line["msg"] for line in server.log()]
        assert f"events are refused, or wait in the journal: {reason}" in told
        assert "events are accepted again" in told
        assert server.stop() == 0
        assert again.refused == 0
        report("less than `min_free_space` left", 1, count(server, [load, again]), seconds)


def test_segments_that_wait_hold_no_file_open(tmp_path: Path) -> None:
    """A process may have a thousand open files, and they are for connections."""
    data = tmp_path / "data"
    with (
        mounted(data, "64m") as disk,
        elsewhere(data / "journal", tmp_path / "elsewhere"),
        Monitored(data, interval="10ms") as server,
    ):
        server.start()
        load = Load(server.port, "wait")
        flow([load])
        before = server.metric("process_open_fds")

        def many() -> bool:
            disk.fill()
            return len(list((data / "journal").iterdir())) > 60

        wait_until(many, "segments that wait")
        assert server.metric("process_open_fds") < before + 30
        load.stop()
        disk.free()
        assert server.stop() == 0
        assert count(server, [load]).lost == 0
