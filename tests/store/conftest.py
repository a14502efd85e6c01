"""A database into which segments are loaded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.segments import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()
