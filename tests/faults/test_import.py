"""Imports under load, killed anywhere, and on a full disk: each visit is stored once, and no event is lost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from prisme.cli.main import main
from tests.checkout import ROOT
from tests.faults.disk import mounted
from tests.faults.load import Load, check_visits, count, flow, slow
from tests.imports.log_lines import text
from tests.process import Process
from tests.server import LiveServer, config_for, open_tables, wait_until

SITE = "example.com"
FULL: Final[dict[str, Any]] = {"trust_proxy": "true", "min_free_space": "0", "eventstore_max_batch_timeout": "200ms"}
LINES = 20_000
MANY = 80_000  # of many chunks
IMPORTED = "SELECT count(*), sum(pageviews) FROM sessions WHERE imported <> ''"
ROWS = "SELECT count(*) FROM pageviews SEMI JOIN (FROM sessions WHERE imported <> '') USING (session_uuid)"


def command(log: Path, folder: Path) -> list[str]:
    words = ["import", "access-log", str(log), "--site", SITE, "--yes", "--json", "--data-dir", str(folder)]
    return [sys.executable, "-m", "prisme", *words]


def begin(log: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(log, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def finish(log: Path, folder: Path) -> dict[str, Any]:
    done = subprocess.run(command(log, folder), capture_output=True, cwd=ROOT, timeout=300, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def make_log(folder: Path, lines: int = LINES) -> Path:
    log = folder / "access.log"
    log.write_text(text(range(lines)))
    return log


@slow
def test_imported_twice_and_undone_under_load(tmp_path: Path) -> None:
    """What comes in meanwhile is stored as ever; after the undo there is nothing else."""
    log = make_log(tmp_path)
    with LiveServer(tmp_path / "data", **FULL) as server:
        loads = [Load(server.port, f"load-{number}", 0.005, network=number) for number in range(2)]
        flow(loads)
        assert finish(log, server.folder)["visits"] == LINES // 2
        assert finish(log, server.folder)["already_there"] == LINES // 2
        flow(loads)
        with open_tables(server.config) as tables:
            assert tables.execute(IMPORTED).fetchall() == [(LINES // 2, LINES)]
            assert tables.execute(ROWS).fetchall() == [(LINES,)]
        words = ["import", "undo", "access-log-1", "--yes", "--quiet", "--data-dir", str(server.folder)]
        assert main(words) == 0
        flow(loads)
        for load in loads:
            load.stop()
        assert sum(load.refused for load in loads) == 0
        outcome = count(server, loads)
        assert (outcome.lost, outcome.duplicated) == (0, 0)
        assert server.rows("SELECT count(*) FROM sessions WHERE imported <> ''") == [(0,)]
        ((live,),) = server.rows("SELECT (SELECT count(*) FROM pageviews) + (SELECT count(*) FROM events_custom)")
        assert live == outcome.stored


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """First the command, then the server: what was whole stays, and the next try goes on."""
    log = make_log(tmp_path, MANY)
    with Process(tmp_path / "data", **FULL) as server:
        server.start()
        load = Load(server.port, "load", 0.005)
        flow([load])
        first = begin(log, server.folder)
        _wait_for_chunk(server)
        first.kill()
        first.communicate()
        flow([load])
        known = set((server.folder / "tmp").glob("import-*"))
        second = begin(log, server.folder)
        wait_until(lambda: set((server.folder / "tmp").glob("import-*")) - known, "it to read")
        server.kill()
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert b"Traceback" not in errors
        load.join()
        with open_tables(config_for(server.folder, server.port)) as tables:
            ((some, views),) = tables.execute(IMPORTED).fetchall()
            assert tables.execute(ROWS).fetchall() == [(views or 0,)]
        server.start()
        told = finish(log, server.folder)
        assert (told["name"], told["visits"]) == ("access-log-1", MANY // 2 - some)
        server.stop()
        assert server.rows(IMPORTED) == [(MANY // 2, MANY)]
        assert server.rows(ROWS) == [(MANY,)]
        outcome = count(server, [load])
        assert (outcome.lost, outcome.duplicated) == (0, 0)
        assert list((server.folder / "tmp").iterdir()) == []


def _wait_for_chunk(server: Process) -> None:
    words = [sys.executable, "-m", "prisme", "import", "list", "--json", "--data-dir", str(server.folder)]

    def is_there() -> bool:
        return b'"access-log-1"' in subprocess.run(words, capture_output=True, cwd=ROOT, check=True).stdout

    wait_until(is_there, "the first chunk", 60)


def test_on_a_full_disk(tmp_path: Path) -> None:
    """It says so, and goes on once there is room."""
    log = make_log(tmp_path)
    with mounted(tmp_path / "data", "64m") as disk, LiveServer(tmp_path / "data", **FULL) as server:
        disk.leave(3 << 20)
        process = begin(log, server.folder)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert b"Traceback" not in errors
        assert errors.startswith(b"prisme: ")
        disk.free()
        finish(log, server.folder)
        assert server.rows(IMPORTED) == [(LINES // 2, LINES)]
        check_visits(server)
