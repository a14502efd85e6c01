"""An undo that is killed while events come in: what else was there stays, and the next one completes it."""

import contextlib
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.cli.operate import Operator
from prisme.operations import imports, undo
from prisme.operations.delete import Deleted
from prisme.operations.imports import Import
from prisme.runtime.local_socket import Progress
from tests.faults.load import LONG, STORED, Load, check_visits
from tests.operations.conftest import fill, open_folder
from tests.operations.imported import add_import
from tests.process import Process
from tests.server import PATIENCE, config_for

KILLS = 20 if LONG else 2
# More than a step has.
VISITS = 400_000
NAME = "access-log-1"
# What is of neither the import nor the load.
_OTHERS = """
SELECT repr FROM (
    SELECT CAST(sessions AS VARCHAR) AS repr FROM sessions WHERE imported = 'matomo-1'
    UNION ALL SELECT CAST(pageviews AS VARCHAR) FROM pageviews SEMI JOIN other USING (session_uuid)
    UNION ALL SELECT CAST(events_custom AS VARCHAR) FROM events_custom SEMI JOIN other USING (session_uuid)
    UNION ALL SELECT CAST(file_downloads AS VARCHAR) FROM file_downloads
    UNION ALL SELECT CAST(outbound_link_clicks AS VARCHAR) FROM outbound_link_clicks
    UNION ALL SELECT CAST(imported_figures AS VARCHAR) FROM imported_figures WHERE imported = 'matomo-1'
    UNION ALL SELECT CAST(imports AS VARCHAR) FROM state.imports WHERE name = 'matomo-1'
) ORDER BY repr
"""
OTHERS = f"WITH other AS (SELECT session_uuid FROM sessions WHERE imported = 'matomo-1') {_OTHERS}"
LEFT = f"""
SELECT
    (SELECT count(*) FROM sessions WHERE imported = '{NAME}'),
    (SELECT count(*) FROM imported_figures WHERE imported = '{NAME}'),
    (SELECT count(*) FROM state.imports WHERE name = '{NAME}')
"""


def prepare(folder: Path) -> None:
    """Two imports of the same days, the one to be undone with figures and most of the visits."""
    figures = [("example.com", f"2026-09-{day:02}", "path", "/in") for day in range(1, 31)]
    with open_folder(folder) as context:
        add_import(context, NAME, 0, figures)
        fill(context, VISITS)
        with context.loader.hold() as held:
            held.cursor.execute(f"UPDATE sessions SET imported = '{NAME}'")
        add_import(context, "matomo-1", 50, figures)


class Undo:
    """An undo in a thread of its own; `done` once it has succeeded, `is_partly_done` after its first step."""

    def __init__(self, server: Process) -> None:
        self.done: Deleted | None = None
        self.is_partly_done = threading.Event()
        self._fault = ""
        self._operator = Operator(config_for(server.folder, server.port))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(180)
        assert not self._thread.is_alive()
        assert self.done or "the server has ended" in self._fault or "there is no import" in self._fault, self._fault

    def _run(self) -> None:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("prisme.cli.operate.progress_bar", lambda _: contextlib.nullcontext(self._tell))
                self.done = self._operator.run("undo", undo.Arguments(NAME), Deleted)
        except InputError as error:
            self._fault = str(error)

    def _tell(self, progress: Progress) -> None:
        if progress.what == "deleting" and progress.done:
            self.is_partly_done.set()


def check_killed(server: Process, copy: Path, others: list[tuple[str]]) -> bool:
    """In a copy, so that the next start finds all as the kill left it; gives whether a part was undone, and not all."""
    copy.mkdir()
    for path in server.folder.glob("prisme.duckdb*"):
        shutil.copy(path, copy)
    killed = Process(copy)
    check_visits(killed)
    assert killed.rows(OTHERS) == others
    ((visits, figures, listed),) = killed.rows(LEFT)
    shutil.rmtree(copy)
    assert listed or (visits, figures) == (0, 0)
    return bool(0 < visits + figures < VISITS + 30)


def test_what_else_was_there_stays(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    prepare(tmp_path / "data")
    loads: list[Load] = []
    parts = 0
    with Process(tmp_path / "data", trust_proxy="true", eventstore_max_batch_timeout="20ms") as server:
        others = server.rows(OTHERS)
        assert len(others) == 50 * 6 + 30 + 1
        for life in range(KILLS):
            server.start()
            loads.append(Load(server.port, f"life-{life}", pause=0.02))
            undone = Undo(server)
            if life == 0:
                assert undone.is_partly_done.wait(PATIENCE)
            else:
                time.sleep(dice.uniform(0.0, 1.0))
            server.kill()
            undone.join()
            loads[-1].join()
            parts += check_killed(server, tmp_path / "copy", others)
        server.start()
        operator = Operator(config_for(server.folder, server.port))
        loads.append(Load(server.port, "last", pause=0.02))
        if NAME in [one.name for one in operator.run("imports", imports.Arguments(), list[Import])]:
            undone = Undo(server)
            undone.join()
            assert undone.done is not None
        loads[-1].stop()
        assert server.stop() == 0
        assert parts, "no kill was in the middle"
        assert server.rows(LEFT) == [(0, 0, 0)]
        assert server.rows(OTHERS) == others
        check_visits(server)
        stored = [path for (path,) in server.rows(f"FROM ({STORED}) WHERE path[:6] IN ('/life-', '/last-')")]
        answered = [path for load in loads for path in load.answered]
        assert not {*answered} - {*stored}
        assert len(stored) == len({*stored})
        assert len(answered) > 100
