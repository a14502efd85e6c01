"""Servers that store their events in one ClickHouse."""

from collections.abc import Iterator

import pytest

from tests.clickhouse.engine import Engine
from tests.server import LiveServer


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("clickhouse") / "data") as engine:
        yield engine


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The node that has the figures."""
    with LiveServer(
        tmp_path_factory.mktemp("default") / "data", eventstore="clickhouse", clickhouse_url=f"http://{engine.endpoint}"
    ) as server:
        yield server
