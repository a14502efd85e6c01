"""A ClickHouse that tests share, each with databases of its own."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from tests.clickhouse.engine import Engine

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("clickhouse") / "data") as engine:
        yield engine


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    client = engine.client()
    yield client
    client.close()


@pytest.fixture
def new_place() -> Callable[[], Place]:
    """Gives a database that is not there yet."""
    return lambda: Place(f"prisme_{next(_numbers)}")


@pytest.fixture
def place(client: Client, new_place: Callable[[], Place]) -> Place:
    """A database with all tables."""
    place = new_place()
    migrate(client, place)
    return place
