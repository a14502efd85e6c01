"""The same rows in a data folder of DuckDB's and in ClickHouse, and operations on both."""

import itertools
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from prisme.wiring.operating import offline_context
from tests.clickhouse.engine import Engine
from tests.operations.clickhouse.both import Both, Copied
from tests.operations.imported import add_import
from tests.operations.test_delete import make_figures
from tests.server import config_for
from tests.stats.clickhouse.copying import copy
from tests.stats.conftest import fill_database
from tests.stats.lines import LINES

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("clickhouse") / "data") as engine:
        yield engine


@pytest.fixture(scope="session")
def client(engine: Engine) -> Iterator[Client]:
    client = engine.client(3600.0)
    yield client
    client.close()


@pytest.fixture(scope="module")
def copied(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Copied:
    """Visits of several sites, an import with visits and figures of other days, and one with figures of the same."""
    folder, place = tmp_path_factory.mktemp("stored"), Place(f"operations_{next(_numbers)}")
    fill_database(folder, LINES[:400]).close()
    folder.chmod(0o700)
    with offline_context(config_for(folder, 1), logging.getLogger("prisme")) as context:
        add_import(context, "plausible-1", figures=[*make_figures()])
        add_import(context, "goatcounter-1", 30, [("example.com", f"2023-11-{day}", "path", "/in") for day in (15, 16)])
        copy(context.database, client, place, folder / "tmp")
    return Copied(folder, place)


@pytest.fixture(scope="module")
def place(client: Client) -> Place:
    """Tables that each test fills."""
    place = Place(f"operations_{next(_numbers)}")
    migrate(client, place)
    return place


@pytest.fixture
def begin(copied: Copied, client: Client, place: Place, tmp_path: Path) -> Iterator[Callable[[], Both]]:
    """Gives both with all rows again, as often as it is called."""
    opened: list[Both] = []

    def open_both() -> Both:
        while opened:
            opened.pop().close()
        shutil.rmtree(tmp_path / "both", ignore_errors=True)
        opened.append(Both(copied, client, place, tmp_path / "both"))
        return opened[0]

    yield open_both
    while opened:
        opened.pop().close()
