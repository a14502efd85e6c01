"""Rollups of a server that is killed, or has no room: figures are those of the rows, and nothing else is lost."""

import datetime
import json
import logging
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.base.errors import InputError
from prisme.base.events import DIRECT, NO_UTM, Client, Session
from prisme.cli.operate import Operator
from prisme.journal.record import PageviewLine, encode
from prisme.journal.segment import segment_path
from prisme.operations import delete, rollups, undo
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.operations.registry import Operations
from prisme.operations.rollups import Checked
from prisme.stats.cache import incremental
from prisme.stats.rollups import background
from prisme.stats.rollups.background import BackgroundBuilder
from prisme.stats.rollups.builder import RollupBuilder
from prisme.stats.rollups.cover import Cover, find_cover
from prisme.store.importing import Begun, Importer
from prisme.store.rollups import TABLES
from prisme.visit.sessions import new_id
from tests.faults.disk import elsewhere, mounted
from tests.faults.load import HOME, LONG, PAGEVIEWS, STORED, Load, flow
from tests.operations.conftest import open_folder
from tests.process import Process, copy_data
from tests.server import LiveServer, browser, config_for, wait_until
from tests.stats.imported_visits import RECURRING, write_chunk

KILLS = 24 if LONG else 3
DAY, SECOND = 86_400_000_000, 1_000_000
START = int(datetime.datetime(2024, 10, 15, tzinfo=datetime.UTC).timestamp()) * SECOND
MONTHS = 14
END = START + MONTHS * 30 * DAY
# One visit every 100 minutes, some of them over midnight; of visitors of one day and site, and of those with names.
_SESSIONS = """
INSERT INTO sessions BY NAME
SELECT
    domain, make_timestamp(began) AS entry_timestamp, '/' AS entry_path,
    make_timestamp(began + 1_500_000_000) AS exit_timestamp, printf('/%d', id % 9) AS exit_path, 200 AS exit_status,
    CASE WHEN id % 4 = 0 THEN printf('reader-%d', id % 23)
        ELSE printf('prisme_%016X', hash(began // 86_400_000_000, domain, id % 3)) END AS visitor_id,
    CAST(
        format('{:08x}-{:04x}-7000-8000-{:012x}', ms >> 16, ms & 65535, hash(began) & 281_474_976_710_655) AS UUID
    ) AS session_uuid,
    'Windows' AS operating_system, 'Firefox' AS browser_family, 'Other' AS device, 'desktop' AS device_type,
    CASE WHEN id % 5 = 0 THEN 'www.google.de' ELSE 'direct' END AS referrer_domain, 'FR' AS country_code, '' AS region,
    '' AS city, '' AS utm_source, '' AS utm_medium, '' AS utm_campaign, '' AS utm_term, '' AS utm_content,
    '' AS click_id, 2 AS pageviews, 0 AS events
FROM (
    SELECT
        id, $start + id * 6_000_000_000 AS began, began // 1000 AS ms,
        CASE WHEN id % 2 = 0 THEN 'example.com' ELSE 'www.example.com' END AS domain
    FROM range($count) AS made(id)
)
"""
_PAGEVIEWS = """
INSERT INTO pageviews BY NAME
SELECT unnest([entry_timestamp, exit_timestamp]) AS "timestamp", domain, unnest([entry_path, exit_path]) AS path,
    visitor_id, session_uuid, 200 AS status
FROM sessions
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with visits of many months, and an import; some of the rollups are there."""
    folder = tmp_path_factory.mktemp("stored")
    with open_folder(folder) as context:
        with context.loader.hold() as held:
            held.cursor.begin()
            held.cursor.execute(_SESSIONS, {"start": START, "count": (END - START) // 6_000_000_000})
            held.cursor.execute(_PAGEVIEWS)
            held.commit()
        add_import(context, random.Random(1))
        builder = RollupBuilder(context.database, context.loader, context.log)
        while builder.build(START + 240 * DAY, at_once=True):
            pass
    return folder


def add_import(context: Context, dice: random.Random) -> None:
    """Visitors who come back on other days and sites, though their ids look generated."""
    importer = Importer(context.database, context.loader, Begun("prisme", str(dice.random()), ("a",)), END)
    visits = []
    for _ in range(40):
        at = START + 120 * DAY + dice.randrange(30 * DAY)
        domain = dice.choice(["example.com", "www.example.com"])
        rows = [{"kind": "pageview", "at": at + step * SECOND, "path": f"/import-{step}"} for step in range(2)]
        uuid = new_id(at, dice.getrandbits(62))
        visits.append({"uuid": uuid, "domain": domain, "visitor": dice.choice(RECURRING), "rows": rows})
    importer.merge_visits(write_chunk(context.folder / "tmp" / "chunk.ndjson", visits))
    importer.end(b"{}", END)


def write_late(server: Process, dice: random.Random) -> list[str]:
    """A segment of visits long ago, as if it could not be loaded when they were; gives their paths."""
    journal = server.folder / "journal"
    number = 1 + max((int(path.stem) for path in journal.glob("*.ndjson")), default=0)
    ((latest,),) = server.rows("SELECT coalesce(max(number), 0) FROM state.segments")
    paths, lines = [], []
    for _ in range(3):
        at, path = START + dice.randrange(200) * DAY, f"/late-{dice.getrandbits(62)}"
        client = Client("Windows", "Firefox", "Other", "desktop")
        visit = Session(
            new_id(at, dice.getrandbits(62)), "example.com", at, path, at, path, 200, f"reader-{dice.randrange(23)}",
            client, "FR", DIRECT, NO_UTM, 1, 0,
        )  # fmt: skip
        lines.append(encode([PageviewLine(dice.getrandbits(60), visit)]))
        paths.append(path)
    segment_path(journal, max(number, latest + 1)).write_bytes(b"".join(lines))
    return paths


class Change:
    """A deletion, or the undo of an import, which the end of the server cuts off."""

    def __init__(self, server: Process, dice: random.Random) -> None:
        self._operator = Operator(config_for(server.folder, server.port), shows_progress=False)
        day = START + dice.randrange(120) * DAY
        path = f"/{dice.randrange(9)}"
        before = (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=day)).isoformat() + "Z"  # noqa: DTZ001  # as the API has it
        deletion = delete.Arguments(path=path, before=before, compacts=False)
        choices: list[tuple[str, Any]] = [("delete", deletion), ("undo", undo.Arguments("prisme-1"))]
        self._name, self._arguments = dice.choice(choices)
        self._fault = ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert not self._fault or "the server has ended" in self._fault or "there is no import" in self._fault

    def _run(self) -> None:
        try:
            self._operator.run(self._name, self._arguments, dict[str, Any])
        except InputError as error:
            self._fault = str(error)


def read_figures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], bool]:
    """The figures of all that there is, by a server that makes no rollups; and whether it used any."""
    found, covers = [], []

    def find(*arguments: Any) -> Cover | None:
        covers.append(find_cover(*arguments))
        return covers[-1]

    monkeypatch.setattr(BackgroundBuilder, "start", lambda _: None)
    monkeypatch.setattr(incremental, "find_cover", find)
    with LiveServer(folder, min_free_space="0") as server:
        token = server.make_token()
        for interval, zone in (("month", "UTC"), ("week", "Europe/Berlin")):
            for first in ("2024-10-01", "2025-02-01", "2025-05-01"):
                query = {"from": first, "to": "2026-01-01", "interval": interval, "tz": zone, "limit": "100"}
                answer = server.http.get("/api/v1/stats/dashboard", params=query, headers=token)
                assert answer.status_code == 200, answer.text
                found.append(json.loads(answer.text))
    return found, any(covers)


