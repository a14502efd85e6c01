"""`prisme move` beside servers: nothing that was answered is lost or counted twice, and figures stay what they are."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prisme.base.errors import InputError
from prisme.cli.operate import Operator
from prisme.operations.move import Arguments, Done
from prisme.store.control import Control
from tests.clickhouse.engine import Engine
from tests.faults.load import slow
from tests.server import CHROME, LiveServer

FIGURES = "/api/v1/stats/dashboard?from=now-1h&to=now&{}"
DEVICES = 20
FILTERS = ("", "path=/1", "path=!/1", "browser=Chrome&path=/2,/3", "event=sign_up", "device-type=desktop")


class Load:
    """Sends pageviews and events of several devices in the block; `answered` are the kinds and paths of all of them."""

    def __init__(self, server: LiveServer, name: str, answered: Counter[tuple[str, str]]) -> None:
        self._server = server
        self._path = f"/{name}"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._answered = answered

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ending.wait(0.03):
            send(self._server, f"/{number % 7}", number % DEVICES, self._answered)
            if number % 3 == 0:
                send(self._server, self._path, number % DEVICES, self._answered, "custom/sign_up")
            number += 1


def send(
    server: LiveServer, path: str, device: int, answered: Counter[tuple[str, str]], what: str = "pageviews"
) -> None:
    agent = CHROME.replace("Chrome/140", f"Chrome/{100 + device}")
    headers = {
        "Origin": "http://example.com",
        "User-Agent": f"{agent}",
        "X-Prisme-Referrer": f"http://example.com{path}",
    }
    headers["X-Forwarded-For"] = f"192.0.2.{device}"
    body = {"number": device} if what != "pageviews" else None
    sent = server.http.post(f"{server.url}/api/v1/events/{what}", headers=headers, json=body)
    assert sent.status_code == 200, sent.text
    answered[what, path] += 1


def start(folder: Path, engine: Engine, database: str, store: str) -> LiveServer:
    return LiveServer(
        folder,
        eventstore=store,
        clickhouse_url=f"http://{engine.endpoint}",
        clickhouse_database=database,
        trust_proxy="true",
        eventstore_max_batch_timeout="500ms",  # loads of a few events each could not keep up with the load
    )


def figures(server: LiveServer) -> list[Any]:
    header = server.make_token()
    found = [server.http.get(FIGURES.format(one), headers=header) for one in FILTERS]
    assert {one.status_code for one in found} == {200}, [one.text for one in found]
    return [
        (one.json()["totals"], {name: (top["keys"], top["values"]) for name, top in one.json()["tops"].items()})
        for one in found
    ]


def move(server: LiveServer, target: str, finish: bool = False) -> Done:
    return Operator(server.config, shows_progress=False).run("move", Arguments(target, finish), Done)  # type: ignore[arg-type]


@slow
def test_a_move_under_load_and_back(engine: Engine, tmp_path: Path) -> None:
    folder, answered = tmp_path / "data", Counter[tuple[str, str]]()
    with start(folder, engine, "under_load", "duckdb") as server:
        with Load(server, "first", answered):
            done = [move(server, "clickhouse") for _ in range(3)]
        with pytest.raises(InputError, match="a server uses this folder: stop it"):
            move(server, "clickhouse", finish=True)
        server.settle()
        before = figures(server)
    assert all(one.is_equal for one in done)
    assert done[-1].copied > 0
    assert move(server, "clickhouse", finish=True).is_finished
    with start(folder, engine, "under_load", "clickhouse") as server:
        assert figures(server) == before
        visits = go_on(server, answered)
        with Load(server, "second", answered):
            done = [move(server, "duckdb") for _ in range(2)]
        server.settle()
        before = figures(server)
        assert totals(server)["pageviews"] == sum(count(answered, "pageviews").values())
    assert all(one.is_equal for one in done)
    assert move(server, "duckdb", finish=True).is_finished
    with start(folder, engine, "under_load", "duckdb") as server:
        assert figures(server) == before
        assert go_on(server, answered) == visits
        assert server.rows("SELECT count(*), count(DISTINCT session_uuid) FROM sessions") == [(visits, visits)]
        for table, what in (("pageviews", "pageviews"), ("events_custom", "custom/sign_up")):
            stored = server.rows(f"SELECT path, count(*) FROM {table} GROUP BY path")
            assert dict(stored) == count(answered, what)
        assert [subject for (subject,) in audited(server)] == [*["clickhouse"] * 4, *["duckdb"] * 3]


def go_on(server: LiveServer, answered: Counter[tuple[str, str]]) -> int:
    """Have all devices send another pageview, by which no visit begins; gives the number of visits."""
    visits = totals(server)["sessions"]
    for device in range(DEVICES):
        send(server, "/again", device, answered)
    assert totals(server)["sessions"] == visits == DEVICES
    return int(visits)


def audited(server: LiveServer) -> list[tuple[str]]:
    with Control(server.folder).read() as connection:
        return connection.execute("SELECT subject FROM audit WHERE action = 'data.move' ORDER BY id").fetchall()


def totals(server: LiveServer) -> Any:
    server.settle()
    return server.http.get(FIGURES.format(""), headers=server.make_token()).json()["totals"]


def count(answered: Counter[tuple[str, str]], what: str) -> dict[str, int]:
    return {path: number for (kind, path), number in answered.items() if kind == what}
