"""`prisme move` killed by `kill -9`, or cancelled, at any request to ClickHouse: the next one completes it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prisme.runtime.config import Config
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.faults.load import slow
from tests.operations.clickhouse.test_move import FIGURES
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.server import PATIENCE
from tests.store.clickhouse.moving import configure, move, read_clickhouse, read_file

# Signs of requests by which rows go from one to the other; what sums them has no such names.
CHANGES = ("INSERT", "ALTER", 'AS "')


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder."""
    folder = tmp_path_factory.mktemp("stored") / "data"
    with open_folder(folder) as context:
        add_import(context, "matomo-1", 20, FIGURES[:2])
    return folder


class Killer:
    """Starts `prisme move` again and again; each process ends at a request that the plan of a proxy names."""

    def __init__(self, config: Config, proxy: Proxy) -> None:
        self._config = config
        self._proxy = proxy
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, target: str, number: int, end: signal.Signals, *flags: str) -> int:
        """Its exit code, where it is ended at the request of this number, of those that copy or delete."""
        left = [number]

        def plan(statement: str) -> Fault | None:
            if not any(sign in statement for sign in CHANGES):
                return None
            left[0] -= 1
            if left[0]:
                return None
            assert self._process is not None
            self._process.send_signal(end)
            # What was sent may be carried out or not.
            return Fault("cut") if number % 2 else Fault("lost")

        self._proxy.plan = plan
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PRISME_")} | {
            "PRISME_EVENTSTORE": self._config.eventstore,
            "PRISME_CLICKHOUSE_URL": f"http://{self._proxy.endpoint}",
            "PRISME_CLICKHOUSE_DATABASE": self._config.clickhouse_database,
        }
        command = [sys.executable, "-m", "prisme", "move", target, *flags, "--data-dir", str(self._config.data_dir)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self._process.communicate(timeout=PATIENCE)
        return self._process.returncode


@pytest.mark.parametrize(
    "end", [pytest.param(signal.SIGKILL, id="killed"), pytest.param(signal.SIGINT, id="cancelled", marks=slow)]
)
def test_a_move_goes_on(end: signal.Signals, stored: Path, tmp_path: Path, engine: Engine, client: Client) -> None:
    folder, name = tmp_path / "data", f"db_{end.name.lower()}"
    shutil.copytree(stored, folder)
    config = configure(folder, engine, name)
    before = read_file(config)
    with Proxy(engine.endpoint) as proxy:
        codes = []
        for number in range(4, 100, 5):
            codes.append(Killer(config, proxy).run("clickhouse", number, end))
            if codes[-1] == 0:
                break
        assert codes[-1] == 0
        assert len(codes) > 2
        assert set(codes[:-1]) <= ({-9} if end == signal.SIGKILL else {130, 1})
        assert read_clickhouse(client, Place(name)) == before
        assert move(config, "clickhouse", finish=True).is_finished
        there = configure(folder, engine, name, "clickhouse")
        codes = [Killer(there, proxy).run("duckdb", number, end, "--finish") for number in (1, 2, 3)]
        assert set(codes) <= ({-9} if end == signal.SIGKILL else {130, 1})
        assert Killer(there, proxy).run("duckdb", 1000, end, "--finish") == 0
    assert read_file(config) == before