def drop_all(folder: Path) -> None:
    with open_folder(folder) as context, context.database.cursor() as cursor:
        for table in TABLES[:-2]:
            cursor.execute(f"DELETE FROM {table}")


def check_figures(folder: Path, copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures by the rollups that are there equal those without any."""
    with_units, without = (copy_data(folder, copies / name) for name in ("with", "without"))
    drop_all(without)
    (found, has_used), (counted, has_none) = (read_figures(one, monkeypatch) for one in (with_units, without))
    assert found == counted
    assert (has_used, has_none) == (True, False)


def finish(folder: Path) -> tuple[int, Checked]:
    """Make what is missing; gives how many there were before, and what a check finds."""
    with open_folder(folder) as context:
        operations, builder = Operations(context), RollupBuilder(context.database, context.loader, context.log)
        before = operations.perform("rollups", {}, Job()).units
        while builder.build(context.clock(), at_once=True):
            pass
        assert builder.is_complete
        found = operations.perform("check-rollups", {}, Job())
        assert isinstance(found, Checked)
        return before, found


def test_figures_are_those_of_the_rows_after_kills(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    folder = copy_data(stored, tmp_path / "data")
    folder.chmod(0o700)
    late: list[str] = []
    loads: list[Load] = []
    with Process(folder, trust_proxy="true", eventstore_max_batch_timeout="20ms") as server:
        for life in range(KILLS):
            if life and dice.random() < 0.6:
                late += write_late(server, dice)
            server.start()
            loads.append(Load(server.port, f"life-{life}", 0.05, network=life))
            time.sleep(dice.uniform(0.2, 1.5))  # in which some are made
            change = Change(server, dice) if life else None
            time.sleep(dice.uniform(0.0, 0.3))
            server.kill()
            loads[-1].join()
            if change is not None:
                change.join()
        check_figures(folder, tmp_path / "killed", monkeypatch)
        before, found = finish(folder)
        assert found.is_used
        assert found.is_right, found
        check_figures(folder, tmp_path / "finished", monkeypatch)
        assert before, "none was left"
        paths = [path for (path,) in server.rows(f"FROM ({STORED}) WHERE path[:6] IN ('/life-', '/late-')")]
        assert len(paths) == len({*paths})
        assert {path for load in loads for path in load.answered} <= {*paths}
        assert {*late} <= {*paths}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING):
        yield caplog


def test_without_room_events_are_stored_first(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    """A rollup that finds no room on the disk is told of, and comes later."""
    data = tmp_path / "data"
    monkeypatch.setattr(background, "_IDLE", 0.2)
    with mounted(data, "96m") as disk, elsewhere(data / "journal", tmp_path / "journal"):
        shutil.copy(stored / "prisme.duckdb", data)
        with monkeypatch.context() as patch:
            patch.setattr(BackgroundBuilder, "start", lambda _: None)
            with LiveServer(data):
                pass  # which makes all other files
        with open_folder(stored) as context:
            before = Operations(context).perform("rollups", {}, Job()).units
        disk.fill()
        with LiveServer(data, min_free_space="0", trust_proxy="true") as server:
            wait_until(lambda: "figures are not kept for now" in logged.text, "a rollup to fail")
            accepted = [
                path for path in ("/full-0", "/full-1")
                if server.http.post(PAGEVIEWS, headers=browser(HOME + path)).status_code == 200
            ]  # fmt: skip
            disk.free()
            wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
            load = Load(server.port, "more", 0.02)
            flow([load])
            load.stop()

            def has_more() -> bool:
                operator = Operator(server.config, shows_progress=False)
                return bool(operator.run("rollups", rollups.Arguments(), dict[str, Any])["units"] > before)

            wait_until(has_more, "rollups")
            stored_paths = {path for (path,) in server.rows(STORED)}
            assert {*accepted, *load.answered} <= stored_paths
